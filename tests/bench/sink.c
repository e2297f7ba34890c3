/*
 * sink [OPTION...] ADDRESS:PORT COUNTERS: an SMTP server that takes everything and keeps nothing.
 *
 *   -x EXTENSIONS  what EHLO offers: chunking (and all below), pipelining, none; default chunking
 *   -d DOMAIN      recipients in it are counted apart from the others
 *   -T PEM         offers STARTTLS, with the certificate and the key in this file
 *   -W             TLS from the first octet instead
 *   -m             mute: takes connections and never says a word
 *   -b             a black hole: its queue of connections is full, no SYN is ever answered
 *   -k DIRECTORY   keeps: a process a connection, each message a new file there, created, written and
 *                  synced before its 250: the least that a server of mail can do
 *
 * COUNTERS is a file of numbers, 64 bits each, that others map and read while it runs: see "struct
 * counters".  It is made when the sink listens.
 */

#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "stream.h"

#define IN_LEN 131072
#define OUT_LEN 65536
#define LINE_MAX_LEN 4096

struct counters
{
  uint64_t connections;
  uint64_t messages;
  uint64_t octets;       /* of content */
  uint64_t wanted;       /* recipients of messages taken, in DOMAIN */
  uint64_t others;       /* and elsewhere */
  uint64_t rcpts;        /* RCPT commands */
  uint64_t first_ns;     /* CLOCK_MONOTONIC of the first message, the last one, the first connection */
  uint64_t last_ns;
  uint64_t connected_ns;
  uint64_t open_now;     /* connections */
  uint64_t open_most;
  uint64_t secured;      /* connections inside TLS */
};

enum expect { COMMAND, DATA, CHUNK };

typedef struct session
{
  stream stream;
  enum expect expect;
  unsigned int matched;   /* octets of CRLF.CRLF that have come */
  size_t chunk_left;
  int chunk_last;
  unsigned int wanted, others;
  char line[LINE_MAX_LEN];
  size_t line_len;
  char out[OUT_LEN];
  size_t out_len;
  char *kept;             /* the content, where it is kept */
  size_t kept_len, kept_room;
} session;

static struct
{
  char const *extensions;
  char const *domain;
  char const *keep;
  SSL_CTX *tls;
  int wrap;
  int mute;
  int black;
} options = { .extensions = "chunking" };

static struct counters *counters;
static int epoll, listener;
static char in[IN_LEN];

/* Those that keep are several processes. */
static uint64_t add(uint64_t *counter, uint64_t n) { return __atomic_add_fetch(counter, n, __ATOMIC_RELAXED); }

/* --- replies ------------------------------------------------------------------------- */

static int flush(session *s)
{
  size_t len = s->out_len;
  s->out_len = 0;
  return stream_send(&s->stream, s->out, len);
}

static int reply(session *s, char const *text)
{
  size_t len = strlen(text);
  if (s->out_len + len > sizeof s->out && !flush(s)) return 0;
  memcpy(s->out + s->out_len, text, len);
  s->out_len += len;
  return 1;
}

/* --- content ------------------------------------------------------------------------- */

static void keep(session *s, char const *octets, size_t len)
{
  if (!options.keep) return;
  while (s->kept_len + len > s->kept_room)
  {
    s->kept_room = s->kept_room ? 2 * s->kept_room : IN_LEN;
    s->kept = realloc(s->kept, s->kept_room);
    if (!s->kept) die("have memory");
  }
  memcpy(s->kept + s->kept_len, octets, len);
  s->kept_len += len;
}

static void keep_file(session *s)
{
  static unsigned long number;
  char name[100];
  int fd;
  snprintf(name, sizeof name, "%ld.%lu", (long)getpid(), ++number);
  fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd == -1 || write(fd, s->kept, s->kept_len) != (ssize_t)s->kept_len || fsync(fd) == -1) die("keep a message");
  close(fd);
  s->kept_len = 0;
}

static int message_end(session *s)
{
  if (options.keep) keep_file(s);
  counters->last_ns = now_ns();
  if (add(&counters->messages, 1) == 1) counters->first_ns = counters->last_ns;
  add(&counters->wanted, s->wanted);
  add(&counters->others, s->others);
  s->wanted = s->others = 0;
  s->expect = COMMAND;
  return reply(s, "250 2.0.0 ok\r\n");
}

/* How many of these octets belong to the content; its end is CRLF.CRLF, in whatever pieces. */
static size_t data_span(session *s, char const *octets, size_t len)
{
  static char const end[] = "\r\n.\r\n";
  size_t i = 0;
  while (i < len && s->matched < 5)
  {
    if (!s->matched)
    {
      char const *cr = memchr(octets + i, '\r', len - i);
      if (!cr) return len;
      i = (size_t)(cr - octets);
    }
    if (octets[i] == end[s->matched]) s->matched++;
    else if (octets[i] == '\r') s->matched = 1;
    else s->matched = 0;
    i++;
  }
  return i;
}

static size_t data(session *s, char const *octets, size_t len, int *good)
{
  size_t n = data_span(s, octets, len);
  add(&counters->octets, n);
  keep(s, octets, n);
  if (s->matched == 5) *good = message_end(s);
  return n;
}

static size_t chunk(session *s, char const *octets, size_t len, int *good)
{
  size_t n = len < s->chunk_left ? len : s->chunk_left;
  add(&counters->octets, n);
  keep(s, octets, n);
  s->chunk_left -= n;
  if (s->chunk_left) return n;
  s->expect = COMMAND;
  *good = s->chunk_last ? message_end(s) : reply(s, "250 2.0.0 chunk\r\n");
  return n;
}

/* --- commands ------------------------------------------------------------------------ */

static int greet(session *s)
{
  return reply(s, "220 sink.example ESMTP\r\n") && flush(s);
}

static int ehlo(session *s)
{
  s->wanted = s->others = 0;
  if (!strcmp(options.extensions, "none")) return reply(s, "250 sink.example\r\n");
  if (!strcmp(options.extensions, "chunking") && !reply(s, "250-sink.example\r\n250-CHUNKING\r\n")) return 0;
  else if (strcmp(options.extensions, "chunking") && !reply(s, "250-sink.example\r\n")) return 0;
  if (options.tls && !s->stream.ssl && !reply(s, "250-STARTTLS\r\n")) return 0;
  return reply(s, "250-PIPELINING\r\n250-SIZE 104857600\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n"
                  "250-ENHANCEDSTATUSCODES\r\n250 DSN\r\n");
}

/* What comes of shaking hands.  0: the session is over. */
static int shaken(session *s, int result)
{
  if (result == 1) add(&counters->secured, 1);
  if (result == 1 && options.wrap) return greet(s);
  return result >= 0;
}

static int starttls(session *s)
{
  return reply(s, "220 2.0.0 go on\r\n") && flush(s) && shaken(s, stream_secure(&s->stream, options.tls, 1));
}

static int rcpt(session *s)
{
  char const *at = strchr(s->line, '@'); /* the first: ORCPT has another */
  size_t len = options.domain ? strlen(options.domain) : 0;
  add(&counters->rcpts, 1);
  if (options.domain && at && !strncasecmp(at + 1, options.domain, len) && at[1 + len] == '>') s->wanted++;
  else s->others++;
  return reply(s, "250 2.1.5 ok\r\n");
}

/* A command line without its CRLF.  0: the session is over. */
static int command(session *s)
{
  char const *line = s->line;
  if (!strncasecmp(line, "BDAT ", 5))
  {
    s->chunk_left = strtoul(line + 5, 0, 10);
    s->chunk_last = strcasestr(line, " LAST") != 0;
    s->expect = CHUNK;
    return 1;
  }
  if (!strncasecmp(line, "MAIL ", 5)) return reply(s, "250 2.1.0 ok\r\n");
  if (!strncasecmp(line, "RCPT ", 5)) return rcpt(s);
  if (!strcasecmp(line, "DATA"))
  {
    s->expect = DATA;
    s->matched = 2; /* the command's own line end counts: a dot may follow at once */
    return reply(s, "354 go on\r\n");
  }
  if (!strncasecmp(line, "EHLO ", 5)) return ehlo(s);
  if (!strcasecmp(line, "STARTTLS") && options.tls) return starttls(s);
  if (!strncasecmp(line, "HELO ", 5)) return reply(s, "250 sink.example\r\n");
  if (!strcasecmp(line, "RSET"))
  {
    s->wanted = s->others = 0;
    return reply(s, "250 2.0.0 ok\r\n");
  }
  if (strcasecmp(line, "QUIT")) return reply(s, "502 5.5.2 what\r\n");
  reply(s, "221 2.0.0 bye\r\n");
  flush(s);
  return 0;
}

static size_t line(session *s, char const *octets, size_t len, int *good)
{
  char const *lf = memchr(octets, '\n', len);
  size_t n = lf ? (size_t)(lf - octets) + 1 : len;
  if (s->line_len + n >= sizeof s->line)
  {
    *good = 0;
    return n;
  }
  memcpy(s->line + s->line_len, octets, n);
  s->line_len += n;
  if (!lf) return n;
  s->line_len--;
  if (s->line_len && s->line[s->line_len - 1] == '\r') s->line_len--;
  s->line[s->line_len] = 0;
  s->line_len = 0;
  *good = command(s);
  return n;
}

/* --- sessions ------------------------------------------------------------------------ */

/* 0: it is over. */
static int turn(session *s)
{
  char const *octets = in;
  int good = 1;
  ssize_t got;
  if (s->stream.shaking) return shaken(s, stream_shake(&s->stream));
  got = stream_receive(&s->stream, in, sizeof in);
  if (got <= 0) return got < 0;
  while (got && good)
  {
    size_t len = (size_t)got;
    size_t n = s->expect == COMMAND ? line(s, octets, len, &good)
             : s->expect == DATA ? data(s, octets, len, &good)
             : chunk(s, octets, len, &good);
    /* an empty last chunk has no octets that would end it */
    if (good && s->expect == CHUNK && !s->chunk_left) chunk(s, octets, 0, &good);
    octets += n;
    got -= (ssize_t)n;
  }
  return good && flush(s);
}

static void session_end(session *s)
{
  stream_close(&s->stream);
  free(s->kept);
  free(s);
  add(&counters->open_now, (uint64_t)-1);
}

static void serve_alone(session *s)
{
  signal(SIGCHLD, SIG_DFL);
  close(listener);
  while (turn(s));
  session_end(s);
  _exit(0);
}

static void session_begin(void)
{
  struct epoll_event event = { .events = EPOLLIN };
  session *s = calloc(1, sizeof *s);
  int one = 1;
  uint64_t open_now;
  if (!s) die("have memory");
  s->stream.fd = accept4(listener, 0, 0, SOCK_CLOEXEC);
  if (s->stream.fd == -1)
  {
    free(s);
    return;
  }
  setsockopt(s->stream.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (add(&counters->connections, 1) == 1) counters->connected_ns = now_ns();
  open_now = add(&counters->open_now, 1);
  if (open_now > counters->open_most) counters->open_most = open_now;
  if (options.wrap) stream_secure(&s->stream, options.tls, 1);
  else if (!options.mute) greet(s);
  event.data.ptr = s;
  if (!options.keep)
  {
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, s->stream.fd, &event) == -1) die("watch a socket");
    return;
  }
  if (!fork()) serve_alone(s);
  close(s->stream.fd);
  free(s);
}

static void run(void)
{
  struct epoll_event events[256];
  struct epoll_event event = { .events = EPOLLIN };
  epoll = epoll_create1(EPOLL_CLOEXEC);
  if (epoll == -1 || epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event) == -1) die("watch the socket");
  for (;;)
  {
    int i, n = epoll_wait(epoll, events, 256, -1);
    for (i = 0; i < n; i++)
    {
      session *s = events[i].data.ptr;
      if (!s) session_begin();
      else if (!turn(s)) session_end(s);
    }
  }
}

/* --- start --------------------------------------------------------------------------- */

static void listen_at(struct sockaddr_in where)
{
  int one = 1;
  listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(listener, (struct sockaddr *)&where, sizeof where) == -1) die("bind");
  if (listen(listener, options.black ? 0 : 1000) == -1) die("listen");
}

/* Two connections fill a queue of none; from then on SYNs are dropped. */
static void black_hole(struct sockaddr_in where)
{
  int i;
  for (i = 0; i < 2; i++)
  {
    int s = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (connect(s, (struct sockaddr *)&where, sizeof where) == -1 && errno != EINPROGRESS) die("fill the queue");
  }
  for (;;) pause();
}

static void counters_make(char const *path)
{
  int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd == -1 || ftruncate(fd, sizeof *counters) == -1) die("make the counters");
  counters = mmap(0, sizeof *counters, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (counters == MAP_FAILED) die("map the counters");
  close(fd);
}

static void options_read(int argc, char **argv)
{
  int c;
  while ((c = getopt(argc, argv, "x:d:T:Wmbk:")) != -1)
    switch (c)
    {
      case 'x': options.extensions = optarg; break;
      case 'd': options.domain = optarg; break;
      case 'T': options.tls = stream_server(optarg); break;
      case 'W': options.wrap = 1; break;
      case 'm': options.mute = 1; break;
      case 'b': options.black = 1; break;
      case 'k': options.keep = optarg; break;
      default: exit(100);
    }
  if (argc - optind != 2 || (options.wrap && !options.tls)) exit(100);
}

int main(int argc, char **argv)
{
  struct sockaddr_in where;
  options_read(argc, argv);
  where = address_of(argv[optind]);
  listen_at(where);
  counters_make(argv[optind + 1]);
  if (options.keep && chdir(options.keep) == -1) die("enter the directory");
  signal(SIGCHLD, SIG_IGN);
  if (options.black) black_hole(where);
  run();
  return 0;
}
