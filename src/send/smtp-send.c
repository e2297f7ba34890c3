/*
 * smtp-send: one SMTP connection to one site.
 *
 * From qmgr it is given messages over a socket (job.h), as descriptors; by hand, one message on
 * standard input.  A poll loop over two descriptors, the job socket and the session's.
 */

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"
#include "base/wallclock.h"
#include "job/job.h"
#include "send/confine.h"
#include "send/hand.h"
#include "send/host.h"
#include "send/report.h"
#include "send/retry.h"
#include "send/session.h"
#include "send/site.h"
#include "send/way.h"
#include "send/work.h"

char const *PROG = "smtp-send";

#define USAGE "smtp-send [-L] [-n NAMESERVER] [-H NAME] [-t TIMEOUTS] [-w EXTENSIONS] NEXTHOP SENDER RECIPIENT..."

/* What is on the wire is finished within this, when qmgr has gone and when we are told to go. */
#define STOP_MS 60000
#define TERM_MS 5000
/*
 * While nothing moves, what has not been begun goes back to qmgr for another connection; after longer, so does what is
 * on the wire behind the message whose reply is due.  A server may take its time over one message: what it had been sent
 * behind that, it takes once more then.
 */
#define PATIENCE_MS 5000
#define PATIENCE_SENT_MS 30000
/* So often it is looked at whether a slow link carries octets away. */
#define UNSENT_LOOK_MS 1000
/* Connections in a row that settle nothing are not made faster than qmgr can judge of the site. */
#define PAUSE_MS 500
/* A qmgr that does not read its reports for so long has gone. */
#define REPORT_WAIT_S 30

enum exit_code { EXIT_DONE = 0, EXIT_FAILED = 100, EXIT_DEFERRED = 111 };

typedef struct agent
{
  int by_hand;
  int site_known;
  int looked_up;
  int refused;            /* mail cannot go there: to.hosts.code and .text say why */
  unsigned int in_vain;   /* connections in a row that settled nothing */
  int64_t pause_until_ms; /* before the next one */
  int impatient;          /* nothing has moved for a while */
  int jobs_ended;         /* no more lines come */
  int over;
  int sigterm_fd;
  int terminated;
  int status;             /* to exit with */
  size_t in_len;
  char in[2 * JOB_LINE_MAX];
  site where;
  host_resolver resolver;
  work jobs;
  report out;
  way to;
  session line;
} agent;

/* --- signals ---------------------------------------------------------------------------- */

/* Blocked, and SIGTERM read from a descriptor, but for while the resolver works: nothing is on the wire then. */
static sigset_t in_lookup;

static void leave(int signal)
{
  (void)signal;
  _exit(EXIT_DONE);
}

/* The resolver waits for name servers alone, and qmgr gives up who takes long while others wait. */
static void leave_if_alone(int signal)
{
  struct pollfd p = { .fd = 0, .events = POLLRDHUP };
  int e = errno;
  (void)signal;
  if (poll(&p, 1, 0) == 1) _exit(EXIT_DONE);
  errno = e;
}

/* So often. */
static void alone_watch(void)
{
  struct itimerval const second = { { 1, 0 }, { 1, 0 } };
  signal(SIGALRM, leave_if_alone);
  setitimer(ITIMER_REAL, &second, 0);
}

/* Returns a descriptor that is readable once SIGTERM has come, or -1. */
static int signals_init(void)
{
  sigset_t sigterm;
  sigemptyset(&sigterm);
  sigaddset(&sigterm, SIGTERM);
  in_lookup = sigterm;
  sigaddset(&in_lookup, SIGALRM);
  sigprocmask(SIG_BLOCK, &in_lookup, 0);
  signal(SIGTERM, leave);
  signal(SIGPIPE, SIG_IGN); /* the journal is written also when nobody reads the report */
  /* With the super-server's end ours has come too; under init there is none. */
  if (getppid() != 1) prctl(PR_SET_PDEATHSIG, SIGTERM);
  return signalfd(-1, &sigterm, SFD_CLOEXEC);
}

/* --- the way to the site ---------------------------------------------------------------- */

static void agent_down(agent *a, char const *code, char const *text)
{
  work_job *job;
  report_down(&a->out, code, text);
  for (job = a->jobs.first; job; job = job->next)
    if (a->by_hand) report_rest(&a->out, job, JOB_DEFERRED, code, text);
    else if (job->state == WORK_READY) report_untried(&a->out, job, code, text);
  a->over = 1;
}

static void agent_look_up(agent *a)
{
  enum host_outcome outcome;
  sigprocmask(SIG_UNBLOCK, &in_lookup, 0);
  outcome = host_find(&a->to.hosts, &a->where, &a->resolver);
  sigprocmask(SIG_BLOCK, &in_lookup, 0);
  a->looked_up = 1;
  a->refused = outcome == HOST_NEVER;
  if (outcome == HOST_FOUND) return;
  log_line(a->to.hosts.text);
  if (outcome == HOST_LATER) agent_down(a, a->to.hosts.code, a->to.hosts.text);
}

/* There is no way to the site: nothing that comes for it will ever do better. */
static void agent_refuse(agent *a)
{
  work_job *job;
  while ((job = work_ready(&a->jobs)))
  {
    report_rest(&a->out, job, JOB_FAILED, a->to.hosts.code, a->to.hosts.text);
    report_done(&a->out, job);
    work_forget(&a->jobs, job);
  }
}

/* The best host is ourselves; behind others, it is none. */
static void agent_ourselves(agent *a)
{
  if (way_cut_short(&a->to)) return;
  a->refused = 1;
  host_loops_back(&a->to.hosts, &a->where);
  log_line(a->to.hosts.text);
}

static void agent_lost(agent *a)
{
  char lied[SMTP_EXTENSIONS_MAX];
  way_answered(&a->to);
  a->in_vain = retry_lost(&a->line, &a->to) ? 0 : a->in_vain + 1;
  a->pause_until_ms = wallclock_steady_ms() + (a->in_vain > 1 ? PAUSE_MS : 0);
  if (!smtp_extensions_format(lied, a->line.lied)) return;
  a->where.without |= a->line.lied;
  report_without(&a->out, lied);
}

static void agent_quit(agent *a)
{
  way_answered(&a->to);
  retry_begun(&a->line);
  if (!work_ready(&a->jobs)) a->over = 1;
  else report_lost(&a->out, 0);
}

static void agent_session_ended(agent *a)
{
  switch (a->line.end)
  {
    case SESSION_END_LOST: agent_lost(a); break;
    case SESSION_END_OURSELVES: agent_ourselves(a); break;
    case SESSION_END_SITE:
      log_line(a->line.text);
      way_silence(&a->to);
      break;
    default: agent_quit(a); break;
  }
  if (a->jobs_ended) a->over = 1;
}

static int agent_connecting(agent const *a)
{
  return !a->over && !a->refused && a->line.state == SESSION_ENDED && work_ready(&a->jobs);
}

/* Make connections, while there are messages and addresses for them. */
static void agent_connect(agent *a)
{
  while (agent_connecting(a) && wallclock_steady_ms() >= a->pause_until_ms)
  {
    work_job *job = work_ready(&a->jobs);
    size_t at = way_late(&a->to) ? WAY_NONE : way_for(&a->to, job);
    if (at == WAY_NONE && job->tried) retry_give_up(&a->line, job);
    else if (at == WAY_NONE) agent_down(a, a->line.code, a->line.text);
    else
    {
      a->to.at = at;
      way_begin(&a->to, a->where.reach_s);
      session_begin(&a->line);
      if (a->line.state == SESSION_ENDED) agent_session_ended(a);
    }
  }
}

/* --- patience ---------------------------------------------------------------------------- */

/* What this connection does not get to, others can: all but the message it waits for, or is being made for. */
static void jobs_hand_back(agent *a, enum work_state state, work_job const *but)
{
  work_job *job;
  work_job *next;
  for (job = a->jobs.first; job; job = next)
  {
    next = job->next;
    if (job->state != state || job == but) continue;
    report_back(&a->out, job);
    work_forget(&a->jobs, job);
  }
}

/* qmgr hands us nothing while we hold one message and are worth one. */
static void agent_impatient(agent *a, int impatient)
{
  if (a->impatient == impatient) return;
  a->impatient = impatient;
  report_window(&a->out, impatient ? 1 : a->line.window);
}

static void agent_patience(agent *a)
{
  int64_t silent_ms = a->by_hand || a->jobs_ended || a->over ? 0 : session_silent_ms(&a->line);
  if (silent_ms < PATIENCE_MS)
  {
    if (a->line.state == SESSION_OPEN) agent_impatient(a, 0);
    return;
  }
  agent_impatient(a, 1);
  jobs_hand_back(a, WORK_READY, a->jobs.begun ? 0 : work_ready(&a->jobs));
  if (silent_ms < PATIENCE_SENT_MS || a->jobs.begun < 2 || !session_sealable(&a->line)) return;
  session_seal(&a->line);
  jobs_hand_back(a, WORK_BEGUN, session_head(&a->line));
}

/* Milliseconds until it should be looked at again; -1: never. */
static int64_t patience_left_ms(agent *a)
{
  int64_t silent_ms = a->by_hand || a->jobs_ended ? 0 : session_silent_ms(&a->line);
  if (a->line.unsent) return UNSENT_LOOK_MS;
  if (!silent_ms) return a->jobs.held ? PATIENCE_MS : -1;
  if (silent_ms < PATIENCE_MS) return PATIENCE_MS - silent_ms;
  return silent_ms < PATIENCE_SENT_MS ? PATIENCE_SENT_MS - silent_ms : -1;
}

/* --- job lines --------------------------------------------------------------------------- */

static int line_clean(char const *s, size_t len)
{
  size_t i;
  for (i = 0; i < len; i++) if ((unsigned char)s[i] < ' ' || s[i] == 127) return 0;
  return 1;
}

static enum work_line line_take(agent *a, char const *s, size_t len)
{
  if (!line_clean(s, len)) return WORK_LINE_SENSELESS;
  if (a->site_known) return work_take(&a->jobs, s, len);
  if (len < 5 || memcmp(s, "site ", 5) || !site_scan(&a->where, s + 5, len - 5)) return WORK_LINE_SENSELESS;
  a->site_known = 1;
  return WORK_LINE_OK;
}

/* Let go of what has not been begun: its locks are wanted by the next qmgr. */
static void jobs_drop(agent *a)
{
  work_job *job;
  work_job *next;
  for (job = a->jobs.first; job; job = next)
  {
    next = job->next;
    if (job->state != WORK_BEGUN) work_forget(&a->jobs, job);
  }
  work_drop_fds(&a->jobs);
  a->jobs.reading = 0;
}

/* No more jobs; those that are on the wire are finished. */
static void jobs_end(agent *a, int64_t ms)
{
  a->jobs_ended = 1;
  if (a->line.state == SESSION_ENDED) a->over = 1;
  else session_stop(&a->line, ms);
  if (!a->by_hand) jobs_drop(a);
}

static void line_refuse(agent *a, enum work_line why, char const *line)
{
  if (why == WORK_LINE_NO_MEMORY)
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

static void lines_take(agent *a)
{
  char *s = a->in;
  char *end;
  while (!a->jobs_ended && (end = memchr(s, '\n', a->in_len - (size_t)(s - a->in))))
  {
    enum work_line r = line_take(a, s, (size_t)(end - s));
    *end = 0;
    if (r != WORK_LINE_OK) line_refuse(a, r, s);
    s = end + 1;
  }
  a->in_len -= (size_t)(s - a->in);
  memmove(a->in, s, a->in_len);
  if (a->in_len >= JOB_LINE_MAX && !a->jobs_ended) line_refuse(a, WORK_LINE_SENSELESS, "longer than any");
}

static void jobs_receive(agent *a)
{
  int fds[JOB_FDS_MAX];
  size_t fds_len, i;
  ssize_t n = job_receive(0, a->in + a->in_len, sizeof a->in - a->in_len, fds, &fds_len);
  if (n == -1 && (errno == EINTR || errno == EAGAIN)) return;
  for (i = 0; i < fds_len; i++)
    if (!work_take_fd(&a->jobs, fds[i]))
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

static int jobs_wanted(agent const *a)
{
  return !a->by_hand && !a->jobs_ended && work_room(&a->jobs);
}

/* --- the loop ---------------------------------------------------------------------------- */

static void agent_act(agent *a)
{
  if (a->by_hand && !a->jobs.held) jobs_end(a, STOP_MS);
  if (!a->jobs_ended && !a->looked_up && work_ready(&a->jobs)) agent_look_up(a);
  way_forget_silent(&a->to);
  agent_connect(a);
  if (a->refused) agent_refuse(a);
}

static void session_act(agent *a, short revents)
{
  if (a->line.state == SESSION_ENDED) return;
  session_step(&a->line, revents);
  if (a->line.state == SESSION_ENDED) agent_session_ended(a);
}

static int time_left_ms(agent *a)
{
  int64_t deadline = agent_connecting(a) ? a->pause_until_ms : session_deadline(&a->line);
  int64_t patience_ms = patience_left_ms(a);
  int64_t ms = deadline - wallclock_steady_ms();
  if (deadline == -1) return -1;
  if (patience_ms != -1 && patience_ms < ms) ms = patience_ms;
  return ms < 0 ? 0 : ms > INT_MAX ? INT_MAX : (int)ms;
}

enum wait_for { WAIT_JOBS, WAIT_SESSION, WAIT_SIGTERM, WAIT_ALL };

static void agent_wait(agent *a, struct pollfd p[WAIT_ALL])
{
  p[WAIT_JOBS] = (struct pollfd){ .fd = jobs_wanted(a) ? 0 : -1, .events = POLLIN };
  p[WAIT_SIGTERM] = (struct pollfd){ .fd = a->terminated ? -1 : a->sigterm_fd, .events = POLLIN };
  session_poll(&a->line, &p[WAIT_SESSION]);
  if (poll(p, WAIT_ALL, time_left_ms(a)) == -1)
    p[WAIT_JOBS].revents = p[WAIT_SESSION].revents = p[WAIT_SIGTERM].revents = 0;
}

/* Before the first word of a stranger.  Where the kernel cannot do that, mail goes as well: whoever runs it is told. */
static void agent_confine(agent *a)
{
  host_resolver_open(&a->resolver);
  if (!confine()) log_line("warning: unable to confine myself, see smtp-send(8): ", strerror(errno));
}

static void agent_run(agent *a)
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
    agent_act(a);
    session_act(a, p[WAIT_SESSION].revents);
    agent_act(a);
    agent_patience(a);
    report_flush(&a->out);
    if (a->out.gone && !a->jobs_ended) jobs_end(a, STOP_MS);
    if (a->over) return;
    agent_wait(a, p);
  }
}

static void agent_init(agent *a, int by_hand)
{
  a->by_hand = by_hand;
  site_init(&a->where);
  work_init(&a->jobs);
  report_init(&a->out, by_hand ? 1 : 0, by_hand);
  session_init(&a->line, &a->where, &a->to, &a->jobs, &a->out);
}

/* --- by hand ----------------------------------------------------------------------------- */

static void die_usage(void)
{
  log_line("usage: ", USAGE);
  exit(EXIT_FAILED);
}

static int option_set(site *where, char const *key, char const *value)
{
  char word[512];
  size_t len = text_join(word, sizeof word, key, "=", value);
  return *value && len < sizeof word - 1 && site_option_scan(where, word, len);
}

static int nameserver_set(site *where, char const *value)
{
  return site_address_make(&where->nameserver, value, 53) || option_set(where, "nameserver", value);
}

static int options_read(site *where, int argc, char *const *argv)
{
  int c;
  opterr = 0;
  while ((c = getopt(argc, argv, "+Ln:H:t:w:")) != -1)
  {
    int good = c == 'n' ? nameserver_set(where, optarg)
      : c == 'L' ? option_set(where, "loopbackdns", "1")
      : c == 'H' ? option_set(where, "me", optarg)
      : c == 't' ? option_set(where, "timeouts", optarg)
      : c == 'w' ? option_set(where, "without", optarg)
      : 0;
    if (!good) die_usage();
  }
  return optind;
}

static void message_take(work *jobs, char const *sender, char const *const *recipients)
{
  char const *what;
  switch (hand_take(jobs, 0, sender, recipients, &what))
  {
    case HAND_OK: return;
    case HAND_BAD_ADDRESS:
      log_line("fatal: not a mailbox: ", what);
      exit(EXIT_FAILED);
    case HAND_BARE_CR:
      log_line("fatal: message holds a CR that ends no line");
      exit(EXIT_FAILED);
    case HAND_NUL:
      log_line("fatal: message holds a NUL");
      exit(EXIT_FAILED);
    case HAND_ERROR:
      log_line("fatal: unable to ", what, ": ", strerror(errno));
      exit(EXIT_DEFERRED);
  }
}

/* What was neither sent nor refused, after a connection that had begun well. */
static void report_left(agent *a)
{
  work_job *job;
  for (job = a->jobs.first; job; job = job->next)
    report_rest(&a->out, job, JOB_DEFERRED, "4.4.2", a->line.text[0] ? a->line.text : "ended before all was sent");
}

static int run_by_hand(agent *a, int argc, char *const *argv)
{
  int first = options_read(&a->where, argc, argv);
  if (argc - first < 3) die_usage();
  argv += first;
  if (!site_nexthop_scan(&a->where, argv[0], strlen(argv[0]))) die_usage();
  message_take(&a->jobs, argv[1], (char const *const *)(argv + 2));
  agent_confine(a);
  agent_run(a);
  report_left(a);
  report_flush(&a->out);
  return a->out.any_failed ? EXIT_FAILED : a->out.any_deferred ? EXIT_DEFERRED : EXIT_DONE;
}

static int run_for_qmgr(agent *a)
{
  struct timeval wait = { .tv_sec = REPORT_WAIT_S };
  setsockopt(0, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait);
  alone_watch();
  agent_confine(a);
  agent_run(a);
  return a->status;
}

int main(int argc, char **argv)
{
  static agent a;
  int by_hand = argc > 1;
  agent_init(&a, by_hand);
  a.sigterm_fd = signals_init();
  return by_hand ? run_by_hand(&a, argc, argv) : run_for_qmgr(&a);
}
