/* mailq: list the queue. */

#include "base/instance.h"
#include "compat/list.h"
#include "compat/options.h"

char const *PROG = "mailq";

/* mailq is sendmail by another name on all systems, and has its options. */
int main(int argc, char const *const *argv)
{
  options o;
  options_read(&o, argc, argv);
  list_exec(instance_path(o.instance), 0);
}
