#include "send/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"
#include "base/log.h"

char const *PROG = "send-channel";

static channel w;
static int peer;
static char got[400000];

static void pair(void)
{
  int s[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, s) == -1) exit(111);
  channel_init(&w, s[0]);
  peer = s[1];
}

static void unpair(void)
{
  channel_close(&w);
  close(peer);
}

static int file_make(char const *s, size_t len)
{
  int fd = memfd_create("test", MFD_CLOEXEC);
  if (fd == -1 || write(fd, s, len) != (ssize_t)len) exit(111);
  return fd;
}

/* Write all there is, read it at the other end; the octets got. */
static size_t through(void)
{
  size_t len = 0;
  size_t sent;
  ssize_t n;
  do
  {
    channel_ready(&w);
    channel_write(&w, &sent);
    while ((n = read(peer, got + len, sizeof got - len)) > 0) len += (size_t)n;
  }
  while (channel_pending(&w));
  return len;
}

static int through_is(char const *s)
{
  return through() == strlen(s) && !memcmp(got, s, strlen(s));
}

static int line_is(char const *s)
{
  char const *line;
  size_t len;
  return channel_line(&w, &line, &len) && len == strlen(s) && !memcmp(line, s, len);
}

static void test_out(void)
{
  static char big[300000];
  int file = file_make(".a\r\n..b\r\nc", 10);
  int large;
  size_t i;
  pair();
  CHECK("ready", channel_ready(&w) == CHANNEL_OK && !channel_pending(&w));
  channel_puts(&w, "MAIL\r\n");
  channel_put_file(&w, file, 0, 10, 1);
  CHECK("content is read at once", channel_ready(&w) == CHANNEL_OK);
  channel_puts(&w, "\r\n.\r\n");
  CHECK("dots are doubled", through_is("MAIL\r\n..a\r\n...b\r\nc\r\n.\r\n"));
  channel_put_file(&w, file, 4, 4, 0);
  CHECK("a part, as it is", through_is("..b\r"));
  channel_put_file(&w, file, 0, 0, 0);
  CHECK("no content", !channel_pending(&w));
  channel_put_file(&w, file, 0, 11, 0);
  CHECK("too short a file", channel_ready(&w) == CHANNEL_FILE && errno == 0);
  w.file = -1;
  w.out_len = w.out_pos = 0;

  for (i = 0; i < sizeof big; i++) big[i] = (char)('a' + i % 26);
  large = file_make(big, sizeof big);
  channel_puts(&w, "BDAT\r\n");
  channel_put_file(&w, large, 0, sizeof big, 0);
  CHECK("more than the buffer must wait", channel_ready(&w) == CHANNEL_BLOCKED && channel_pending(&w));
  CHECK("large", through() == sizeof big + 6 && !memcmp(got, "BDAT\r\n", 6) && !memcmp(got + 6, big, sizeof big));
  channel_put_file(&w, large, 0, sizeof big, 1);
  CHECK("large, through the buffer", through() == sizeof big && !memcmp(got, big, sizeof big));
  close(file);
  close(large);
  unpair();
}

static void test_in(void)
{
  static char text[5000];
  pair();
  CHECK("nothing", channel_read(&w) == CHANNEL_BLOCKED && !line_is(""));
  if (write(peer, "250 a\r\n250 b\n25", 15) != 15) exit(111);
  CHECK("read", channel_read(&w) == CHANNEL_OK && !channel_full(&w));
  CHECK("a line", line_is("250 a"));
  CHECK("LF alone", line_is("250 b"));
  CHECK("half a line", !line_is("25"));
  if (write(peer, "0 c\r\n", 5) != 5) exit(111);
  CHECK("the other half", channel_read(&w) == CHANNEL_OK && line_is("250 c"));
  memset(text, 'x', sizeof text);
  memcpy(text + sizeof text - 7, "\n250 d\n", 7);
  if (write(peer, text, sizeof text) != (ssize_t)sizeof text) exit(111);
  {
    char const *line;
    size_t len;
    int cut = 0;
    int next = 0;
    int full = 0;
    while (channel_read(&w) == CHANNEL_OK)
    {
      full += channel_full(&w);
      while (channel_line(&w, &line, &len))
        if (len == sizeof w.in && line[0] == 'x') cut++;
        else if (len == 5 && !memcmp(line, "250 d", 5)) next++;
    }
    CHECK("more than the buffer, twice", full == 2);
    CHECK("a line too long is cut", cut == 1);
    CHECK("and the next one is whole", next == 1);
  }
  close(peer);
  CHECK("end", channel_read(&w) == CHANNEL_END);
  channel_puts(&w, "QUIT\r\n");
  {
    size_t sent;
    CHECK("broken", channel_write(&w, &sent) == CHANNEL_END && w.dead && !channel_pending(&w));
  }
  channel_close(&w);
}

int main(void)
{
  test_out();
  test_in();
  return CHECK_END();
}
