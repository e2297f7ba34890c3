/* What a user of conf/users may do. */

#include "smtpd/identity.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "check.h"

char const *PROG = "identity";

static char dir[] = "/tmp/identity.XXXXXX";
static int conf;
static identity id;

static void users(char const *text)
{
  int fd = openat(conf, "users", O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (fd == -1 || write(fd, text, strlen(text)) != (ssize_t)strlen(text)) exit(111);
  close(fd);
}

static void be(char const *name)
{
  identity_set(&id, "PLAIN", name, strlen(name));
}

static int relays(void)
{
  int yes;
  return identity_relays(&id, conf, &yes) ? yes : -1;
}

/* Domains with a space between them. */
static int owns(char const *domains, int below)
{
  stralloc text = STRALLOC_ZERO;
  size_t i;
  int yes, r;
  if (!stralloc_copyb(&text, domains, strlen(domains) + 1)) exit(111);
  for (i = 0; i < text.len; i++) if (text.s[i] == ' ') text.s[i] = 0;
  r = identity_owns(&id, conf, &text, below, &yes) ? yes : -1;
  stralloc_free(&text);
  return r;
}

static void check_nobody(void)
{
  CHECK("nobody", !relays() && !owns("a.example", 0) && !identity_known(&id));
  identity_certify(&id, "joe");
  CHECK("by a certificate", relays() == 1 && identity_known(&id) && !id.method);
  be(id.name);
  CHECK("and by AUTH, as the same", !strcmp(id.name, "joe") && !strcmp(id.method, "PLAIN"));
  identity_forget(&id);
  CHECK("forgotten", !relays() && !identity_known(&id));
  be("joe");
  CHECK("no file: relays", relays() == 1);
  CHECK("no file: no domains", !owns("a.example", 0));
  users("ann norelay a.example\n");
  CHECK("no line: relays", relays() == 1);
  CHECK("no line: no domains", !owns("a.example", 0));
}

static void check_domains(void)
{
  users("joe a.example .b.example B\303\274cher.example.\nann norelay c.example .d.example d.example\n");
  be("joe");
  CHECK("relays", relays() == 1);
  CHECK("the domain", owns("a.example", 0) == 1);
  CHECK("none below", !owns("x.a.example", 0));
  CHECK("below", owns("x.b.example", 0) == 1 && owns("y.x.b.example", 0) == 1);
  CHECK("not itself", !owns("b.example", 0));
  CHECK("no suffix", !owns("xb.example", 0) && !owns("aa.example", 0));
  CHECK("folded", owns("xn--bcher-kva.example", 0) == 1);
  CHECK("another's", !owns("c.example", 0));
  CHECK("all of several", owns("a.example x.b.example", 0) == 1);
  CHECK("not all of several", !owns("a.example c.example", 0) && !owns("c.example a.example", 0));
  CHECK("all below: not with it alone", !owns("a.example", 1));
  CHECK("all below: not without it", !owns("b.example", 1));
  CHECK("all below one that is below", owns("x.b.example", 1) == 1);
  be("ann");
  CHECK("relays not", !relays());
  CHECK("hers", owns("c.example d.example x.d.example", 0) == 1);
  CHECK("with all below", owns("d.example", 1) == 1);
}

static void check_changes(void)
{
  users("ann\nann norelay\nann norelay e.example\n");
  CHECK("several lines", !relays() && owns("e.example", 0) == 1);
  users("norelay x.example\n");
  be("norelay");
  CHECK("a name like the option", relays() == 1 && owns("x.example", 0) == 1);
  be("NoRelay");
  CHECK("in another case", relays() == 1 && owns("x.example", 0) == 1);
  users("ann\njoe no_domain..x\n");
  be("ann");
  CHECK("a broken line of another's", relays() == -1 && errno == EINVAL
    && !strncmp(conf_error(), "conf/users: line 2: ", 20));
  CHECK("for domains, too", owns("a.example", 0) == -1);
}

int main(void)
{
  if (!mkdtemp(dir) || (conf = open(dir, O_RDONLY | O_DIRECTORY)) == -1) exit(111);
  check_nobody();
  check_domains();
  check_changes();
  conf_list_close(&id.users);
  stralloc_free(&id.account.domains);
  unlinkat(conf, "users", 0);
  rmdir(dir);
  return CHECK_END();
}
