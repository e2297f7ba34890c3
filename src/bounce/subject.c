#include "bounce/subject.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include <skalibs/djbunix.h>

#include "base/wallclock.h"
#include "bounce/fields.h"
#include "conf/conf.h"
#include "smtp/path.h"

/* What a recipient's mark is made of, or-ed: the event it is due for, if any, and that we have locked it. */
#define MARK_EVENT(event) (1 << (event))
#define MARK_LOCKED 8

/* Why nothing can be said to the sender; NULL: it can. */
static char const *unwelcome(char const *sender)
{
  stralloc domain = STRALLOC_ZERO;
  char const *why = 0;
  smtp_path path;
  if (!*sender) return "the null sender";
  if (!smtp_mailbox_scan(sender, strlen(sender), SMTP_PATH_UTF8, &path)) return "not an address";
  if (!conf_domain_fold(&domain, path.domain, path.domainlen) && errno == EINVAL)
    why = "not a domain that mail can wait for";
  stralloc_free(&domain);
  return why;
}

/* --- marks --------------------------------------------------------------------------------- */

/* Not what is on hold: that waits because an operator wants it to.  1, 0, -1 with conf_error(). */
static int delay_due(subject const *s, way *w, message_recipient const *r)
{
  if (s->place == QUEUE_HOLD || r->told & MARK_EVENT(JOB_EVENT_DELAYED)) return 0;
  if (!way_find(w, message_string(&s->message, r->domain))) return -1;
  return w->route.delaywarning && s->message.arrival_us + w->route.delaywarning * SECOND_US <= wallclock_us();
}

/* The mark of the event that a recipient is due for, or 0; -1 with conf_error(). */
static int recipient_look(subject const *s, way *w, message_recipient const *r)
{
  int delayed;
  if (message_untold(r)) return MARK_EVENT(r->status == JOB_FAILED ? JOB_EVENT_FAILED : JOB_EVENT_RELAYED);
  delayed = r->settled ? 0 : delay_due(s, w, r);
  return delayed == 1 ? MARK_EVENT(JOB_EVENT_DELAYED) : delayed;
}

static enum subject_state marks_look(subject *s, way *w)
{
  size_t i;
  int due;
  for (i = 0; i < s->marks.len; i++)
  {
    due = recipient_look(s, w, message_rcptp(&s->message, i));
    if (due == -1) return SUBJECT_CONF;
    s->marks.s[i] = (char)((s->marks.s[i] & MARK_LOCKED) | due);
  }
  return SUBJECT_READ;
}

static int marks_init(subject *s)
{
  size_t count = message_rcpts(&s->message);
  if (!stralloc_ready(&s->marks, count)) return 0;
  memset(s->marks.s, 0, count);
  s->marks.len = count;
  return 1;
}

/* 1, or 0 with errno. */
static int due_lock(subject *s)
{
  size_t i;
  int r;
  for (i = 0; i < s->marks.len; i++)
  {
    if (!s->marks.s[i]) continue;
    r = message_lock_rcpt(s->fd, i);
    if (r == -1) return 0;
    if (r) s->marks.s[i] |= MARK_LOCKED;
  }
  return 1;
}

/* --- */

/* Nothing but the journal changes in a message; who may write to the file could still change more. */
static enum subject_state read_again(subject *s, way *w)
{
  struct stat st;
  if (fstat(s->fd, &st) == -1) return SUBJECT_TROUBLE;
  if (!st.st_nlink) return SUBJECT_GONE;
  if (!message_read(&s->message, s->fd)) return SUBJECT_TROUBLE;
  if (message_rcpts(&s->message) == s->marks.len) return marks_look(s, w);
  errno = EBADMSG;
  return SUBJECT_TROUBLE;
}

enum subject_state subject_take(subject *s, way *w, char const *id)
{
  enum subject_state state;
  memcpy(s->id, id, ID_LEN + 1);
  s->fd = queuedir_open_message(w->queue, id, O_RDWR | O_APPEND, &s->place);
  if (s->fd == -1) return errno == ENOENT ? SUBJECT_GONE : SUBJECT_TROUBLE;
  if (!message_read(&s->message, s->fd) || !marks_init(s)) return SUBJECT_TROUBLE;
  s->unwelcome = unwelcome(message_string(&s->message, s->message.sender));
  state = marks_look(s, w);
  if (state != SUBJECT_READ) return state;
  return due_lock(s) ? read_again(s, w) : SUBJECT_TROUBLE;
}

void subject_leave(subject *s)
{
  if (s->fd != -1) fd_close(s->fd);
  s->fd = -1;
}

int subject_due(subject const *s, size_t rcpt, enum job_event event)
{
  return !!(s->marks.s[rcpt] & MARK_EVENT(event));
}

int subject_wanted(subject const *s, size_t rcpt, enum job_event event)
{
  message_recipient const *r = message_rcptp(&s->message, rcpt);
  return subject_due(s, rcpt, event) && !s->unwelcome
    && fields_wanted(message_string(&s->message, r->parameters), event);
}

int subject_again(subject const *s, enum job_event event)
{
  size_t i;
  for (i = 0; i < message_rcpts(&s->message); i++)
  {
    message_recipient const *r = message_rcptp(&s->message, i);
    if (r->told & 1u << event && fields_wanted(message_string(&s->message, r->parameters), event)) return 1;
  }
  return 0;
}

int subject_busy(subject const *s, enum job_event event)
{
  size_t i;
  for (i = 0; i < s->marks.len; i++)
    if (subject_due(s, i, event) && !(s->marks.s[i] & MARK_LOCKED)) return 1;
  return 0;
}
