/*
 * Connections that come through run/turn, with this test at the ends of run/send and of the
 * connections: what is refused, what an agent is told, and where domains lead when it is over.
 */

#include "qmgr/orders.h"
#include "qmgr/requests.h"
#include "qmgr/reversals.h"

#include "qmgr-hands.h"

char const *PROG = "qmgr-reversals";

#define HEAD "turn ann unknown[192.0.2.7]:1234 tls "
#define GOOD HEAD "parked.tld customer.tld"

static reversals all;
static int asker = -1;       /* writes datagrams */
static int client = -1;      /* the far end of the connection that was handed over last */
static int listener = -1;

/* --- sending --------------------------------------------------------------------------------- */

static void datagram(char const *s, size_t len, int fd, size_t times)
{
  struct iovec vector = { .iov_base = (char *)s, .iov_len = len };
  union { struct cmsghdr header; char octets[CMSG_SPACE(32 * sizeof(int))]; } control;
  struct msghdr whole = { .msg_iov = &vector, .msg_iovlen = 1 };
  size_t i;
  memset(&control, 0, sizeof control);
  if (times) whole.msg_control = &control;
  if (times) whole.msg_controllen = CMSG_SPACE(times * sizeof fd);
  control.header.cmsg_level = SOL_SOCKET;
  control.header.cmsg_type = SCM_RIGHTS;
  control.header.cmsg_len = CMSG_LEN(times * sizeof fd);
  for (i = 0; i < times; i++) memcpy(CMSG_DATA(&control.header) + i * sizeof fd, &fd, sizeof fd);
  if (sendmsg(asker, &whole, 0) == -1) exit(111);
}

/* A connection of this type, so often with the text. */
static void hand_over(char const *s, size_t len, int type, size_t times)
{
  int ends[2];
  if (client != -1) close(client);
  if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends) == -1) exit(111);
  client = ends[1];
  fcntl(client, F_SETFL, O_NONBLOCK);
  datagram(s, len, ends[0], times);
  close(ends[0]);
}

/* Has nobody the other end of it any more? */
static int hung_up(void)
{
  return write(client, "x", 1) == -1 && errno != EAGAIN;
}

static void begin(char const *name)
{
  int ends[2];
  hands_make(name);
  if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends) == -1) exit(111);
  if (dup2(ends[0], 0) == -1) exit(111);
  close(ends[0]);
  if (asker != -1) close(asker);
  asker = ends[1];
  memset(&all, 0, sizeof all);
  all.lists = &all_lists;
  reversals_open(&all);
  listener = listener_make("send", 10);
}

/* The loop, as long as there is something to do. */
static void loop(void)
{
  int more;
  do
  {
    if (reversals_wanted(&all) != -1) reversals_readable(&all);
    more = reversals_run(&all);
    orders_run(&d);
    orders_turns(&d);
    agents_flush(&all_agents);
    agents_forget_dead(&all_agents);
  } while (more);
}

/* --- what is refused ------------------------------------------------------------------------- */

static char const *const senseless[] = {
  "", "turn", "turn ann", "turn ann unknown[192.0.2.7]:1234", HEAD,
  "turn ann unknown[192.0.2.7]:1234 tls",
  "tern ann unknown[192.0.2.7]:1234 tls a.tld", "turn  unknown[192.0.2.7]:1234 tls a.tld",
  "turn ann unknown[192.0.2.7] tls a.tld", "turn ann unknown[192.0.2.7]:0 tls a.tld",
  "turn ann [192.0.2.7]:1234 tls a.tld", "turn ann 192.0.2.7:1234 tls a.tld",
  "turn ann unknown[192.0.2.7]:1234 tls\na.tld", "turn ann unknown[192.0.2.7]:1234 TLS a.tld",
  "turn ann unknown[192.0.2.7]:1234 tls a.tld\n", "turn ann unknown[192.0.2.7\x1b]:1234 tls a.tld"
};

static void refused(char const *name, char const *s, size_t len, int type, size_t times)
{
  hand_over(s, len, type, times);
  loop();
  CHECK(name, hung_up() && all.connection == -1 && !all.hop && peer_accept(listener) == -1);
}

static void check_refused(void)
{
  static char large[JOB_TURN_MAX + 1];
  size_t i;
  begin("refused");
  for (i = 0; i < sizeof senseless / sizeof *senseless; i++)
    refused(senseless[i], senseless[i], strlen(senseless[i]), SOCK_STREAM, 1);
  refused("a NUL", GOOD "\0", sizeof GOOD, SOCK_STREAM, 1);
  refused("no connection", GOOD, strlen(GOOD), SOCK_STREAM, 0);
  refused("two of them", GOOD, strlen(GOOD), SOCK_STREAM, 2);
  refused("more than there is room for", GOOD, strlen(GOOD), SOCK_STREAM, 30);
  refused("one of datagrams", GOOD, strlen(GOOD), SOCK_DGRAM, 1);
  memset(large, 'a', sizeof large);
  memcpy(large, HEAD, strlen(HEAD));
  refused("too long", large, sizeof large, SOCK_STREAM, 1);
  CHECK("said once", logged("run/turn") == 1);
  datagram(GOOD, strlen(GOOD), q.conf, 1);
  loop();
  CHECK("a directory", all.connection == -1 && !all.hop);
}

static void check_none(void)
{
  begin("none");
  close(0);
  open("/dev/null", O_RDONLY | O_CLOEXEC);
  reversals_open(&all);
  CHECK("descriptor 0 is something else", reversals_wanted(&all) == -1 && !reversals_run(&all));
}

/* --- what is served -------------------------------------------------------------------------- */

static int agent_end_of(void)
{
  int peer = peer_accept(listener);
  if (peer == -1) exit(111);
  return peer;
}

/* It is told of the connection, which comes with the first octet. */
static int told(int peer, char const *begins, int *theirs)
{
  char s[4096] = "";
  int fds[JOB_FDS_MAX];
  size_t n = 0;
  ssize_t r = job_receive(peer, s, sizeof s - 1, fds, &n);
  *theirs = n ? fds[0] : -1;
  while (n > 1) close(fds[--n]);
  return r > 0 && !strncmp(s, begins, strlen(begins));
}

static int leads(char const *name, char const *to, int away)
{
  list const *l = lists_find(&all_lists, name);
  return l && !strcmp(hop_of(l->domain.site)->name, to) && (l->domain.home != 0) == away;
}

static void check_served(void)
{
  int peer, theirs;
  begin("served");
  hand_over(GOOD, strlen(GOOD), SOCK_STREAM, 1);
  loop();
  peer = agent_end_of();
  CHECK("its agent is told", told(peer, "site - turned=unknown[192.0.2.7]:1234 me=relay.tld ",
        &theirs));
  CHECK("and has the connection", theirs != -1
        && (fcntl(theirs, F_GETFL) & O_NONBLOCK) && !hung_up());
  CHECK("nobody else", (close(theirs), hung_up()));
  CHECK("its domains lead there", leads("parked.tld", "unknown[192.0.2.7]:1234", 1)
        && leads("customer.tld", "unknown[192.0.2.7]:1234", 1));
  CHECK("said", logged("turn unknown[192.0.2.7]:1234: user=ann, tls, domains=2") == 1);
  CHECK("the next one may come", reversals_wanted(&all) == 0);
  say(peer, "up unknown[192.0.2.7]:1234 220 hello\n");
  orders_agent_readable(&d, agent_of(row_first(&q.sched.connections)));
  CHECK("no site file", !there("site/unknown[192.0.2.7]:1234"));
  close(peer);
  orders_agent_readable(&d, agent_of(row_first(&q.sched.connections)));
  loop();
  CHECK("then they lead home", leads("parked.tld", "[192.0.2.2]:25", 0)
        && leads("customer.tld", "[192.0.2.1]:25", 0) && !all.all.count);
}

static void check_reread(void)
{
  int peer, theirs;
  begin("reread");
  hand_over(GOOD, strlen(GOOD), SOCK_STREAM, 1);
  loop();
  peer = agent_end_of();
  told(peer, "", &theirs);
  conf_put("routes", "* [192.0.2.9]\n");
  core_settings(&q);
  lists_refresh(&all_lists);
  CHECK("routes that are read anew change nothing",
        leads("parked.tld", "unknown[192.0.2.7]:1234", 1));
  CHECK("nor asking for it", get("parked.tld")->domain.home != 0);
  close(theirs);
  close(peer);
  orders_agent_readable(&d, agent_of(row_first(&q.sched.connections)));
  CHECK("until it is over", leads("parked.tld", "[192.0.2.9]", 0)
        || leads("parked.tld", "[192.0.2.9]:25", 0));
}

static void check_pieces(void)
{
  static char many[20000] = HEAD;
  char *end = many + strlen(many);
  unsigned int n;
  begin("pieces");
  for (n = 0; n < 1000; n++) end += sprintf(end, n % 10 ? "d%u.tld " : "-d%u.tld ", n);
  hand_over(many, (size_t)(end - many) - 1, SOCK_STREAM, 1);
  reversals_readable(&all);
  CHECK("not all at once", reversals_run(&all) == 1 && all.taken < 100
        && reversals_wanted(&all) == -1);
  loop();
  CHECK("all in the end", leads("d1.tld", "unknown[192.0.2.7]:1234", 1)
        && leads("d999.tld", "unknown[192.0.2.7]:1234", 1));
  CHECK("but what is no domain", logged("domains=900") == 1 && !lists_find(&all_lists, "-d10.tld"));
  close(agent_end_of());
}

static void check_short(void)
{
  begin("short");
  q.sched.quota.total = 4;
  q.sched.quota.all = 4;
  refused("no connection is left", GOOD, strlen(GOOD), SOCK_STREAM, 1);
  q.sched.quota.all = 0;
  q.sched.connecting = CONNECTING_BACKLOG;
  hand_over(GOOD, strlen(GOOD), SOCK_STREAM, 1);
  loop();
  CHECK("not now", !hung_up() && !all.hop && peer_accept(listener) == -1);
  CHECK("none is read meanwhile", reversals_wanted(&all) == -1);
  sched_resume(&q.sched);
  loop();
  CHECK("but then", close(agent_end_of()) == 0
        && leads("parked.tld", "unknown[192.0.2.7]:1234", 1));
  hand_over(GOOD, strlen(GOOD), SOCK_STREAM, 1);
  loop();
  CHECK("a second one", close(agent_end_of()) == 0 && all.all.count == 2);
  refused("and half of all are taken", GOOD, strlen(GOOD), SOCK_STREAM, 1);
}

/* What the agent is told is not read: the message's descriptor, and with it the lock, is on its way. */
static void check_by_id(void)
{
  at_once const *u;
  int peer;
  begin("by-id");
  mail_make(ID1, "parked.tld", 0);
  mail_move(ID1, QUEUE_CUR);
  put("flush/parked.tld", ID1 "\n");
  hand_over(GOOD, strlen(GOOD), SOCK_STREAM, 1);
  loop();
  peer = agent_end_of();
  CHECK("a message is out", get("parked.tld")->domain.jobs);
  say(peer, "up unknown[192.0.2.7]:1234 220 hello\n");
  orders_agent_readable(&d, agent_of(row_first(&q.sched.connections)));
  put("asked/=" ID1, "");
  delivery_request(&d, ID1);
  loop();
  CHECK("it is asked for by its id: that stays", there("asked/=" ID1));
  close(peer);
  orders_agent_readable(&d, agent_of(row_first(&q.sched.connections)));
  delivery_request(&d, ID1);
  u = domain_at_once(&get("parked.tld")->domain);
  CHECK("and is carried out at home", u && !strcmp(u->id, ID1) && u->cause == CAUSE_BY_ID
        && leads("parked.tld", "[192.0.2.2]:25", 0) && there("asked/=" ID1));
}

int main(void)
{
  qmgr_begin();
  check_refused();
  check_none();
  check_served();
  check_reread();
  check_pieces();
  check_short();
  check_by_id();
  qmgr_end();
}
