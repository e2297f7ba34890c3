#include "send/way.h"

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

static size_t next(way const *w, unsigned int tried)
{
  size_t i;
  if (count(tried) >= WAY_ANSWERS_MAX) return WAY_NONE;
  for (i = 0; i < w->hosts.count; i++)
    if (!((w->silent | tried) & bit(i))) return i;
  return WAY_NONE;
}

size_t way_for(way const *w, work_job const *job)
{
  return next(w, job->tried);
}

int way_elsewhere(way const *w, work_job const *job)
{
  return next(w, job->tried | bit(w->at)) != WAY_NONE;
}

void way_silence(way *w)
{
  w->silent |= bit(w->at);
  w->silent_ms = wallclock_steady_ms();
}

void way_forget_silent(way *w)
{
  if (w->silent && wallclock_steady_ms() - w->silent_ms >= SILENT_MS) w->silent = 0;
}

void way_begin(way *w, unsigned int reach_s)
{
  if (!w->reach_ms) w->reach_ms = wallclock_steady_ms() + (int64_t)reach_s * 1000;
}

void way_answered(way *w)
{
  w->reach_ms = 0;
}

int way_late(way const *w)
{
  return w->reach_ms && wallclock_steady_ms() >= w->reach_ms;
}

/* Addresses that may answer yet, the present one too. */
static int64_t hopes(way const *w)
{
  unsigned int known = bit(w->hosts.count) - 1;
  return (int64_t)count(known & ~(w->silent & ~bit(w->at)));
}

int64_t way_until_ms(way const *w, int connected)
{
  int64_t now = wallclock_steady_ms();
  int64_t parts = connected && hopes(w) > 2 ? 2 : hopes(w);
  return now + (w->reach_ms - now) / (parts ? parts : 1);
}

void way_settled(way *w)
{
  w->in_vain[w->at] = 0;
}

void way_in_vain(way *w)
{
  if (++w->in_vain[w->at] >= IN_VAIN_MAX && next(w, bit(w->at)) != WAY_NONE) way_silence(w);
}

void way_again(way const *w, work *jobs, work_job *job)
{
  if (!work_left_here(job)) way_tried(w, job);
  work_again(jobs, job);
}

void way_tried(way const *w, work_job *job)
{
  job->tried |= bit(w->at);
}

void way_untried(way const *w, work_job *job)
{
  job->tried &= ~bit(w->at);
}

int way_cut_short(way *w)
{
  w->hosts.count = w->at;
  return w->at != 0;
}
