#include "bounce/original.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include <skalibs/djbunix.h>

#include "base/wallclock.h"
#include "bounce/fields.h"
#include "conf/conf.h"
#include "smtp/path.h"

/*
 * Parts of a recipient's mark, or-ed: the event that it is due for, if any, and that we have locked
 * it.
 */
#define MARK_EVENT(event) (1 << (event))
#define MARK_LOCKED 8

/* Why the sender cannot be told; NULL: the sender can. */
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

/*
 * Is a recipient due for a delay notice?  Not while the message is on hold: an operator wants it to
 * wait.  1, 0, -1 with conf_error().
 */
static int delay_due(original const *o, routing *rt, message_recipient const *r)
{
  if (o->place == QUEUE_HOLD || r->told & MARK_EVENT(JOB_EVENT_DELAYED)) return 0;
  if (!routing_find(rt, message_string(&o->message, r->domain))) return -1;
  return rt->route.delaywarning
    && o->message.arrival_us + rt->route.delaywarning * SECOND_US <= wallclock_us();
}

/* The mark of the event that a recipient is due for, or 0; -1 with conf_error(). */
static int recipient_look(original const *o, routing *rt, message_recipient const *r)
{
  int delayed;
  if (message_untold(r))
    return MARK_EVENT(r->status == JOB_FAILED ? JOB_EVENT_FAILED : JOB_EVENT_RELAYED);
  delayed = r->settled ? 0 : delay_due(o, rt, r);
  return delayed == 1 ? MARK_EVENT(JOB_EVENT_DELAYED) : delayed;
}

static enum original_state marks_look(original *o, routing *rt)
{
  size_t i;
  int due;
  for (i = 0; i < o->marks.len; i++)
  {
    due = recipient_look(o, rt, message_rcptp(&o->message, i));
    if (due == -1) return ORIGINAL_CONF;
    o->marks.s[i] = (char)((o->marks.s[i] & MARK_LOCKED) | due);
  }
  return ORIGINAL_READ;
}

static int marks_init(original *o)
{
  size_t count = message_rcpts(&o->message);
  if (!stralloc_ready(&o->marks, count)) return 0;
  memset(o->marks.s, 0, count);
  o->marks.len = count;
  return 1;
}

/* Lock the recipients that are due. 1, or 0 with errno. */
static int due_lock(original *o)
{
  size_t i;
  int r;
  for (i = 0; i < o->marks.len; i++)
  {
    if (!o->marks.s[i]) continue;
    r = message_lock_rcpt(o->fd, i);
    if (r == -1) return 0;
    if (r) o->marks.s[i] |= MARK_LOCKED;
  }
  return 1;
}

/* --- */

/*
 * Read the message again.  Only its journal should have changed, but whoever may write to the file
 * could have changed more.
 */
static enum original_state read_again(original *o, routing *rt)
{
  struct stat st;
  if (fstat(o->fd, &st) == -1) return ORIGINAL_ERROR;
  if (!st.st_nlink) return ORIGINAL_GONE;
  if (!message_read(&o->message, o->fd)) return ORIGINAL_ERROR;
  if (message_rcpts(&o->message) == o->marks.len) return marks_look(o, rt);
  errno = EBADMSG;
  return ORIGINAL_ERROR;
}

enum original_state original_open(original *o, routing *rt, char const *id)
{
  enum original_state state;
  memcpy(o->id, id, ID_LEN + 1);
  o->fd = queuedir_open_message(rt->queue, id, O_RDWR | O_APPEND, &o->place);
  if (o->fd == -1) return errno == ENOENT ? ORIGINAL_GONE : ORIGINAL_ERROR;
  if (!message_read(&o->message, o->fd) || !marks_init(o)) return ORIGINAL_ERROR;
  o->unwelcome = unwelcome(message_string(&o->message, o->message.sender));
  state = marks_look(o, rt);
  if (state != ORIGINAL_READ) return state;
  return due_lock(o) ? read_again(o, rt) : ORIGINAL_ERROR;
}

void original_close(original *o)
{
  if (o->fd != -1) fd_close(o->fd);
  o->fd = -1;
}

int original_due(original const *o, size_t rcpt, enum job_event event)
{
  return !!(o->marks.s[rcpt] & MARK_EVENT(event));
}

int original_wanted(original const *o, size_t rcpt, enum job_event event)
{
  message_recipient const *r = message_rcptp(&o->message, rcpt);
  return original_due(o, rcpt, event) && !o->unwelcome
    && fields_wanted(message_string(&o->message, r->parameters), event);
}

int original_notified(original const *o, enum job_event event)
{
  size_t i;
  for (i = 0; i < message_rcpts(&o->message); i++)
  {
    message_recipient const *r = message_rcptp(&o->message, i);
    if (r->told & 1u << event
     && fields_wanted(message_string(&o->message, r->parameters), event)) return 1;
  }
  return 0;
}

int original_busy(original const *o, enum job_event event)
{
  size_t i;
  for (i = 0; i < o->marks.len; i++)
    if (original_due(o, i, event) && !(o->marks.s[i] & MARK_LOCKED)) return 1;
  return 0;
}
