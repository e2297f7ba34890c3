/*
 * delay MS ADDRESS:PORT ADDRESS:PORT: a long link.  Takes connections at the first address, makes one
 * to the second for each, and lets every octet arrive MS after it was sent, in either direction: a
 * round trip is twice that.  Bandwidth is not limited.
 *
 * The three packets that open a TCP connection take their time as well: the server behind it hears of
 * a connection 3 * MS after the client asked for it.
 */

#include <netinet/tcp.h>
#include <signal.h>
#include <sys/socket.h>
#include <poll.h>
#include <unistd.h>

#include "tool.h"

#define LINKS_MAX 256
#define PIECE_LEN 65536
/* More than this on its way, and the sender waits: the window of a large socket. */
#define WINDOW_LEN (16 << 20)

typedef struct piece
{
  struct piece *next;
  int64_t due_us;
  size_t pos, len;
  char octets[];
} piece;

typedef struct way
{
  int from, to;
  piece *first, **last;
  size_t len;
  int64_t end_us; /* when the end of the stream arrives, 0: it goes on */
  int ended;
} way;

typedef struct line
{
  int client, server; /* server -1: not connected yet */
  int64_t open_us;
  way there, back;
} line;

static line *lines[LINKS_MAX];
static int lines_len;
static int64_t delay_us;
static struct sockaddr_in server;

/* --- one direction ------------------------------------------------------------------- */

static void way_take(way *w, int64_t now)
{
  static char octets[PIECE_LEN];
  ssize_t n = recv(w->from, octets, sizeof octets, MSG_DONTWAIT);
  piece *p;
  if (n == -1 && errno == EAGAIN) return;
  if (n <= 0)
  {
    w->end_us = now + delay_us;
    return;
  }
  p = malloc(sizeof *p + (size_t)n);
  if (!p) die("have memory");
  memcpy(p->octets, octets, (size_t)n);
  p->next = 0;
  p->due_us = now + delay_us;
  p->pos = 0;
  p->len = (size_t)n;
  *w->last = p;
  w->last = &p->next;
  w->len += (size_t)n;
}

static void way_drop(way *w)
{
  piece *p = w->first;
  w->first = p->next;
  if (!w->first) w->last = &w->first;
  w->len -= p->len;
  free(p);
}

/* What is due arrives. */
static void way_put(way *w, int64_t now)
{
  while (w->first && w->first->due_us <= now)
  {
    piece *p = w->first;
    ssize_t n = send(w->to, p->octets + p->pos, p->len - p->pos, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n == -1 && errno == EAGAIN) return;
    if (n > 0) p->pos += (size_t)n;
    if (n <= 0 || p->pos == p->len) way_drop(w);
  }
  if (w->first || !w->end_us || w->end_us > now || w->ended) return;
  shutdown(w->to, SHUT_WR);
  w->ended = 1;
}

static int64_t way_next(way const *w, int64_t next)
{
  if (w->first && w->first->due_us < next) return w->first->due_us;
  if (!w->first && w->end_us && !w->ended && w->end_us < next) return w->end_us;
  return next;
}

/* --- connections --------------------------------------------------------------------- */

static void nodelay(int fd)
{
  int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

static void line_begin(int listener)
{
  line *l;
  int fd = accept4(listener, 0, 0, SOCK_CLOEXEC);
  if (fd == -1) return;
  if (lines_len == LINKS_MAX || !(l = calloc(1, sizeof *l)))
  {
    close(fd);
    return;
  }
  nodelay(fd);
  l->client = fd;
  l->server = -1;
  l->open_us = now_us() + 3 * delay_us;
  l->there.last = &l->there.first;
  l->back.last = &l->back.first;
  lines[lines_len++] = l;
}

static void line_open(line *l)
{
  l->server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect(l->server, (struct sockaddr *)&server, sizeof server) == -1) die("connect");
  nodelay(l->server);
  l->there.from = l->back.to = l->client;
  l->there.to = l->back.from = l->server;
}

static void line_end(int i)
{
  line *l = lines[i];
  while (l->there.first) way_drop(&l->there);
  while (l->back.first) way_drop(&l->back);
  close(l->client);
  if (l->server != -1) close(l->server);
  free(l);
  lines[i] = lines[--lines_len];
}

static void line_turn(line *l, int64_t now)
{
  if (l->server == -1 && l->open_us <= now) line_open(l);
  if (l->server == -1) return;
  way_put(&l->there, now);
  way_put(&l->back, now);
}

static int line_over(line const *l) { return l->server != -1 && l->there.ended && l->back.ended; }

/* --- the loop ------------------------------------------------------------------------ */

/* Who is to be heard: a descriptor of -1 is passed over by poll(2). */
static void watch(struct pollfd *p, way const *w, line const *l)
{
  p->fd = l->server != -1 && !w->end_us && w->len < WINDOW_LEN ? w->from : -1;
  p->events = POLLIN;
}

static int wait_ms(int64_t now)
{
  int64_t next = now + 1000000;
  int i;
  for (i = 0; i < lines_len; i++)
  {
    if (lines[i]->server == -1 && lines[i]->open_us < next) next = lines[i]->open_us;
    next = way_next(&lines[i]->there, next);
    next = way_next(&lines[i]->back, next);
  }
  return next <= now ? 1 : (int)((next - now + 999) / 1000);
}

static void run(int listener)
{
  static struct pollfd fds[2 * LINKS_MAX + 1];
  for (;;)
  {
    int64_t now = now_us();
    int i, n = lines_len;
    for (i = 0; i < n; i++) line_turn(lines[i], now);
    for (i = n - 1; i >= 0; i--) if (line_over(lines[i])) line_end(i);
    n = lines_len;
    fds[0].fd = listener;
    fds[0].events = POLLIN;
    for (i = 0; i < n; i++)
    {
      watch(fds + 1 + 2 * i, &lines[i]->there, lines[i]);
      watch(fds + 2 + 2 * i, &lines[i]->back, lines[i]);
    }
    if (poll(fds, (nfds_t)(2 * n + 1), wait_ms(now)) <= 0) continue;
    now = now_us();
    for (i = 0; i < n; i++)
    {
      if (fds[1 + 2 * i].revents) way_take(&lines[i]->there, now);
      if (fds[2 + 2 * i].revents) way_take(&lines[i]->back, now);
    }
    if (fds[0].revents) line_begin(listener);
  }
}

int main(int argc, char **argv)
{
  struct sockaddr_in here;
  int one = 1, listener;
  if (argc != 4) return 100;
  delay_us = atol(argv[1]) * 1000;
  here = address_of(argv[2]);
  server = address_of(argv[3]);
  listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(listener, (struct sockaddr *)&here, sizeof here) == -1) die("bind");
  if (listen(listener, 1000) == -1) die("listen");
  run(listener);
  return 0;
}
