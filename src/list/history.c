#include "list/history.h"

#include <string.h>
#include <time.h>

#include "base/wallclock.h"
#include "smtp/reply.h"

static char const *const told[] =
{
  [JOB_EVENT_FAILED] = ", sender non-delivery notification: ",
  [JOB_EVENT_DELAYED] = ", sender delay notification: ",
  [JOB_EVENT_RELAYED] = ", sender delivery status notification: "
};

static int field_put(stralloc *out, char const *before, job_field const *field)
{
  return stralloc_cats(out, before) && stralloc_catb(out, field->s, field->len);
}

/* "2026-11-21 07:46:00 to=<ADDRESS>" */
static int recipient_put(stralloc *out, uint64_t time_us, message const *m, uint64_t recipient)
{
  time_t seconds = (time_t)(time_us / SECOND_US);
  struct tm local;
  char date[64];
  size_t len = localtime_r(&seconds, &local)
    ? strftime(date, sizeof date, "%Y-%m-%d %H:%M:%S", &local) : 0;
  return stralloc_catb(out, date, len)
    && stralloc_cats(out, " to=<")
    && stralloc_cats(out, message_string(m, message_rcptp(m, (size_t)recipient)->address))
    && stralloc_cats(out, ">");
}

static int result_put(stralloc *out, uint64_t time_us, message const *m, job_result const *result)
{
  return recipient_put(out, time_us, m, result->recipient)
    && field_put(out, ", relay=", &result->relay)
    && field_put(out, ", dsn=", &result->code)
    && stralloc_cats(out, ", status=") && stralloc_cats(out, job_status_name(result->status))
    && field_put(out, " (", &result->text) && stralloc_cats(out, ")");
}

static int notice_put(stralloc *out, uint64_t time_us, message const *m, job_notice const *notice)
{
  return recipient_put(out, time_us, m, notice->recipient)
    && field_put(out, told[notice->event], &notice->id);
}

static int words_put(stralloc *out, message const *m, char const *s, size_t len)
{
  job_result result;
  job_notice notice;
  uint64_t time_us;
  if (job_journal_scan(s, len, &time_us, &result) && result.recipient < message_rcpts(m))
    return result_put(out, time_us, m, &result);
  if (job_notice_scan(s, len, &time_us, &notice) && notice.recipient < message_rcpts(m))
    return notice_put(out, time_us, m, &notice);
  return stralloc_catb(out, s, len);
}

int history_line(stralloc *out, message const *m, char const *s, size_t len)
{
  size_t const begin = out->len;
  if (!words_put(out, m, s, len)) return 0;
  smtp_text_clean(out->s + begin, out->len - begin);
  return stralloc_catb(out, "\n", 1);
}
