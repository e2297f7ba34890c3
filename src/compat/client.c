#include "compat/client.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

#include <skalibs/sig.h>
#include <skalibs/stralloc.h>
#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include "base/log.h"

/* RFC 5321 section 4.5.3.2. */
#define REPLY_S 300
#define BLOCK_S 180
#define ENDED_S 600
#define CONNECT_S 60
#define BLOCK_LEN 65536

void client_die(client const *c, char const *why)
{
  strerr_dief(c->down, c->purpose, " - mail system is down (", why, ")");
}

/* --- connecting --- */

static void die_connect(client const *c, char const *instance) gccattr_noreturn;
static void die_connect(client const *c, char const *instance)
{
  if (errno == EACCES || errno == EPERM)
    strerr_diefsys(EX_NOPERM, c->purpose, " - unable to connect to ", instance, "/run/local");
  strerr_dief(c->down, c->purpose, " - mail system is down (unable to connect to ", instance,
              "/run/local: ",
              strerror(errno), ")");
}

/*
 * Connect through /proc: the path of a socket has hardly a hundred octets, and that of an instance
 * may be of any length.
 */
static int socket_connect(int run)
{
  struct timeval const limit = { .tv_sec = CONNECT_S };
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  char number[UINT_FMT];
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd == -1) return -1;
  number[uint_fmt(number, (unsigned int)run)] = 0;
  stpcpy(stpcpy(stpcpy(address.sun_path, "/proc/self/fd/"), number), "/local");
  if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) == 0
   && connect(fd, (struct sockaddr *)&address, sizeof address) == 0) return fd;
  return -1;
}

void client_connect(client *c, char const *instance)
{
  stralloc path = STRALLOC_ZERO;
  int run;
  if (!stralloc_cats(&path, instance) || !stralloc_cats(&path, "/run") || !stralloc_0(&path))
    die_connect(c, instance);
  run = open(path.s, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (run == -1) die_connect(c, instance);
  c->fd = socket_connect(run);
  if (c->fd == -1) die_connect(c, instance);
  close(run);
  stralloc_free(&path);
}

/* --- the dialogue --- */

static void die_wire(client const *c) gccattr_noreturn;
static void die_wire(client const *c)
{
  client_die(c, c->wire.state == WIRE_TIMEOUT ? "no reply in time" : "lost connection");
}

/* Read the next line of a reply.  1 when it is the last one. */
static int reply_line(client *c, smtp_reply_line *reply)
{
  wire_line const *line = &c->line;
  if (!wire_line_read(&c->wire, &c->line)) die_wire(c);
  if (line->faults || !smtp_reply_scan(line->s, line->len, reply))
    client_die(c, "its reply makes no sense");
  return reply->last;
}

static unsigned int reply_read(client *c, unsigned int seconds)
{
  smtp_reply_line reply = { .code = 0 };
  unsigned int lines = 1;
  wire_step(&c->wire, seconds);
  while (!reply_line(c, &reply))
    if (++lines > SMTP_REPLY_LINES_MAX) client_die(c, "its reply has no end");
  log_clean(c->reply, sizeof c->reply, c->line.s, c->line.len);
  c->code = reply.code;
  if (c->code == 421) client_die(c, c->reply);
  return c->code;
}

static void me_read(client *c)
{
  char const *s = c->line.s + sizeof "220 " - 1, *end = c->line.s + c->line.len;
  char const *space = s < end ? memchr(s, ' ', (size_t)(end - s)) : 0;
  size_t len = space ? (size_t)(space - s) : 0;
  if (!smtp_domain_ok(s, len))
  {
    stpcpy(c->me, "localhost");
    return;
  }
  memcpy(c->me, s, len);
  c->me[len] = 0;
}

void client_greet(client *c)
{
  sig_ignore(SIGPIPE);
  if (!wire_init(&c->wire, c->fd, c->fd, -1)) client_die(c, strerror(errno));
  if (reply_read(c, REPLY_S) != 220) client_die(c, c->reply);
  me_read(c);
  if (client_say(c, "EHLO localhost") != 250) client_die(c, c->reply);
}

unsigned int client_say_pieces(client *c, char const *const *pieces)
{
  wire_step(&c->wire, REPLY_S);
  for (; *pieces; pieces++)
    if (!wire_put(&c->wire, *pieces, strlen(*pieces))) die_wire(c);
  if (!wire_put(&c->wire, "\r\n", 2)) die_wire(c);
  return reply_read(c, REPLY_S);
}

void client_put(client *c, char const *s, size_t len)
{
  while (len)
  {
    size_t n = len < BLOCK_LEN ? len : BLOCK_LEN;
    wire_step(&c->wire, BLOCK_S);
    if (!wire_put(&c->wire, s, n)) die_wire(c);
    s += n;
    len -= n;
  }
}

unsigned int client_end(client *c)
{
  client_put(c, ".\r\n", 3);
  return reply_read(c, ENDED_S);
}

void client_quit(client *c)
{
  wire_put(&c->wire, "QUIT\r\n", 6);
  wire_flush(&c->wire);
}
