#include "sched/health.h"

#include <string.h>

#include "sched/backoff.h"
#include "sched/moment.h"

void health_init(health *h)
{
  memset(h, 0, sizeof *h);
  h->limit = 1;
}

void health_restore(health *h, uint64_t now_us, uint64_t since_us, uint64_t failures,
                    uint64_t next_us, uint64_t max_us)
{
  int sensible = since_us <= now_us && next_us <= now_us + max_us;
  h->state = HEALTH_DOWN;
  h->failures = failures;
  h->since_us = sensible ? since_us : now_us;
  h->next_us = sensible ? next_us : now_us;
}

int health_open(health const *h, uint64_t now_us)
{
  return h->state != HEALTH_DOWN || h->next_us <= now_us;
}

uint64_t health_rest_us(health const *h, uint64_t now_us)
{
  uint64_t rest_us = health_open(h, now_us) ? 0 : backoff_rest_us(h->failed_us, now_us);
  return rest_us && h->next_us < rest_us ? h->next_us : rest_us;
}

int health_answered(health *h, uint64_t now_us)
{
  if (h->state == HEALTH_UP) return 0;
  h->state = HEALTH_UP;
  h->since_us = now_us;
  h->next_us = 0;
  h->limit = HEALTH_LIMIT_FIRST;
  return 1;
}

int health_served(health *h)
{
  h->proven = 1;
  h->in_vain = 0;
  if (h->state != HEALTH_UP || !h->failures) return 0;
  h->failures = 0;
  return 1;
}

void health_grow(health *h, unsigned int most)
{
  if (h->limit < most) h->limit++;
}

void health_shrink(health *h, unsigned int connections)
{
  h->limit = connections > 1 ? connections - 1 : 1;
}

/* One message that does harm does not speak for the site, however often it does. */
static int counted_already(health const *h, char const *id)
{
  unsigned int i;
  for (i = 0; i < h->in_vain && i < HEALTH_VAIN_MAX; i++)
    if (!strcmp(h->vain[i], id)) return 1;
  return 0;
}

int health_in_vain(health *h, char const *id, int link)
{
  int named = strcmp(id, "-") != 0 && strlen(id) < SCHED_ID_MAX;
  if (named && counted_already(h, id)) return 0;
  if (h->in_vain < HEALTH_VAIN_MAX) strcpy(h->vain[h->in_vain], named ? id : "");
  return ++h->in_vain >= (h->proven && link ? HEALTH_VAIN_MAX_PROVEN : HEALTH_VAIN_MAX);
}

int health_failed(health *h, uint64_t now_us, uint64_t min_us, uint64_t max_us, uint64_t random)
{
  int asked = !health_open(h, now_us);
  if (h->state != HEALTH_DOWN) h->since_us = now_us;
  h->state = HEALTH_DOWN;
  h->failed_us = now_us;
  h->proven = 0;
  h->in_vain = 0;
  h->limit = 1;
  if (asked) return 0;
  h->failures++;
  h->next_us = now_us + backoff_spread(min_us, backoff_delay(min_us, max_us, h->failures), random);
  return 1;
}

int health_parked(health *h, uint64_t now_us)
{
  if (h->state != HEALTH_UNKNOWN || h->since_us) return 0;
  h->since_us = now_us;
  return 1;
}

void health_set_back(health *h, uint64_t by_us)
{
  h->since_us = moment_earlier(h->since_us, by_us);
  h->next_us = moment_earlier(h->next_us, by_us);
  h->failed_us = moment_earlier(h->failed_us, by_us);
}
