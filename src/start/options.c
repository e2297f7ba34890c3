#include "start/options.h"

#include <string.h>

#include <skalibs/sgetopt.h>
#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include "base/duration.h"

/* Letters there may be, each with a colon behind it. */
#define LETTERS_MAX (2 * 52 + 1)

static void letters_format(char out[LETTERS_MAX], program_option const *all, size_t n)
{
  size_t i;
  for (i = 0; i < n; i++)
  {
    *out++ = all[i].letter;
    if (!all[i].flag) *out++ = ':';
  }
  *out = 0;
}

static int number_take(program_option const *option, char const *argument)
{
  unsigned int number;
  if (!uint0_scan(argument, &number) || number < option->least || number > option->most) return 0;
  *option->number = number;
  return 1;
}

/* 1; 0: the argument makes no sense. */
static int take(program_option const *option, char const *argument)
{
  if (option->flag) *option->flag = 1;
  else if (option->text) *option->text = argument;
  else if (option->number) return number_take(option, argument);
  else return duration_scan(argument, strlen(argument), option->seconds) && *option->seconds;
  return 1;
}

int program_options_read(int argc, char const *const *argv, program_option const *all, size_t n,
                         char const *usage)
{
  subgetopt scan = SUBGETOPT_ZERO;
  char letters[LETTERS_MAX];
  int c;
  letters_format(letters, all, n);
  while ((c = subgetopt_r(argc, argv, letters, &scan)) != -1)
  {
    size_t i = 0;
    while (i < n && all[i].letter != c) i++;
    if (i == n || !take(all + i, scan.arg)) strerr_dieusage(100, usage);
  }
  return scan.ind;
}
