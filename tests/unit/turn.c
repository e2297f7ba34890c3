/* The datagram of a connection that was turned round: what is written is what is read. */

#include "job/turn.h"

#include <string.h>

#include "check.h"

#define PEER "unknown[192.0.2.7]:40000"

static job_turn turn;

static int is(job_field const *field, char const *s)
{
  return field->len == strlen(s) && !memcmp(field->s, s, field->len);
}

static int scans(char const *s)
{
  return job_turn_scan(&turn, s, strlen(s));
}

/* Written for this user, read with these domains behind it: is the user this one then? */
static int comes_as(char const *user, char const *peer, int tls, char const *as)
{
  static char text[JOB_TURN_HEAD_MAX + 32];
  size_t const len = job_turn_begin(text, user, peer, tls);
  if (len != strlen(text) || len >= JOB_TURN_HEAD_MAX) return 0;
  strcat(text, " a.tld b.tld");
  return scans(text) && is(&turn.user, as) && is(&turn.peer, peer) && is(&turn.how, tls ? "tls" : "clear")
    && is(&turn.domains, "a.tld b.tld");
}

static void check_both_ways(void)
{
  static char user[JOB_TURN_USER_MAX + 2], peer[JOB_TURN_PEER_MAX + 1];
  char whole[JOB_TURN_HEAD_MAX];
  CHECK("the words", job_turn_begin(whole, "joe", PEER, 1) == 37 && !strcmp(whole, "turn joe " PEER " tls"));
  CHECK("in TLS", comes_as("joe", PEER, 1, "joe"));
  CHECK("in clear text", comes_as("joe", PEER, 0, "joe"));
  CHECK("of IPv6", comes_as("joe@a.tld", "unknown[2001:db8::7]:1", 0, "joe@a.tld"));
  CHECK("beyond ASCII", comes_as("j\303\266", PEER, 1, "j\303\266"));
  CHECK("spaces and controls", comes_as("joe b\tc\n\177d", PEER, 1, "joe_b_c__d"));
  CHECK("brackets", comes_as("<joe", PEER, 1, "<joe") && comes_as("<joe>", PEER, 1, "<joe>") && comes_as("<\"joe", PEER, 1, "<\"joe"));
  memset(user, 'u', JOB_TURN_USER_MAX);
  memset(peer, 'p', sizeof peer - 1);
  memcpy(peer + JOB_TURN_PEER_MAX - 16, "[192.0.2.7]:4000", 16);
  CHECK("the longest", comes_as(user, peer, 0, user));
  user[JOB_TURN_USER_MAX] = 'x';
  CHECK("a longer user is cut", job_turn_begin(whole, user, peer, 0) == JOB_TURN_USER_MAX + JOB_TURN_PEER_MAX + 12
    && !strchr(whole, 'x'));
}

static void check_nonsense(void)
{
  static char filled[JOB_TURN_MAX + 2];
  CHECK("read", scans("turn joe " PEER " tls a.tld"));
  CHECK("nothing", !scans("") && !scans("turn") && !scans("turn joe") && !scans("turn joe " PEER));
  CHECK("no domain", !scans("turn joe " PEER " tls") && !scans("turn joe " PEER " tls "));
  CHECK("another word", !scans("Turn joe " PEER " tls a.tld") && !scans("turns joe " PEER " tls a.tld"));
  CHECK("no user", !scans("turn  " PEER " tls a.tld"));
  CHECK("two spaces", !scans("turn joe  " PEER " tls a.tld"));
  CHECK("no peer", !scans("turn joe unknown tls a.tld") && !scans("turn joe [192.0.2.7]:1 tls a.tld")
    && !scans("turn joe unknown[192.0.2.7] tls a.tld") && !scans("turn joe unknown[192.0.2.7]:0 tls a.tld"));
  CHECK("neither", !scans("turn joe " PEER " ssl a.tld"));
  CHECK("control characters", !scans("turn joe " PEER " tls a.tld\n") && !scans("turn joe " PEER " tls a.tld\177"));
  CHECK("a NUL", !job_turn_scan(&turn, "turn joe " PEER " tls a\0b", sizeof "turn joe " PEER " tls a\0b" - 1));
  strcpy(filled, "turn joe " PEER " tls ");
  memset(filled + strlen(filled), 'a', JOB_TURN_MAX - strlen(filled));
  CHECK("the longest", scans(filled));
  filled[JOB_TURN_MAX] = 'a';
  CHECK("too long", !scans(filled));
}

int main(void)
{
  check_both_ways();
  check_nonsense();
  CHECK_END();
}
