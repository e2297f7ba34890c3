/*
 * The scheduler in worlds made from seeds.
 *
 *     sim                   a few seconds of them: a unit test
 *     sim -n SEEDS [-s SEED]  so many, from this one on
 *     sim -s SEED [-v]      this one, told of line by line with -v
 *
 * A run that fails is told of by its seed and the shortest list of deeds it was found to fail with.
 */

#include "sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../unit/check.h"

#define TEST_SECONDS 6
#define SHRINK_SECONDS 60

typedef struct sums
{
  uint64_t runs;
  uint64_t steps;
  uint64_t tries;
  uint64_t hash;
  unsigned int failures;
} sums;

/* Most are small; one of a hundred is of thousands. */
static uint32_t profile_of(uint64_t seed)
{
  return seed % 100 == 99 ? 2 : seed % 20 == 19 ? 1 : 0;
}

static void tell(plan *p, uint64_t seed, outcome *o)
{
  char name[400];
  printf("# seed %llu: %s\n", (unsigned long long)seed, o->failed);
  fflush(stdout);
  if (!getenv("SIM_NO_SHRINK")) shrink(p, o, SHRINK_SECONDS);
  printf("# shortest found: %zu deeds: %s\n", p->count, o->failed);
  if (p->count <= 200) plan_print(p);
  if (getenv("SIM_TRACE")) run(p, 1, o);
  snprintf(name, sizeof name, "seed %llu: %s", (unsigned long long)seed, o->failed);
  CHECK(name, 0);
}

static void one(uint64_t seed, int verbose, sums *all)
{
  plan p;
  outcome o;
  plan_make(&p, seed, profile_of(seed));
  run(&p, verbose, &o);
  all->runs++;
  all->steps += o.steps;
  all->tries += o.tries;
  all->hash = all->hash * 31 + o.hash;
  if (*o.failed)
  {
    all->failures++;
    tell(&p, seed, &o);
  }
  free(p.deeds);
}

static void repeats(uint64_t seed)
{
  plan p;
  outcome a, b;
  plan_make(&p, seed, profile_of(seed));
  run(&p, 0, &a);
  run(&p, 0, &b);
  CHECK("a seed repeats exactly", a.hash == b.hash && a.steps == b.steps);
  free(p.deeds);
}

static double seconds(void)
{
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void sum_print(sums const *all, double took)
{
  printf("# %llu runs, %llu events and orders, %llu tries, %.1f s of CPU, %.2f million a second, trace %016llx\n",
         (unsigned long long)all->runs, (unsigned long long)all->steps,
           (unsigned long long)all->tries, took,
         (double)all->steps / took / 1e6, (unsigned long long)all->hash);
}

static void usage(void)
{
  fputs("usage: sim [-v] [-s SEED] [-n SEEDS]\n", stderr);
  exit(100);
}

/* All of it is a number, from least. */
static uint64_t number_read(char const *s, uint64_t least)
{
  char *end;
  uint64_t number = strtoull(s, &end, 10);
  if (*s < '0' || *s > '9' || *end || number < least) usage();
  return number;
}

int main(int argc, char **argv)
{
  uint64_t seed = 1, n = 0;
  int verbose = 0, c;
  int most_failures = getenv("SIM_FAILURES") ? atoi(getenv("SIM_FAILURES")) : 3;
  sums all = { 0, 0, 0, 0, 0 };
  double began = seconds();
  while ((c = getopt(argc, argv, "vs:n:")) != -1) switch (c)
  {
    case 'v': verbose = 1; break;
    case 's': seed = number_read(optarg, 0); if (!n) n = 1; break;
    case 'n': n = number_read(optarg, 1); break;
    default: usage();
  }
  do one(seed++, verbose, &all);
  while (all.failures < (unsigned int)most_failures && (n ? --n : seconds() - began < TEST_SECONDS))
    ;
  sum_print(&all, seconds() - began);
  if (!verbose) repeats(seed - 1);
  CHECK("all worlds go well", !all.failures);
  return CHECK_END();
}
