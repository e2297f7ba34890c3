/* postqueue: list or flush the queue, as Postfix's does. */

#include <sysexits.h>

#include <skalibs/sgetopt.h>
#include <skalibs/strerr.h>

#include "base/instance.h"
#include "compat/etrn.h"
#include "compat/list.h"

#define USAGE "postqueue [-v] [-c dir] -f | -i id | -j | -p | -s site"
/* The exit codes of Postfix's postqueue. */
#define dieusage() strerr_dieusage(EX_UNAVAILABLE, USAGE)

char const *PROG = "postqueue";

typedef struct options
{
  char const *instance;
  int what;            /* the letter of the option */
  char const *value;   /* the value of the option */
} options;

static void what_set(options *o, int c, char const *value)
{
  if (o->what) dieusage();
  o->what = c;
  o->value = value;
}

static void options_read(options *o, int argc, char const *const *argv)
{
  subgetopt scan = SUBGETOPT_ZERO;
  int c;
  while ((c = subgetopt_r(argc, argv, "c:fi:jps:v", &scan)) != -1)
    switch (c)
    {
      case 'c': o->instance = scan.arg; break;
      case 'v': break;
      case '?': dieusage();
      default: what_set(o, c, scan.arg);
    }
  if (!o->what || scan.ind != argc) dieusage();
}

int main(int argc, char const *const *argv)
{
  options o = { .what = 0 };
  char const *instance;
  options_read(&o, argc, argv);
  instance = instance_path(o.instance);
  switch (o.what)
  {
    case 'f': etrn_everything(instance); break;
    case 's': etrn_site(instance, o.value); break;
    case 'i': etrn_message(instance, o.value); break;
    case 'j': list_exec(instance, "-j");
    case 'p': list_exec(instance, 0);
  }
  return 0;
}
