#include "bounce/compose.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "base/wallclock.h"
#include "bounce/explanation.h"
#include "bounce/report.h"
#include "conf/conf.h"
#include "smtp/domain.h"
#include "smtp/path.h"

/* --- what kind of notice it is ------------------------------------------------------------ */

static int high(message const *m, size_t offset)
{
  char const *s = message_string(m, offset);
  return smtp_domain_utf8(s, strlen(s));
}

static void survey(notice *n)
{
  message const *m = &n->original->message;
  size_t const end = message_rcpts(m);
  size_t i;
  n->count = 0;
  n->utf8 = high(m, m->sender);
  n->beyond = n->utf8 || m->flags & JOB_UTF8;
  for (i = notice_next(n, 0); i < end; i = notice_next(n, i + 1))
  {
    message_recipient const *r = message_rcptp(m, i);
    n->count++;
    n->beyond |= high(m, r->address) || high(m, r->parameters);
  }
}

/* --- its envelope ---------------------------------------------------------------------------- */

/* Begin the message with the null sender: no notice answers a notice. */
static int envelope_write(notice const *n, message_writer *writer, int queue)
{
  char const *sender = message_string(&n->original->message, n->original->message.sender);
  size_t const len = strlen(sender);
  stralloc domain = STRALLOC_ZERO;
  smtp_path path;
  int r = smtp_mailbox_scan(sender, len, SMTP_PATH_UTF8, &path)
    && conf_domain_fold(&domain, path.domain, path.domainlen)
    && message_begin(writer, queue, "", 0, n->utf8 ? "SMTPUTF8" : "", "bounce-put");
  if (r && !message_rcpt(writer, domain.s, sender, len, ""))
  {
    message_abort(writer);
    r = 0;
  }
  stralloc_free(&domain);
  return r;
}

/* --- its content --- */

#define RANDOM_LEN 10
#define BOUNDARY_MAX (ID_LEN + 1 + 2 * RANDOM_LEN + 1)

/*
 * The boundary of the parts.  Text of others cannot hold it: nobody knew the id and these random
 * octets when that text was written.
 */
static int boundary_make(char out[BOUNDARY_MAX], char const *id)
{
  static char const digits[] = "0123456789abcdef";
  unsigned char octets[RANDOM_LEN];
  char *p = stpcpy(stpcpy(out, id), ".");
  size_t i;
  if (getrandom(octets, sizeof octets, 0) != sizeof octets) return 0;
  for (i = 0; i < sizeof octets; i++)
  {
    *p++ = digits[octets[i] >> 4];
    *p++ = digits[octets[i] & 15];
  }
  *p = 0;
  return 1;
}

enum encoding { ENCODING_NONE, ENCODING_8BIT, ENCODING_QUOTED };

/*
 * The encoding of a part beyond ASCII.  A returned message has no other form than its own (RFC 2046
 * section 5.2.1 allows no encoding of message/rfc822); octets over 127 in its body need no
 * SMTPUTF8.
 */
static enum encoding encoding_choose(notice const *n, int high_octets, int encodable)
{
  if (n->utf8) return ENCODING_8BIT;
  if (!high_octets) return ENCODING_NONE;
  return encodable ? ENCODING_QUOTED : ENCODING_8BIT;
}

static enum encoding returned_encoding(notice const *n)
{
  return encoding_choose(n, n->returned.high, n->returned.global);
}

static void encoding_put(lines *l, enum encoding encoding)
{
  static char const *const names[] =
    { [ENCODING_8BIT] = "8bit", [ENCODING_QUOTED] = "quoted-printable" };
  if (encoding != ENCODING_NONE) lines_line(l, "Content-Transfer-Encoding: ", names[encoding]);
}

static void header_put(notice *n, char const *boundary)
{
  static char const *const subjects[] =
  {
    [JOB_EVENT_FAILED] = "Delivery Status Notification (Failure)",
    [JOB_EVENT_DELAYED] = "Delivery Status Notification (Delay)",
    [JOB_EVENT_RELAYED] = "Delivery Status Notification (Relay)"
  };
  message const *m = &n->original->message;
  message_writer const *writer = n->lines.writer;
  lines *l = &n->lines;
  char date[WALLCLOCK_DATE_MAX];
  wallclock_date(date, writer->arrival_us);
  lines_line(l, "Date: ", date);
  lines_line(l, "From: Mail Delivery System <MAILER-DAEMON@", n->me, ">");
  lines_line(l, "To: <", message_string(m, m->sender), ">");
  lines_line(l, "Subject: ", subjects[n->event]);
  lines_line(l, "Message-ID: <", writer->id, "@", n->me, ">");
  lines_line(l, "Auto-Submitted: auto-replied");
  lines_line(l, "MIME-Version: 1.0");
  lines_line(l, "Content-Type: multipart/report; report-type=delivery-status;");
  lines_line(l, "\tboundary=\"", boundary, "\"");
  encoding_put(l, returned_encoding(n) == ENCODING_8BIT ? ENCODING_8BIT : ENCODING_NONE);
  lines_line(l, "");
}

static void part_begin(notice *n, char const *boundary, char const *description, char const *type,
                       enum encoding encoding)
{
  lines *l = &n->lines;
  lines_line(l, "--", boundary);
  lines_line(l, "Content-Description: ", description);
  lines_line(l, "Content-Type: ", type);
  encoding_put(l, encoding);
  lines_line(l, "");
}

static void explanation_part(notice *n, char const *boundary)
{
  enum encoding const encoding = encoding_choose(n, n->beyond, 1);
  part_begin(n, boundary, "What happened",
             n->beyond ? "text/plain; charset=utf-8" : "text/plain; charset=us-ascii", encoding);
  lines_text_begin(&n->lines, n->beyond, encoding == ENCODING_QUOTED);
  explanation_put(n);
  lines_text_end(&n->lines);
}

static void report_part(notice *n, char const *boundary)
{
  part_begin(n, boundary, "Delivery report",
             n->utf8 ? "message/global-delivery-status" : "message/delivery-status",
             encoding_choose(n, 0, 0));
  lines_text_begin(&n->lines, n->utf8, 0);
  report_put(n);
  lines_text_end(&n->lines);
}

/*
 * A line end before a boundary belongs to the boundary, so a returned message keeps its last line.
 */
static void returned_part(notice *n, char const *boundary)
{
  static char const *const types[2][2] =
    { { "text/rfc822-headers", "message/rfc822" }, { "message/global-headers", "message/global" } };
  returned const *r = &n->returned;
  enum encoding const encoding = returned_encoding(n);
  part_begin(n, boundary, r->whole ? "The message" : "The header of the message",
             types[n->utf8 || r->global][r->whole], encoding);
  lines_text_begin(&n->lines, n->utf8, encoding == ENCODING_QUOTED);
  returned_put(&n->lines, r, n->original);
  lines_text_end(&n->lines);
  lines_line(&n->lines, "");
}

static void content_put(notice *n, char const *boundary)
{
  header_put(n, boundary);
  explanation_part(n, boundary);
  report_part(n, boundary);
  returned_part(n, boundary);
  lines_line(&n->lines, "--", boundary, "--");
}

static unsigned int content_flags(notice const *n)
{
  unsigned int const seen = n->lines.scan.flags;
  unsigned int flags = 0;
  if (seen & SMTP_CONTENT_8BIT) flags |= JOB_8BIT;
  if (seen & SMTP_CONTENT_DOT) flags |= JOB_DOT;
  if (n->utf8) flags |= JOB_UTF8;
  return flags;
}

static int content_write(notice *n, message_writer *writer)
{
  char boundary[BOUNDARY_MAX];
  if (!boundary_make(boundary, writer->id)) return 0;
  lines_init(&n->lines, writer);
  content_put(n, boundary);
  writer->flags |= content_flags(n);
  if (n->lines.error) errno = n->lines.error;
  return !n->lines.error;
}

int compose_notice(notice *n, message_writer *writer, int queue, int fsyncdir)
{
  if (!returned_choose(&n->returned, n->original, n->event, n->bouncebytes)) return 0;
  survey(n);
  if (!envelope_write(n, writer, queue)) return 0;
  if (content_write(n, writer)) return message_commit(writer, fsyncdir);
  message_abort(writer);
  return 0;
}
