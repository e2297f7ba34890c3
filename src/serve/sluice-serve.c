/*
 * sluice-serve: accepts connections, and hands each to a worker that waits for it.
 *
 * It reads nothing from a client, and says nothing but the one line of -r to one that it turns
 * away.
 */

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <io.h>

#include "base/log.h"
#include "base/service.h"
#include "base/text.h"
#include "base/wallclock.h"
#include "serve/client.h"
#include "serve/listener.h"
#include "serve/pool.h"

char const *PROG = "sluice-serve";

#define USAGE \
  "usage: sluice-serve [-s] [-b backlog] [-c connections] [-d descriptor] [-f file] [-g gid]" \
  " [-l address:port]... [-m idle] [-n uses] [-r reply] [-u uid] program [argument...]"

enum { EXIT_DONE = 0, EXIT_USAGE = 100, EXIT_TEMPORARY = 111 };

#define BACKLOG_DEFAULT 4096
#define MOST_DEFAULT 100
#define FEW_DEFAULT 2
#define USES_DEFAULT 1000
#define NUMBER_MAX 1000000
/* Connections that wait for a worker here; more wait in the kernel. */
#define HELD_MAX 256
/* So many are accepted from a socket in a row, before all else is looked at. */
#define TAKE_MAX 256
/* After an accept(2) that failed for want of something. */
#define PAUSE_MS 1000
/* What could be said for each connection is said so often. */
#define TELL_MS 1000

typedef struct options
{
  unsigned int backlog;
  unsigned int ready_fd;
  uid_t uid;
  gid_t gid;
  int has_uid;
  int has_gid;
  char const *endpoint[LISTENERS_MAX];
  unsigned int endpoints;
} options;

/* A line of the log that may come up for each connection. */
typedef struct seldom
{
  int64_t told_ms;             /* 0: never */
  uint64_t untold;             /* times since then */
} seldom;

typedef struct held
{
  int fd;
  client who;
} held;

typedef struct server
{
  listeners from;
  unsigned int turn;           /* whose connections are taken first when some have waited */
  pool workers;
  int shared;                  /* no client may have more than half of the connections, and one */
  char const *reply;           /* to who is turned away, without CRLF; NULL: none */
  int signals;
  unsigned int held_count;     /* accepted, and waiting for a worker */
  held held[HELD_MAX];         /* who came first is the first */
  int looking;                 /* for connections */
  int more;                    /* TAKE_MAX have come from a socket: more may wait there */
  int64_t accept_again_ms;     /* 0: at once */
  seldom full;
  seldom refused;
} server;

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

/* --- lines about many connections ------------------------------------------------------------ */

/* May it be told again?  Then *untold is how often it was not. */
static int seldom_may(seldom *what, uint64_t *untold)
{
  int64_t const now_ms = wallclock_steady_ms();
  if (what->told_ms && now_ms - what->told_ms < TELL_MS) return what->untold++, 0;
  *untold = what->untold;
  *what = (seldom){ .told_ms = now_ms };
  return 1;
}

static void full_log(server *s)
{
  char most[TEXT_NUMBER_MAX];
  uint64_t untold;
  if (!seldom_may(&s->full, &untold)) return;
  log_line("warning: no more connections at a time than ", text_number(most, s->workers.most),
           ": others wait");
}

static void refused_log(server *s, client const *who, unsigned int count)
{
  char name[CLIENT_NAME_MAX], number[TEXT_NUMBER_MAX], more[TEXT_NUMBER_MAX];
  uint64_t untold;
  if (!seldom_may(&s->refused, &untold)) return;
  log_line("warning: turned away ", client_name(who, name), ", which has ",
           text_number(number, count), " of ", text_number(more, s->workers.most), " connections");
  if (untold)
    log_line("warning: turned away ", text_number(number, untold),
             " more since the last such line");
}

/* --- connections ----------------------------------------------------------------------------- */

static void connection_refuse(server const *s, int fd)
{
  char line[LOG_LINE_MAX];
  size_t len;
  if (!s->reply) return;
  len = text_join(line, sizeof line, s->reply, "\r\n");
  send(fd, line, len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* How many connections of this client's there are, or wait. */
static unsigned int connections_of(server const *s, client const *who)
{
  unsigned int n = pool_count(&s->workers, who), i;
  for (i = 0; i < s->held_count; i++) n += client_same(&s->held[i].who, who) != 0;
  return n;
}

/* May the client have one more connection? */
static int connection_allowed(server *s, int fd, client *who)
{
  unsigned int count;
  memset(who, 0, sizeof *who);
  if (!s->shared) return 1;
  if (!client_read(who, fd)) return 0;
  count = connections_of(s, who);
  if (count < s->workers.most / 2 + 1) return 1;
  refused_log(s, who, count);
  connection_refuse(s, fd);
  return 0;
}

/* May there be more connections? */
static int connections_allowed(server const *s)
{
  return s->held_count < HELD_MAX && !s->accept_again_ms
    && pool_connections(&s->workers) + s->held_count < s->workers.most;
}

/* Hand the connections that wait to workers, as far as there are any. */
static void connections_hand(server *s)
{
  unsigned int done = 0;
  while (done < s->held_count && pool_hand(&s->workers, s->held[done].fd, &s->held[done].who))
    close(s->held[done++].fd);
  s->held_count -= done;
  memmove(s->held, s->held + done, s->held_count * sizeof *s->held);
}

/* Accept one, and hold it.  1, or 0 where there is none, or it cannot be. */
static int connection_accept(server *s, int listener)
{
  held *h = s->held + s->held_count;
  h->fd = accept4(listener, 0, 0, SOCK_CLOEXEC);
  if (h->fd == -1)
  {
    if (errno == EINTR || errno == ECONNABORTED) return 1;
    if (errno == EAGAIN) return io_eagain_read(listener), 0;
    log_line("warning: unable to accept: ", strerror(errno));
    s->accept_again_ms = wallclock_steady_ms() + PAUSE_MS;
    return 0;
  }
  if (connection_allowed(s, h->fd, &h->who)) s->held_count++;
  else close(h->fd);
  return 1;
}

/*
 * Take what waits at this socket, as long as there may be more.  Those whom -s turns away may come
 * again as fast as that is done.
 */
static void connections_take(server *s, int listener)
{
  unsigned int left = TAKE_MAX;
  for (; left && connections_allowed(s); left--)
  {
    if (!connection_accept(s, listener)) return;
    connections_hand(s);
  }
  if (!left) s->more = 1;
  if (pool_connections(&s->workers) >= s->workers.most) full_log(s);
}

/* --- the loop -------------------------------------------------------------------------------- */

static void signals_take(server *s)
{
  struct signalfd_siginfo signal;
  while (read(s->signals, &signal, sizeof signal) == sizeof signal)
    switch (signal.ssi_signo)
    {
      case SIGCHLD: pool_reap(&s->workers); break;
      case SIGHUP: pool_renew(&s->workers); break;
      default:
        pool_end(&s->workers);
        exit(EXIT_DONE);
    }
  io_eagain_read(s->signals);
}

static void readable_take(server *s, int64_t fd)
{
  pool_worker *w = io_getcookie(fd);
  if (fd == s->signals) signals_take(s);
  else if (w) pool_hear(&s->workers, w);
  else connections_take(s, (int)fd);
}

/*
 * Look for connections while there may be more.  When we begin again, all that have come meanwhile
 * are taken first, at each socket in turn: whatever libowfat has seen of one that was not wanted,
 * it does not tell.
 */
static void listeners_look(server *s)
{
  int const take = !s->looking || s->more;
  unsigned int i;
  s->more = 0;
  if (s->accept_again_ms && wallclock_steady_ms() >= s->accept_again_ms) s->accept_again_ms = 0;
  if (take && connections_allowed(s)) s->turn = (s->turn + 1) % s->from.count;
  for (i = 0; take && i < s->from.count; i++)
    connections_take(s, s->from.fd[(s->turn + i) % s->from.count]);
  if (s->looking == connections_allowed(s)) return;
  s->looking = !s->looking;
  for (i = 0; i < s->from.count; i++)
    if (s->looking) io_wantread(s->from.fd[i]);
    else io_dontwantread(s->from.fd[i]);
}

static int64_t time_left_ms(server const *s, int64_t pool_ms)
{
  int64_t ms;
  if (s->more) return 0;
  if (!s->accept_again_ms) return pool_ms;
  ms = wallclock_left_ms(s->accept_again_ms);
  return pool_ms != -1 && pool_ms < ms ? pool_ms : ms;
}

static void serve(server *s)
{
  for (;;)
  {
    int64_t fd;
    listeners_look(s);
    io_waituntil2(time_left_ms(s, pool_keep(&s->workers, s->held_count)));
    while ((fd = io_canread()) != -1) readable_take(s, fd);
    connections_hand(s);
  }
}

/* --- the beginning --------------------------------------------------------------------------- */

static int endpoint_add(options *o, char const *endpoint)
{
  if (o->endpoints == LISTENERS_MAX) return 0;
  o->endpoint[o->endpoints++] = endpoint;
  return 1;
}

static void options_read(int argc, char **argv, options *o, server *s)
{
  pool *p = &s->workers;
  int c;
  opterr = 0;
  while ((c = getopt(argc, argv, "+sb:c:d:f:g:l:m:n:r:u:")) != -1)
  {
    int const good = c == 's' ? (s->shared = 1)
      : c == 'b' ? text_number_scan(optarg, 1, NUMBER_MAX, &o->backlog)
      : c == 'c' ? text_number_scan(optarg, 1, NUMBER_MAX, &p->most)
      : c == 'd' ? text_number_scan(optarg, 3, INT_MAX, &o->ready_fd)
      : c == 'f' ? *(p->watched = optarg)
      : c == 'g' ? (o->has_gid = text_number_scan(optarg, 0, UINT_MAX - 1, &o->gid))
      : c == 'l' ? endpoint_add(o, optarg)
      : c == 'm' ? text_number_scan(optarg, 0, NUMBER_MAX, &p->few)
      : c == 'n' ? text_number_scan(optarg, 1, NUMBER_MAX, &p->uses_most)
      : c == 'r' ? *(s->reply = optarg)
      : c == 'u' ? (o->has_uid = text_number_scan(optarg, 0, UINT_MAX - 1, &o->uid))
      : 0;
    if (!good) die_usage();
  }
  p->program = argv + optind;
  if (optind == argc || o->has_uid != o->has_gid) die_usage();
}

/* What is opened later is not to be descriptor 0, 1 or 2 by chance: log lines would go there. */
static void standard_descriptors_open(void)
{
  int fd;
  do fd = open("/dev/null", O_RDWR);
  while (fd >= 0 && fd <= 2);
  if (fd == -1) exit(EXIT_TEMPORARY);
  close(fd);
}

/*
 * libowfat's list of descriptors that are still to be closed begins, as Debian builds it, with 0
 * instead of nothing; the first wait would follow it for ever, once descriptor 0, 16 or 32 is
 * known.
 */
static void loop_init(void)
{
  io_waituntil2(0);
}

static void listeners_begin(listeners *l, options const *o)
{
  unsigned int i;
  for (i = 0; i < o->endpoints; i++)
  {
    if (listeners_open(l, o->endpoint[i], o->backlog)) continue;
    log_line("fatal: unable to listen at ", o->endpoint[i], ": ", strerror(errno));
    exit(errno == EINVAL ? EXIT_USAGE : EXIT_TEMPORARY);
  }
  if (!o->endpoints && !listeners_inherit(l))
    die(EXIT_USAGE, "descriptor 0 does not listen, and there is no -l", strerror(errno));
  for (i = 0; i < l->count; i++)
  {
    io_nonblock(l->fd[i]);
    if (!io_fd(l->fd[i])) die(EXIT_TEMPORARY, "unable to wait for connections", strerror(errno));
  }
}

static void user_become(options const *o)
{
  if (!o->has_uid) return;
  if (setgroups(0, 0) == -1 || setgid(o->gid) == -1 || setuid(o->uid) == -1)
    die(EXIT_TEMPORARY, "unable to change the user", strerror(errno));
}

/* A descriptor for each worker, of which there may be more when the settings change. */
static void descriptors_allow(void)
{
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) == -1) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

static int signals_open(void)
{
  int const fd = service_signals();
  if (fd == -1 || !io_fd_flags(fd, IO_FD_NONBLOCK))
    die(EXIT_TEMPORARY, "unable to wait for signals", strerror(errno));
  io_wantread(fd);
  return fd;
}

int main(int argc, char **argv)
{
  static options o = { .backlog = BACKLOG_DEFAULT };
  static server s =
    { .workers = { .most = MOST_DEFAULT, .few = FEW_DEFAULT, .uses_most = USES_DEFAULT } };
  standard_descriptors_open();
  if (!log_apart()) exit(EXIT_TEMPORARY);
  options_read(argc, argv, &o, &s);
  if (!service_ready_ok(o.ready_fd))
    die(EXIT_USAGE, "unable to use the descriptor of -d", strerror(errno));
  loop_init();
  listeners_begin(&s.from, &o);
  user_become(&o);
  descriptors_allow();
  s.signals = signals_open();
  service_ready(o.ready_fd);
  pool_begin(&s.workers);
  serve(&s);
}
