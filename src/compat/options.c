#include "compat/options.h"

#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sysexits.h>

#include <skalibs/bytestr.h>
#include <skalibs/sgetopt.h>
#include <skalibs/strerr.h>

#include "base/log.h"
#include "smtp/chars.h"
#include "smtp/command.h"

#define USAGE "sendmail [option...] [recipient...]"
#define LETTERS "A:B:C:F:GIL:N:O:R:UV:X:b:ce:f:h:imno:p:q:r:tvx"

/* RFC 3461 section 4.4. */
#define ENVID_MAX 100

static void die_option(char const *what, char const *value) gccattr_noreturn;
static void die_option(char const *what, char const *value)
{
  char clean[100];
  strerr_dief(EX_USAGE, what, log_clean(clean, sizeof clean, value, strlen(value)));
}

static void die_memory(void) gccattr_noreturn;
static void die_memory(void)
{
  strerr_diefusys(EX_OSERR, "read options");
}

/* -C names an instance, or the configuration of another sendmail, which is ignored. */
static void instance_set(options *o, char const *value)
{
  stralloc path = STRALLOC_ZERO;
  struct stat st;
  if (!stralloc_cats(&path, value) || !stralloc_cats(&path, "/run") || !stralloc_0(&path))
    die_memory();
  if (stat(path.s, &st) == 0 && S_ISDIR(st.st_mode)) o->instance = value;
  stralloc_free(&path);
}

static void body_set(options *o, char const *value)
{
  o->eightbit = !strcasecmp(value, "8BITMIME");
  if (!o->eightbit && strcasecmp(value, "7BIT"))
    die_option("-B option needs 8BITMIME or 7BIT, not ", value);
}

/* Skip white space, which people may type. */
static void notify_set(options *o, char const *value)
{
  o->notify.len = 0;
  for (; *value; value++)
    if (!strchr(" \t\r\n", *value) && !stralloc_append(&o->notify, *value)) die_memory();
  if (!stralloc_0(&o->notify)) die_memory();
  o->notify.len--;
  case_upperb(o->notify.s, o->notify.len);
  if (smtp_notify_ok(o->notify.s, o->notify.len)) return;
  strerr_warnw("bad -N option value -- ignored");
  o->notify.len = 0;
}

static void ret_set(options *o, char const *value)
{
  o->ret = !strcasecmp(value, "full") ? "FULL" : !strcasecmp(value, "hdrs") ? "HDRS" : "";
  if (!*o->ret) strerr_warnw("bad -R option value -- ignored");
}

static void envid_set(options *o, char const *value)
{
  static char const hex[] = "0123456789ABCDEF";
  stralloc *id = &o->envid;
  id->len = 0;
  for (; *value; value++)
  {
    unsigned char c = (unsigned char)*value;
    char const escaped[3] = { '+', hex[c >> 4], hex[c & 15] };
    int plain = smtp_visible(*value) && c != '+' && c != '=';
    if (!(plain ? stralloc_append(id, *value) : stralloc_catb(id, escaped, sizeof escaped)))
      die_memory();
  }
  if (id->len > ENVID_MAX) strerr_dief(EX_USAGE, "-V option value is too long");
  if (!stralloc_0(id)) die_memory();
  id->len--;
}

static void mode_set(options *o, char const *value)
{
  static struct { char letter; enum mode mode; } const modes[] =
  {
    { 'm', MODE_SEND }, { 'p', MODE_LIST }, { 's', MODE_DIALOGUE }, { 'v', MODE_VERIFY },
    { 'i', MODE_ALIASES }, { 'h', MODE_NOTHING }, { 'H', MODE_NOTHING }
  };
  size_t i;
  if (*value == 'd' || *value == 'l')
    strerr_dief(EX_USAGE, "-b", value,
                ": the relay is started by its supervisor: see sluice-init(8)");
  for (i = 0; i < sizeof modes / sizeof *modes; i++)
    if (modes[i].letter == *value)
    {
      o->mode = modes[i].mode;
      return;
    }
  die_option("unsupported: -b", value);
}

/* Ignore a time between two queue runs, which this relay does not need. */
static void flush_set(options *o, char const *value)
{
  if (smtp_digit(*value))
  {
    o->mode = MODE_NOTHING;
    return;
  }
  if (*value && *value != 'R' && *value != 'I')
    strerr_dief(EX_USAGE, "-q", (char const []){ *value, 0 }, " is not implemented");
  o->mode = MODE_FLUSH;
  o->flush = *value;
  o->flushed = *value ? value + 1 : "";
}

static void option_take(options *o, int c, char const *value)
{
  switch (c)
  {
    case 'B': body_set(o, value); break;
    case 'C': instance_set(o, value); break;
    case 'F': o->name = value; break;
    case 'G': o->gateway = 1; break;
    case 'I': o->mode = MODE_ALIASES; break;
    case 'N': notify_set(o, value); break;
    case 'R': ret_set(o, value); break;
    case 'V': envid_set(o, value); break;
    case 'X': if (*value == 'V') strerr_dief(EX_USAGE, "-XV is not implemented"); break;
    case 'b': mode_set(o, value); break;
    case 'f':
    case 'r': o->sender = value; break;
    case 'i': o->dots = 1; break;
    case 'o': o->dots |= *value == 'i'; break;
    case 'q': flush_set(o, value); break;
    case 't': o->extract = 1; break;
    case 'v': o->verbose = 1; break;
    default: break;
  }
}

/* Step over "-q": alone it takes no word behind it, though subgetopt would. */
static int bare_q_skip(subgetopt *scan, int argc, char const *const *argv)
{
  int next = scan->ind + (scan->pos && !argv[scan->ind][scan->pos]);
  if ((scan->pos && next == scan->ind) || next >= argc || strcmp(argv[next], "-q")) return 0;
  scan->ind = next + 1;
  scan->pos = 0;
  return 1;
}

int options_read(options *o, int argc, char const *const *argv)
{
  subgetopt scan = SUBGETOPT_ZERO;
  int c;
  *o = (options){ .mode = MODE_SEND, .ret = "" };
  for (;;)
  {
    while (bare_q_skip(&scan, argc, argv)) option_take(o, 'q', "");
    c = subgetopt_r(argc, argv, LETTERS, &scan);
    if (c == -1) return scan.ind;
    if (c == '?') strerr_dieusage(EX_USAGE, USAGE);
    option_take(o, c, scan.arg);
  }
}
