/* Agents: connecting, handing over, every line that one may say, and its end. */

#include "qmgr/agents.h"
#include "qmgr/active.h"
#include "smtp/reply.h"

#include "qmgr.h"

char const *PROG = "qmgr-agents";

#define JOURNALLED "sent 2.0.0 mx.tld[192.0.2.1]:25 250 ok"

static agents all;
static hop h;
static domain d;
static active mail[3];
static message m = MESSAGE_ZERO;
static int listener = -1;
static int peer = -1;
static agent_event e;
static char got[400000];
static size_t got_len;
static int fds[JOB_FDS_MAX];
static size_t fds_len;

static void begin(char const *name)
{
  static char hop_name[] = "[192.0.2.1]";
  static domain_route const plain = { .lifetime_us = 432000 * SECOND_US, .concurrency = 20 };
  instance_make(name);
  memset(&all, 0, sizeof all);
  memset(&h, 0, sizeof h);
  memset(mail, 0, sizeof mail);
  all.core = &q;
  h.name = hop_name;
  h.tls = "tls=may";
  site_add(&q.sched, &h.site, &h);
  domain_add(&q.sched, &d, &d, &h.site, &plain);
  memcpy(mail[0].id, ID1, ID_LEN + 1);
  memcpy(mail[1].id, ID2, ID_LEN + 1);
  memcpy(mail[2].id, ID3, ID_LEN + 1);
  mail_make(ID1, "customer.tld", "customer.tld");
  log_forget();
}

static agent *connect_one(void)
{
  return agent_connect(&all, &h, site_account(&q.sched, &h.site, 0));
}

/* One that is connected, and its greeting read. */
static agent *agent_make(void)
{
  agent *a;
  listener = listener_make("send", 20);
  a = connect_one();
  if (!a) exit(111);
  peer = peer_accept(listener);
  if (peer == -1) exit(111);
  return a;
}

/* All that has come to the other end. */
static char const *received(void)
{
  ssize_t r;
  size_t n;
  got_len = fds_len = 0;
  while (fds_len < JOB_FDS_MAX && got_len < sizeof got - 1
         && (r = job_receive(peer, got + got_len, sizeof got - 1 - got_len, fds + fds_len, &n)) > 0)
  {
    got_len += (size_t)r;
    fds_len += n;
  }
  got[got_len] = 0;
  return got;
}

/* A job of the nth message, for its first recipients. */
static job *job_make(size_t n, uint64_t first, uint64_t count, enum cause cause, int *fd)
{
  enum queue_place place;
  job *j = job_new();
  uint64_t i;
  *fd = queuedir_open_message(q.queue, ID1, O_RDWR | O_APPEND, &place);
  if (!j || *fd == -1 || !message_read(&m, *fd)) exit(111);
  j->active = mail + n;
  j->cause = cause;
  j->bytes = 7;
  for (i = first; i < first + count; i++)
  {
    job_recipient r = { .number = i % 2, .domain = &d };
    if (!genalloc_append(job_recipient, &j->recipients, &r)) exit(111);
  }
  return j;
}

static job *give(agent *a, size_t n, uint64_t first, uint64_t count)
{
  int fd;
  job *j = job_make(n, first, count, CAUSE_DUE, &fd);
  if (!agent_give(&all, a, j, fd, &m)) exit(111);
  return j;
}

/* It says something; is it something that has happened? */
static int said(agent *a, char const *text)
{
  int ended;
  memset(&e, 0x55, sizeof e);
  say(peer, text);
  return agent_read(a, &ended) && !ended && agent_event_next(&all, a, &e);
}

static int nothing_more(agent *a)
{
  return !agent_event_next(&all, a, &e);
}

/* --- connecting ------------------------------------------------------------------------------ */

static void test_greeting(void)
{
  agent *a;
  begin("greeting");
  h.without = SMTP_EXT_CHUNKING;
  h.lied = SMTP_EXT_DSN;
  a = agent_make();
  CHECK("connect: it is the site's", agent_of(&a->connection) == a && a->connection.site == &h.site
        && h.site.connections.count == 1 && q.sched.connections.count == 1);
  CHECK("connect: nothing is said before the end of the turn", !*received());
  agents_flush(&all);
  CHECK("connect: the site line", !strncmp(received(), "site [192.0.2.1] me=relay.tld ", 30)
        && strstr(got, " tls=may") && strstr(got, " without=") && strstr(got, "CHUNKING") && strstr(got, "DSN")
        && strchr(got, '\n') == got + got_len - 1);
  agents_flush(&all);
  CHECK("connect: once", !*received());
  h.without = h.lied = 0;
  a = connect_one();
  peer = peer_accept(listener);
  agents_flush(&all);
  CHECK("connect: all that is offered may be used",
        a && !strncmp(received(), "site ", 5) && !strstr(got, "without"));
}

/* Who we are goes out at once, behind the site line, and nothing of it stays. */
static void test_account(void)
{
  agent *a;
  begin("account");
  h.auth = "provider";
  conf_put("authout", "provider us S3cret\n");
  a = agent_make();
  CHECK("account: it is said at once", strstr(received(), "\nauth dXMAUzNjcmV0\n") && !strncmp(got, "site ", 5)
        && strchr(got, '\n') < strstr(got, "auth ") && strchr(strstr(got, "auth "), '\n') == got + got_len - 1);
  agents_flush(&all);
  CHECK("account: once", a && !a->out.len && !*received());
  conf_put("authout", "other us S3cret\n");
  a = connect_one();
  peer = peer_accept(listener);
  agents_flush(&all);
  CHECK("account: nobody of that name", a && !strncmp(received(), "site ", 5) && !strstr(got, "\nauth"));
  conf_put("authout", "provider us\n");
  a = connect_one();
  peer = peer_accept(listener);
  agents_flush(&all);
  CHECK("account: the file makes no sense", a && !strncmp(received(), "site ", 5) && !strstr(got, "\nauth")
        && logged("warning: conf/authout: line 1: not NAME USER PASSWORD: nobody is known as provider") == 1);
  h.auth = 0;
}

/* A server of policies is there, or is not; who asks gets a connection to it, or is told why not. */
static void test_policy(void)
{
  agent *a;
  int server;
  char path[4096];
  begin("policy");
  server = listener_make("policy", 1);
  snprintf(path, sizeof path, "/proc/self/fd/%d/policy", q.run);
  q.settings.policy.s = path;
  a = agent_make();
  CHECK("policy: nothing that has happened", !said(a, "policy\n"));
  agents_flush(&all);
  CHECK("policy: with a descriptor", strstr(received(), "\npolicy\n") && fds_len == 1 && peer_accept(server) != -1);
  strcat(path, "-none");
  CHECK("policy: nor here", !said(a, "policy\n"));
  agents_flush(&all);
  CHECK("policy: there is none", !strcmp(received(), "policy No such file or directory\n"));
  CHECK("policy: of no use", !said(a, "policy no answer\npolicy no answer\n") && nothing_more(a));
  CHECK("policy: said once a minute", logged("no policies of MTA-STS from ") == 1);
}

static void test_no_socket(void)
{
  begin("none");
  CHECK("no socket", !connect_one() && q.sched.paused && !h.site.connections.count);
  CHECK("no socket: said", logged("unable to connect to run/send: No such file") == 1);
  CHECK("no socket: tried again in a second", timers_next(&q.timers) == AFTER(1));
  CHECK("no socket: that is no backlog", q.sched.connecting == CONNECTING_GOES && !all.refused_us);
  CHECK("no socket: one that never was is dead", all.dead != 0);
  agents_forget_dead(&all);
  CHECK("no socket: and forgotten", !all.dead);
}

static void test_backlog(void)
{
  int i;
  begin("backlog");
  listener = listener_make("send", 0);
  for (i = 0; i < 20 && connect_one(); i++) ;
  CHECK("backlog full", i > 0 && i < 20 && q.sched.connecting == CONNECTING_BACKLOG);
  CHECK("backlog full: nobody else waits", !q.sched.paused);
  CHECK("backlog full: tried again in a moment", timers_next(&q.timers) > NOW_US
        && timers_next(&q.timers) < NOW_US + SECOND_US / 10);
  at(AFTER(10));
  CHECK("backlog full: no word", !connect_one() && !logged("run/send"));
  at(AFTER(11));
  CHECK("backlog full: a word when it lasts",
        !connect_one() && logged("unable to connect to run/send: Resource temporarily") == 1);
  while (peer_accept(listener) != -1) ;
  CHECK("backlog full: no more", connect_one() && !all.refused_us);
}

/* --- handing over ---------------------------------------------------------------------------- */

static void test_give(void)
{
  struct stat there_st, here_st;
  agent *a;
  job *j;
  int fd;
  begin("give");
  a = agent_make();
  j = job_make(0, 0, 2, CAUSE_DUE, &fd);
  fstat(fd, &here_st);
  CHECK("give", agent_give(&all, a, j, fd, &m) && a->jobs_first == j && all.out_fds == 1);
  CHECK("give: it is the connection's", a->connection.jobs == 1 && a->connection.unsent == 1
        && a->connection.bytes == 7 && !a->connection.alone);
  CHECK("give: it waits for the end of the turn", !*received());
  agents_flush(&all);
  CHECK("give: ours is closed", fcntl(fd, F_GETFD) == -1 && !all.out_fds);
  received();
  CHECK("give: lines", strstr(got, "\nmail " ID1 " ")
        && strstr(got, " <a@b.tld>\nrcpt 0 <u@customer.tld>\nrcpt 1 <u@customer.tld>\ngo\n")
        && !strstr(got, "alone"));
  CHECK("give: its descriptor", fds_len == 1 && fstat(fds[0], &there_st) == 0
        && there_st.st_ino == here_st.st_ino && (fcntl(fds[0], F_GETFL) & O_APPEND));
  CHECK("give: it is on its way", !a->connection.unsent && !a->connection.blocked);

  j = job_make(1, 1, 1, CAUSE_ALONE, &fd);
  CHECK("alone", agent_give(&all, a, j, fd, &m) && a->connection.alone && a->jobs_last == j);
  agents_flush(&all);
  CHECK("alone: said before", !strncmp(received(), "alone\nmail " ID2 " ", 26) && fds_len == 1
        && strstr(got, "\nrcpt 1 ") && !strstr(got, "\nrcpt 0 "));
}

static void test_together(void)
{
  agent *a;
  int i;
  begin("together");
  a = agent_make();
  agents_flush(&all);
  received();
  for (i = 0; i < JOB_FDS_MAX - 1; i++) give(a, 0, 0, 1);
  CHECK("together: they wait for each other", !*received() && all.out_fds == JOB_FDS_MAX - 1);
  give(a, 0, 0, 1);
  CHECK("together: as many as can travel", fds_len == 0 && *received() && fds_len == JOB_FDS_MAX
        && !all.out_fds);

  give(a, 0, 0, 1);
  errno = ENOENT;
  CHECK("descriptors: another error", !agents_free_descriptors(&all) && !*received());
  errno = EMFILE;
  CHECK("descriptors: those that wait are sent", agents_free_descriptors(&all) && *received()
        && fds_len == 1);
  give(a, 0, 0, 1);
  CHECK("descriptors: for a while each at once", *received() && fds_len == 1);
  at(AFTER(61));
  give(a, 0, 0, 1);
  CHECK("descriptors: and then together", !*received());
}

/* Too many of them wait for all agents together. */
static void test_many_wait(void)
{
  static agent *a[20];
  size_t i, n;
  begin("many");
  a[0] = agent_make();
  for (i = 1; i < 20; i++) a[i] = connect_one();
  for (n = 1, i = 0; n < 256; n++, i = (i + 1) % 20) give(a[i], 0, 0, 1);
  CHECK("many wait", all.out_fds == 255 && !*received());
  give(a[19], 0, 0, 1);
  CHECK("many wait: then all are sent", !all.out_fds && *received());
}

/* The other end does not read, and what is for it is more than the kernel takes at once. */
static void test_blocked(void)
{
  agent *a;
  size_t given = 0, octets, came = 0, descriptors = 0, i;
  int turn;
  begin("blocked");
  a = agent_make();
  agents_flush(&all);
  received();
  setsockopt(a->fd, SOL_SOCKET, SO_SNDBUF, &(int){ 4608 }, sizeof(int));
  give(a, 0, 0, 500);
  octets = a->out.len;
  for (given = 1; !a->connection.blocked && given < 200; given++) give(a, 0, 0, 500);
  CHECK("blocked", given < 200 && a->out.len);
  agents_flush(&all);
  CHECK("blocked: the end of a turn changes nothing", a->connection.blocked);
  for (turn = 0; turn < 20000 && a->out.len; turn++)
  {
    received();
    came += got_len;
    descriptors += fds_len;
    for (i = 0; i < fds_len; i++) close(fds[i]);
    agent_writable(&all, a);
  }
  received();
  CHECK("blocked: all of it comes", came + got_len == given * octets
        && descriptors + fds_len == given);
  CHECK("blocked: and is gone", !a->out.len && !a->connection.blocked && !all.out_fds);
}

/* --- what it says ---------------------------------------------------------------------------- */

static void test_site_words(void)
{
  agent *a;
  begin("words");
  a = agent_make();
  CHECK("up", said(a, "up mx.tld[192.0.2.1]:25 250 hi\001there\n") && e.kind == AGENT_UP
        && !strncmp(e.text, "mx.tld[192.0.2.1]:25 250 hi", 27) && !strchr(e.text, '\001'));
  CHECK("lost", said(a, "lost\n") && e.kind == AGENT_LOST && !e.drop);
  CHECK("lost drop", said(a, "lost drop\n") && e.kind == AGENT_LOST && e.drop);
  CHECK("lost in another way", said(a, "lost dropped\n") && e.kind == AGENT_LOST && !e.drop);
  CHECK("vain", said(a, "vain " ID1 " 4.3.2 421 too many\n") && e.kind == AGENT_VAIN && !e.drop
        && !strcmp(e.id, ID1) && !strcmp(e.text, "4.3.2 421 too many"));
  CHECK("vain, no message", said(a, "vain - 4.4.2 lost connection with mx.tld while x\n")
        && e.kind == AGENT_VAIN && e.drop && !strcmp(e.id, "-"));
  CHECK("vain, the words further on", said(a, "vain - 4.4.2 421 lost connection with you\n")
        && !e.drop);
  CHECK("vain, no text", said(a, "vain - 4.4.2\n") && !e.drop && !strcmp(e.text, "4.4.2"));
  CHECK("vain, an id that is none", !said(a, "vain 0123456789012345678901234567890123 4.4.2 x\n"));
  CHECK("vain, nothing", !said(a, "vain\n"));
  CHECK("down", said(a, "down 4.4.1 connect to x: refused\n") && e.kind == AGENT_DOWN
        && !strcmp(e.text, "4.4.1 connect to x: refused"));
}

static void test_results(void)
{
  agent *a;
  job *one, *two;
  begin("results");
  a = agent_make();
  one = give(a, 0, 0, 1);
  two = give(a, 0, 1, 1);
  CHECK("rcpt", said(a, "rcpt " ID1 " 0 " JOURNALLED "\n") && e.kind == AGENT_RESULT && e.job == one
        && e.result.recipient == 0 && e.result.status == JOB_SENT
        && e.result.text.len == 6 && !memcmp(e.result.text.s, "250 ok", 6));
  CHECK("rcpt: of the job that holds it", said(a, "rcpt " ID1 " 1 failed 5.1.1 none no\n")
        && e.job == two && e.result.status == JOB_FAILED);
  CHECK("rcpt: of no job", !said(a, "rcpt " ID1 " 2 " JOURNALLED "\n"));
  CHECK("rcpt: of no message", !said(a, "rcpt " ID2 " 0 " JOURNALLED "\n")
        && !said(a, "rcpt 1h8q 0 " JOURNALLED "\n") && !said(a, "rcpt " ID1 "x 0 " JOURNALLED "\n"));
  CHECK("rcpt: no result", !said(a, "rcpt " ID1 " 0 perhaps\n") && !said(a, "rcpt " ID1 "\n")
        && !said(a, "rcpt\n"));
  CHECK("rcpt: the jobs are where they were", a->jobs_first == one && a->jobs_last == two
        && a->connection.jobs == 2);
}

static void test_back(void)
{
  agent *a;
  job *one, *two, *three;
  begin("back");
  a = agent_make();
  one = give(a, 0, 0, 1);
  two = give(a, 0, 1, 1);
  three = give(a, 1, 0, 1);
  job_recipients(two)->answered = 1;
  CHECK("done: the one of which all is known", said(a, "done " ID1 "\n") && e.kind == AGENT_BACK
        && e.came == CAME_DONE && e.job == two && a->jobs_first == one && one->next == three);
  CHECK("done: it is not the connection's any more", a->connection.jobs == 2
        && a->connection.bytes == 14 && a->connection.done == 1 && !a->connection.stuck);
  CHECK("done: the last one", said(a, "done " ID2 "\n") && e.job == three && a->jobs_last == one
        && a->jobs_first == one);
  two = give(a, 0, 1, 1);
  CHECK("another behind it", one->next == two && a->jobs_last == two);
  CHECK("back: the one that holds the recipient", said(a, "back " ID1 " 1\n") && e.job == two
        && e.kind == AGENT_BACK && e.came == CAME_AGAIN && a->connection.stuck);
  CHECK("back: nobody's", !said(a, "back " ID1 " 1\n") && a->connection.jobs == 1);
  CHECK("cut: none answered, so any", said(a, "cut " ID1 "\n") && e.job == one
        && e.kind == AGENT_BACK && e.came == CAME_CUT && !a->connection.stuck);
  CHECK("none is left", !a->jobs_first && !a->jobs_last && !a->connection.jobs);
  CHECK("done: no message", !said(a, "done " ID1 "\n") && !said(a, "done\n"));
  one = give(a, 0, 0, 2);
  CHECK("cut, by its recipient", said(a, "cut " ID1 " 1\n") && e.job == one && e.came == CAME_CUT);
  one = give(a, 0, 0, 1);
  CHECK("done: what is no number is not looked at", said(a, "done " ID1 " x\n") && e.job == one);
}

/* It wants a connection to tls-io. */
static void test_tls(void)
{
  agent *a;
  int tlsout, i;
  begin("tls");
  a = agent_make();
  agents_flush(&all);
  received();
  CHECK("tls: nobody is there", !said(a, "tls\n") && !all.out_fds);
  agents_flush(&all);
  CHECK("tls: and why", !strcmp(received(), "tls No such file or directory\n") && !fds_len);
  tlsout = listener_make("tlsout", 20);
  CHECK("tls: made", !said(a, "tls\n") && all.out_fds == 1);
  agents_flush(&all);
  CHECK("tls: it has it", !strcmp(received(), "tls\n") && fds_len == 1 && !all.out_fds);
  i = peer_accept(tlsout);
  say(fds[0], "x");
  CHECK("tls: from tls-io", i != -1 && read(i, got, sizeof got) == 1 && *got == 'x');
  for (i = 0; i < JOB_FDS_MAX; i++) said(a, "tls\n");
  CHECK("tls: so many at once", all.out_fds == JOB_FDS_MAX - 1 && !said(a, "tls\n")
        && all.out_fds == JOB_FDS_MAX - 1);
  agents_flush(&all);
  CHECK("tls: no more than that", strstr(received(), "tls Resource temporarily unavailable\n")
        && fds_len == JOB_FDS_MAX - 1);
}

static void test_quiet_words(void)
{
  agent *a;
  begin("quiet");
  a = agent_make();
  CHECK("window", a->connection.window == 32 && !said(a, "window 5\n") && a->connection.window == 5);
  CHECK("window: too large", !said(a, "window 99999\n") && a->connection.window == 512);
  CHECK("window: none", !said(a, "window 0\n") && !said(a, "window x\n") && !said(a, "window\n")
        && a->connection.window == 512);
  CHECK("without", !said(a, "without CHUNKING\n") && h.lied == SMTP_EXT_CHUNKING
        && h.site.worth_knowing && logged("site [192.0.2.1]: without CHUNKING from now on") == 1);
  CHECK("without: again", !said(a, "without CHUNKING\n") && logged("without") == 1);
  CHECK("without: another", !said(a, "without DSN\n")
        && h.lied == (SMTP_EXT_CHUNKING | SMTP_EXT_DSN) && logged("without") == 2);
  CHECK("without: nothing that is known", !said(a, "without FOO\n") && logged("without") == 2);
  CHECK("nonsense", !said(a, "\n") && !said(a, "hello\n") && !said(a, "upx\n") && !said(a, " up x\n")
        && !said(a, "UP x\n"));
  CHECK("nonsense before something", said(a, "hello\n\nlost\n") && e.kind == AGENT_LOST);
}

static void test_lines(void)
{
  static char line[JOB_LINE_MAX + 1];
  agent *a;
  int ended = 0, i;
  begin("lines");
  a = agent_make();
  CHECK("nothing yet", !agent_read(a, &ended) && !ended && nothing_more(a));
  CHECK("half a line", !said(a, "lo"));
  CHECK("and the rest, with more behind it", said(a, "st drop\nup x\ndo") && e.kind == AGENT_LOST
        && e.drop);
  CHECK("the next", agent_event_next(&all, a, &e) && e.kind == AGENT_UP && !strcmp(e.text, "x"));
  CHECK("not what is not whole", nothing_more(a));
  CHECK("until it is", said(a, "wn 4.4.1 y\n") && e.kind == AGENT_DOWN);
  /* the longest one that fits */
  memset(line, 'y', sizeof line);
  memcpy(line, "up ", 3);
  line[JOB_LINE_MAX - 1] = '\n';
  line[JOB_LINE_MAX] = 0;
  CHECK("a line as long as can be", said(a, line) && e.kind == AGENT_UP
        && strlen(e.text) == LOG_LINE_MAX - 1);
  line[JOB_LINE_MAX - 1] = 'y';
  CHECK("a longer one", !said(a, line) && !logged("nonsense"));
  CHECK("ends it", !agent_read(a, &ended) && ended && logged("a delivery agent talks nonsense") == 1);

  for (i = 0; i < 2; i++)
  {
    begin(i ? "reset" : "eof");
    a = agent_make();
    agents_flush(&all);
    if (!i) received();
    say(peer, "up x\n");
    close(peer);
    CHECK("the end: what was said before it", agent_read(a, &ended) && !ended
          && agent_event_next(&all, a, &e) && e.kind == AGENT_UP);
    CHECK("the end", !agent_read(a, &ended) && ended);
  }
}

/* --- its end --------------------------------------------------------------------------------- */

static void test_end(void)
{
  agent *a;
  job *one, *two;
  int fd;
  begin("end");
  a = agent_make();
  CHECK("no job", !agent_job_take(a));
  agents_flush(&all);
  received();
  agent_leave(a);
  CHECK("leave: no more is said to it", read(peer, got, 1) == 0);
  CHECK("leave: it still says something", said(a, "up x\n"));
  one = give(a, 0, 0, 1);
  two = job_make(1, 1, 1, CAUSE_DUE, &fd);
  agent_give(&all, a, two, fd, &m);
  say(peer, "lost\nup y\n");
  CHECK("end: an event before it", agent_read(a, &(int){ 0 }) && agent_event_next(&all, a, &e));
  CHECK("end: its jobs, in their order", agent_job_take(a) == one && agent_job_take(a) == two
        && !agent_job_take(a) && !a->jobs_last);
  CHECK("end: that it holds", all.out_fds == 2);
  agent_end(&all, a);
  CHECK("end: nothing of it is left", !all.out_fds && fcntl(fd, F_GETFD) == -1 && a->fd == -1
        && !h.site.connections.count && !q.sched.connections.count && all.dead == a);
  CHECK("end: nor anything that it has said", nothing_more(a));
  CHECK("end: the other end knows", read(peer, got, 1) <= 0);
  agents_forget_dead(&all);
  CHECK("end: forgotten", !all.dead);
}

static void test_set_back(void)
{
  begin("back-in-time");
  all.refused_us = AFTER(5);
  all.scarce_us = AFTER(7);
  agents_set_back(&all, 2 * SECOND_US);
  CHECK("set back", all.refused_us == AFTER(3) && all.scarce_us == AFTER(5));
  all.refused_us = 0;
  agents_set_back(&all, 2 * SECOND_US);
  CHECK("set back: what has not been", !all.refused_us);
}

int main(void)
{
  qmgr_begin();
  test_greeting();
  test_account();
  test_policy();
  test_no_socket();
  test_backlog();
  test_give();
  test_together();
  test_many_wait();
  test_blocked();
  test_site_words();
  test_results();
  test_back();
  test_tls();
  test_quiet_words();
  test_lines();
  test_end();
  test_set_back();
  qmgr_end();
  return 0;
}
