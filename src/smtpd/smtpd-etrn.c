/* smtpd-etrn: SMTP with one client on descriptors 0 and 1; takes mail, answers ETRN. */

#include "smtpd/dialogue.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <skalibs/djbunix.h>
#include <skalibs/selfpipe.h>
#include <skalibs/sgetopt.h>
#include <skalibs/sig.h>
#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include "base/instance.h"
#include "base/log.h"
#include "base/worker.h"
#include "start/program.h"

#define USAGE "smtpd-etrn [-C DIR] [-t [-l]] [-W]"
#define dieusage() strerr_die(100, "usage: ", USAGE)

char const *PROG = "smtpd-etrn";

typedef struct options
{
  char const *instance;
  int tls_first;
  int tls_lines;
  int worker;
  policy_lists *lists;
} options;

static void options_read(int argc, char const *const *argv, options *o)
{
  subgetopt scan = SUBGETOPT_ZERO;
  char const *instance = 0;
  int c;
  scan.err = 0;
  while ((c = subgetopt_r(argc, argv, "C:tlW", &scan)) != -1)
  {
    if (c == 'C') instance = scan.arg;
    else if (c == 't') o->tls_first = 1;
    else if (c == 'l') o->tls_lines = 1;
    else if (c == 'W') o->worker = 1;
    else dieusage();
  }
  if (scan.ind != argc || (o->tls_lines && !o->tls_first)) dieusage();
  o->instance = instance_path(instance);
}

static void log_init(void)
{
  if (!fd_sanitize()) strerr_diefusys(111, "open /dev/null");
  if (!log_apart()) strerr_diefusys(111, "keep the log from the client");
}

/* Many processes share a log. */
static void log_name(void)
{
  static char name[sizeof "smtpd-etrn[]" + UINT64_FMT] = "smtpd-etrn[";
  char *end = name + strlen(name);
  end += uint64_fmt(end, (uint64_t)getpid());
  *end++ = ']';
  *end = 0;
  PROG = name;
}

/* A descriptor that becomes readable on SIGTERM. */
static int stop_init(void)
{
  int fd = selfpipe_init();
  if (fd == -1 || !selfpipe_trap(SIGTERM)) strerr_diefusys(111, "trap signals");
  /* write(2) fails instead: the client is gone, or the file too large */
  if (!sig_ignore(SIGPIPE) || !sig_ignore(SIGXFSZ)) strerr_diefusys(111, "ignore signals");
  return fd;
}

/* A session on descriptors 0 and 1.  NULL; or, with errno, what could not be done. */
static char const *session_serve(session *s, options const *o, int stop, int *code)
{
  s->tls_first = o->tls_first;
  s->tls_lines = o->tls_lines;
  s->lists = o->lists;
  s->stop = stop;
  if (!peer_read(&s->client, 0)) return "tell who the client is";
  if (!wire_init(&s->wire, 0, 1, stop)) return "use descriptors 0 and 1";
  *code = dialogue_run(s, o->instance);
  return 0;
}

static int serve_one(session *s, options const *o, int stop)
{
  char const *undone;
  int code;
  program_end_with_parent();
  undone = session_serve(s, o, stop, &code);
  if (undone) strerr_diefusys(111, undone);
  return code;
}

/* One session after the other; the next one finds nothing of the one before. */
static int serve_all(session *s, options const *o, int stop)
{
  char const *undone;
  unsigned int most = 0;
  worker w;
  int r, code;
  peer_forget_environment();
  if (!worker_begin(&w, stop)) strerr_diefusys(100, "use descriptor 0 as a worker");
  while ((r = worker_next(&w, most)) == 1)
  {
    undone = fd_copy(1, 0) == -1 ? "copy a descriptor" : session_serve(s, o, stop, &code);
    /* who is gone already may be at it all the time, and has no name to count his lines by */
    if (undone && errno != ENOTCONN) strerr_warnwusys(undone);
    most = s->concurrency;
    session_forget(s);
    worker_wipe_stack();
    fd_close(1);
  }
  if (r == -1) strerr_diefusys(111, "get the next connection");
  return 0;
}

int main(int argc, char const *const *argv)
{
  static session s;
  static policy_lists lists = POLICY_LISTS_ZERO;
  options o = { .lists = &lists };
  int stop;
  options_read(argc, argv, &o);
  log_init();
  log_name();
  umask(007);
  stop = stop_init();
  return o.worker ? serve_all(&s, &o, stop) : serve_one(&s, &o, stop);
}
