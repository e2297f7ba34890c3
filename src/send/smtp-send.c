/*
 * smtp-send: one SMTP connection to one site.
 *
 * qmgr gives it messages over a socket (job.h), as descriptors; from the command line it takes one
 * message on standard input.  A poll loop over two descriptors, the job socket and the connection.
 */

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/endpoint.h"
#include "base/log.h"
#include "base/text.h"
#include "base/wallclock.h"
#include "base/worker.h"
#include "job/job.h"
#include "send/accountfile.h"
#include "send/candidates.h"
#include "send/commandline.h"
#include "send/confine.h"
#include "send/connection.h"
#include "send/demand.h"
#include "send/destination.h"
#include "send/engine.h"
#include "send/host.h"
#include "send/outbox.h"
#include "send/policy.h"
#include "send/report.h"
#include "send/retry.h"

char const *PROG = "smtp-send";

#define USAGE \
  "smtp-send [-W] | smtp-send [-L] [-n NAMESERVER] [-H NAME] [-t TIMEOUTS] [-w EXTENSIONS]" \
  " [-o OPTION] [-a FILE] [-p POLICY] NEXTHOP SENDER RECIPIENT..."

/* The time to finish what is on the wire when qmgr has ended, or when we are told to stop. */
#define STOP_MS 60000
#define TERM_MS 5000
/*
 * While no octet moves, messages that are not on the wire go back to qmgr for another connection;
 * after longer, so do those on the wire behind the message whose reply is due.  A server may take
 * its time over one message, and gets the ones behind it twice then.
 */
#define PATIENCE_MS 5000
#define PATIENCE_SENT_MS 30000
/* How often to check whether a slow link still carries octets. */
#define UNSENT_LOOK_MS 1000
/* The pause between connections that settle nothing: qmgr has to judge the site meanwhile. */
#define PAUSE_MS 500
/* After so long a qmgr that does not read its reports counts as ended. */
#define REPORT_WAIT_S 30

/* How long the server of policies may take. */
#define POLICY_WAIT_S 10

/* Why what is left was not sent, where nobody has said. */
#define ENDED_EARLY "ended before all was sent"

enum exit_code { EXIT_DONE = 0, EXIT_FAILED = 100, EXIT_DEFERRED = 111 };

typedef struct courier
{
  int from_commandline;
  int destination_known;
  int policy_asked;       /* for a connection to the server of policies */
  int policy_fd;          /* that connection, or -1: none came */
  int policy_known;       /* whether it comes is known */
  int looked_up;
  int refused;            /* no mail can be sent there: to.hosts.code and .text say why */
  unsigned int in_vain;   /* connections in a row that settled nothing */
  int64_t pause_until_ms; /* before the next connection */
  int impatient;          /* no octet has moved for a while */
  int jobs_ended;         /* no more job lines come */
  int over;
  int engine;             /* from the command line: asked for connections to tls-io; or -1 */
  int sigterm_fd;
  int terminated;
  int status;             /* exit code */
  dns_resolver *resolver;
  size_t in_len;
  char in[2 * JOB_LINE_MAX];
  destination where;
  policy sts;
  report out;
  candidates to;
  smtp_connection line;
  outbox jobs;            /* the last: see courier_forget() */
} courier;

/* --- signals ---------------------------------------------------------------------------- */

/*
 * Signals are blocked and SIGTERM is read from a descriptor, except while the resolver works: no
 * message is on the wire then.
 */
static sigset_t in_lookup;

static void leave(int signal)
{
  (void)signal;
  _exit(EXIT_DONE);
}

/*
 * While the resolver works, end by a signal when qmgr has closed the socket: others wait for our
 * place.
 */
static void leave_if_alone(int signal)
{
  struct pollfd p = { .fd = 0, .events = POLLRDHUP };
  int e = errno;
  (void)signal;
  if (poll(&p, 1, 0) == 1) _exit(EXIT_DONE);
  errno = e;
}

/* How often to check. */
static void alone_watch(void)
{
  struct itimerval const second = { { 1, 0 }, { 1, 0 } };
  signal(SIGALRM, leave_if_alone);
  setitimer(ITIMER_REAL, &second, 0);
}

/* When the super-server ends we end too; under init there is none. */
static void end_with_parent(void)
{
  if (getppid() != 1) prctl(PR_SET_PDEATHSIG, SIGTERM);
}

/* Block signals.  Returns a descriptor that is readable once SIGTERM has come, or -1. */
static int signals_init(void)
{
  sigset_t sigterm;
  sigemptyset(&sigterm);
  sigaddset(&sigterm, SIGTERM);
  in_lookup = sigterm;
  sigaddset(&in_lookup, SIGALRM);
  sigprocmask(SIG_BLOCK, &in_lookup, 0);
  signal(SIGTERM, leave);
  signal(SIGPIPE, SIG_IGN); /* the journal is written even when nobody reads the report */
  return signalfd(-1, &sigterm, SFD_CLOEXEC);
}

/* --- the way to the site ---------------------------------------------------------------- */

static void courier_down(courier *a, char const *code, char const *text)
{
  outbox_job *job;
  report_down(&a->out, code, text);
  for (job = a->jobs.first; job; job = job->next)
    if (a->from_commandline) report_rest(&a->out, job, JOB_DEFERRED, code, text);
    else if (job->state == OUTBOX_READY) report_untried(&a->out, job, code, text);
  a->over = 1;
}

/* Where more is demanded of TLS, or nothing, no policy has a say. */
static int policy_wanted(courier const *a)
{
  return *a->where.policy_map && a->where.exchangers
    && (a->where.tls == TLS_MAY || a->where.tls == TLS_DANE);
}

static void policy_connect(courier *a, char const *server)
{
  a->policy_known = 1;
  a->policy_fd = endpoint_connect(server);
  if (a->policy_fd == -1) report_policy_missing(&a->out, strerror(errno));
}

/* May the host be looked up, or is the connection to the server of policies to come first? */
static int policy_ready(courier *a)
{
  if (policy_wanted(a) && !a->policy_known && *a->where.policy_at)
    policy_connect(a, a->where.policy_at);
  if (!policy_wanted(a) || a->policy_known) return 1;
  if (!a->policy_asked) report_policy(&a->out);
  a->policy_asked = 1;
  return 0;
}

static void policy_look_up(courier *a)
{
  unsigned int const wait_s =
    a->where.lookup_s < POLICY_WAIT_S ? a->where.lookup_s : POLICY_WAIT_S;
  char const *why;
  if (a->policy_fd == -1) return;
  why = !policy_wanted(a) ? 0
    : policy_ask(&a->sts, a->policy_fd, a->where.policy_map, a->where.host,
                 wallclock_steady_ms() + (int64_t)wait_s * 1000);
  if (why) report_policy_missing(&a->out, why);
  close(a->policy_fd);
  a->policy_fd = -1;
}

static void courier_look_up(courier *a)
{
  enum host_outcome outcome;
  sigprocmask(SIG_UNBLOCK, &in_lookup, 0);
  policy_look_up(a);
  outcome = host_find(&a->to.hosts, &a->where, &a->sts, a->resolver);
  sigprocmask(SIG_BLOCK, &in_lookup, 0);
  a->looked_up = 1;
  a->refused = outcome == HOST_NEVER;
  if (*a->to.hosts.text) log_line(a->to.hosts.text);
  if (outcome == HOST_FOUND) return;
  if (outcome == HOST_LATER) courier_down(a, a->to.hosts.code, a->to.hosts.text);
}

/* The site cannot be reached: report that for all messages, which will never do better here. */
static void courier_refuse(courier *a)
{
  outbox_job *job;
  while ((job = outbox_ready(&a->jobs)))
  {
    report_rest(&a->out, job, JOB_FAILED, a->to.hosts.code, a->to.hosts.text);
    report_done(&a->out, job);
    outbox_forget(&a->jobs, job);
  }
}

/* We are the best host: the site is refused.  Behind others, remove ourselves and those behind. */
static void courier_ourselves(courier *a)
{
  if (candidates_cut_short(&a->to)) return;
  a->refused = 1;
  host_loops_back(&a->to.hosts, &a->where);
  log_line(a->to.hosts.text);
}

static void courier_lost(courier *a)
{
  char lied[SMTP_EXTENSIONS_MAX];
  candidates_answered(&a->to);
  a->in_vain = retry_lost(&a->line, &a->to) ? 0 : a->in_vain + 1;
  a->pause_until_ms = wallclock_steady_ms() + (a->in_vain > 1 ? PAUSE_MS : 0);
  if (!smtp_extensions_format(lied, a->line.lied)) return;
  a->where.without |= a->line.lied;
  report_without(&a->out, lied);
}

static void courier_quit(courier *a)
{
  candidates_answered(&a->to);
  retry_begun(&a->line);
  if (!outbox_ready(&a->jobs)) a->over = 1;
  else report_lost(&a->out, 0);
}

/* There is no other one: what was tried in vain is deferred, and what was not tried goes back. */
static void courier_turned_ended(courier *a)
{
  outbox_job *job;
  outbox_job *next;
  if (a->line.end == CONNECTION_END_LOST) retry_lost(&a->line, &a->to);
  else if (a->line.end == CONNECTION_END_QUIT) retry_begun(&a->line);
  for (job = a->jobs.first; job; job = next)
  {
    next = job->next;
    if (job->state == OUTBOX_READY && job->tried) retry_give_up(&a->line, job);
  }
  if (a->line.end == CONNECTION_END_SITE) log_line(a->line.text);
  if (a->line.end != CONNECTION_END_QUIT || outbox_ready(&a->jobs))
    courier_down(a, a->line.code ? a->line.code : "4.4.2",
                 a->line.text[0] ? a->line.text : ENDED_EARLY);
  a->over = 1;
}

static void courier_connection_ended(courier *a)
{
  if (*a->where.turned) courier_turned_ended(a);
  else switch (a->line.end)
  {
    case CONNECTION_END_LOST: courier_lost(a); break;
    case CONNECTION_END_OURSELVES: courier_ourselves(a); break;
    case CONNECTION_END_PLAIN:
      log_line("no TLS to ", a->out.relay, ": once more in clear text");
      candidates_answered(&a->to);
      candidates_plain(&a->to);
      break;
    case CONNECTION_END_SITE:
      log_line(a->line.text);
      candidates_silence(&a->to);
      break;
    default: courier_quit(a); break;
  }
  if (a->jobs_ended) a->over = 1;
}

static int courier_connecting(courier const *a)
{
  return a->looked_up && !a->over && !a->refused && a->line.state == CONNECTION_ENDED
    && outbox_ready(&a->jobs);
}

/* Make connections while there are messages, and addresses for them. */
static void courier_connect(courier *a)
{
  while (courier_connecting(a) && wallclock_steady_ms() >= a->pause_until_ms)
  {
    outbox_job *job = outbox_ready(&a->jobs);
    size_t at = candidates_late(&a->to) ? CANDIDATES_NONE : candidates_for(&a->to, job);
    if (at == CANDIDATES_NONE && job->tried) retry_give_up(&a->line, job);
    else if (at == CANDIDATES_NONE) courier_down(a, a->line.code, a->line.text);
    else
    {
      a->to.at = at;
      candidates_begin(&a->to, a->where.reach_s);
      connection_begin(&a->line, candidates_plain_take(&a->to));
      if (a->line.state == CONNECTION_ENDED) courier_connection_ended(a);
    }
  }
}

/* --- patience ---------------------------------------------------------------------------- */

/*
 * Return messages to qmgr that this connection does not get to, so that others can take them: all
 * but the message whose reply is due, or that the connection is being made for.
 */
static void jobs_return(courier *a, enum outbox_state state, outbox_job const *but)
{
  outbox_job *job;
  outbox_job *next;
  for (job = a->jobs.first; job; job = next)
  {
    next = job->next;
    if (job->state != state || job == but) continue;
    report_back(&a->out, job);
    outbox_forget(&a->jobs, job);
  }
}

/* While the window is 1 and we hold a message, qmgr gives us no other. */
static void courier_impatient(courier *a, int impatient)
{
  if (a->impatient == impatient) return;
  a->impatient = impatient;
  report_window(&a->out, impatient ? 1 : a->line.window);
}

/* Is there no other connection that could take anything? */
static int courier_alone(courier const *a)
{
  return a->from_commandline || a->jobs_ended || *a->where.turned;
}

static void courier_patience(courier *a)
{
  int const never = courier_alone(a) || a->over;
  int64_t silent_ms = never ? 0 : connection_silent_ms(&a->line);
  if (silent_ms < PATIENCE_MS)
  {
    if (a->line.state == CONNECTION_OPEN) courier_impatient(a, 0);
    return;
  }
  courier_impatient(a, 1);
  jobs_return(a, OUTBOX_READY, a->jobs.begun ? 0 : outbox_ready(&a->jobs));
  if (silent_ms < PATIENCE_SENT_MS || a->jobs.begun < 2 || !connection_sealable(&a->line)) return;
  connection_seal(&a->line);
  jobs_return(a, OUTBOX_BEGUN, exchange_head(&a->line));
}

/* Milliseconds until courier_patience() is due again; -1: never. */
static int64_t patience_left_ms(courier *a)
{
  int64_t silent_ms = courier_alone(a) ? 0 : connection_silent_ms(&a->line);
  if (a->line.unsent) return UNSENT_LOOK_MS;
  if (!silent_ms) return a->jobs.held ? PATIENCE_MS : -1;
  if (silent_ms < PATIENCE_MS) return PATIENCE_MS - silent_ms;
  return silent_ms < PATIENCE_SENT_MS ? PATIENCE_SENT_MS - silent_ms : -1;
}

/* --- TLS --------------------------------------------------------------------------------- */

static void courier_secure(courier *a, int fd, char const *why)
{
  connection_secure(&a->line, fd, why);
  if (a->line.state == CONNECTION_ENDED) courier_connection_ended(a);
}

static void courier_ask_tls(courier *a)
{
  if (!connection_asks(&a->line)) return;
  if (!a->from_commandline) report_tls(&a->out);
  else courier_secure(a, engine_connect(a->engine), "it cannot be run");
}

/* The line "tls", with a descriptor, or why there is none. */
static enum outbox_line tls_take(courier *a, char const *why, size_t len)
{
  char reason[JOB_TEXT_MAX];
  int fd = len ? -1 : outbox_fd(&a->jobs);
  if (!len && fd == -1) return OUTBOX_LINE_SENSELESS;
  log_clean(reason, sizeof reason, why, len);
  if (a->line.state != CONNECTION_ENDED) courier_secure(a, fd, reason);
  else if (fd != -1) close(fd);
  return OUTBOX_LINE_OK;
}

/* The line "policy", likewise. */
static enum outbox_line policy_take(courier *a, char const *why, size_t len)
{
  char reason[JOB_TEXT_MAX];
  int fd = len ? -1 : outbox_fd(&a->jobs);
  if (a->policy_known || (!len && fd == -1)) return OUTBOX_LINE_SENSELESS;
  if (len) report_policy_missing(&a->out, log_clean(reason, sizeof reason, why, len));
  a->policy_fd = fd;
  a->policy_known = 1;
  return OUTBOX_LINE_OK;
}

/* --- job lines --------------------------------------------------------------------------- */

static int line_clean(char const *s, size_t len)
{
  size_t i;
  for (i = 0; i < len; i++) if ((unsigned char)s[i] < ' ' || s[i] == 127) return 0;
  return 1;
}

/* The line's descriptor is the connection.  Its peer counts as the one address there is. */
static int turned_take(courier *a)
{
  int fd = outbox_fd(&a->jobs);
  if (fd == -1) return 0;
  a->looked_up = 1;
  a->to.hosts.count = 1;
  connection_begin_turned(&a->line, fd);
  return 1;
}

#define AUTH "auth"

/* " BASE64", which is wiped: what is said of a line that makes no sense holds nothing of it. */
static enum outbox_line auth_take(courier *a, char *s, size_t len)
{
  int const good = *a->where.auth && !*a->where.account.user && len && *s == ' '
    && smtp_account_scan(&a->where.account, s + 1, len - 1);
  explicit_bzero(s, len);
  return good ? OUTBOX_LINE_OK : OUTBOX_LINE_SENSELESS;
}

static int site_take(courier *a, char const *s, size_t len)
{
  if (!destination_scan(&a->where, s, len)) return 0;
  a->destination_known = 1;
  return !*a->where.turned || turned_take(a);
}

/* Is the line this word, alone or with more behind it? */
static int line_is(char const *s, size_t len, char const *word)
{
  size_t const n = strlen(word);
  return len >= n && !memcmp(s, word, n) && (len == n || s[n] == ' ');
}

static enum outbox_line line_take(courier *a, char *s, size_t len)
{
  if (len >= sizeof AUTH - 1 && !memcmp(s, AUTH, sizeof AUTH - 1))
    return auth_take(a, s + (sizeof AUTH - 1), len - (sizeof AUTH - 1));
  if (!line_clean(s, len)) return OUTBOX_LINE_SENSELESS;
  if (a->destination_known && line_is(s, len, "tls")) return tls_take(a, s + 3, len - 3);
  if (a->destination_known && line_is(s, len, "policy"))
    return policy_take(a, s + 7, len > 7 ? len - 7 : 0);
  if (a->destination_known) return outbox_take(&a->jobs, s, len);
  if (len < 5 || memcmp(s, "site ", 5) || !site_take(a, s + 5, len - 5))
    return OUTBOX_LINE_SENSELESS;
  return OUTBOX_LINE_OK;
}

/* Return the messages that are not on the wire: the next qmgr wants their locks. */
static void jobs_drop(courier *a)
{
  outbox_job *job;
  outbox_job *next;
  for (job = a->jobs.first; job; job = next)
  {
    next = job->next;
    if (job->state != OUTBOX_BEGUN) outbox_forget(&a->jobs, job);
  }
  outbox_drop_fds(&a->jobs);
  a->jobs.reading = 0;
}

/* Take no more jobs; finish those on the wire. */
static void jobs_end(courier *a, int64_t ms)
{
  a->jobs_ended = 1;
  if (a->line.state == CONNECTION_ENDED) a->over = 1;
  else connection_stop(&a->line, ms);
  if (!a->from_commandline) jobs_drop(a);
}

static void line_refuse(courier *a, enum outbox_line why, char const *line)
{
  if (why == OUTBOX_LINE_NO_MEMORY)
  {
    log_line("fatal: unable to take a job: ", strerror(ENOMEM));
    a->status = EXIT_DEFERRED;
  }
  else
  {
    log_line("fatal: job line makes no sense: ", line);
    a->status = EXIT_FAILED;
  }
  jobs_end(a, STOP_MS);
}

static void lines_take(courier *a)
{
  char *s = a->in;
  char *end;
  while (!a->jobs_ended && (end = memchr(s, '\n', a->in_len - (size_t)(s - a->in))))
  {
    enum outbox_line r = line_take(a, s, (size_t)(end - s));
    *end = 0;
    if (r != OUTBOX_LINE_OK) line_refuse(a, r, s);
    s = end + 1;
  }
  a->in_len -= (size_t)(s - a->in);
  memmove(a->in, s, a->in_len);
  if (a->in_len >= JOB_LINE_MAX && !a->jobs_ended)
    line_refuse(a, OUTBOX_LINE_SENSELESS, "longer than any");
}

static void jobs_receive(courier *a)
{
  int fds[JOB_FDS_MAX];
  size_t fds_len, i;
  ssize_t n = job_receive(0, a->in + a->in_len, sizeof a->in - a->in_len, fds, &fds_len);
  if (n == -1 && (errno == EINTR || errno == EAGAIN)) return;
  for (i = 0; i < fds_len; i++)
    if (!outbox_take_fd(&a->jobs, fds[i]))
    {
      close(fds[i]);
      n = 0;
    }
  if (n <= 0)
  {
    jobs_end(a, STOP_MS);
    return;
  }
  a->in_len += (size_t)n;
  lines_take(a);
}

static int jobs_wanted(courier const *a)
{
  return !a->from_commandline && !a->jobs_ended && outbox_room(&a->jobs);
}

/* --- the loop ---------------------------------------------------------------------------- */

static void courier_act(courier *a)
{
  if (a->from_commandline && !a->jobs.held) jobs_end(a, STOP_MS);
  if (!a->jobs_ended && !a->looked_up && outbox_ready(&a->jobs) && policy_ready(a))
    courier_look_up(a);
  candidates_forget_silent(&a->to);
  courier_connect(a);
  if (a->refused) courier_refuse(a);
}

static void connection_act(courier *a, short revents)
{
  if (a->line.state == CONNECTION_ENDED) return;
  connection_step(&a->line, revents);
  if (a->line.state == CONNECTION_ENDED) courier_connection_ended(a);
  else courier_ask_tls(a);
}

static int time_left_ms(courier *a)
{
  int64_t deadline = courier_connecting(a) ? a->pause_until_ms : connection_deadline(&a->line);
  int64_t patience_ms = patience_left_ms(a);
  int64_t ms = deadline - wallclock_steady_ms();
  if (deadline == -1) return -1;
  if (patience_ms != -1 && patience_ms < ms) ms = patience_ms;
  return ms < 0 ? 0 : ms > INT_MAX ? INT_MAX : (int)ms;
}

enum wait_for { WAIT_JOBS, WAIT_CONNECTION, WAIT_SIGTERM, WAIT_ALL };

static void courier_wait(courier *a, struct pollfd p[WAIT_ALL])
{
  p[WAIT_JOBS] = (struct pollfd){ .fd = jobs_wanted(a) ? 0 : -1, .events = POLLIN };
  p[WAIT_SIGTERM] = (struct pollfd){ .fd = a->terminated ? -1 : a->sigterm_fd, .events = POLLIN };
  connection_poll(&a->line, &p[WAIT_CONNECTION]);
  if (poll(p, WAIT_ALL, time_left_ms(a)) == -1)
    p[WAIT_JOBS].revents = p[WAIT_CONNECTION].revents = p[WAIT_SIGTERM].revents = 0;
}

/*
 * Confine the process, before it reads a stranger's first octet.  Where the kernel cannot, mail is
 * sent all the same, and the operator warned.
 */
static void courier_confine(courier *a)
{
  dns_resolver_open(a->resolver);
  if (!confine())
    log_line("warning: unable to confine myself, see smtp-send(8): ", strerror(errno));
}

static void courier_run(courier *a)
{
  struct pollfd p[WAIT_ALL] = { { .fd = -1 }, { .fd = -1 }, { .fd = -1 } };
  for (;;)
  {
    if (p[WAIT_SIGTERM].revents)
    {
      a->terminated = 1;
      jobs_end(a, TERM_MS);
    }
    else if (p[WAIT_JOBS].revents) jobs_receive(a);
    courier_act(a);
    connection_act(a, p[WAIT_CONNECTION].revents);
    courier_act(a);
    courier_patience(a);
    report_flush(&a->out);
    if (a->out.gone && !a->jobs_ended) jobs_end(a, STOP_MS);
    if (a->over) return;
    courier_wait(a, p);
  }
}

static void courier_init(courier *a, int from_commandline, int sigterm_fd, dns_resolver *resolver)
{
  a->from_commandline = from_commandline;
  a->sigterm_fd = sigterm_fd;
  a->resolver = resolver;
  a->engine = a->policy_fd = -1;
  destination_init(&a->where);
  outbox_init(&a->jobs);
  report_init(&a->out, from_commandline ? 1 : 0, from_commandline);
  connection_init(&a->line, &a->where, &a->to, &a->jobs, &a->out);
}

/* --- from the command line -------------------------------------------------------------------- */

static void die_usage(void)
{
  log_line("usage: ", USAGE);
  exit(EXIT_FAILED);
}

static int option_set(destination *where, char const *key, char const *value)
{
  char word[512];
  size_t len = text_join(word, sizeof word, key, "=", value);
  return *value && len < sizeof word - 1 && destination_option_scan(where, word, len);
}

static int nameserver_set(destination *where, char const *value)
{
  return destination_address_make(&where->nameserver, value, 53)
    || option_set(where, "nameserver", value);
}

/* "SERVER [MAP]".  The connection is made now: later this process makes none but to sites. */
static int policy_set(courier *a, char *server)
{
  char *space = strchr(server, ' ');
  if (space) *space++ = 0;
  if (!endpoint_ok(server)) return 0;
  if (!option_set(&a->where, "tlspolicy", space ? space : ENDPOINT_MAP)) return 0;
  policy_connect(a, server);
  return 1;
}

static int options_read(courier *a, int argc, char *const *argv)
{
  destination *where = &a->where;
  int c;
  opterr = 0;
  while ((c = getopt(argc, argv, "+Ln:H:t:w:o:a:p:")) != -1)
  {
    int good = c == 'n' ? nameserver_set(where, optarg)
      : c == 'L' ? option_set(where, "loopbackdns", "1")
      : c == 'H' ? option_set(where, "me", optarg)
      : c == 't' ? option_set(where, "timeouts", optarg)
      : c == 'w' ? option_set(where, "without", optarg)
      : c == 'o' ? demand_option_scan(where, optarg)
      : c == 'a' ? accountfile_read(&where->account, optarg)
      : c == 'p' ? policy_set(a, optarg)
      : 0;
    if (!good) die_usage();
  }
  return optind;
}

static void message_take(outbox *jobs, char const *sender, char const *const *recipients)
{
  char const *what;
  switch (commandline_take(jobs, 0, sender, recipients, &what))
  {
    case COMMANDLINE_OK: return;
    case COMMANDLINE_BAD_ADDRESS:
      log_line("fatal: not a mailbox: ", what);
      exit(EXIT_FAILED);
    case COMMANDLINE_BARE_CR:
      log_line("fatal: message holds a CR that ends no line");
      exit(EXIT_FAILED);
    case COMMANDLINE_NUL:
      log_line("fatal: message holds a NUL");
      exit(EXIT_FAILED);
    case COMMANDLINE_ERROR:
      log_line("fatal: unable to ", what, ": ", strerror(errno));
      exit(EXIT_DEFERRED);
  }
}

/* Report the recipients that were neither sent nor refused when the connection ended. */
static void report_left(courier *a)
{
  outbox_job *job;
  for (job = a->jobs.first; job; job = job->next)
    report_rest(&a->out, job, JOB_DEFERRED, "4.4.2",
                a->line.text[0] ? a->line.text : ENDED_EARLY);
}

static int run_from_commandline(courier *a, int argc, char *const *argv)
{
  int first;
  a->where.tls = TLS_LEVELS;
  first = options_read(a, argc, argv);
  if (argc - first < 3) die_usage();
  demand_complete(&a->where, *a->where.account.user ? TLS_ENCRYPT : TLS_MAY);
  if (*a->where.account.user && a->where.tls < TLS_ENCRYPT) die_usage();
  argv += first;
  if (!destination_nexthop_scan(&a->where, argv[0], strlen(argv[0]))) die_usage();
  message_take(&a->jobs, argv[1], (char const *const *)(argv + 2));
  if (a->where.tls != TLS_NONE || a->where.tlswrap) a->engine = engine_start();
  courier_confine(a);
  courier_run(a);
  report_left(a);
  report_flush(&a->out);
  return a->out.any_failed ? EXIT_FAILED : a->out.any_deferred ? EXIT_DEFERRED : EXIT_DONE;
}

/* --- for qmgr --------------------------------------------------------------------------------- */

static void serve(courier *a)
{
  struct timeval wait = { .tv_sec = REPORT_WAIT_S };
  setsockopt(0, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait);
  courier_run(a);
}

static int run_once(courier *a)
{
  alone_watch();
  courier_confine(a);
  serve(a);
  return a->status;
}

/* The next connection of qmgr's finds nothing of this one. */
static void courier_forget(courier *a)
{
  int const sigterm_fd = a->sigterm_fd;
  dns_resolver *const resolver = a->resolver;
  connection_free(&a->line);
  report_free(&a->out);
  outbox_free(&a->jobs);
  if (a->policy_fd != -1) close(a->policy_fd);
  explicit_bzero(a, offsetof(courier, jobs));
  courier_init(a, 0, sigterm_fd, resolver);
  worker_wipe_stack();
}

static int run_as_worker(courier *a)
{
  worker w;
  int r = worker_begin(&w, a->sigterm_fd) ? 0 : -1;
  if (r == 0)
  {
    alone_watch();
    courier_confine(a);
    while ((r = worker_next(&w, 0)) == 1)
    {
      serve(a);
      courier_forget(a);
    }
  }
  if (r == 0) return EXIT_DONE;
  log_line("fatal: unable to serve as a worker: ", strerror(errno));
  return errno == EPROTOTYPE || errno == ENOTSOCK ? EXIT_FAILED : EXIT_DEFERRED;
}

int main(int argc, char **argv)
{
  static courier a;
  static dns_resolver resolver;
  int const as_worker = argc == 2 && !strcmp(argv[1], "-W");
  int const from_commandline = argc > 1 && !as_worker;
  prctl(PR_SET_DUMPABLE, 0); /* a core file would hold mail, and a password */
  courier_init(&a, from_commandline, signals_init(), &resolver);
  if (as_worker) return run_as_worker(&a);
  end_with_parent();
  return from_commandline ? run_from_commandline(&a, argc, argv) : run_once(&a);
}
