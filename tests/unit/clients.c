/* Which octets are a client's places, and who finds one. */

#include "smtpd/clients.h"

#include <fcntl.h>
#include <stdint.h>
#include <unistd.h>

#include "check.h"

static conf_address address(char const *text)
{
  conf_address a;
  if (!conf_address_scan(text, &a)) abort();
  return a;
}

static off_t first(char const *text)
{
  conf_address a = address(text);
  return clients_first(&a);
}

/* Have these two no place in common? */
static int apart(char const *a, char const *b)
{
  off_t d = first(a) - first(b);
  return d >= CONF_CONNECTIONS_MAX || d <= -CONF_CONNECTIONS_MAX;
}

/* Are all the places there may be octets of a file? */
static int within(char const *text)
{
  return first(text) >= 0 && first(text) <= INT64_MAX - (CONF_CONNECTIONS_MAX - 1);
}

/* The last network for which there are octets of its own, counted from ::, and the next one. */
#define LAST "3:46db:5d63:8864::"
#define BEYOND "3:46db:5d63:8865::"

static void check_ranges(void)
{
  CHECK("the first", first("0.0.0.0") == 0);
  CHECK("IPv4: next to each other", first("0.0.0.1") == CONF_CONNECTIONS_MAX);
  CHECK("IPv4: each its own", apart("192.0.2.1", "192.0.2.2") && apart("255.255.255.255", "0.0.0.0"));
  CHECK("IPv4: mapped", first("::ffff:192.0.2.1") == first("192.0.2.1"));
  CHECK("IPv6: behind IPv4", first("::1") > first("255.255.255.255") && apart("::1", "255.255.255.255"));
  CHECK("IPv6: one network", first("2001:db8::1") == first("2001:db8::ffff:ffff:ffff:ffff"));
  CHECK("IPv6: the next network", apart("2001:db8::1", "2001:db8:0:1::1"));
  CHECK("IPv6: a whole /15", apart("2000::", "2001:ffff:ffff:ffff::") && apart("2a00::", "2a01:8000::"));
  CHECK("IPv6: no further than a file", within("ffff:ffff:ffff:ffff::") && within("3fff:ffff:ffff:ffff::"));
  CHECK("IPv6: the last of all", within(LAST) && apart(LAST, "::") && apart(LAST, "255.255.255.255"));
  CHECK("IPv6: from the first on again", first(BEYOND) == first("::"));
}

/* A session of this client's: the descriptor it would hold, or -1 when it finds no place. */
static int enter(char const *text, unsigned int most)
{
  conf_address a = address(text);
  int fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (clients_enter(fd, &a, most) == 1) return fd;
  close(fd);
  return -1;
}

static void check_places(void)
{
  conf_address a = address("192.0.2.1");
  int one = enter("192.0.2.1", 2), two = enter("192.0.2.1", 2), three;
  CHECK("two places", one != -1 && two != -1);
  CHECK("no third", enter("192.0.2.1", 2) == -1);
  CHECK("another client's", enter("192.0.2.2", 2) != -1 && enter("2001:db8::1", 2) != -1);
  three = enter("192.0.2.1", 3);
  CHECK("a higher limit", three != -1);
  close(one);
  CHECK("free again", enter("192.0.2.1", 2) != -1);
  CHECK("what is no file", clients_enter(-1, &a, 2) == -1);
}

int main(void)
{
  check_ranges();
  check_places();
  CHECK_END();
}
