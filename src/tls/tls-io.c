/*
 * tls-io: TLS for programs that know nothing of it.  They hand a connection over, and have its
 * clear text on the socket that they did so by: see ask.h.
 *
 * A process for each connection: they have nothing in common but the key, and none can see what is
 * another's.  The one that accepts them never talks to a stranger, and never reads a request.
 */

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/instance.h"
#include "base/log.h"
#include "base/nonblocking.h"
#include "base/service.h"
#include "base/text.h"
#include "base/wallclock.h"
#include "tls/confine.h"
#include "tls/context.h"
#include "tls/session.h"

char const *PROG = "tls-io";

#define USAGE "usage: tls-io -s | -c [-C directory] [-d descriptor] [-k file] [-n connections]"

enum { EXIT_USAGE = 100, EXIT_TEMPORARY = 111 };

#define MOST_DEFAULT 1000
#define MOST_MAX 1000000
/* What could be said for each connection is said so often. */
#define TELL_MS 60000
/* After an accept(2) that failed for want of something. */
#define PAUSE_MS 1000

typedef struct options
{
  int server;
  int client;
  char const *instance;
  char const *identity;
  unsigned int ready_fd;
  unsigned int most;
} options;

/* Who was told no is still about to write a request: the sockets of so many stay. */
#define REFUSED_MAX 16

typedef struct acceptor
{
  int server;
  unsigned int most;
  unsigned int children;
  int signals;
  unsigned int refusals;
  int refused[REFUSED_MAX];
  int64_t told_ms;           /* 0: nothing was told yet */
  context context;
} acceptor;

static void die(int code, char const *what, char const *why)
{
  log_line("fatal: ", what, *why ? ": " : "", why);
  exit(code);
}

static void die_usage(void)
{
  log_line(USAGE);
  exit(EXIT_USAGE);
}

/* --- a child ---------------------------------------------------------------------------------- */

/* Where the kernel cannot, TLS is there all the same, and the operator warned. */
static void confine_or_warn(void)
{
  if (!confine()) log_line("warning: unable to confine myself, see tls-io(8): ", strerror(errno));
}

/* The rest of this process: one connection. */
static void child_run(acceptor *a, int clear, pid_t parent)
{
  sigset_t none;
  unsigned int i;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, 0);
  close(0);
  close(a->signals);
  for (i = 0; i < REFUSED_MAX; i++) close(a->refused[i]);
  /* a key that is no longer the service's is nobody's */
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() != parent) _exit(0);
  confine_or_warn();
  session_run(clear, a->context.ssl, a->server);
  _exit(0);
}

/* --- the parent ------------------------------------------------------------------------------- */

/* Tell what is the matter, unless something was told a short time ago. */
static void warn_seldom(acceptor *a, char const *what, char const *why)
{
  int64_t const now_ms = wallclock_steady_ms();
  if (a->told_ms && now_ms - a->told_ms < TELL_MS) return;
  a->told_ms = now_ms;
  log_line("warning: ", what, why);
}

static void connection_refuse(acceptor *a, int clear, char const *reason)
{
  int *place = &a->refused[a->refusals++ % REFUSED_MAX];
  session_refuse(clear, reason);
  close(*place);
  *place = clear;
}

static void connection_serve(acceptor *a, int clear)
{
  pid_t const parent = getpid(), child = fork();
  if (child == 0) child_run(a, clear, parent);
  if (child != -1)
  {
    a->children++;
    close(clear);
    return;
  }
  warn_seldom(a, "unable to fork: ", strerror(errno));
  connection_refuse(a, clear, "no process for it");
}

static void connection_accept(acceptor *a)
{
  char most[TEXT_NUMBER_MAX];
  int const clear = accept4(0, 0, 0, SOCK_CLOEXEC);
  if (clear == -1)
  {
    if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED) return;
    warn_seldom(a, "unable to accept: ", strerror(errno));
    poll(0, 0, PAUSE_MS);
    return;
  }
  context_refresh(&a->context, 0);
  if (a->children < a->most)
  {
    connection_serve(a, clear);
    return;
  }
  warn_seldom(a, "no more connections at a time than ", text_number(most, a->most));
  connection_refuse(a, clear, "too many connections");
}

static void children_reap(acceptor *a)
{
  char number[TEXT_NUMBER_MAX];
  int wstat;
  while (waitpid(-1, &wstat, WNOHANG) > 0)
  {
    a->children--;
    if (!WIFSIGNALED(wstat)) continue;
    log_line("warning: the process of a connection was killed by signal ",
             text_number(number, (uint64_t)WTERMSIG(wstat)));
  }
}

/* Take the signals that have come.  0 when we are told to stop. */
static int signals_take(acceptor *a)
{
  struct signalfd_siginfo signal;
  while (read(a->signals, &signal, sizeof signal) == sizeof signal)
    switch (signal.ssi_signo)
    {
      case SIGCHLD: children_reap(a); break;
      case SIGHUP: context_refresh(&a->context, 1); break;
      default: return 0;
    }
  return 1;
}

static int signals_open(void)
{
  int const fd = service_signals();
  if (fd == -1) die(EXIT_TEMPORARY, "unable to wait for signals", strerror(errno));
  return fd;
}

static void accept_all(acceptor *a)
{
  struct pollfd x[2] = { { .fd = a->signals, .events = POLLIN }, { .events = POLLIN } };
  while (!x[0].revents || signals_take(a))
  {
    if (x[1].revents) connection_accept(a);
    if (poll(x, 2, -1) == -1 && errno != EINTR)
      die(EXIT_TEMPORARY, "unable to wait", strerror(errno));
  }
}

/* --- the beginning ---------------------------------------------------------------------------- */

static void options_read(int argc, char **argv, options *o)
{
  int c;
  opterr = 0;
  while ((c = getopt(argc, argv, "+scC:d:k:n:")) != -1)
  {
    int const good = c == 's' ? (o->server = 1)
      : c == 'c' ? (o->client = 1)
      : c == 'C' ? *(o->instance = optarg)
      : c == 'k' ? *(o->identity = optarg)
      : c == 'd' ? text_number_scan(optarg, 3, INT_MAX, &o->ready_fd)
      : c == 'n' ? text_number_scan(optarg, 1, MOST_MAX, &o->most)
      : 0;
    if (!good) die_usage();
  }
  if (optind != argc || o->server == o->client || (o->server && o->identity)) die_usage();
}

/* The path of the client's own certificate, from whatever directory.  NULL: it has none. */
static char const *identity_find(char const *option)
{
  char const *path = option ? realpath(option, 0) : 0;
  if (!option || path) return path;
  log_line("fatal: unable to use ", option, ": ", strerror(errno));
  exit(EXIT_TEMPORARY);
}

static int option_of_socket(int name)
{
  int value = -1;
  socklen_t size = sizeof value;
  return getsockopt(0, SOL_SOCKET, name, &value, &size) == -1 ? -1 : value;
}

/* Is descriptor 0 a socket that connections come from?  Else it is a connection. */
static int listening(void)
{
  if (option_of_socket(SO_DOMAIN) != AF_UNIX || option_of_socket(SO_TYPE) != SOCK_STREAM)
    die(EXIT_USAGE, "descriptor 0 is no UNIX stream socket", "");
  return option_of_socket(SO_ACCEPTCONN) == 1;
}

/* Go to conf/.  Who serves one connection needs no instance; nothing is taken from elsewhere. */
static void conf_enter(char const *option, int needed)
{
  char const *path = instance_path(option);
  if (chdir(path) == 0 && chdir("conf") == 0) return;
  if (needed)
  {
    log_line("fatal: unable to use ", path, "/conf: ", strerror(errno));
    exit(EXIT_TEMPORARY);
  }
  if (chdir("/") == -1) die(EXIT_TEMPORARY, "unable to use /", strerror(errno));
}

/* Who was waiting may be gone when we accept. */
static void listener_prepare(void)
{
  if (!nonblocking_set(0)) die(EXIT_TEMPORARY, "unable to use descriptor 0", strerror(errno));
}

int main(int argc, char **argv)
{
  static options o = { .most = MOST_DEFAULT };
  static acceptor a;
  char const *identity;
  int many;

  options_read(argc, argv, &o);
  if (!service_ready_ok(o.ready_fd))
    die(EXIT_USAGE, "unable to use the descriptor of -d", strerror(errno));
  many = listening();
  confine_secret();
  signal(SIGPIPE, SIG_IGN);
  identity = identity_find(o.identity);
  conf_enter(o.instance, many);
  a = (acceptor){ .server = o.server, .most = o.most };
  memset(a.refused, -1, sizeof a.refused);
  context_open(&a.context, o.server, identity);
  if (!many)
  {
    confine_or_warn();
    session_run(0, a.context.ssl, o.server);
    return 0;
  }
  listener_prepare();
  a.signals = signals_open();
  service_ready(o.ready_fd);
  accept_all(&a);
  return 0;
}
