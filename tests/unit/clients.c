/* Which octets are a client's slots, and which session finds one. */

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
  return clients_slots_first(&a);
}

/* Slots of a client, and subdomains. */
#define RANGE (CONF_CONNECTIONS_MAX + CONF_SUBDOMAINS_MAX)

/* Have these two no slot in common? */
static int apart(char const *a, char const *b)
{
  off_t d = first(a) - first(b);
  return d >= RANGE || d <= -RANGE;
}

/* Are all the slots there may be octets of a file? */
static int within(char const *text)
{
  return first(text) >= 0 && first(text) <= INT64_MAX - (RANGE - 1);
}

/* The last network for which there are octets of its own, counted from ::, and the next one. */
#define LAST "1:a36d:2eb1:c431::"
#define BEYOND "1:a36d:2eb1:c432::"

static void check_ranges(void)
{
  CHECK("the first", first("0.0.0.0") == 0);
  CHECK("IPv4: next to each other", first("0.0.0.1") == RANGE);
  CHECK("IPv4: each its own", apart("192.0.2.1", "192.0.2.2") && apart("255.255.255.255", "0.0.0.0"));
  CHECK("IPv4: mapped", first("::ffff:192.0.2.1") == first("192.0.2.1"));
  CHECK("IPv6: behind IPv4", first("::1") > first("255.255.255.255") && apart("::1", "255.255.255.255"));
  CHECK("IPv6: one network", first("2001:db8::1") == first("2001:db8::ffff:ffff:ffff:ffff"));
  CHECK("IPv6: the next network", apart("2001:db8::1", "2001:db8:0:1::1"));
  CHECK("IPv6: a whole /16", apart("2000::", "2000:ffff:ffff:ffff::") && apart("2a00::", "2a00:8000::"));
  CHECK("IPv6: no further than a file", within("ffff:ffff:ffff:ffff::") && within("3fff:ffff:ffff:ffff::"));
  CHECK("IPv6: the last of all", within(LAST) && apart(LAST, "::") && apart(LAST, "255.255.255.255"));
  CHECK("IPv6: from the first on again", first(BEYOND) == first("::"));
}

/* A session of this client's: the descriptor it would hold, or -1 when it finds no slot. */
static int enter(char const *text, unsigned int most)
{
  conf_address a = address(text);
  int fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (clients_slot_take(fd, &a, most) == 1) return fd;
  close(fd);
  return -1;
}

static void check_slots(void)
{
  conf_address a = address("192.0.2.1");
  int one = enter("192.0.2.1", 2), two = enter("192.0.2.1", 2), three;
  CHECK("two slots", one != -1 && two != -1);
  CHECK("no third", enter("192.0.2.1", 2) == -1);
  CHECK("another client's", enter("192.0.2.2", 2) != -1 && enter("2001:db8::1", 2) != -1);
  three = enter("192.0.2.1", 3);
  CHECK("a higher limit", three != -1);
  CHECK("counted, with our own", clients_count(two, &a, 3) == 3 && clients_count(two, &a, 2) == 2);
  close(one);
  CHECK("one less", clients_count(two, &a, 3) == 2 && clients_count(-1, &a, 3) == 1);
  CHECK("free again", enter("192.0.2.1", 2) != -1);
  CHECK("what is no file", clients_slot_take(-1, &a, 2) == -1);
}

/* Of many slots, a hundred are looked at. */
static void check_count(void)
{
  conf_address a = address("192.0.2.9");
  int fd = enter("192.0.2.9", 1000);
  unsigned int i;
  CHECK("alone", clients_count(fd, &a, 1000) == 1);
  for (i = 0; i < 499; i++) enter("192.0.2.9", 1000);
  i = clients_count(fd, &a, 1000);
  CHECK("about half", i > 300 && i < 700);
}

/* A session's slot among all: the descriptor it would hold. */
static int session_begin(clients_session *s, unsigned int all)
{
  int fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (clients_session_take(s, fd, all) == 1) return fd;
  close(fd);
  return -1;
}

#define ALL 40

static void check_sessions(void)
{
  clients_session sessions[ALL], one;
  int fds[ALL], i, late = 0, last;
  for (i = 0; i < ALL / 2; i++) fds[i] = session_begin(sessions + i, ALL);
  for (i = 0; i < ALL / 2; i++) late += fds[i] == -1 || sessions[i].late != -1 || clients_stress(sessions + i);
  CHECK("half: not many", late == 0);
  for (; i < ALL; i++) fds[i] = session_begin(sessions + i, ALL);
  for (late = 0, last = -1, i = 0; i < ALL; i++)
    if (fds[i] != -1 && sessions[i].late != -1) late++, last = i;
  CHECK("no two have the same", late <= ALL / 4);
  CHECK("many", last != -1 && clients_stress(sessions) && clients_stress(sessions + last));
  CHECK("to one who found none as well", session_begin(&one, ALL) == -1 || clients_stress(&one));
  for (i = 0; i < ALL; i++)
    if (i != last && i) close(fds[i]);
  CHECK("not to the last one left", !clients_stress(sessions + last) && sessions[last].late == -1);
  CHECK("nor to others then", !clients_stress(sessions));
  close(fds[0]);
  close(fds[last]);
  CHECK("of one there are never many", (fds[0] = session_begin(&one, 1)) != -1 && !clients_stress(&one));
  close(fds[0]);
  CHECK("nor where that is not counted", !clients_stress(&(clients_session){ .all = 0 }));
}

/* All sessions of a client share its subdomains, and each goes on where it was. */
static void check_subdomains(void)
{
  conf_address a = address("192.0.2.7"), b = address("192.0.2.8");
  int one = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), two = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  unsigned int first = 0, second = 0, again = 0, other = 0;
  CHECK("two subdomains", clients_subdomain_take(one, &a, 3, &first) == 1 && clients_subdomain_take(one, &a, 3, &first) == 1);
  CHECK("another session's", clients_subdomain_take(two, &a, 3, &second) == 1);
  CHECK("all are taken", clients_subdomain_take(one, &a, 3, &first) == 0 && clients_subdomain_take(two, &a, 3, &second) == 0);
  CHECK("another client's", clients_subdomain_take(two, &b, 3, &other) == 1);
  CHECK("no slots", enter("192.0.2.7", 1) != -1);
  close(one);
  CHECK("free again", clients_subdomain_take(two, &a, 3, &again) == 1);
  CHECK("what is no file has no subdomains", clients_subdomain_take(-1, &a, 3, &first) == 0 || clients_subdomain_take(-1, &b, 3, &(unsigned int){ 0 }) == -1);
  close(two);
}

static void check_log(void)
{
  conf_address a = address("192.0.2.1"), b = address("192.0.2.2");
  int one = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), two = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  CHECK("a line", clients_log_take(one, &a) == 1);
  CHECK("is had by one", clients_log_take(two, &a) == 0);
  CHECK("of each client", clients_log_take(two, &b) == 1);
  close(one);
  CHECK("and passed on", clients_log_take(two, &a) == 1);
  close(two);
}

int main(void)
{
  check_ranges();
  check_sessions();
  check_subdomains();
  check_log();
  check_slots();
  check_count();
  CHECK_END();
}
