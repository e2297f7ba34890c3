#include "compat/etrn.h"

#include <pwd.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include "base/log.h"
#include "compat/client.h"
#include "queue/id.h"
#include "smtp/domain.h"

/* The longest node: longer than any domain or queue name. */
#define NODE_MAX 1000
/* The octets of a name that an error repeats. */
#define SHOWN_MAX 100

static void die_name(char const *what, char const *s) gccattr_noreturn;
static void die_name(char const *what, char const *s)
{
  char clean[SHOWN_MAX + 1];
  size_t len = strlen(s);
  strerr_dief(EX_UNAVAILABLE, what, "\"", log_clean(clean, sizeof clean, s, len),
              len > SHOWN_MAX ? "...\"" : "\"");
}

static void die_user(void) gccattr_noreturn;
static void die_user(void)
{
  char uid[UINT_FMT];
  struct passwd const *user = getpwuid(getuid());
  char const *name = user ? user->pw_name : "unknown";
  uid[uint_fmt(uid, getuid())] = 0;
  strerr_dief(EX_NOPERM, "User ", name, "(", uid, ") is not allowed to flush the mail queue");
}

/* Send ETRN for a node.  Returns the reply's code; the dialogue is over. */
static unsigned int node_ask(client *c, char const *instance, char const *mark, char const *name)
{
  c->purpose = "Cannot flush mail queue";
  c->down = EX_UNAVAILABLE;
  client_connect(c, instance);
  client_greet(c);
  client_say(c, "ETRN ", mark, name);
  client_quit(c);
  return c->code;
}

static int is_done(unsigned int code)
{
  return code >= 250 && code <= 253;
}

/* Die by a reply that no caller handles. */
static void die_reply(client const *c) gccattr_noreturn;
static void die_reply(client const *c)
{
  if (c->code == 459) die_user();
  strerr_dief(EX_UNAVAILABLE, c->purpose, " - ", c->reply);
}

void etrn_everything(char const *instance)
{
  static client c;
  if (!is_done(node_ask(&c, instance, "@", ""))) die_reply(&c);
}

/* Can this be an argument of ETRN at all? */
static int node_ok(char const *s)
{
  size_t i = 0;
  while (s[i] && (unsigned char)s[i] > ' ' && s[i] != 0x7f) i++;
  return i && !s[i] && i <= NODE_MAX && *s != '=' && strcmp(s, "@");
}

/* Skip the brackets of "[domain]".  Returns the length of the domain. */
static size_t brackets_skip(char const **s)
{
  size_t len = strlen(*s);
  if (len < 3 || **s != '[' || (*s)[len - 1] != ']' || strchr("@#", (*s)[1])) return len;
  ++*s;
  return len - 2;
}

void etrn_site(char const *instance, char const *site)
{
  static client c;
  char node[NODE_MAX + 1];
  char const *s = site;
  size_t len;
  if (!node_ok(site)) die_name("Cannot flush mail queue - invalid destination: ", site);
  if (smtp_literal_ok(site, strlen(site)))
    die_name("Flush service is not configured for destination ", site);
  len = brackets_skip(&s);
  memcpy(node, s, len);
  node[len] = 0;
  if (!node_ok(node)) die_name("Cannot flush mail queue - invalid destination: ", site);
  node_ask(&c, instance, "", node);
  if (is_done(c.code)) return;
  if (c.code == 501) die_name("Cannot flush mail queue - invalid destination: ", site);
  if (c.code == 459 && *node == '#')
    die_name("Flush service is not configured for destination ", site);
  die_reply(&c);
}

void etrn_message(char const *instance, char const *id)
{
  static client c;
  if (!id_ok(id, strlen(id))) die_name("Cannot flush queue ID - invalid name: ", id);
  node_ask(&c, instance, "=", id);
  if (c.code == 550) strerr_warnw("no message ", id, " in the queue");
  else if (!is_done(c.code)) die_reply(&c);
}
