/* Lists: what is recorded, together or not; claims, to their end or given back; what is in the way. */

#include "qmgr/lists.h"

#include <sys/resource.h>

#include "qmgr.h"

char const *PROG = "qmgr-lists";

#define FLUSH "flush/customer.tld"
#define CLAIM "claim/customer.tld"
#define SITE "site/[192.0.2.2]:25"

static lists all;
static hops hands_of_sites;
static agents others;
static char id[ID_LEN + 1];

static list *begin(char const *name)
{
  instance_make(name);
  memset(&all, 0, sizeof all);
  memset(&hands_of_sites, 0, sizeof hands_of_sites);
  memset(&others, 0, sizeof others);
  all.core = hands_of_sites.core = others.core = &q;
  all.hops = &hands_of_sites;
  all.agents = &others;
  log_forget();
  return lists_get(&all, "customer.tld");
}

/* What the scheduler wants done now. */
static int ordered(list const *l, enum order_kind kind)
{
  return domain_ordered(&l->domain, kind);
}

static char const *read_all(list *l)
{
  static char text[1000];
  size_t len = 0;
  text[0] = 0;
  while (len < sizeof text - 20 && list_read(&all, l, id) == 1)
    len += (size_t)snprintf(text + len, sizeof text - len, "%s%s", len ? " " : "", id);
  return text;
}

/* --- knowing them ---------------------------------------------------------------------------- */

static void test_known(void)
{
  list *l = begin("known");
  list *parked = lists_get(&all, "parked.tld");
  CHECK("get", l && list_of(&l->domain) == l && !strcmp(l->name, "customer.tld")
        && !strcmp(hop_of(l->domain.site)->name, "[192.0.2.1]:25") && !l->domain.route.parked);
  CHECK("get: again", lists_get(&all, "customer.tld") == l && lists_find(&all, "customer.tld") == l);
  CHECK("get: parked", parked->domain.route.parked
        && !strcmp(hop_of(parked->domain.site)->name, "[192.0.2.2]:25"));
  CHECK("get: its own", !strcmp(hop_of(lists_get(&all, "a.tld")->domain.site)->name, "a.tld"));
  CHECK("find: not known", !lists_find(&all, "b.tld") && q.sched.domains.row.count == 3);

  conf_put("routes", "customer.tld [192.0.2.3] concurrency=2\nparked.tld [192.0.2.2]\n");
  if (!core_settings(&q)) exit(111);
  CHECK("settings: it is as it was until it is asked for",
        !strcmp(hop_of(l->domain.site)->name, "[192.0.2.1]:25"));
  lists_get(&all, "customer.tld");
  CHECK("settings: and then as they are", !strcmp(hop_of(l->domain.site)->name, "[192.0.2.3]:25")
        && l->domain.route.concurrency == 2 && parked->domain.route.parked);
  lists_refresh(&all);
  CHECK("settings: all of them", !parked->domain.route.parked);

  list_note(&all, l, ID1);
  lists_record_noted(&all);
  lists_forget(&all, parked);
  lists_forget(&all, l);
  CHECK("forget", !lists_find(&all, "customer.tld") && !lists_find(&all, "parked.tld")
        && q.sched.domains.row.count == 1);
  CHECK("forget: what waits still does", holds(FLUSH, ID1 "\n"));
  l = lists_get(&all, "customer.tld");
  CHECK("forget: nothing is known then", l && !l->domain.waiting && !l->noted.len);
}

/* --- recording ------------------------------------------------------------------------------- */

static void test_record(void)
{
  list *l = begin("record");
  CHECK("record", list_record(&all, l, 0, ID2, 0) == 1 && holds(FLUSH, ID2 "\n"));
  CHECK("record: it waits", l->domain.waiting && l->domain.oldest_us == id_time(ID2)
        && !l->domain.untried && !l->domain.ready.row);
  CHECK("record: another", list_record(&all, l, 0, ID1, 1) == 1 && holds(FLUSH, ID2 "\n" ID1 "\n")
        && l->domain.oldest_us == id_time(ID1));
  CHECK("record: untried, it has its turn", l->domain.untried && l->domain.ready.row);
  CHECK("record: no site file", !there("site/[192.0.2.1]:25") && !logged("warning"));

  l = begin("in-the-way");
  obstruct(FLUSH);
  CHECK("obstructed", list_record(&all, l, 0, ID1, 1) == 0 && !l->domain.waiting
        && !l->domain.untried);
  CHECK("obstructed: said", logged("passed over flush/customer.tld: ") == 1);
  CHECK("obstructed: nobody waits for that", !q.sched.paused);
}

static void test_parked(void)
{
  list *l;
  begin("parked");
  l = lists_get(&all, "parked.tld");
  list_record(&all, l, 0, ID1, 1);
  CHECK("parked: a site file", there(SITE) && holds("flush/parked.tld", ID1 "\n"));
  CHECK("parked: nothing is tried", !l->domain.untried && !l->domain.ready.row);
  unlinkat(q.queue, SITE, 0);
  list_record(&all, l, 0, ID2, 1);
  CHECK("parked: written once", !there(SITE));
}

static void test_note(void)
{
  list *l = begin("note");
  list *other = lists_get(&all, "a.tld");
  CHECK("note", list_note(&all, l, ID2) && list_note(&all, l, ID1) && list_note(&all, l, ID3)
        && list_note(&all, other, ID3) && all.noting.count == 2);
  CHECK("note: nothing is recorded yet", !there(FLUSH) && !there("flush/a.tld"));
  lists_record_noted(&all);
  CHECK("note: recorded together", holds(FLUSH, ID2 "\n" ID1 "\n" ID3 "\n")
        && holds("flush/a.tld", ID3 "\n"));
  CHECK("note: they wait", l->domain.waiting && l->domain.untried && other->domain.untried
        && l->domain.oldest_us == id_time(ID1));
  CHECK("note: nothing was missed", !lists_missed(&all, ID1) && !all.missed_short);
  lists_record_noted(&all);
  CHECK("note: once", holds("flush/a.tld", ID3 "\n") && !all.noting.count);
  list_note(&all, other, ID1);
  lists_record_noted(&all);
  CHECK("note: later", holds("flush/a.tld", ID3 "\n" ID1 "\n"));
}

static void test_missed(void)
{
  list *l = begin("missed");
  list *other = lists_get(&all, "a.tld");
  obstruct(FLUSH);
  list_note(&all, l, ID1);
  list_note(&all, l, ID2);
  list_note(&all, other, ID3);
  lists_record_noted(&all);
  CHECK("missed: those of the list in the way", lists_missed(&all, ID1) && lists_missed(&all, ID2)
        && !lists_missed(&all, ID3));
  CHECK("missed: the other one is recorded", holds("flush/a.tld", ID3 "\n"));
  CHECK("missed: nothing is short", !all.missed_short && !q.sched.paused && !l->domain.waiting
        && logged("passed over flush/customer.tld") == 1);
  lists_missed_over(&all);
  CHECK("missed: seen to", !lists_missed(&all, ID1));
  lists_record_noted(&all);
  CHECK("missed: and not noted any more", !lists_missed(&all, ID1));

  l = begin("short");
  if (renameat(q.queue, "flush", q.queue, "away") == -1) exit(111);
  list_note(&all, l, ID1);
  lists_record_noted(&all);
  CHECK("short", lists_missed(&all, ID1) && all.missed_short
        && logged("unable to record in flush/customer.tld: ") == 1);
  lists_missed_over(&all);
  CHECK("short: seen to", !lists_missed(&all, ID1) && !all.missed_short);
}

/* --- looking --------------------------------------------------------------------------------- */

static void test_found(void)
{
  list *l = begin("found");
  put(FLUSH, ID2 "\n" ID1 "\n");
  CHECK("first", list_first(&all, l, id) == 1 && !strcmp(id, ID2));
  list_found(&all, l);
  CHECK("found: the first is the oldest", l->domain.waiting && l->domain.untried
        && l->domain.oldest_us == id_time(ID2));
  put(FLUSH, ID1 "\n");
  list_found(&all, l);
  CHECK("found: known already", l->domain.oldest_us == id_time(ID2));

  l = lists_get(&all, "parked.tld");
  put("flush/parked.tld", ID1 "\n");
  list_found(&all, l);
  CHECK("found: parked", l->domain.waiting && !l->domain.untried && there(SITE));

  l = lists_get(&all, "a.tld");
  put("claim/a.tld", ID3 "\n");
  CHECK("first: of the claim", list_first(&all, l, id) == 1 && !strcmp(id, ID3));
  put("flush/a.tld", "\n");
  CHECK("first: of the claim, behind an empty list", list_first(&all, l, id) == 1 && !strcmp(id, ID3));
  put("claim/a.tld", "");
  CHECK("first: none", list_first(&all, l, id) == 0);
}

/* --- claims ---------------------------------------------------------------------------------- */

static void test_claim(void)
{
  list *l = begin("claim");
  put(FLUSH, ID3 "\n" ID1 "\n" ID2 "\n");
  list_found(&all, l);
  CHECK("claim", list_claim(&all, l) == CLAIMED && l->claim && l->domain.pass
        && !there(FLUSH) && there(CLAIM) && !l->domain.waiting);
  CHECK("claim: read", !strcmp(read_all(l), ID3 " " ID1 " " ID2) && l->domain.pass->read_through
        && !l->domain.pass->damaged);
  CHECK("claim: then it is to be settled", ordered(l, ORDER_SETTLE));
  list_settle(&all, l);
  CHECK("settle: nothing is left", !there(CLAIM) && !there(FLUSH) && !l->claim && !l->domain.pass
        && !l->domain.waiting);
  CHECK("claim: nothing waits", list_claim(&all, l) == CLAIM_NOTHING && !l->claim && !l->domain.pass);
  CHECK("claim: no word of that", !logged("warning"));
}

static void test_kept(void)
{
  list *l = begin("kept");
  pass *p;
  put(FLUSH, ID3 "\n" ID1 "\n" ID2 "\n");
  list_claim(&all, l);
  p = l->domain.pass;
  read_all(l);
  list_record(&all, l, p, ID3, 0);
  list_keep(&all, l, p, ID2);
  list_keep(&all, l, p, ID3);
  list_record(&all, l, p, ID1, 0);
  list_keep(&all, l, p, ID2);
  list_keep(&all, l, 0, "1h8qabcde00009");
  CHECK("kept: until the end", !there(FLUSH) && !l->domain.waiting);
  list_settle(&all, l);
  CHECK("kept: oldest first, each once", holds(FLUSH, ID1 "\n" ID2 "\n" ID3 "\n"));
  CHECK("kept: they wait", !there(CLAIM) && l->domain.waiting && !l->domain.untried
        && l->domain.oldest_us == id_time(ID1));

  list_claim(&all, l);
  list_record(&all, l, 0, ID2, 1);
  read_all(l);
  list_keep(&all, l, l->domain.pass, ID1);
  list_settle(&all, l);
  CHECK("kept: behind what came meanwhile", holds(FLUSH, ID2 "\n" ID1 "\n") && l->domain.untried);
}

/* More than is kept in memory. */
static void test_many_kept(void)
{
  list *l = begin("many");
  size_t i;
  put(FLUSH, ID3 "\n");
  list_claim(&all, l);
  for (i = 0; i < 65535; i++) list_keep(&all, l, l->domain.pass, i % 2 ? ID2 : ID1);
  CHECK("many kept", !there(FLUSH) && l->claim->kept.len == 65535 * ID_LEN);
  list_keep(&all, l, l->domain.pass, ID3);
  CHECK("many kept: written", holds(FLUSH, ID1 "\n" ID2 "\n" ID3 "\n") && !l->claim->kept.len
        && l->domain.waiting);
  read_all(l);
  list_settle(&all, l);
  CHECK("many kept: once", holds(FLUSH, ID1 "\n" ID2 "\n" ID3 "\n") && !there(CLAIM));
}

/* What is kept cannot be recorded: the claim holds it. */
static void test_damaged(void)
{
  list *l = begin("damaged");
  put(FLUSH, ID1 "\n" ID2 "\n");
  list_claim(&all, l);
  read_all(l);
  list_keep(&all, l, l->domain.pass, ID2);
  obstruct(FLUSH);
  list_settle(&all, l);
  CHECK("damaged", holds(CLAIM, ID1 "\n" ID2 "\n") && !l->claim && !l->domain.pass
        && l->domain.waiting && logged("passed over flush/customer.tld") == 1
        && logged("unable to give back claim/customer.tld: ") == 1);
  unlinkat(q.queue, FLUSH, AT_REMOVEDIR);
  CHECK("damaged: what could not be given back is the claim",
        list_claim(&all, l) == CLAIMED && !strcmp(read_all(l), ID1 " " ID2));
  l->domain.pass->damaged = 1;
  list_settle(&all, l);
  CHECK("damaged: given back", holds(FLUSH, ID1 "\n" ID2 "\n") && !there(CLAIM) && l->domain.waiting);

  put(CLAIM, ID3 "\n");
  CHECK("both", list_claim(&all, l) == CLAIMED_MORE && !strcmp(read_all(l), ID3)
        && l->domain.waiting && l->domain.untried);
  list_settle(&all, l);
  CHECK("both: the list is still there", holds(FLUSH, ID1 "\n" ID2 "\n") && !there(CLAIM)
        && l->domain.waiting);

  list_claim(&all, l);
  close(l->claim->reader.fd);
  log_forget();
  CHECK("unreadable", !list_read(&all, l, id) && l->domain.pass->damaged
        && l->domain.pass->read_through && logged("unable to read claim/customer.tld: ") == 1);
  list_settle(&all, l);
  CHECK("unreadable: given back", holds(FLUSH, ID1 "\n" ID2 "\n") && !there(CLAIM));
}

static void test_cannot_claim(void)
{
  struct rlimit limit, none;
  list *l = begin("cannot");
  obstruct(FLUSH);
  CHECK("claim: obstructed", list_claim(&all, l) == CLAIM_OBSTRUCTED && !l->claim && !l->domain.pass
        && !q.sched.paused && logged("passed over flush/customer.tld") == 1);
  unlinkat(q.queue, FLUSH, AT_REMOVEDIR);
  put(FLUSH, ID1 "\n");
  getrlimit(RLIMIT_NOFILE, &limit);
  none = limit;
  none.rlim_cur = 3;
  setrlimit(RLIMIT_NOFILE, &none);
  CHECK("claim: stuck", list_claim(&all, l) == CLAIM_STUCK && !l->claim && !l->domain.pass
        && q.sched.paused && others.scarce_us == NOW_US
        && logged("unable to claim the list of customer.tld: ") == 1);
  CHECK("record: stuck", !list_record(&all, l, 0, ID2, 0));
  setrlimit(RLIMIT_NOFILE, &limit);
  CHECK("stuck: the list is as it was", holds(FLUSH, ID1 "\n") && list_claim(&all, l) == CLAIMED);
}

/* Descriptors are few: a claim that is read goes on later where it was. */
static void test_set_aside(void)
{
  list *l = begin("set-aside");
  char const *most = "01000000000001\n";
  int fd = openat(q.queue, FLUSH, O_WRONLY | O_CREAT, 0600);
  size_t i;
  CHECK("set aside: first", write(fd, ID1 "\n", ID_LEN + 1) == ID_LEN + 1);
  for (i = 0; i < 2 * FLUSH_READ_IDS; i++) CHECK("set aside: many", write(fd, most, ID_LEN + 1) == ID_LEN + 1);
  CHECK("set aside: last", write(fd, ID3 "\n", ID_LEN + 1) == ID_LEN + 1);
  close(fd);
  CHECK("set aside: claimed", list_claim(&all, l) == CLAIMED && list_read(&all, l, id) == 1 && !strcmp(id, ID1));
  errno = EACCES;
  CHECK("set aside: not for another error", !lists_free_descriptors(&all) && l->claim->reader.fd != -1);
  errno = EMFILE;
  CHECK("set aside", lists_free_descriptors(&all) == 1 && l->claim->reader.fd == -1);
  for (i = 0; i < 2 * FLUSH_READ_IDS && list_read(&all, l, id) == 1 && strcmp(id, ID3); i++)
  {
    errno = EMFILE;
    if (!(i % 100)) lists_free_descriptors(&all);
  }
  CHECK("set aside: none is missed", i == 2 * FLUSH_READ_IDS && list_read(&all, l, id) == 1 && !strcmp(id, ID3)
        && !list_read(&all, l, id) && !l->domain.pass->damaged);
  list_settle(&all, l);
}

/* --- given back ------------------------------------------------------------------------------ */

static void test_give_back(void)
{
  list *l = begin("give-back");
  pass *p;
  put(FLUSH, ID1 "\n" ID2 "\n");
  list_claim(&all, l);
  p = l->domain.pass;
  pass_job_out(p);
  list_read(&all, l, id);
  list_record(&all, l, 0, ID3, 0);
  list_give_back(&all, l);
  CHECK("give back", holds(FLUSH, ID1 "\n" ID2 "\n" ID3 "\n") && !there(CLAIM) && !l->claim
        && !l->domain.pass && l->domain.waiting);
  list_keep(&all, l, p, ID1);
  CHECK("give back: what comes back of it stands there", holds(FLUSH, ID1 "\n" ID2 "\n" ID3 "\n"));
  pass_job_in(&q.sched, &l->domain, p, CAUSE_DUE, CAME_DONE);

  list_claim(&all, l);
  obstruct(FLUSH);
  list_give_back(&all, l);
  CHECK("give back: that cannot be", l->claim && l->domain.pass && l->domain.pass->damaged
        && holds(CLAIM, ID1 "\n" ID2 "\n" ID3 "\n")
        && logged("unable to give back claim/customer.tld: ") == 1);
  CHECK("give back: it is read no more", !list_read(&all, l, id));
  unlinkat(q.queue, FLUSH, AT_REMOVEDIR);
  list_settle(&all, l);
  CHECK("give back: at its end it can", holds(FLUSH, ID1 "\n" ID2 "\n" ID3 "\n") && !there(CLAIM));

  list_claim(&all, l);
  put("flush/a.tld", ID3 "\n");
  list_claim(&all, lists_get(&all, "a.tld"));
  put("flush/b.tld", ID3 "\n");
  lists_get(&all, "b.tld");
  lists_give_back(&all);
  CHECK("all are given back", holds(FLUSH, ID1 "\n" ID2 "\n" ID3 "\n")
        && holds("flush/a.tld", ID3 "\n") && holds("flush/b.tld", ID3 "\n") && !there(CLAIM)
        && !there("claim/a.tld"));
}

int main(void)
{
  qmgr_begin();
  test_known();
  test_record();
  test_parked();
  test_note();
  test_missed();
  test_found();
  test_claim();
  test_kept();
  test_many_kept();
  test_damaged();
  test_cannot_claim();
  test_set_aside();
  test_give_back();
  qmgr_end();
  return 0;
}
