#include "send/outbox.h"

#include <string.h>
#include <unistd.h>

#include "base/wallclock.h"

/*
 * On a link that drops, the window grows by one with every so many messages, until the link has
 * lasted so many times as long as before.
 */
#define DROP_GROWS_EVERY 8
#define DROP_TIMES 4
#define DROP_LASTED_LEAST 8

void outbox_init(outbox *w)
{
  w->begun_most = OUTBOX_MAX;
}

outbox_rcpt *outbox_rcptp(outbox_job const *job, size_t i)
{
  return (outbox_rcpt *)array_start(&job->rcpts) + i;
}

/*
 * Append a field as a string to the job's text, behind a prefix; its offset, or -1 without memory.
 */
static int string_keep(outbox_job *job, char const *prefix, job_field const *field, size_t *offset)
{
  *offset = job->text.len;
  return stralloc_cats(&job->text, prefix)
    && stralloc_catb(&job->text, field->s, field->len)
    && stralloc_0(&job->text);
}

/* Put a space before the parameters, for a command line and for smtp_parameter_next(). */
static int parameters_keep(outbox_job *job, job_field const *field, size_t *offset)
{
  return string_keep(job, field->len ? " " : "", field, offset);
}

/* --- the list ----------------------------------------------------------------------- */

static void list_append(outbox *w, outbox_job *job)
{
  job->next = 0;
  if (w->last) w->last->next = job;
  else w->first = job;
  w->last = job;
}

static void list_remove(outbox *w, outbox_job *job)
{
  outbox_job **p = &w->first;
  outbox_job *before = 0;
  while (*p != job)
  {
    before = *p;
    p = &before->next;
  }
  *p = job->next;
  if (w->last == job) w->last = before;
}

static outbox_job *slot_find(outbox *w)
{
  size_t i;
  for (i = 0; i < OUTBOX_MAX; i++) if (w->slot[i].state == OUTBOX_FREE) return &w->slot[i];
  return 0;
}

static outbox_job *ready_from(outbox_job *job)
{
  while (job && job->state != OUTBOX_READY) job = job->next;
  return job;
}

outbox_job *outbox_ready(outbox const *w)
{
  return ready_from(w->first);
}

outbox_job *outbox_ready_after(outbox_job const *job)
{
  return ready_from(job->next);
}

int outbox_owed(outbox_job const *job)
{
  size_t i;
  for (i = 0; i < job->rcpts_len; i++) if (outbox_rcptp(job, i)->state != OUTBOX_SETTLED) return 1;
  return 0;
}

/* --- on the wire, and not any more -------------------------------------------------- */

void outbox_begin(outbox *w, outbox_job *job)
{
  job->state = OUTBOX_BEGUN;
  job->begun_us = wallclock_us();
  w->begun++;
}

static void not_begun(outbox *w, outbox_job *job)
{
  if (job->state == OUTBOX_BEGUN) w->begun--;
}

int outbox_left_here(outbox_job const *job)
{
  size_t i;
  for (i = 0; i < job->rcpts_len; i++)
  {
    enum outbox_rcpt_state state = outbox_rcptp(job, i)->state;
    if (state != OUTBOX_SETTLED && state != OUTBOX_ELSEWHERE) return 1;
  }
  return 0;
}

void outbox_again(outbox *w, outbox_job *job)
{
  int here = outbox_left_here(job);
  size_t i;
  for (i = 0; i < job->rcpts_len; i++)
  {
    outbox_rcpt *rcpt = outbox_rcptp(job, i);
    if (rcpt->state != OUTBOX_SETTLED && !(here && rcpt->state == OUTBOX_ELSEWHERE))
      rcpt->state = OUTBOX_OWED;
  }
  not_begun(w, job);
  job->state = OUTBOX_READY;
  job->step = OUTBOX_MAIL;
  job->rcpt_next = job->rcpts_put = job->rcpts_asked = job->rcpts_accepted = 0;
  job->replies = 0;
  job->mail_answered = job->mail_refused = job->data_refused = job->data_wanted = 0;
}

void outbox_window_grow(outbox *w)
{
  w->since_drop++;
  if (w->begun_most == OUTBOX_MAX) return;
  if (w->since_drop > DROP_TIMES * w->lasted || !(w->since_drop % DROP_GROWS_EVERY))
    w->begun_most++;
}

void outbox_window_narrow(outbox *w, size_t most)
{
  w->begun_most = most < 1 ? 1 : most;
}

void outbox_window_drop(outbox *w)
{
  size_t half = w->begun / 2;
  size_t worth = w->since_drop / DROP_GROWS_EVERY;
  outbox_window_narrow(w, half < worth ? half : worth);
  w->lasted = w->since_drop > DROP_LASTED_LEAST ? w->since_drop : DROP_LASTED_LEAST;
  w->since_drop = 0;
}

int outbox_reason_keep(outbox_job *job, size_t rcpt, char const *code, char const *relay,
                       char const *reason)
{
  outbox_rcpt *to = outbox_rcptp(job, rcpt);
  size_t before = job->text.len;
  size_t at_code, at_relay, at_reason;
  job_field const fields[] =
    { { code, strlen(code) }, { relay, strlen(relay) }, { reason, strlen(reason) } };
  if (!string_keep(job, "", &fields[0], &at_code) || !string_keep(job, "", &fields[1], &at_relay)
   || !string_keep(job, "", &fields[2], &at_reason))
  {
    job->text.len = before;
    return 0;
  }
  to->code = at_code;
  to->relay = at_relay;
  to->reason = at_reason;
  return 1;
}

void outbox_move_last(outbox *w, outbox_job *job)
{
  list_remove(w, job);
  list_append(w, job);
}

void outbox_forget(outbox *w, outbox_job *job)
{
  list_remove(w, job);
  close(job->fd);
  not_begun(w, job);
  job->state = OUTBOX_FREE;
  w->held--;
}

void outbox_free(outbox *w)
{
  size_t i;
  while (w->first) outbox_forget(w, w->first);
  outbox_drop_fds(w);
  /* a slot is taken when those before it are: behind the first untouched one all are */
  for (i = 0; i < OUTBOX_MAX && w->slot[i].text.s; i++)
  {
    stralloc_free(&w->slot[i].text);
    array_reset(&w->slot[i].rcpts);
    memset(&w->slot[i], 0, sizeof w->slot[i]);
  }
  memset(w, 0, offsetof(outbox, slot));
}

/* --- the lines ---------------------------------------------------------------------- */

int outbox_room(outbox const *w)
{
  return w->held <= OUTBOX_WINDOW;
}

int outbox_take_fd(outbox *w, int fd)
{
  if (w->fds_len == OUTBOX_FDS_MAX) return 0;
  w->fds[w->fds_len++] = fd;
  return 1;
}

int outbox_fd(outbox *w)
{
  int fd = w->fds_len ? w->fds[0] : -1;
  if (fd != -1) memmove(w->fds, w->fds + 1, --w->fds_len * sizeof w->fds[0]);
  return fd;
}

void outbox_drop_fds(outbox *w)
{
  while (w->fds_len) close(w->fds[--w->fds_len]);
}

static enum outbox_line mail_take(outbox *w, char const *s, size_t len)
{
  job_mail mail;
  outbox_job *job = slot_find(w);
  if (w->reading || !job || !w->fds_len || !job_mail_scan(s, len, &mail))
    return OUTBOX_LINE_SENSELESS;
  if (!mail.id.len || mail.id.len > JOB_ID_MAX) return OUTBOX_LINE_SENSELESS;
  memcpy(job->id, mail.id.s, mail.id.len);
  job->id[mail.id.len] = 0;
  job->arrival_us = mail.arrival_us;
  job->offset = mail.offset;
  job->length = mail.length;
  job->flags = mail.flags;
  job->fit = 0;
  job->alone = w->alone;
  w->alone = 0;
  job->tried = 0;
  job->cut = job->struck = job->progress = 0;
  job->rcpts_most = 0;
  job->text.len = 0;
  job->rcpts_len = 0;
  if (!string_keep(job, "", &mail.sender, &job->sender)
   || !parameters_keep(job, &mail.parameters, &job->parameters)) return OUTBOX_LINE_NO_MEMORY;
  job->fd = outbox_fd(w);
  job->state = OUTBOX_READING;
  w->reading = job;
  w->held++;
  list_append(w, job);
  return OUTBOX_LINE_OK;
}

static enum outbox_line rcpt_take(outbox_job *job, char const *s, size_t len)
{
  job_rcpt line;
  outbox_rcpt *rcpt;
  if (!job || !job_rcpt_scan(s, len, &line)) return OUTBOX_LINE_SENSELESS;
  rcpt = array_allocate(&job->rcpts, sizeof *rcpt, (int64_t)job->rcpts_len);
  if (!rcpt) return OUTBOX_LINE_NO_MEMORY;
  rcpt->number = line.number;
  rcpt->code = 0;
  if (!string_keep(job, "", &line.address, &rcpt->address)
   || !parameters_keep(job, &line.parameters, &rcpt->parameters)) return OUTBOX_LINE_NO_MEMORY;
  rcpt->state = OUTBOX_OWED;
  job->rcpts_len++;
  return OUTBOX_LINE_OK;
}

static enum outbox_line go_take(outbox *w)
{
  if (!w->reading || !w->reading->rcpts_len) return OUTBOX_LINE_SENSELESS;
  w->reading->received_us = wallclock_us();
  outbox_again(w, w->reading);
  w->reading = 0;
  return OUTBOX_LINE_OK;
}

static enum outbox_line alone_take(outbox *w)
{
  if (w->reading || w->alone) return OUTBOX_LINE_SENSELESS;
  w->alone = 1;
  return OUTBOX_LINE_OK;
}

enum outbox_line outbox_take(outbox *w, char const *s, size_t len)
{
  if (len > 5 && !memcmp(s, "mail ", 5)) return mail_take(w, s + 5, len - 5);
  if (len > 5 && !memcmp(s, "rcpt ", 5)) return rcpt_take(w->reading, s + 5, len - 5);
  if (len == 2 && !memcmp(s, "go", 2)) return go_take(w);
  if (len == 5 && !memcmp(s, "alone", 5)) return alone_take(w);
  return OUTBOX_LINE_SENSELESS;
}
