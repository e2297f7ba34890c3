/* The two ends of a connection: lines as a server reads them and as a client does, deadlines, the order to stop. */

#include "base/wire.h"

#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"

char const *PROG = "wire";

static wire w;
static int peer;
static int stop[2];
static wire_line line;

static void begin(void)
{
  int s[2];
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, s) == -1 || pipe(stop) == -1) exit(111);
  peer = s[1];
  if (!wire_init(&w, s[0], s[0], stop[0])) exit(111);
  wire_step(&w, 10);
}

static void end(void)
{
  close(w.in_fd);
  if (peer != -1) close(peer);
  close(stop[0]);
  close(stop[1]);
}

static void said(char const *s)
{
  if (write(peer, s, strlen(s)) != (ssize_t)strlen(s)) exit(111);
}

static void gone(void)
{
  close(peer);
  peer = -1;
}

static int line_is(char const *s)
{
  return wire_line_read(&w, &line) && !line.faults && line.len == strlen(s) && !memcmp(line.s, s, line.len);
}

static int reply_is(char const *s)
{
  char text[WIRE_REPLY_MAX];
  size_t len;
  return wire_reply_read(&w, text, &len) && len == strlen(s) && !memcmp(text, s, len);
}

static void check_lines(void)
{
  begin();
  said("NOOP\r\nRSET\r\na\nb\rc\r\n");
  CHECK("a line", line_is("NOOP"));
  CHECK("the next", line_is("RSET"));
  CHECK("a CR or LF of its own ends none", wire_line_read(&w, &line) && line.faults == WIRE_BARE);
  gone();
  CHECK("the end", !wire_line_read(&w, &line) && w.state == WIRE_LOST);
  end();
}

static void check_long_line(void)
{
  static char text[SMTP_COMMAND_MAX + 10];
  begin();
  memset(text, 'x', SMTP_COMMAND_MAX + 1);
  said(text);
  said("\r\nNOOP\r\n");
  CHECK("a line that is too long", wire_line_read(&w, &line) && line.faults == WIRE_LONG);
  CHECK("and one behind it", line_is("NOOP"));
  end();
}

static void check_replies(void)
{
  static char text[WIRE_REPLY_MAX + 1];
  begin();
  memset(text, 'x', WIRE_REPLY_MAX);
  said("220 a\r\n250 b\n\n");
  CHECK("a reply", reply_is("220 a"));
  CHECK("LF alone ends it, too", reply_is("250 b") && reply_is(""));
  said(text);
  CHECK("one that is too long is cut", reply_is(text));
  said("more of it\r\n250 c\r\n");
  CHECK("its rest is passed over", reply_is("250 c"));
  said("250 d");
  gone();
  CHECK("half a reply is none", !reply_is("250 d") && w.state == WIRE_LOST);
  end();
}

static void check_wipe(void)
{
  static char const zeros[sizeof "secret\r\n" - 1];
  begin();
  said("secret\r\nnext\r\n");
  CHECK("a line", line_is("secret"));
  wire_wipe(&w);
  CHECK("is gone", !memcmp(w.in, zeros, sizeof zeros));
  CHECK("and the next one is not", line_is("next"));
  said("first\r\nsecret\r\n");
  CHECK("in one read", line_is("first") && line_is("secret"));
  said("last\r\n");
  CHECK("a shorter one", line_is("last"));
  wire_wipe(&w);
  CHECK("what was behind it is gone", !memcmp(w.in + 7, zeros, sizeof zeros));
  end();
}

static void check_last_words(void)
{
  begin();
  said("421 bye\r\n");
  gone();
  CHECK("put", wire_put(&w, "NOOP\r\n", 6));
  CHECK("what was said before it was closed", reply_is("421 bye"));
  CHECK("and nothing more", !reply_is("") && w.state == WIRE_LOST);
  end();
}

static void check_output(void)
{
  static char in[100000];
  static char out[3 * WIRE_OUT_MAX];
  size_t len = 0;
  ssize_t n;
  begin();
  memset(out, 'y', sizeof out);
  CHECK("more than there is room for", wire_put(&w, out, sizeof out) && wire_flush(&w));
  shutdown(w.out_fd, SHUT_WR);
  while ((n = read(peer, in + len, sizeof in - len)) > 0) len += (size_t)n;
  CHECK("all of it comes", len == sizeof out && !memcmp(in, out, len));
  end();
}

static void check_waits(void)
{
  begin();
  wire_step(&w, 1);
  CHECK("silence", !wire_line_read(&w, &line) && w.state == WIRE_TIMEOUT);
  end();
  begin();
  if (write(stop[1], "", 1) != 1) exit(111);
  CHECK("told to stop", !wire_line_read(&w, &line) && w.state == WIRE_STOPPED);
  end();
  begin();
  CHECK("a pause", wire_pause(&w, 1) && w.state == WIRE_OPEN);
  end();
}

/* What another wire has read, and not taken, comes before what is read here from then on. */
static void check_continue(void)
{
  static wire other;
  size_t len;
  begin();
  said("early\r\n");
  wire_step(&w, 1);
  wire_fill(&w);
  other.in_len = 12;
  other.in_pos = 5;
  memcpy(other.in, "tls\r\nlate\r\nx", 12);
  wire_continue(&w, &other);
  CHECK("what was here is gone", line_is("late"));
  CHECK("the rest is there", wire_fill(&w) && *wire_peek(&w, &len) == 'x' && len == 1);
  said("y\r\n");
  CHECK("and goes on", line_is("xy"));
  other.in_pos = other.in_len;
  wire_continue(&w, &other);
  CHECK("nothing is left over", !wire_fill(&w) && w.state == WIRE_TIMEOUT);
  end();
}

static int asked;
static int hurried(void *data)
{
  return ++asked == *(int *)data;
}

/* Octets are always there, and a tenth of the step has passed when they are looked at. */
static int busy_over_a_tenth(void)
{
  int reads = 40;
  wire_step(&w, 10);
  usleep(1100000);
  for (; reads; reads--)
  {
    said("x");
    if (!wire_fill(&w)) return 0;
    wire_taken(&w, 1);
  }
  return 1;
}

static void check_hurry(void)
{
  int most = 2, never = 0;
  begin();
  wire_hurry(&w, &hurried, &most);
  wire_step(&w, 10);
  CHECK("asked after each tenth", !wire_fill(&w) && w.state == WIRE_TIMEOUT && asked == 2);
  end();
  begin();
  asked = most = 0;
  wire_hurry(&w, &hurried, &most);
  CHECK("not in a pause", wire_pause(&w, 2) && w.state == WIRE_OPEN && !asked);
  end();
  begin();
  wire_hurry(&w, &hurried, &never);
  CHECK("asked when octets are always there", busy_over_a_tenth() && asked);
  end();
}

int main(void)
{
  signal(SIGPIPE, SIG_IGN);
  check_lines();
  check_long_line();
  check_replies();
  check_last_words();
  check_wipe();
  check_output();
  check_waits();
  check_continue();
  check_hurry();
  return CHECK_END();
}
