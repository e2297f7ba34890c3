#include "job/job.h"

#include <string.h>

/* --- scanning --- */

static int control(char c)
{
  return (unsigned char)c < ' ' || c == 127;
}

static int digit(char c)
{
  return c >= '0' && c <= '9';
}

/*
 * The length of "<...>" at the head of s; 0 when it never closes.  A '>' between quotes does not
 * close it.
 */
static size_t path_length(char const *s, size_t len)
{
  int quoted = 0;
  size_t i;
  if (!len || *s != '<') return 0;
  for (i = 1; i < len; i++)
  {
    if (quoted && s[i] == '\\') i++;
    else if (s[i] == '"') quoted = !quoted;
    else if (!quoted && s[i] == '>') return i + 1;
  }
  return 0;
}

int job_field_next(char const **s, size_t *len, job_field *field)
{
  char const *space;
  size_t n;
  if (!*len) return 0;
  n = path_length(*s, *len);
  space = memchr(*s + n, ' ', *len - n);
  field->s = *s;
  field->len = space ? (size_t)(space - *s) : *len;
  n = field->len + !!space;
  *s += n;
  *len -= n;
  return 1;
}

int job_field_is(job_field const *field, char const *word)
{
  return field->len == strlen(word) && !memcmp(field->s, word, field->len);
}

int job_field_number(job_field const *field, uint64_t *number)
{
  uint64_t n = 0;
  size_t i;
  for (i = 0; i < field->len; i++)
  {
    uint64_t d = (uint64_t)(field->s[i] - '0');
    if (!digit(field->s[i]) || n > (UINT64_MAX - d) / 10) return 0;
    n = n * 10 + d;
  }
  if (!i) return 0;
  *number = n;
  return 1;
}

int job_field_path(job_field const *field, job_field *inside)
{
  if (!field->len || path_length(field->s, field->len) != field->len) return 0;
  inside->s = field->s + 1;
  inside->len = field->len - 2;
  return 1;
}

static int number_next(char const **s, size_t *len, uint64_t *number)
{
  job_field field;
  return job_field_next(s, len, &field) && job_field_number(&field, number);
}

static int path_next(char const **s, size_t *len, job_field *inside)
{
  job_field field;
  return job_field_next(s, len, &field) && job_field_path(&field, inside);
}

static int flags_next(char const **s, size_t *len, unsigned int *flags)
{
  job_field field;
  int r;
  if (!job_field_next(s, len, &field)) return 0;
  r = job_flags_scan(field.s, field.len);
  if (r == -1) return 0;
  *flags = (unsigned int)r;
  return 1;
}

int job_clean_ok(char const *s, size_t len)
{
  size_t i = 0;
  while (i < len && !control(s[i])) i++;
  return i == len;
}

/* Is this a field without "<...>" and without spaces? */
static int word_ok(job_field const *field)
{
  return field->len && *field->s != '<' && !memchr(field->s, ' ', field->len)
    && job_clean_ok(field->s, field->len);
}

/* Is this an id?  It may become part of a file name: letters and digits, nothing else. */
static int id_ok(job_field const *id)
{
  size_t i;
  for (i = 0; i < id->len; i++)
  {
    char c = id->s[i];
    if (!digit(c) && !(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z')) return 0;
  }
  return i && i <= JOB_ID_MAX;
}

int job_mail_scan(char const *s, size_t len, job_mail *mail)
{
  if (!job_clean_ok(s, len)) return 0;
  if (!job_field_next(&s, &len, &mail->id) || !id_ok(&mail->id)) return 0;
  if (!number_next(&s, &len, &mail->arrival_us)) return 0;
  if (!number_next(&s, &len, &mail->offset)) return 0;
  if (!number_next(&s, &len, &mail->length)) return 0;
  if (!flags_next(&s, &len, &mail->flags)) return 0;
  if (!path_next(&s, &len, &mail->sender)) return 0;
  mail->parameters.s = s;
  mail->parameters.len = len;
  return 1;
}

int job_rcpt_scan(char const *s, size_t len, job_rcpt *rcpt)
{
  if (!job_clean_ok(s, len)) return 0;
  if (!number_next(&s, &len, &rcpt->number)) return 0;
  if (!path_next(&s, &len, &rcpt->address) || !rcpt->address.len) return 0;
  rcpt->parameters.s = s;
  rcpt->parameters.len = len;
  return 1;
}

static char const *const statuses[] =
{
  [JOB_SENT] = "sent", [JOB_DEFERRED] = "deferred", [JOB_FAILED] = "failed",
  [JOB_RELAYED] = "relayed"
};
static char const *const events[] =
{
  [JOB_EVENT_FAILED] = "failed", [JOB_EVENT_DELAYED] = "delayed", [JOB_EVENT_RELAYED] = "relayed"
};
#define COUNT(words) (sizeof (words) / sizeof *(words))

static int begins(char const *text, char const *words)
{
  return !strncmp(text, words, strlen(words));
}

int job_text_cut(char const *text)
{
  return begins(text, JOB_TEXT_LOST) || begins(text, JOB_TEXT_SILENT)
    || strstr(text, JOB_TEXT_NONSENSE) || strstr(text, JOB_TEXT_SAID "421");
}

void job_result_expire(job_result *result, uint64_t recipient, char text[JOB_TEXT_MAX],
                       char const *why, char const *reason)
{
  static char const last[] = "; last: ";
  char *end = stpcpy(text, why);
  size_t const room = JOB_TEXT_MAX - (size_t)(end - text);
  if (*reason && sizeof last + strlen(reason) <= room) end = stpcpy(stpcpy(end, last), reason);
  *result = (job_result){ .recipient = recipient, .status = JOB_FAILED, .code = { "5.4.7", 5 },
                          .relay = { "none", 4 }, .text = { text, (size_t)(end - text) } };
}

char const *job_status_name(enum job_status status)
{
  return statuses[status];
}

char const *job_event_name(enum job_event event)
{
  return events[event];
}

/* Read the next field, one of these words.  Returns its index, or -1. */
static int word_next(char const **s, size_t *len, char const *const *words, int count)
{
  job_field field;
  int i = 0;
  if (!job_field_next(s, len, &field)) return -1;
  while (i < count && !job_field_is(&field, words[i])) i++;
  return i < count ? i : -1;
}

static int status_next(char const **s, size_t *len, enum job_status *status)
{
  int i = word_next(s, len, statuses, COUNT(statuses));
  *status = (enum job_status)i;
  return i != -1;
}

static int event_next(char const **s, size_t *len, enum job_event *event)
{
  int i = word_next(s, len, events, COUNT(events));
  *event = (enum job_event)i;
  return i != -1;
}

int job_result_scan(char const *s, size_t len, job_result *result)
{
  if (!job_clean_ok(s, len)) return 0;
  if (!number_next(&s, &len, &result->recipient)) return 0;
  if (!status_next(&s, &len, &result->status)) return 0;
  if (!job_field_next(&s, &len, &result->code) || !word_ok(&result->code)) return 0;
  if (!job_field_next(&s, &len, &result->relay) || !word_ok(&result->relay)) return 0;
  result->text.s = s;
  result->text.len = len;
  return 1;
}

/* The most digits of seconds in a journal: 2^64 microseconds have no more than 15. */
#define MICROS 1000000
#define MICROS_DIGITS 6

static int time_next(char const **s, size_t *len, uint64_t *time_us)
{
  job_field time, seconds, micros;
  uint64_t sec, us;
  char const *dot;
  if (!job_field_next(s, len, &time)) return 0;
  dot = memchr(time.s, '.', time.len);
  if (!dot) return 0;
  seconds.s = time.s;
  seconds.len = (size_t)(dot - time.s);
  micros.s = dot + 1;
  micros.len = time.len - seconds.len - 1;
  if (micros.len != MICROS_DIGITS || !job_field_number(&micros, &us)) return 0;
  if (!job_field_number(&seconds, &sec) || sec > (UINT64_MAX - us) / MICROS) return 0;
  *time_us = sec * MICROS + us;
  return 1;
}

int job_journal_scan(char const *s, size_t len, uint64_t *time_us, job_result *result)
{
  return time_next(&s, &len, time_us) && job_result_scan(s, len, result);
}

int job_notice_scan(char const *s, size_t len, uint64_t *time_us, job_notice *notice)
{
  job_field word;
  return job_clean_ok(s, len)
    && time_next(&s, &len, time_us)
    && number_next(&s, &len, &notice->recipient)
    && job_field_next(&s, &len, &word) && job_field_is(&word, "notice")
    && event_next(&s, &len, &notice->event)
    && job_field_next(&s, &len, &notice->id) && id_ok(&notice->id)
    && !len;
}

/* --- formatting --- */

/* A line being put together; full once something did not fit. */
typedef struct line
{
  char *s;
  size_t len;
  size_t max;
  int full;
} line;

static void line_put(line *l, char const *s, size_t len)
{
  if (l->full || len > l->max - l->len)
  {
    l->full = 1;
    return;
  }
  if (len) memcpy(l->s + l->len, s, len);
  l->len += len;
}

static void line_puts(line *l, char const *s)
{
  line_put(l, s, strlen(s));
}

static void line_field(line *l, job_field const *field)
{
  line_put(l, field->s, field->len);
}

static void line_path(line *l, job_field const *inside)
{
  line_puts(l, "<");
  line_field(l, inside);
  line_puts(l, ">");
}

/* Put a number in decimal, with zeros in front up to this many digits. */
static void line_number(line *l, uint64_t number, unsigned int digits)
{
  char buffer[20];
  size_t i = sizeof buffer;
  do
  {
    buffer[--i] = (char)('0' + number % 10);
    number /= 10;
  } while (number || sizeof buffer - i < digits);
  line_put(l, buffer + i, sizeof buffer - i);
}

/* Put a space and the rest of a line, unless that is empty. */
static void line_rest(line *l, job_field const *rest)
{
  if (!rest->len) return;
  line_puts(l, " ");
  line_field(l, rest);
}

static size_t line_end(line const *l)
{
  return l->full ? 0 : l->len;
}

/* Can this be the inside of "<...>", so that it is read back whole? */
static int inside_ok(job_field const *inside)
{
  int quoted = 0;
  size_t i;
  for (i = 0; i < inside->len; i++)
  {
    char c = inside->s[i];
    if (control(c)) return 0;
    if (quoted && c == '\\')
    {
      if (++i == inside->len || control(inside->s[i])) return 0;
    }
    else if (c == '"') quoted = !quoted;
    else if (!quoted && c == '>') return 0;
  }
  return !quoted;
}

static char const flag_letters[JOB_FLAGS_MAX + 1] = "8ude";

void job_flags_format(char out[JOB_FLAGS_MAX], unsigned int flags)
{
  unsigned int i;
  for (i = 0; i < JOB_FLAGS_MAX; i++) out[i] = flags & 1U << i ? flag_letters[i] : '-';
}

int job_flags_scan(char const *s, size_t len)
{
  unsigned int flags = 0;
  size_t i;
  if (!len || len > JOB_FLAGS_MAX) return -1;
  for (i = 0; i < len; i++)
  {
    char const *letter = memchr(flag_letters, s[i], JOB_FLAGS_MAX);
    if (letter) flags |= 1U << (letter - flag_letters);
    else if (s[i] != '-') return -1;
  }
  return (int)flags;
}

size_t job_mail_format(char *out, size_t max, job_mail const *mail)
{
  line l = { out, 0, max, 0 };
  char flags[JOB_FLAGS_MAX];
  if (!id_ok(&mail->id) || !inside_ok(&mail->sender)) return 0;
  if (!job_clean_ok(mail->parameters.s, mail->parameters.len)) return 0;
  job_flags_format(flags, mail->flags);
  line_puts(&l, "mail ");
  line_field(&l, &mail->id);
  line_puts(&l, " ");
  line_number(&l, mail->arrival_us, 1);
  line_puts(&l, " ");
  line_number(&l, mail->offset, 1);
  line_puts(&l, " ");
  line_number(&l, mail->length, 1);
  line_puts(&l, " ");
  line_put(&l, flags, sizeof flags);
  line_puts(&l, " ");
  line_path(&l, &mail->sender);
  line_rest(&l, &mail->parameters);
  line_puts(&l, "\n");
  return line_end(&l);
}

size_t job_rcpt_format(char *out, size_t max, job_rcpt const *rcpt)
{
  line l = { out, 0, max, 0 };
  if (!rcpt->address.len || !inside_ok(&rcpt->address)) return 0;
  if (!job_clean_ok(rcpt->parameters.s, rcpt->parameters.len)) return 0;
  line_puts(&l, "rcpt ");
  line_number(&l, rcpt->number, 1);
  line_puts(&l, " ");
  line_path(&l, &rcpt->address);
  line_rest(&l, &rcpt->parameters);
  line_puts(&l, "\n");
  return line_end(&l);
}

/*
 * Put the text of a result: at most JOB_TEXT_MAX octets, a UTF-8 character never cut in half.  A
 * server's reply must not make the result unreadable: control characters become '?'.
 */
static void line_text(line *l, job_field const *text)
{
  size_t len = text->len;
  char *start = l->s + l->len;
  size_t i;
  if (len > JOB_TEXT_MAX)
  {
    len = JOB_TEXT_MAX;
    while (len && (text->s[len] & 0xC0) == 0x80) len--;
  }
  line_put(l, text->s, len);
  if (l->full) return;
  for (i = 0; i < len; i++)
    if (control(start[i])) start[i] = '?';
}

static void line_result(line *l, job_result const *result)
{
  line_number(l, result->recipient, 1);
  line_puts(l, " ");
  line_puts(l, job_status_name(result->status));
  line_puts(l, " ");
  line_field(l, &result->code);
  line_puts(l, " ");
  line_field(l, &result->relay);
  if (!result->text.len) return;
  line_puts(l, " ");
  line_text(l, &result->text);
}

static int result_ok(job_result const *result)
{
  return word_ok(&result->code) && word_ok(&result->relay);
}

size_t job_result_format(char *out, size_t max, job_result const *result)
{
  line l = { out, 0, max, 0 };
  if (!result_ok(result)) return 0;
  line_result(&l, result);
  return line_end(&l);
}

static void line_time(line *l, uint64_t time_us)
{
  line_number(l, time_us / MICROS, 1);
  line_puts(l, ".");
  line_number(l, time_us % MICROS, MICROS_DIGITS);
  line_puts(l, " ");
}

size_t job_journal_format(char *out, size_t max, uint64_t time_us, job_result const *result)
{
  line l = { out, 0, max, 0 };
  if (!result_ok(result)) return 0;
  line_time(&l, time_us);
  line_result(&l, result);
  line_puts(&l, "\n");
  return line_end(&l);
}

size_t job_notice_format(char *out, size_t max, uint64_t time_us, job_notice const *notice)
{
  line l = { out, 0, max, 0 };
  if (!id_ok(&notice->id)) return 0;
  line_time(&l, time_us);
  line_number(&l, notice->recipient, 1);
  line_puts(&l, " notice ");
  line_puts(&l, events[notice->event]);
  line_puts(&l, " ");
  line_field(&l, &notice->id);
  line_puts(&l, "\n");
  return line_end(&l);
}
