/* Who has how many connections, and whose turn is next. */

#include "qmgr/sender.h"
#include "sched/quota.h"

#include "check.h"

static quota c;

/* As many as there are for the source. */
static size_t fill(source *s, int asked)
{
  size_t n = 0;
  for (; quota_room(&c, s, asked); n++) quota_hold(&c, s);
  return n;
}

static void empty(source *s)
{
  while (s->held) quota_release(&c, s);
}

static source *from(char const *client)
{
  source_key key = sender_key(client, 0);
  return quota_source(&c, &key);
}

/* Do two client lines mean one source? */
static int same(char const *a, char const *b)
{
  source *x = from(a);
  source *y = from(b);
  int r = x == y && x != &c.unknown;
  quota_forget(&c, x);
  quota_forget(&c, y);
  return r;
}

static void check_sources(void)
{
  CHECK("an address", same("a [192.0.2.7] ESMTP", "b [192.0.2.7] SMTP"));
  CHECK("another", !same("a [192.0.2.7] ESMTP", "a [192.0.2.8] ESMTP"));
  CHECK("who says another's address", !same("[192.0.2.7] [192.0.2.8] ESMTP", "a [192.0.2.7] ESMTP"));
  CHECK("a network", same("a [IPv6:2001:db8:1:2::3] ESMTP", "a [IPv6:2001:db8:1:2:4:5:6:7] ESMTP"));
  CHECK("another network", !same("a [IPv6:2001:db8:1:2::3] ESMTP", "a [IPv6:2001:db8:1:3::3] ESMTP"));
  CHECK("IPv4 and IPv6", !same("a [0.0.0.1] ESMTP", "a [IPv6:0:0:0:1::] ESMTP"));
  CHECK("a user", same("uid 1000", "uid 1000") && !same("uid 1000", "uid 0"));
  CHECK("who says he is one", !same("uid [192.0.2.7] SMTP", "uid 0"));
  CHECK("our own", same("bounce-put", "bounce-put") && !same("bounce-put", "uid 0"));
  CHECK("nonsense", same("a [b] c", "") && same("[", "bounce-put"));
  CHECK("none is left", !c.sources);
}

static void check_shares(void)
{
  source *a = from("uid 1");
  source *b = from("uid 2");
  c.total = 20;
  CHECK("two thirds of 12 alone", fill(a, 0) == 8);
  CHECK("who comes then", fill(b, 0) == 3);
  CHECK("nothing more for the first", !quota_room(&c, a, 0));
  empty(a);
  CHECK("when the other has less", fill(b, 0) == 5 && fill(a, 0) == 3);
  CHECK("asked for: half of its part", fill(a, 1) + fill(b, 1) == 1);
  CHECK("but not all", !quota_full(&c) && c.all == 12);
  CHECK("sure sites", fill(&c.sure, 0) == 4 && quota_full(&c) && !quota_room(&c, from("uid 3"), 0));
  CHECK("asked for, of another source", quota_room(&c, from("uid 3"), 1));
  CHECK("sure and asked for", fill(&c.sure, 1) == 4 && c.all == 20);
  empty(a);
  empty(b);
  empty(&c.sure);
  CHECK("sure sites alone", fill(&c.sure, 0) == 16 && !quota_room(&c, a, 0) && quota_room(&c, a, 1));
  empty(&c.sure);
}

/* How many a source that is alone gets, and what was asked for then. */
static int alone(size_t total, size_t unasked, size_t asked)
{
  source *a = from("uid 1");
  int r;
  c.total = total;
  r = fill(a, 0) == unasked && fill(a, 1) == asked;
  empty(a);
  return r;
}

static void check_totals(void)
{
  CHECK("1", alone(1, 1, 0));
  CHECK("2", alone(2, 1, 1));
  CHECK("5", alone(5, 2, 1));
  CHECK("1000", alone(1000, 400, 67));
  c.total = 1000;
  quota_hold(&c, &c.sure);
  quota_hold(&c, &c.sure);
  c.total = 1;
  CHECK("fewer than there are", !quota_room(&c, &c.sure, 1) && !quota_room(&c, &c.unknown, 1));
  empty(&c.sure);
}

static source *from_null(char const *client)
{
  source_key key = sender_key(client, 1);
  return quota_source(&c, &key);
}

static void check_null(void)
{
  static waiter w[2];
  source *ours = from_null("bounce-put");
  source *other = from_null("a [192.0.2.7] ESMTP");
  source *a = from("bounce-put");
  CHECK("sources of their own", ours != a && ours == from_null("") && other != from("a [192.0.2.7] ESMTP"));
  c.total = 1000;
  CHECK("two thirds of a tenth", fill(ours, 0) == 67 && fill(other, 0) == 22 && c.null == 89);
  CHECK("the others have theirs", fill(a, 0) > 300);
  CHECK("asked for is not counted so", quota_room(&c, ours, 1));
  empty(a);
  empty(ours);
  empty(other);
  CHECK("none", !c.null);
  c.total = 10;
  CHECK("one of ten", fill(ours, 0) == 1 && !quota_room(&c, other, 0) && fill(a, 0) == 4);
  empty(a);
  quota_wait(&c, w, other, 0);
  CHECK("it waits", !quota_next(&c));
  CHECK("until one ends", quota_next_without(&c, ours) == w && !quota_next(&c) && ours->held == 1 && c.null == 1);
  quota_wait(&c, w, a, 0);
  CHECK("mail of others comes along", quota_next(&c) == w);
  quota_wait(&c, w, other, 0);
  CHECK("and stays there", quota_next(&c) == w);
  quota_leave(&c, w);
  quota_wait(&c, w, ours, 1);
  CHECK("or it is asked for", quota_next(&c) == w);
  quota_leave(&c, w);
  empty(ours);
}

static int next_is(waiter *w)
{
  waiter *next = quota_next(&c);
  if (next) quota_serve(&c, next);
  return next == w;
}

static void check_turns(void)
{
  static waiter w[6];
  source *a = from("uid 1");
  source *b = from("uid 2");
  c.total = 20;
  CHECK("nobody waits", !quota_next(&c) && !c.waiting);
  quota_wait(&c, w, a, 0);
  quota_wait(&c, w + 1, a, 0);
  quota_wait(&c, w + 2, a, 0);
  quota_wait(&c, w + 3, b, 0);
  quota_wait(&c, w + 4, &c.sure, 0);
  quota_wait(&c, w + 5, b, 1);
  quota_wait(&c, w, b, 0);
  CHECK("who waits keeps his place", w[0].lane->source == a && c.waiting == 6);
  quota_wait(&c, w + 2, a, 1);
  CHECK("asked for comes first", next_is(w + 5) && next_is(w + 2));
  CHECK("the others in turns", next_is(w) && next_is(w + 3) && next_is(w + 4) && next_is(w + 1));
  CHECK("nobody waits any more", !quota_next(&c) && !c.waiting && !source_waits(a));
  fill(a, 0);
  quota_wait(&c, w, a, 0);
  quota_wait(&c, w + 1, b, 0);
  CHECK("who has too many is passed over", source_waits(a) && next_is(w + 1) && !quota_next(&c));
  fill(b, 0);
  fill(from("uid 3"), 0);
  quota_wait(&c, w + 1, b, 0);
  quota_wait(&c, w + 2, &c.sure, 0);
  CHECK("all but the sure", next_is(w + 2) && !quota_next(&c));
}

int main(void)
{
  quota_init(&c);
  check_sources();
  check_shares();
  check_totals();
  check_null();
  check_turns();
  return CHECK_END();
}
