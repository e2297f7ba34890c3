#include <errno.h>
#include <fcntl.h>
#include <search.h>
#include <string.h>
#include <sys/stat.h>

#include <skalibs/alloc.h>
#include <skalibs/djbunix.h>
#include <skalibs/types.h>

#include "base/log.h"
#include "smtp/reply.h"
#include "qmgr/qmgr-internal.h"
#include "sched/backoff.h"

#define RECIPIENTS(j) genalloc_s(job_recipient, &(j)->recipients)
#define RECIPIENTS_COUNT(j) genalloc_len(job_recipient, &(j)->recipients)

/* --- held messages --------------------------------------------------------------------- */

/* What is in these trees begins with its id. */
static int id_compare(void const *a, void const *b)
{
  return memcmp(a, b, ID_LEN);
}

static held *held_find(qmgr const *q, char const *id)
{
  held **found = tfind(id, &q->helds, id_compare);
  return found ? *found : 0;
}

static void active_log(char const *id, char const *sender, uint64_t octets, size_t rcpts)
{
  char size[UINT64_FMT];
  char count[SIZE_FMT];
  size[uint64_fmt(size, octets)] = 0;
  count[size_fmt(count, rcpts)] = 0;
  log_later(id, ": from=<", sender, ">, size=", size, ", nrcpt=", count, " (queue active)");
}

/* What became of a recipient without an agent's doing, in an agent's words. */
static void recipient_log(qmgr const *q, char const *id, char const *address, char const *code, char const *status, char const *text)
{
  char delay[UINT64_FMT];
  uint64_t arrival_us = id_time(id);
  delay[uint64_fmt(delay, q->now_us > arrival_us ? (q->now_us - arrival_us) / SECOND_US : 0)] = 0;
  log_later(id, ": to=<", address, ">, relay=none, delay=", delay, ", delays=", delay, "/0/0/0, dsn=", code,
            ", status=", status, " (", text, ")");
}

/* keep_new: somebody has yet to record what else it owes. */
static held *held_get(qmgr *q, char const *id, enum queue_place place, message const *m, unsigned int keep_new)
{
  held *h = held_find(q, id);
  if (h) return h;
  h = alloc(sizeof *h);
  if (!h) return 0;
  memset(h, 0, sizeof *h);
  memcpy(h->id, id, ID_LEN + 1);
  h->place = place;
  h->owed = message_owed(m);
  h->untold = message_any_untold(m);
  h->keep_new = keep_new;
  if (!tsearch(h, &q->helds, id_compare))
  {
    alloc_free(h);
    return 0;
  }
  active_log(id, message_string(m, m->sender), m->content_len, message_rcpts(m));
  return h;
}

/* So often in a row at the most. */
#define MOVES_MAX 10

/* An operator may have moved it meanwhile. */
static int message_find(qmgr const *q, char const *id, enum queue_place *place)
{
  int fd = queuedir_open_message(q->queue, id, O_RDONLY, place);
  if (fd == -1) return 0;
  fd_close(fd);
  return 1;
}

/* Nothing is left to do for it.  Who puts it aside and releases it at once is followed a few times. */
static void message_finish(qmgr *q, char const *id, enum queue_place place)
{
  unsigned int moves = 0;
  int r = queuedir_remove(q->queue, id, place);
  while (r == -1 && errno == ENOENT && moves++ < MOVES_MAX && message_find(q, id, &place))
    r = queuedir_remove(q->queue, id, place);
  if (r == 0) log_later(id, ": removed");
  else if (errno != ENOENT)
    qmgr_say(q, SAY_STUCK, "warning: unable to remove ", id, ": ", strerror(errno));
}

/*
 * What is no message, or not the message of its id, goes where it is in nobody's way.  Into new/
 * others may put any number.
 */
static void put_aside(qmgr *q, char const *id, enum queue_place place, char const *why)
{
  char aside[ID_LEN + 1];
  if (queuedir_put_aside(q->queue, id, place, aside) == -1)
  {
    if (errno != ENOENT)
      qmgr_say(q, SAY_STUCK, "warning: unable to put aside ", id, ": ", strerror(errno));
  }
  else if (place == QUEUE_NEW)
    qmgr_say(q, SAY_ASIDE, "warning: new/", id, ": ", why, ", put aside as corrupt/", aside);
  else log_line("warning: ", id, ": ", why, ", put aside as corrupt/", aside);
}

static void message_to_cur(qmgr *q, char const *id)
{
  if (queuedir_move(q->queue, id, QUEUE_NEW, QUEUE_CUR) == 0 || errno == ENOENT) return;
  if (errno == EEXIST) put_aside(q, id, QUEUE_NEW, "not the message of this id");
  else qmgr_say(q, SAY_STUCK, "warning: unable to move new/", id, ": ", strerror(errno));
}

static void held_release(qmgr *q, held *h)
{
  if (h->jobs) return;
  tdelete(h, &q->helds, id_compare);
  if (!h->owed && !h->untold) message_finish(q, h->id, h->place);
  else if (h->place == QUEUE_NEW && !h->keep_new) message_to_cur(q, h->id);
  else if (h->place == QUEUE_NEW && (h->keep_new & KEEP_NEW_SOON)) q->intake.look_new = 1;
  alloc_free(h);
}

/* --- messages that were asked for -------------------------------------------------------------- */

struct asked_message
{
  char id[ID_LEN + 1];
  size_t gates;              /* have yet to try it */
  timer later;               /* when they may */
};

static asked_message *asked_find(qmgr const *q, char const *id)
{
  asked_message **found = tfind(id, &q->asked_messages, id_compare);
  return found ? *found : 0;
}

static asked_message *asked_get(qmgr *q, char const *id)
{
  asked_message *m = alloc(sizeof *m);
  if (!m) return 0;
  memset(m, 0, sizeof *m);
  memcpy(m->id, id, ID_LEN + 1);
  m->later.kind = TIMER_ASKED;
  m->later.owner = m;
  m->gates = 1;              /* until all are found */
  if (tsearch(m, &q->asked_messages, id_compare)) return m;
  alloc_free(m);
  return 0;
}

/* As long as asked/=ID is there, it is taken up again. */
static void asked_forget(qmgr *q, char const *id)
{
  asked_message *m = asked_find(q, id);
  if (!m) return;
  timer_clear(&q->timers, &m->later);
  tdelete(m, &q->asked_messages, id_compare);
  alloc_free(m);
}

/* --- opening ------------------------------------------------------------------------------ */

/*
 * What is the matter with this one file, and no shortage that the next one would meet too: whoever wrote it owns it, and
 * may take our rights away, hold a lease on it, run it, or make it as large as files can be.
 */
static int only_this(int e)
{
  return e == EACCES || e == EPERM || e == EAGAIN || e == ETXTBSY || e == EFBIG;
}

static void passed_over(qmgr *q, char const *what, char const *id)
{
  qmgr_say(q, SAY_PASSED_OVER, "warning: unable to ", what, " (it is passed over) ", id, ": ",
           strerror(errno));
}

/*
 * Read a message that was opened, or not (fd -1), into q->message.  A journal whose last line was torn
 * is mended before an agent, which cannot know, appends to it.
 * Returns the descriptor; -1: nothing to do for it (errno 0) or no means to (errno set).
 */
static int message_taken(qmgr *q, char const *id, enum queue_place place, int fd)
{
  if (fd == -1)
  {
    if (errno == EINVAL)
      qmgr_say(q, SAY_PASSED_OVER, "warning: ", id, ": not a regular file, passed over");
    else if (only_this(errno)) passed_over(q, "open", id);
    else if (errno != ENOENT)
    {
      qmgr_breathe(q, "open ", id);
      return -1;
    }
    errno = 0;
    return -1;
  }
  if (message_read(&q->message, fd) && message_mend(&q->message, fd)) return fd;
  if (errno == EBADMSG)
  {
    put_aside(q, id, place, "not a whole message");
    errno = 0;
  }
  else if (only_this(errno))
  {
    passed_over(q, "read", id);
    errno = 0;
  }
  else qmgr_breathe(q, "read ", id);
  fd_close(fd);
  return -1;
}

/* Open it, wherever it is, and read it. */
static int message_take(qmgr *q, char const *id, enum queue_place *place)
{
  int fd = queuedir_open_message(q->queue, id, O_RDWR | O_APPEND, place);
  if (fd == -1 && agents_free_descriptors(q)) fd = queuedir_open_message(q->queue, id, O_RDWR | O_APPEND, place);
  return message_taken(q, id, *place, fd);
}

/*
 * Has something elsewhere the id of what was opened in new/?  Then that is the message, and this is
 * another's, put aside now; or it is one file, of a move that was cut short.
 */
static int new_is_taken(qmgr *q, char const *id, int fd)
{
  struct stat there, here;
  if (!queuedir_taken(q->queue, id, &there)) return 0;
  if (fstat(fd, &here) == 0 && here.st_ino == there.st_ino && here.st_dev == there.st_dev)
    queuedir_remove(q->queue, id, QUEUE_NEW);
  else put_aside(q, id, QUEUE_NEW, "not the message of this id");
  return 1;
}

/* The same of a message that should be in new/. */
static int message_take_new(qmgr *q, char const *id)
{
  int fd = queuedir_open_in(q->queue, id, O_RDWR | O_APPEND, QUEUE_NEW);
  if (fd == -1 && agents_free_descriptors(q)) fd = queuedir_open_in(q->queue, id, O_RDWR | O_APPEND, QUEUE_NEW);
  if (fd == -1 || !new_is_taken(q, id, fd)) return message_taken(q, id, QUEUE_NEW, fd);
  fd_close(fd);
  errno = 0;
  return -1;
}

/* --- jobs ------------------------------------------------------------------------------------ */

static job *job_new(void)
{
  job *j = alloc(sizeof *j);
  if (j) memset(j, 0, sizeof *j);
  return j;
}

static void job_free(job *j)
{
  genalloc_free(job_recipient, &j->recipients);
  alloc_free(j);
}

/* Take the recipient's lock, and it, into the job.  1; 0 when it is in other hands; -1 with errno. */
static int job_add(job *j, int fd, message const *m, uint64_t number, gate *g)
{
  job_recipient r = {
    .number = number, .gate = g, .attempts = message_rcptp(m, number)->attempts, .asked_count = g->asked_count
  };
  int locked = message_lock_rcpt(fd, number);
  if (locked < 1) return locked;
  return genalloc_append(job_recipient, &j->recipients, &r) ? 1 : -1;
}

/* Recipients that somebody else has seen to, since the message was read, are no business of the job. */
static void job_sift(job *j, int fd, message const *m)
{
  job_recipient *all = RECIPIENTS(j);
  size_t n = RECIPIENTS_COUNT(j);
  size_t from, to = 0;
  for (from = 0; from < n; from++)
    if (message_rcptp(m, all[from].number)->settled) message_unlock_rcpt(fd, all[from].number);
    else all[to++] = all[from];
  genalloc_setlen(job_recipient, &j->recipients, to);
}

/*
 * The message was read before we had its locks.  Is it still where it was, and has nobody written to its
 * journal meanwhile: an operator who moved it, an agent that came to its end?  Else it is read again.
 * 1, or 0 when nothing is left of the job: then its id must be looked at anew.
 */
static int job_still_good(qmgr *q, job *j, char const *id, enum queue_place place, int fd)
{
  char path[QUEUE_PATH_MAX];
  struct stat st;
  queuedir_path(path, place, id);
  if (fstatat(q->queue, path, &st, AT_SYMLINK_NOFOLLOW) == -1) return 0;
  if ((uint64_t)st.st_size == q->message.size) return 1;
  if (!message_read(&q->message, fd)) return 0;
  job_sift(j, fd, &q->message);
  return RECIPIENTS_COUNT(j) != 0;
}

/* A gate that a job knows stays known. */
static void gates_count(job *j, int begins)
{
  size_t i;
  for (i = 0; i < RECIPIENTS_COUNT(j); i++)
    if (begins) RECIPIENTS(j)[i].gate->jobs++;
    else RECIPIENTS(j)[i].gate->jobs--;
  if (!j->from_gate) return;
  if (begins) j->from_gate->jobs++;
  else j->from_gate->jobs--;
}

/* From here on the agent has the descriptor.  1, or 0: then the job is gone and nothing was sent. */
static int job_hand_over(qmgr *q, job *j, agent *a, int fd, held *h)
{
  j->held = h;
  j->bytes = q->message.content_len;
  if (!agent_give(q, a, j, fd, &q->message))
  {
    job_free(j);
    return 0;
  }
  h->jobs++;
  if (j->from) j->from->jobs++;
  gates_count(j, 1);
  return 1;
}

int job_holds(job const *j, uint64_t recipient)
{
  size_t i;
  for (i = 0; i < RECIPIENTS_COUNT(j); i++)
    if (RECIPIENTS(j)[i].number == recipient) return 1;
  return 0;
}

int job_answered(job const *j)
{
  size_t i;
  for (i = 0; i < RECIPIENTS_COUNT(j); i++)
    if (!RECIPIENTS(j)[i].answered) return 0;
  return 1;
}

void job_answer(qmgr *q, job *j, job_result const *result)
{
  size_t i;
  for (i = 0; i < RECIPIENTS_COUNT(j); i++)
  {
    job_recipient *r = RECIPIENTS(j) + i;
    if (r->number != result->recipient || r->answered) continue;
    r->answered = 1;
    r->status = result->status;
    totals_count(q, r->status);
    if (j->from) pass_note(j->from, r->status);
    if (r->status == JOB_DEFERRED) return;
    j->held->owed--;
    if (r->status != JOB_SENT) j->held->untold = 1;
    return;
  }
}

/* The job's last recipients behind the same gate speak for it: an id stands in a list once. */
static int last_of_gate(job const *j, size_t i)
{
  size_t later;
  for (later = i + 1; later < RECIPIENTS_COUNT(j); later++)
    if (RECIPIENTS(j)[later].gate == RECIPIENTS(j)[i].gate) return 0;
  return 1;
}

/* What became of one gate's recipients in a job, or-ed. */
enum { CAME_DEFERRED = 1, CAME_UNTRIED = 2, CAME_ASKED_MEANWHILE = 4 };

static unsigned int gate_outcome(qmgr *q, job const *j, gate *g)
{
  unsigned int outcome = 0;
  size_t i;
  for (i = 0; i < RECIPIENTS_COUNT(j); i++)
  {
    job_recipient const *r = RECIPIENTS(j) + i;
    if (r->gate != g || (r->answered && r->status != JOB_DEFERRED)) continue;
    if (r->answered) gate_deferred(q, g, q->now_us, r->attempts + 1);
    outcome |= r->answered ? CAME_DEFERRED : CAME_UNTRIED;
    if (r->asked_count != g->asked_count) outcome |= CAME_ASKED_MEANWHILE;
  }
  return outcome;
}

/* Who asked for it wants it tried once more in the same pass. */
static int cut_again(job const *j, gate *g)
{
  return j->from && j->from->kind == PASS_ASKED && gate_cut(g, j->from, j->held->id, j->bytes);
}

/*
 * Whatever is still owed goes back to its list, or to those of its pass that were cut off; what was asked for while it
 * was out, out again.
 */
static void gate_take_back(qmgr *q, job *j, gate *g, enum job_came came)
{
  unsigned int outcome = gate_outcome(q, j, g);
  if (!outcome) return;
  if (came == JOB_CUT && outcome == CAME_DEFERRED && cut_again(j, g)) return;
  if (!gate_record(q, g, j->from, j->held->id, outcome & CAME_UNTRIED)) j->held->keep_new |= KEEP_NEW_SOON;
  if (outcome & CAME_ASKED_MEANWHILE) gate_asked_meanwhile(q, g, j->held->id, j->urge);
  else if (came == JOB_AGAIN && (outcome & CAME_UNTRIED)) gate_again(q, g, j->held->id, URGE_NONE);
}

/* It was handed out, and waits again though nobody has said a word about it: who follows it by its id is told why. */
static void undone_log(qmgr *q, job const *j, char const *why)
{
  char code[SMTP_STATUS_MAX];
  char const *text = strchr(why, ' ');
  enum queue_place place;
  int fd = text && (size_t)(text - why) < sizeof code ? queuedir_open_message(q->queue, j->held->id, O_RDONLY, &place) : -1;
  size_t i;
  if (fd == -1) return;
  memcpy(code, why, (size_t)(text - why));
  code[text - why] = 0;
  for (i = 0; message_read(&q->message, fd) && i < RECIPIENTS_COUNT(j); i++)
    if (!RECIPIENTS(j)[i].answered && RECIPIENTS(j)[i].number < message_rcpts(&q->message))
      recipient_log(q, j->held->id, message_string(&q->message, message_rcptp(&q->message, RECIPIENTS(j)[i].number)->address),
                    code, "deferred", text + 1);
  fd_close(fd);
}

/*
 * The last job is back, and the sender is to be told something.  Where that cannot be noted down,
 * the message's lists keep it: whoever reads it there sees that it is untold.
 */
static void job_note(qmgr *q, job *j)
{
  held *h = j->held;
  size_t i;
  if (h->jobs > 1 || !h->untold || notice_due(q, h->id)) return;
  h->keep_new |= KEEP_NEW_SOON;
  for (i = 0; i < RECIPIENTS_COUNT(j); i++)
    if (last_of_gate(j, i)) gate_record(q, RECIPIENTS(j)[i].gate, j->from, h->id, 1);
}

void job_back(qmgr *q, job *j, enum job_came came, char const *why)
{
  held *h = j->held;
  gate *from_gate = j->from_gate;
  pass *from = j->from;
  enum urge urge = j->urge;
  size_t i;
  if (came == JOB_UNDONE) undone_log(q, j, why);
  for (i = 0; i < RECIPIENTS_COUNT(j); i++)
    if (last_of_gate(j, i)) gate_take_back(q, j, RECIPIENTS(j)[i].gate, came);
  job_note(q, j);
  if (j->urge == URGE_BY_ID) deliver_asked_tried(q, h->id);
  h->jobs--;
  held_release(q, h);
  gates_count(j, 0);
  job_free(j);
  if (from_gate) gate_job_back(q, from_gate, from, urge, came);
}

/* --- notices -------------------------------------------------------------------------------------- */

/*
 * What is in q->message has something to tell, left from before: noted down in case it is not.  Returns 0
 * when that cannot be done.
 */
static int untold_noted(qmgr *q, char const *id)
{
  return !message_any_untold(&q->message) || notice_due(q, id);
}

void deliver_told(qmgr *q, char const *id)
{
  enum queue_place place;
  int fd = held_find(q, id) ? -1 : message_take(q, id, &place);
  if (fd == -1) return;
  if (!message_owed(&q->message) && !message_any_untold(&q->message)) message_finish(q, id, place);
  fd_close(fd);
}

static int owed_behind(message const *m, size_t n, gate const *g)
{
  return message_rcpt_owed(m, n, g->name);
}

static int warned(message_recipient const *r)
{
  return (r->told & 1u << JOB_EVENT_DELAYED) != 0;
}

void deliver_warn(qmgr *q, gate const *g, char const *id)
{
  enum queue_place place;
  size_t n;
  int fd = message_take(q, id, &place);
  if (fd == -1) return;
  for (n = 0; place != QUEUE_HOLD && n < message_rcpts(&q->message); n++)
    if (owed_behind(&q->message, n, g) && !warned(message_rcptp(&q->message, n)))
    {
      notice_due(q, id);
      break;
    }
  fd_close(fd);
}

/* --- whose mail it is --------------------------------------------------------------------------------- */

void deliver_learn(qmgr *q, site *s, char const *id)
{
  enum queue_place place;
  int fd = message_take(q, id, &place);
  if (fd == -1) return;
  site_learn(q, s, &q->message);
  fd_close(fd);
}

/* --- released by an operator ------------------------------------------------------------------------ */

void deliver_released(qmgr *q, char const *id)
{
  enum queue_place place;
  int fd = message_take(q, id, &place);
  size_t n;
  if (fd == -1) return;
  fd_close(fd);
  if (message_any_untold(&q->message)) q->notices.look = 1;
  else if (!message_owed(&q->message) && !held_find(q, id)) message_finish(q, id, place);
  for (n = 0; n < message_rcpts(&q->message); n++)
  {
    message_recipient const *r = message_rcptp(&q->message, n);
    gate *g = r->settled ? 0 : gate_get(q, message_string(&q->message, r->domain));
    if (!g) continue;
    gate_listed(q, g);
    gate_open(q, g);
  }
}

/* --- expiry ------------------------------------------------------------------------------------- */

/* Is the message too old for this gate? */
static int overdue(qmgr const *q, gate const *g, char const *id)
{
  return id_time(id) + g->lifetime_us <= q->now_us;
}

/*
 * Its time is over, and it, or its site, was tried in vain after that.  Where a clock was set forward or the machine was
 * off, nobody is told that mail could not be delivered which nobody has tried to deliver.  Parked mail is never tried
 * unasked: it expires without, but when time has passed unseen whoever it is for can first ask for it.
 */
static int expired(qmgr const *q, gate const *g, char const *id, message_recipient const *r)
{
  uint64_t end_us = id_time(id) + g->lifetime_us;
  if (!overdue(q, g, id)) return 0;
  if (r->attempts && r->last_us >= end_us && !clock_ahead(q, r->last_us)) return 1;
  if (g->parked) return clock_mercy_us(q, g->lifetime_us) <= q->now_us;
  return g->site->health.state == HEALTH_DOWN && g->site->health.failed_us >= end_us;
}

static int expire_recipient(qmgr *q, char const *id, int fd, size_t n)
{
  message_recipient const *r = message_rcptp(&q->message, n);
  char const *reason = message_string(&q->message, r->reason);
  char text[JOB_TEXT_MAX];
  job_result result;
  job_result_expire(&result, n, text, JOB_TEXT_EXPIRED, reason);
  if (!message_journal(fd, q->now_us, &result)) return 0;
  recipient_log(q, id, message_string(&q->message, r->address), result.code.s, "expired", text);
  totals_count(q, JOB_FAILED);
  return 1;
}

/* All who have expired, behind whatever gate: one notice tells of them.  Returns how many. */
static size_t expire_recipients(qmgr *q, char const *id, int fd)
{
  size_t gone = 0;
  size_t n;
  for (n = 0; n < message_rcpts(&q->message); n++)
  {
    message_recipient *r = message_rcptp(&q->message, n);
    gate const *g = r->settled ? 0 : gate_get(q, message_string(&q->message, r->domain));
    if (!g || !expired(q, g, id, r) || !expire_recipient(q, id, fd, n)) continue;
    r->settled = 1;
    gone++;
  }
  return gone;
}

/* The message is too old for this gate; it is read under its locks. */
static enum expiry expire(qmgr *q, gate const *g, char const *id, int fd)
{
  size_t n;
  if (message_lock_all(fd) != 1) return EXPIRY_BUSY;
  if (!message_read(&q->message, fd)) return EXPIRY_KEEP;
  if (expire_recipients(q, id, fd))
  {
    log_later(id, ": from=<", message_string(&q->message, q->message.sender), ">, status=expired, returned to sender");
    if (!notice_due(q, id)) return EXPIRY_KEEP;
  }
  for (n = 0; n < message_rcpts(&q->message); n++)
    if (owed_behind(&q->message, n, g)) return EXPIRY_KEEP;
  return EXPIRY_OVER;
}

enum expiry deliver_expire(qmgr *q, gate *g, char const *id)
{
  enum queue_place place;
  enum expiry came;
  int fd;
  if (!overdue(q, g, id)) return EXPIRY_KEEP;
  fd = message_take(q, id, &place);
  if (fd == -1) return errno ? EXPIRY_KEEP : EXPIRY_OVER;
  came = place == QUEUE_HOLD ? EXPIRY_KEEP : expire(q, g, id, fd);
  fd_close(fd);
  return came;
}

/* --- one gate's recipients of a message from its list ----------------------------------------------- */

/* Did a connection end in the middle of it, when it was tried last? */
static int cut_last(message const *m, message_recipient const *r)
{
  return r->attempts && job_text_cut(message_string(m, r->reason));
}

static int due(qmgr *q, gate *g, message_recipient const *r, job const *j)
{
  uint64_t at;
  if (!r->attempts || clock_ahead(q, r->last_us)) return 1;
  if (!j->from || j->urge == URGE_AGAIN || j->urge == URGE_BY_ID) return 1;
  if (j->urge == URGE_ALONE && cut_last(&q->message, r)) return 1;
  if (j->from->kind == PASS_ASKED) return r->last_us < j->from->asked_us;
  at = r->last_us + settings_retry_us(&q->settings, r->attempts);
  if (at > q->now_us) gate_deferred(q, g, r->last_us, r->attempts);
  return at <= q->now_us;
}

/* What a look at the gate's recipients found, or-ed. */
enum { LOOK_NOT_DUE = 1, LOOK_BUSY = 2, LOOK_SHORT = 4 };

static unsigned int job_collect(qmgr *q, job *j, gate *g, int fd)
{
  unsigned int look = 0;
  size_t n;
  for (n = 0; n < message_rcpts(&q->message); n++)
  {
    int r;
    if (!owed_behind(&q->message, n, g)) continue;
    if (!due(q, g, message_rcptp(&q->message, n), j))
    {
      look |= LOOK_NOT_DUE;
      continue;
    }
    r = job_add(j, fd, &q->message, n, g);
    if (r == 0) look |= LOOK_BUSY;
    else if (r == -1) look |= LOOK_SHORT;
  }
  return look;
}

/* Has all that it owes behind this gate expired? */
static int expired_behind(qmgr const *q, gate const *g, char const *id)
{
  size_t n;
  for (n = 0; n < message_rcpts(&q->message); n++)
    if (owed_behind(&q->message, n, g) && !expired(q, g, id, message_rcptp(&q->message, n))) return 0;
  return 1;
}

static int any_cut_last(message const *m, job const *j)
{
  size_t i;
  for (i = 0; i < RECIPIENTS_COUNT(j); i++)
    if (cut_last(m, message_rcptp(m, RECIPIENTS(j)[i].number))) return 1;
  return 0;
}

/* What was cut off when it was tried last goes behind the others of its pass; what was asked for by its id goes now. */
static int put_off(qmgr const *q, job const *j, gate *g, char const *id)
{
  return RECIPIENTS_COUNT(j) && j->from && (j->urge == URGE_NONE || j->urge == URGE_ASKED)
    && any_cut_last(&q->message, j) && gate_cut(g, j->from, id, q->message.content_len);
}

/* A message of ours that is busy is out behind this very gate, and comes back by itself. */
static enum delivery busy_later(qmgr *q, gate *g, char const *id, pass const *from, enum urge urge)
{
  if (held_find(q, id)) return DELIVERY_NOTHING;
  if (urge == URGE_AGAIN || (from && from->kind == PASS_ASKED)) gate_ask_later(q, g);
  else if (urge == URGE_NONE) gate_deferred(q, g, q->now_us, 1);
  return DELIVERY_BUSY;
}

static enum delivery deliver_read(qmgr *q, gate *g, agent *a, char const *id, enum queue_place place,
                                  int fd, pass *from, enum urge urge)
{
  enum delivery found = DELIVERY_NOTHING;
  job *j = job_new();
  unsigned int look;
  held *h;
  if (!j) goto stuck;
  j->from = from;
  j->from_gate = g;
  j->urge = urge;
  look = job_collect(q, j, g, fd);
  if (look & LOOK_SHORT) qmgr_breathe(q, "lock ", id);
  if (look) gate_record(q, g, from, id, look & LOOK_SHORT);
  if (look & LOOK_BUSY) found = busy_later(q, g, id, from, urge);
  if (RECIPIENTS_COUNT(j) && !job_still_good(q, j, id, place, fd))
  {
    gate_record(q, g, from, id, 1);
    genalloc_setlen(job_recipient, &j->recipients, 0);
  }
  if (put_off(q, j, g, id)) genalloc_setlen(job_recipient, &j->recipients, 0);
  if (!RECIPIENTS_COUNT(j))
  {
    job_free(j);
    fd_close(fd);
    return found;
  }
  h = held_get(q, id, place, &q->message, place == QUEUE_NEW ? KEEP_NEW_SOON : 0);
  if (!h) job_free(j);
  else if (job_hand_over(q, j, a, fd, h)) return DELIVERY_OUT;
  else held_release(q, h);
 stuck:
  fd_close(fd);
  gate_record(q, g, from, id, 1);
  qmgr_breathe(q, "make a job of ", id);
  return DELIVERY_STUCK;
}

static enum delivery deliver_one(qmgr *q, gate *g, agent *a, char const *id, pass *from, enum urge urge)
{
  enum queue_place place;
  int fd = message_take(q, id, &place);
  if (fd == -1)
  {
    if (!errno) return DELIVERY_NOTHING;
    gate_record(q, g, from, id, 1);
    return DELIVERY_STUCK;
  }
  site_learn(q, g->site, &q->message);
  if (place == QUEUE_HOLD)
  {
    gate_record(q, g, from, id, 0);
    fd_close(fd);
    return DELIVERY_NOTHING;
  }
  if (!held_find(q, id) && !untold_noted(q, id))
  {
    gate_record(q, g, from, id, 0);
    fd_close(fd);
    return DELIVERY_NOTHING;
  }
  if (!message_owed(&q->message))
  {
    if (!held_find(q, id) && !message_any_untold(&q->message)) message_finish(q, id, place);
    fd_close(fd);
    return DELIVERY_NOTHING;
  }
  if (!urge && overdue(q, g, id) && expired_behind(q, g, id))
  {
    if (expire(q, g, id, fd) != EXPIRY_OVER) gate_record(q, g, from, id, 0);
    fd_close(fd);
    return DELIVERY_NOTHING;
  }
  return deliver_read(q, g, a, id, place, fd, from, urge);
}

enum delivery deliver_listed(qmgr *q, gate *g, agent *a, char const *id, pass *from, enum urge urge)
{
  enum delivery came = deliver_one(q, g, a, id, from, urge);
  if (urge != URGE_BY_ID || came == DELIVERY_OUT) return came;
  if (came == DELIVERY_NOTHING) deliver_asked_tried(q, id);
  else asked_forget(q, id);
  if (came == DELIVERY_STUCK) q->intake.look_asked = 1;
  return came;
}

/* --- new messages ------------------------------------------------------------------------------------------ */

/* The gate of each owed recipient; 0 for one that is settled, or was seen to. */
typedef struct fresh
{
  char const *id;
  int fd;           /* -1: a job has it */
  source *source;   /* NULL: not looked at yet */
  genalloc gates;   /* of gate * */
  size_t jobs;
  int changed;      /* since it was read, or so it seems: nothing more of it is sent now */
  int unrecorded;
} fresh;

static int fresh_gates(qmgr *q, fresh *f)
{
  size_t n;
  for (n = 0; n < message_rcpts(&q->message); n++)
  {
    message_recipient const *r = message_rcptp(&q->message, n);
    gate *g = r->settled ? 0 : gate_get(q, message_string(&q->message, r->domain));
    if ((!g && !r->settled) || !genalloc_append(gate *, &f->gates, &g)) return 0;
  }
  return 1;
}

/*
 * All recipients whose site is this one, in one job: they share the transaction.  Those that
 * were deferred (and could not be recorded then, or qmgr was killed) are left to their lists.
 */
static job *fresh_job(qmgr *q, fresh *f, site const *s, int fd)
{
  gate **gates = genalloc_s(gate *, &f->gates);
  job *j = job_new();
  size_t n;
  if (!j) return 0;
  for (n = 0; n < genalloc_len(gate *, &f->gates); n++)
    if (gates[n] && gates[n]->site == s && !gates[n]->parked && !message_rcptp(&q->message, n)->attempts
     && job_add(j, fd, &q->message, n, gates[n]) == 1)
      gates[n] = 0;
  if (RECIPIENTS_COUNT(j)) return j;
  job_free(j);
  return 0;
}

/* A lock lasts as long as its descriptor: each job has a descriptor of its own. */
static int fresh_descriptor(qmgr const *q, fresh *f)
{
  enum queue_place place;
  int fd = f->fd;
  f->fd = -1;
  return fd != -1 ? fd : queuedir_open_message(q->queue, f->id, O_RDWR | O_APPEND, &place);
}

static void fresh_note(qmgr *q, fresh *f, gate *g)
{
  if (!gate_note(q, g, f->id)) f->unrecorded = 1;
}

/* The gates in it are in no list, and no longer among f->gates. */
static void fresh_job_note(qmgr *q, fresh *f, job const *j)
{
  size_t i;
  for (i = 0; i < RECIPIENTS_COUNT(j); i++)
    if (last_of_gate(j, i)) fresh_note(q, f, RECIPIENTS(j)[i].gate);
}

static void fresh_send(qmgr *q, fresh *f, gate *g, agent *a)
{
  int fd = fresh_descriptor(q, f);
  job *j = fd == -1 ? 0 : fresh_job(q, f, g->site, fd);
  size_t found = j ? RECIPIENTS_COUNT(j) : 0;
  held *h;
  if (j && !job_still_good(q, j, f->id, QUEUE_NEW, fd))
  {
    genalloc_setlen(job_recipient, &j->recipients, found);
    fresh_job_note(q, f, j);
    job_free(j);
    f->changed = 1;
    j = 0;
  }
  h = j ? held_get(q, f->id, QUEUE_NEW, &q->message, 0) : 0;
  if (h && job_hand_over(q, j, a, fd, h))
  {
    f->jobs++;
    return;
  }
  /* Gates that were taken into the job are recorded by nobody: the message stays in new/. */
  if (j) f->unrecorded = 1;
  if (j && !h) job_free(j);
  if (h)
  {
    h->keep_new |= KEEP_NEW_SOON;
    held_release(q, h);
  }
  if (fd != -1) fd_close(fd);
}

/* An agent for it; one of a site that may hang is on the account of whose message it is. */
static agent *fresh_agent(qmgr *q, fresh *f, site *s)
{
  if (s->health.proven) return agent_with_room(q, s, 0, 0);
  if (!f->source) f->source = site_source(q, &q->message);
  return agent_with_room(q, s, f->source, 0);
}

static void fresh_see_to(qmgr *q, fresh *f, size_t n)
{
  gate **gates = genalloc_s(gate *, &f->gates);
  gate *g = gates[n];
  size_t later;
  agent *a;
  site_learn(q, g->site, &q->message);
  a = f->changed || g->parked || !site_open(q, g->site) ? 0 : fresh_agent(q, f, g->site);
  if (a) fresh_send(q, f, g, a);
  if (!gates[n]) return;
  fresh_note(q, f, g);
  for (later = n; later < genalloc_len(gate *, &f->gates); later++)
    if (gates[later] == g) gates[later] = 0;
}

/* What deliver_new_end() needs of it.  1, or 0 without memory. */
static int fresh_seen(qmgr *q, char const *id)
{
  message const *m = &q->message;
  seen entry = { .sender = q->senders.len, .size = m->content_len, .rcpts = message_rcpts(m) };
  memcpy(entry.id, id, ID_LEN + 1);
  return stralloc_cats(&q->senders, message_string(m, m->sender)) && stralloc_0(&q->senders)
    && genalloc_append(seen, &q->seens, &entry);
}

/* Everything it owes goes to an agent, or is noted: many are recorded together. */
static enum delivery fresh_deliver(qmgr *q, fresh *f)
{
  size_t n;
  if (message_rcpts(&q->message) > MESSAGE_RCPTS_MAX)
  {
    put_aside(q, f->id, QUEUE_NEW, "too many recipients");
    return DELIVERY_NOTHING;
  }
  if (!fresh_gates(q, f) || !fresh_seen(q, f->id)) return DELIVERY_STUCK;
  for (n = 0; n < genalloc_len(gate *, &f->gates); n++)
    if (genalloc_s(gate *, &f->gates)[n]) fresh_see_to(q, f, n);
  genalloc_s(seen, &q->seens)[genalloc_len(seen, &q->seens) - 1].unrecorded = f->unrecorded;
  return f->jobs ? DELIVERY_OUT : DELIVERY_NOTHING;
}

enum delivery deliver_new(qmgr *q, char const *id)
{
  fresh f = { .id = id, .gates = GENALLOC_ZERO };
  enum delivery came = DELIVERY_NOTHING;
  if (held_find(q, id)) return DELIVERY_NOTHING;
  f.fd = message_take_new(q, id);
  if (f.fd == -1) return errno ? DELIVERY_STUCK : DELIVERY_NOTHING;
  if (!untold_noted(q, id)) came = DELIVERY_STUCK;
  else if (message_owed(&q->message)) came = fresh_deliver(q, &f);
  else if (message_any_untold(&q->message)) message_to_cur(q, id);
  else message_finish(q, id, QUEUE_NEW);
  if (f.fd != -1) fd_close(f.fd);
  genalloc_free(gate *, &f.gates);
  crowd_forget(&q->crowd, f.source);
  return came;
}

/* All it owes is out or recorded, or it stays in new/. */
static void seen_settle(qmgr *q, seen const *entry)
{
  held *h = held_find(q, entry->id);
  int unrecorded = entry->unrecorded || gates_missed(q, entry->id);
  int is_short = entry->unrecorded || (unrecorded && q->missed_short);
  errno = ENOMEM; /* what a list would not take was complained of when it would not */
  if (is_short) qmgr_breathe(q, "record ", entry->id);
  if (h && unrecorded) h->keep_new |= is_short ? KEEP_NEW_SOON : KEEP_NEW;
  else if (is_short) q->intake.look_new = 1;
  else if (!h && !unrecorded)
  {
    active_log(entry->id, q->senders.s + entry->sender, entry->size, entry->rcpts);
    message_to_cur(q, entry->id);
  }
}

void deliver_new_end(qmgr *q)
{
  size_t n;
  gates_record_noted(q);
  for (n = 0; n < genalloc_len(seen, &q->seens); n++) seen_settle(q, genalloc_s(seen, &q->seens) + n);
  genalloc_setlen(seen, &q->seens, 0);
  q->senders.len = q->missed.len = 0;
  q->missed_all = q->missed_short = 0;
}

/* --- one message that was asked for ------------------------------------------------------------------------ */

static void asked_over(qmgr *q, char const *id)
{
  char name[1 + ID_LEN + 1] = "=";
  memcpy(name + 1, id, ID_LEN + 1);
  if (flush_unask(q->queue, name) == -1)
    log_line("warning: unable to remove asked/", name, ": ", strerror(errno));
}

void deliver_asked_tried(qmgr *q, char const *id)
{
  asked_message *m = asked_find(q, id);
  if (!m || --m->gates) return;
  asked_over(q, id);
  asked_forget(q, id);
}

/* Behind each gate that it owes something. */
static void asked_again(qmgr *q, asked_message *m)
{
  size_t n;
  for (n = 0; n < message_rcpts(&q->message); n++)
  {
    message_recipient const *r = message_rcptp(&q->message, n);
    gate *g = r->settled ? 0 : gate_get(q, message_string(&q->message, r->domain));
    if (g && !g->held && gate_again(q, g, m->id, URGE_BY_ID)) m->gates++;
  }
}

/*
 * Until when something that it owes is left alone, since it, or its site, was tried in vain a
 * moment ago; 0: nothing is.
 */
static uint64_t asked_rest_us(qmgr *q)
{
  uint64_t latest_us = 0;
  size_t n;
  for (n = 0; n < message_rcpts(&q->message); n++)
  {
    message_recipient const *r = message_rcptp(&q->message, n);
    gate const *g = r->settled ? 0 : gate_get(q, message_string(&q->message, r->domain));
    uint64_t gate_us = g ? gate_rest_us(q, g) : 0;
    uint64_t own_us = g && r->attempts ? backoff_rest_us(r->last_us, q->now_us) : 0;
    if (gate_us > latest_us) latest_us = gate_us;
    if (own_us > latest_us) latest_us = own_us;
  }
  return latest_us;
}

/* Try it, or, at first, wait until it may be tried. */
static void asked_begin(qmgr *q, asked_message *m, int first)
{
  uint64_t rest_us = first ? asked_rest_us(q) : 0;
  if (first) log_line("flush =", m->id);
  if (rest_us && timer_set(&q->timers, &m->later, rest_us)) return;
  asked_again(q, m);
  deliver_asked_tried(q, m->id);
}

/* DELIVERY_STUCK: the request is forgotten, and stands in asked/. */
static enum delivery asked_try(qmgr *q, asked_message *m, int first)
{
  enum queue_place place;
  int fd = message_take(q, m->id, &place);
  if (fd == -1 && errno)
  {
    asked_forget(q, m->id);
    return DELIVERY_STUCK;
  }
  if (fd != -1) fd_close(fd);
  if (fd != -1 && (place == QUEUE_NEW || place == QUEUE_CUR))
  {
    asked_begin(q, m, first);
    return DELIVERY_OUT;
  }
  qmgr_say(q, SAY_NOTHING_WAITS, "flush =", m->id, ": nothing waits");
  deliver_asked_tried(q, m->id);
  return DELIVERY_NOTHING;
}

enum delivery deliver_asked(qmgr *q, char const *id)
{
  asked_message *m;
  if (asked_find(q, id)) return DELIVERY_NOTHING;
  m = asked_get(q, id);
  return m ? asked_try(q, m, 1) : DELIVERY_STUCK;
}

void deliver_asked_timer(qmgr *q, asked_message *m)
{
  if (asked_try(q, m, 0) == DELIVERY_STUCK) q->intake.look_asked = 1;
}
