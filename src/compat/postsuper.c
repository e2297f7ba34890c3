/* postsuper: delete, hold, release, requeue messages by the options and words of Postfix. */

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <skalibs/djbunix.h>
#include <skalibs/genalloc.h>
#include <skalibs/sgetopt.h>
#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include "act/operation.h"
#include "base/instance.h"
#include "base/log.h"
#include "compat/executable.h"
#include "conf/conf.h"
#include "queue/ids.h"
#include "start/program.h"

#define USAGE "usage: postsuper [-psSv] [-c dir] [-C dir] [-d id] [-e id] [-f id] [-h id] [-H id] [-r id] [queue...]"

char const *PROG = "postsuper";

/* The exit code of every error, which is reported after "fatal". */
#define EXIT_TROUBLE 1
#define die(...) strerr_die(EXIT_TROUBLE, PROG, ": fatal: ", __VA_ARGS__)
#define diesys(...) strerr_diesys(EXIT_TROUBLE, PROG, ": fatal: ", __VA_ARGS__)

/* --- actions ------------------------------------------------------------ */

/* In the order in which their totals are reported. */
enum kind { REQUEUE, DELETE, EXPIRE, HOLD, RELEASE, KINDS };
#define KIND(kind) (1u << (kind))

typedef struct action
{
  enum operation_result (*run)(operation *op, char const *id);
  unsigned int places;   /* where messages may be for it, or-ed */
  char const *done;      /* as in "ID: requeued" */
  char const *total;
} action;

static action const actions[KINDS] =
{
  [REQUEUE] = { &operation_requeue, OPERATION_QUEUED, "requeued", "Requeued" },
  [DELETE] =
    { &operation_delete, OPERATION_QUEUED | OPERATION_IN(QUEUE_CORRUPT), "removed", "Deleted" },
  [EXPIRE] = { &operation_expire, OPERATION_QUEUED, "expired", "Force-expired" },
  [HOLD] =
    { &operation_hold, OPERATION_IN(QUEUE_NEW) | OPERATION_IN(QUEUE_CUR), "placed on hold",
      "Placed on hold" },
  [RELEASE] =
    { &operation_release, OPERATION_IN(QUEUE_HOLD), "released from hold", "Released from hold" }
};

/* Why an action was refused; NULL: no line is written. */
static char const *const whys[OPERATION_RESULTS] =
{
  [OPERATION_BUSY] = "being sent",
  [OPERATION_CORRUPT] = "not a whole message",
  [OPERATION_UNTOLD] = "its sender is to be told of a failure first"
};

typedef struct request
{
  unsigned int kinds;    /* or-ed */
  char const *word;      /* an id, "ALL", or "-" */
} request;

typedef struct super
{
  operation operation;
  unsigned int idle;     /* the queues to look in, see operation.h */
  unsigned int busy;
  enum kind kind;        /* of the present action */
  int quiet;             /* no line for each message */
  uint64_t counts[KINDS];
  int code;
} super;

/* --- doing it ----------------------------------------------------------------------------- */

static void result_take(super *s, char const *id, enum operation_result result)
{
  char const *done = actions[s->kind].done;
  if (result == OPERATION_DONE || result == OPERATION_DONE_SENDING)
  {
    s->counts[s->kind]++;
    if (!s->quiet) strerr_warn(PROG, ": ", id, ": ", done);
    return;
  }
  if (result != OPERATION_TROUBLE && !whys[result]) return;
  if (result == OPERATION_TROUBLE) strerr_warnwsys(id, ": not ", done);
  else strerr_warnw(id, ": not ", done, ": ", whys[result]);
  s->code = EXIT_TROUBLE;
}

static int message_do(char const *id, void *data)
{
  super *s = data;
  result_take(s, id, (*actions[s->kind].run)(&s->operation, id));
  return 1;
}

static void kind_begin(super *s, enum kind kind)
{
  s->kind = kind;
  s->operation.idle = s->idle & actions[kind].places;
  s->operation.busy = s->busy & actions[kind].places;
  s->operation.wait_ms = OPERATION_WAIT_MS;
}

/* Is this an id to Postfix?  It may be none of ours. */
static int queue_id_ok(char const *s, size_t len)
{
  static char const letters[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_";
  size_t i = 0;
  while (i < len && memchr(letters, s[i], sizeof letters - 1)) i++;
  return len && len < IDS_LINE_MAX && i == len;
}

static void named(super *s, unsigned int wanted, char const *word, size_t len)
{
  char id[ID_LEN + 1], clean[IDS_LINE_MAX + 1];
  enum kind kind;
  if (!queue_id_ok(word, len))
    strerr_warnw("invalid mail queue id: ", log_clean(clean, sizeof clean, word, len));
  else if (ids_scan(id, word, len))
    for (kind = 0; kind < KINDS; kind++)
      if (wanted & KIND(kind))
      {
        kind_begin(s, kind);
        message_do(id, s);
      }
}

static void lines_named(super *s, unsigned int wanted)
{
  char line[IDS_LINE_MAX];
  size_t len;
  int r;
  while ((r = ids_line(line, &len)) == 1) named(s, wanted, line, len);
  if (r == -1) diesys("read standard input");
}

static void all(super *s, unsigned int wanted)
{
  char const *where;
  enum kind kind;
  s->quiet = 1;
  for (kind = 0; kind < KINDS; kind++)
  {
    if (!(wanted & KIND(kind))) continue;
    kind_begin(s, kind);
    if (operation_each(&s->operation, s->operation.idle | s->operation.busy, &message_do, s,
                       &where) == -1)
      diesys("read queue/", where);
  }
  s->quiet = 0;
}

static void requests_do(super *s, request const *r, size_t n)
{
  for (; n--; r++)
    if (!strcmp(r->word, "ALL")) all(s, r->kinds);
    else if (!strcmp(r->word, "-")) lines_named(s, r->kinds);
    else named(s, r->kinds, r->word, strlen(r->word));
}

static void totals_show(super const *s, unsigned int wanted)
{
  char number[UINT64_FMT];
  enum kind kind;
  for (kind = 0; kind < KINDS; kind++)
  {
    if (!(wanted & KIND(kind))) continue;
    number[uint64_fmt(number, s->counts[kind])] = 0;
    strerr_warn(PROG, ": ", actions[kind].total, ": ", number,
                s->counts[kind] == 1 ? " message" : " messages");
  }
}

/* --- options ------------------------------------------------------------------------------ */

typedef struct options
{
  char const *dir;
  int check;            /* -s, or no option */
  unsigned int kinds;   /* of all requests, or-ed */
  genalloc requests;    /* of request */
} options;

static void request_add(options *o, unsigned int wanted, char const *word)
{
  request r = { .kinds = wanted, .word = word };
  o->kinds |= wanted;
  if (!genalloc_append(request, &o->requests, &r)) diesys("remember what to do");
}

static int options_read(int argc, char const *const *argv, options *o)
{
  subgetopt scan = SUBGETOPT_ZERO;
  int purge = 0, c;
  while ((c = subgetopt_r(argc, argv, "c:C:d:e:f:h:H:pr:sSv", &scan)) != -1)
    switch (c)
    {
      case 'c': case 'C': o->dir = scan.arg; break;
      case 'd': request_add(o, KIND(DELETE), scan.arg); break;
      case 'e': request_add(o, KIND(EXPIRE), scan.arg); break;
      case 'f': request_add(o, KIND(EXPIRE) | KIND(RELEASE), scan.arg); break;
      case 'h': request_add(o, KIND(HOLD), scan.arg); break;
      case 'H': request_add(o, KIND(RELEASE), scan.arg); break;
      case 'r': request_add(o, KIND(REQUEUE), scan.arg); break;
      case 's': case 'S': o->check = 1; break;
      case 'p': purge = 1; break; /* qmgr does so by itself */
      case 'v': break;
      default: die(USAGE);
    }
  if (!o->kinds && !purge) o->check = 1;
  return scan.ind;
}

/* --- queues ------------------------------------------------------------------------------- */

typedef struct queue_name
{
  char const *name;
  unsigned int idle;
  unsigned int busy;
} queue_name;

static queue_name const queue_names[] =
{
  { "incoming", OPERATION_IN(QUEUE_NEW), 0 },
  { "active", 0, OPERATION_IN(QUEUE_NEW) | OPERATION_IN(QUEUE_CUR) },
  { "deferred", OPERATION_IN(QUEUE_CUR), 0 },
  { "hold", OPERATION_IN(QUEUE_HOLD), OPERATION_IN(QUEUE_HOLD) },
  { "corrupt", OPERATION_IN(QUEUE_CORRUPT), 0 },
  /* queues of Postfix that we do not have */
  { "maildrop", 0, 0 }, { "bounce", 0, 0 }, { "defer", 0, 0 }, { "flush", 0, 0 }, { "trace", 0, 0 }
};

static void queue_add(super *s, char const *name)
{
  char clean[IDS_LINE_MAX];
  size_t i;
  for (i = 0; i < sizeof queue_names / sizeof *queue_names; i++)
    if (!strcmp(name, queue_names[i].name))
    {
      s->idle |= queue_names[i].idle;
      s->busy |= queue_names[i].busy;
      return;
    }
  die("invalid directory name: ", log_clean(clean, sizeof clean, name, strlen(name)));
}

static void queues_choose(super *s, char const *const *names)
{
  if (!*names) s->idle = s->busy = OPERATION_QUEUED;
  for (; *names; names++) queue_add(s, *names);
}

/* ------------------------------------------------------------------------------------------ */

/* Run a program.  Returns 0, or the exit code. */
static int check_run(char const *dir)
{
  stralloc path = STRALLOC_ZERO;
  char const *argv[] = { "queue-check", "-C", dir, 0 };
  pid_t pid;
  int r, status;
  if (!executable_find(&path, argv[0])) diesys("find ", argv[0]);
  r = posix_spawnp(&pid, path.s, 0, 0, (char *const *)argv, environ);
  if (r)
  {
    errno = r;
    diesys("run ", argv[0]);
  }
  stralloc_free(&path);
  if (waitpid_nointr(pid, &status, 0) == -1) diesys("wait for ", argv[0]);
  return WIFEXITED(status) && !WEXITSTATUS(status) ? 0 : EXIT_TROUBLE;
}

/* The check mends owners, so it runs as root if we did, before we change the user. */
static void instance_use(super *s, options *o)
{
  int instance, conf;
  o->dir = instance_path(o->dir);
  instance = instance_open(o->dir);
  if (instance == -1) diesys("open ", o->dir);
  if (o->check) s->code = check_run(o->dir);
  program_become(instance);
  s->operation.queue = instance_openat(instance, "queue");
  if (s->operation.queue == -1) diesys("open ", o->dir, "/queue");
  if (!(o->kinds & KIND(REQUEUE))) return;
  conf = conf_open(instance);
  if (conf == -1 || !operation_settings(&s->operation, conf)) die(conf_error());
}

int main(int argc, char const *const *argv)
{
  super s = { .operation = OPERATION_ZERO };
  options o = { .requests = GENALLOC_ZERO };
  int first = options_read(argc, argv, &o);

  umask(007);
  signal(SIGXFSZ, SIG_IGN); /* EFBIG instead */
  queues_choose(&s, argv + first);
  instance_use(&s, &o);
  requests_do(&s, genalloc_s(request, &o.requests), genalloc_len(request, &o.requests));
  totals_show(&s, o.kinds);

  genalloc_free(request, &o.requests);
  operation_free(&s.operation);
  return s.code;
}
