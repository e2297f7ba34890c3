#include "send/candidates.h"

#include "base/wallclock.h"

#define SILENT_MS 300000
#define IN_VAIN_MAX 2

static unsigned int bit(size_t i)
{
  return 1u << i;
}

static size_t count(unsigned int bits)
{
  size_t n = 0;
  for (; bits; bits &= bits - 1) n++;
  return n;
}

static size_t next(candidates const *w, unsigned int tried)
{
  size_t i;
  if (count(tried) >= CANDIDATES_ANSWERS_MAX) return CANDIDATES_NONE;
  for (i = 0; i < w->hosts.count; i++)
    if (!((w->silent | tried) & bit(i))) return i;
  return CANDIDATES_NONE;
}

size_t candidates_for(candidates const *w, outbox_job const *job)
{
  return next(w, job->tried);
}

int candidates_elsewhere(candidates const *w, outbox_job const *job)
{
  return next(w, job->tried | bit(w->at)) != CANDIDATES_NONE;
}

void candidates_silence(candidates *w)
{
  w->silent |= bit(w->at);
  w->silent_ms = wallclock_steady_ms();
}

void candidates_forget_silent(candidates *w)
{
  if (w->silent && wallclock_steady_ms() - w->silent_ms >= SILENT_MS) w->silent = 0;
}

void candidates_plain(candidates *w)
{
  w->plain |= bit(w->at);
}

int candidates_plain_take(candidates *w)
{
  int plain = (w->plain & bit(w->at)) != 0;
  w->plain &= ~bit(w->at);
  return plain;
}

void candidates_begin(candidates *w, unsigned int reach_s)
{
  if (!w->reach_ms) w->reach_ms = wallclock_steady_ms() + (int64_t)reach_s * 1000;
}

void candidates_answered(candidates *w)
{
  w->reach_ms = 0;
}

int candidates_late(candidates const *w)
{
  return w->reach_ms && wallclock_steady_ms() >= w->reach_ms;
}

/* The number of addresses that may still answer, the present one too. */
static int64_t hopes(candidates const *w)
{
  unsigned int known = bit(w->hosts.count) - 1;
  return (int64_t)count(known & ~(w->silent & ~bit(w->at)));
}

int64_t candidates_until_ms(candidates const *w, int connected)
{
  int64_t now = wallclock_steady_ms();
  int64_t parts = connected && hopes(w) > 2 ? 2 : hopes(w);
  return now + (w->reach_ms - now) / (parts ? parts : 1);
}

void candidates_settled(candidates *w)
{
  w->in_vain[w->at] = 0;
}

void candidates_in_vain(candidates *w)
{
  if (++w->in_vain[w->at] >= IN_VAIN_MAX && next(w, bit(w->at)) != CANDIDATES_NONE)
    candidates_silence(w);
}

void candidates_again(candidates const *w, outbox *jobs, outbox_job *job)
{
  if (!outbox_left_here(job)) candidates_tried(w, job);
  outbox_again(jobs, job);
}

void candidates_tried(candidates const *w, outbox_job *job)
{
  job->tried |= bit(w->at);
}

void candidates_untried(candidates const *w, outbox_job *job)
{
  job->tried &= ~bit(w->at);
}

int candidates_cut_short(candidates *w)
{
  w->hosts.count = w->at;
  return w->at != 0;
}
