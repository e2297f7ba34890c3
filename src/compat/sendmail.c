/* sendmail: submit a message to the relay, as users' programs do. */

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sysexits.h>

#include <skalibs/stralloc.h>
#include <skalibs/strerr.h>

#include "base/instance.h"
#include "base/log.h"
#include "compat/client.h"
#include "compat/complete.h"
#include "compat/etrn.h"
#include "compat/letter.h"
#include "compat/list.h"
#include "compat/options.h"
#include "compat/proxy.h"
#include "compat/recipients.h"
#include "compat/submit.h"
#include "compat/user.h"
#include "smtp/domain.h"
#include "smtp/header.h"

char const *PROG = "sendmail";

static client relay = { .purpose = "Cannot submit mail", .down = EX_TEMPFAIL };

static void die_memory(void) gccattr_noreturn;
static void die_memory(void)
{
  strerr_diefusys(EX_TEMPFAIL, "prepare the message");
}

static void die_text(int code, char const *what, char const *s) gccattr_noreturn;
static void die_text(int code, char const *what, char const *s)
{
  char clean[300];
  strerr_dief(code, what, log_clean(clean, sizeof clean, s, strlen(s)));
}

static void die_nobody(options const *o) gccattr_noreturn;
static void die_nobody(options const *o)
{
  strerr_dief(EX_USAGE, o->extract ? "No recipient addresses found in message header"
    : "Recipient addresses must be specified on the command line or via the -t option");
}

/* --- the envelope --- */

static void sender_own(stralloc *sender)
{
  if (!user_local(sender) || !stralloc_cats(sender, "@") || !stralloc_cats(sender, relay.me)
   || !stralloc_0(sender)) die_memory();
}

/* Read the sender: one address, or "" or "<>" for none. */
static void sender_set(stralloc *sender, char const *given)
{
  recipients one = RECIPIENTS_ZERO;
  if (!recipients_add(&one, given, strlen(given), relay.me))
  {
    if (errno != EINVAL) die_memory();
    die_text(EX_USAGE, "-f: not an address: ", given);
  }
  if (recipients_len(&one) > 1) die_text(EX_USAGE, "-f: more than one address: ", given);
  if (!stralloc_copys(sender, recipients_len(&one) ? recipients_get(&one, 0) : "")
   || !stralloc_0(sender)) die_memory();
  recipients_free(&one);
}

static void arguments_add(recipients *to, char const *const *argv)
{
  for (; *argv; argv++)
    if (!recipients_add(to, *argv, strlen(*argv), relay.me))
    {
      if (errno != EINVAL) die_memory();
      die_text(EX_DATAERR, "not an address: ", *argv);
    }
}

static int is_utf8(envelope const *e, letter const *l)
{
  stralloc const *rcpts = &e->recipients.text;
  return smtp_domain_utf8(e->sender, strlen(e->sender)) || smtp_domain_utf8(rcpts->s, rcpts->len)
    || smtp_header_utf8(l->header.s, l->header.len);
}

static void envelope_begin(envelope *e, options const *o, stralloc *sender, char const *const *argv)
{
  if (o->sender) sender_set(sender, o->sender);
  else sender_own(sender);
  e->sender = sender->s;
  e->ret = o->ret;
  e->notify = o->notify.len ? o->notify.s : "";
  e->envid = o->envid.len ? o->envid.s : "";
  arguments_add(&e->recipients, argv);
}

/* --- the letter --- */

static void full_name(options const *o, stralloc *name)
{
  if (!(o->name ? stralloc_copys(name, o->name) && stralloc_0(name) : user_name(name)))
    die_memory();
}

/* Complete the header, and take from it the parts of the envelope that the letter holds. */
static void letter_complete(letter *l, envelope *e, options const *o)
{
  stralloc name = STRALLOC_ZERO;
  completion wanted = { .me = relay.me, .sender = e->sender, .plain = o->gateway };
  full_name(o, &name);
  wanted.name = name.s;
  if (o->extract) wanted.recipients = &e->recipients;
  complete(l, &wanted);
  stralloc_free(&name);
  if (!recipients_len(&e->recipients)) die_nobody(o);
  recipients_once(&e->recipients);
  e->eightbit = l->high || o->eightbit;
  e->utf8 = is_utf8(e, l);
}

/* --- what we are asked for --- */

/* Die without recipients before the message is read. */
static void recipients_wanted(options const *o, char const *const *argv)
{
  if (!o->extract && !*argv) die_nobody(o);
}

/* Read the whole message before connecting to the relay: the program that writes it may be slow. */
static int message(options const *o, char const *instance, char const *const *argv)
{
  static letter l = LETTER_ZERO;
  static envelope e = { .recipients = RECIPIENTS_ZERO };
  static stralloc sender = STRALLOC_ZERO;
  recipients_wanted(o, argv);
  letter_read(&l, 0, o->dots);
  client_connect(&relay, instance);
  client_greet(&relay);
  envelope_begin(&e, o, &sender, argv);
  letter_complete(&l, &e, o);
  submit(&relay, &e, &l);
  if (o->verbose) strerr_warni(relay.reply);
  client_quit(&relay);
  return 0;
}

static int verify(options const *o, char const *instance, char const *const *argv)
{
  static letter const none = LETTER_ZERO;
  static envelope e = { .recipients = RECIPIENTS_ZERO };
  static stralloc sender = STRALLOC_ZERO;
  int code;
  if (!*argv) strerr_dief(EX_USAGE, "Recipient addresses must be specified on the command line");
  client_connect(&relay, instance);
  client_greet(&relay);
  envelope_begin(&e, o, &sender, argv);
  e.utf8 = is_utf8(&e, &none);
  code = submit_verify(&relay, &e);
  client_quit(&relay);
  return code;
}

static int dialogue(char const *instance)
{
  client_connect(&relay, instance);
  if (!proxy_run(relay.fd)) strerr_diefusys(EX_IOERR, "pass the dialogue on");
  return 0;
}

static int flush(options const *o, char const *instance, char const *const *argv)
{
  if (*argv) strerr_dief(EX_USAGE, "flush queue mode requires no recipient");
  if (o->flush == 'R') etrn_site(instance, o->flushed);
  else if (o->flush == 'I') etrn_message(instance, o->flushed);
  else etrn_everything(instance);
  return 0;
}

static int aliases(void)
{
  strerr_warnw("there are no aliases here: nothing to be done");
  return 0;
}

/* Other names of this program. */
static void name_mode(options *o, char const *name)
{
  char const *slash = strrchr(name, '/');
  if (slash) name = slash + 1;
  if (!strcmp(name, "mailq")) o->mode = MODE_LIST;
  if (!strcmp(name, "newaliases")) o->mode = MODE_ALIASES;
}

int main(int argc, char const *const *argv)
{
  static options o;
  int first = options_read(&o, argc, argv);
  char const *instance = instance_path(o.instance);
  if (argc) name_mode(&o, argv[0]);
  signal(SIGXFSZ, SIG_IGN); /* EFBIG instead */
  argv += first;
  switch (o.mode)
  {
    case MODE_SEND: return message(&o, instance, argv);
    case MODE_LIST: list_exec(instance, 0);
    case MODE_DIALOGUE: return dialogue(instance);
    case MODE_VERIFY: return verify(&o, instance, argv);
    case MODE_FLUSH: return flush(&o, instance, argv);
    case MODE_ALIASES: return aliases();
    case MODE_NOTHING: break;
  }
  return 0;
}
