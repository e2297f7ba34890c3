#include "qmgr/delivery.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include <skalibs/types.h>

#include "base/log.h"
#include "qmgr/clock.h"
#include "qmgr/sender.h"

/* --- one recipient --------------------------------------------------------------------------- */

attempt delivery_attempt(delivery const *d, message const *m, message_recipient const *r)
{
  return (attempt){
    .count = r->attempts, .last_us = r->last_us,
    .ahead = r->attempts && clock_ahead(d->core, r->last_us),
    .cut = r->attempts && job_text_cut(message_string(m, r->reason))
  };
}

void delivery_log(delivery const *d, char const *id, char const *address, char const *code,
                  char const *status, char const *text)
{
  uint64_t now_us = core_now_us(d->core);
  uint64_t arrival_us = id_time(id);
  char delay[UINT64_FMT];
  delay[uint64_fmt(delay, now_us > arrival_us ? (now_us - arrival_us) / SECOND_US : 0)] = 0;
  log_later(id, ": to=<", address, ">, relay=none, delay=", delay, ", delays=", delay,
            "/0/0/0, dsn=", code, ", status=", status, " (", text, ")");
}

/* --- the message ----------------------------------------------------------------------------- */

void delivery_learn_sender(delivery *d, site *x, message const *m)
{
  sched *s = &d->core->sched;
  source *from;
  if (!site_learns(s, x)) return;
  from = sender_source(&s->quota, m);
  site_learn(s, x, from);
  quota_forget(&s->quota, from);
}

int delivery_untold_noted(delivery *d, message const *m, char const *id)
{
  return !message_any_untold(m) || notices_due(d->notices, id);
}

void delivery_active_log(char const *id, char const *sender, uint64_t octets, size_t rcpts)
{
  char size[UINT64_FMT];
  char count[SIZE_FMT];
  size[uint64_fmt(size, octets)] = 0;
  count[size_fmt(count, rcpts)] = 0;
  log_later(id, ": from=<", sender, ">, size=", size, ", nrcpt=", count, " (queue active)");
}

active *delivery_active(delivery *d, char const *id, enum queue_place where, message const *m,
                        unsigned int keep_new)
{
  active *a = active_find(&d->actives, id);
  if (a) return a;
  a = active_add(&d->actives, id);
  if (!a) return 0;
  a->place = where;
  a->owed = message_owed(m);
  a->untold = message_any_untold(m);
  a->keep_new = keep_new;
  delivery_active_log(id, message_string(m, m->sender), m->content_len, message_rcpts(m));
  return a;
}

void delivery_inactive(delivery *d, active *a)
{
  if (a->jobs) return;
  if (!a->owed && !a->untold) messages_finish(d->messages, a->id, a->place);
  else if (a->place == QUEUE_NEW && !a->keep_new) messages_to_cur(d->messages, a->id);
  else if (a->place == QUEUE_NEW && (a->keep_new & KEEP_NEW_SOON)) d->look_new = 1;
  active_take(&d->actives, a);
}

/* Where descriptors are few, claims do not keep theirs until there is one for a connection. */
agent *delivery_connect(delivery *d, site const *x, source *account)
{
  agent *a = agent_connect(d->agents, hop_of(x), account);
  if (!a && d->core->sched.connecting == CONNECTING_SHORT)
  {
    errno = EMFILE;
    lists_free_descriptors(d->lists);
  }
  return a;
}

/* --- jobs ------------------------------------------------------------------------------------ */

int delivery_still_good(delivery *d, job *j, message *m, char const *id, enum queue_place where,
                        int fd)
{
  char path[QUEUE_PATH_MAX];
  struct stat st;
  queuedir_path(path, where, id);
  if (fstatat(d->core->queue, path, &st, AT_SYMLINK_NOFOLLOW) == -1) return 0;
  if ((uint64_t)st.st_size == m->size) return 1;
  if (!message_read(m, fd)) return 0;
  job_sift(j, fd, m);
  return job_count(j) != 0;
}

int delivery_hand_over(delivery *d, job *j, agent *a, int fd, active *of, message const *m)
{
  j->active = of;
  j->bytes = m->content_len;
  if (!agent_give(d->agents, a, j, fd, m))
  {
    job_free(j);
    return 0;
  }
  of->jobs++;
  job_out(j, &a->connection);
  return 1;
}
