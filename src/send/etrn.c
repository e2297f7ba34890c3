/*
 * etrn: ask hosts to send the mail that waits there for our domains (RFC 1985).
 *
 * Each host is asked by a process of its own.  So hosts are asked side by side although name
 * look-ups block, each conversation is straight-line code, and an alarm bounds even what no
 * deadline can.
 */

#include <errno.h>
#include <netdb.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/close.h"
#include "base/log.h"
#include "base/text.h"
#include "base/wallclock.h"
#include "base/wire.h"
#include "job/job.h"
#include "job/nexthop.h"
#include "send/accountfile.h"
#include "send/demand.h"
#include "send/destination.h"
#include "send/engine.h"
#include "send/timed.h"
#include "smtp/chars.h"
#include "smtp/domain.h"
#include "smtp/reply.h"
#include "smtp/sasl.h"
#include "tls/handover.h"

char const *PROG = "etrn";

#define USAGE \
  "usage: etrn [-H name] [-p port] [-t seconds] [-o option] [-a file] [-k file]" \
  " host[:port][,host[:port]]... node..."

enum { EXIT_ASKED = 0, EXIT_REFUSED = 100, EXIT_TEMPORARY = 111 };

#define PORT_SMTP 25
#define TIMEOUT_S 120
#define TIMEOUT_MAX_S 86400
/* The wait for the reply to QUIT, on which nothing depends. */
#define QUIT_MS 5000
/* RFC 5321 section 4.5.3.1.4: 512 octets of command, less "ETRN " and CRLF. */
#define NODE_MAX 505
#define COMMAND_MAX (sizeof "ETRN " + NODE_MAX + sizeof "\r\n")
/* Commands that wait for their replies at once: the buffers of both sides hold them. */
#define PIPELINED_MAX 50
#define NAME_MAX_OCTETS (SMTP_DOMAIN_MAX + 2)

/* A host to ask, and the result. */
typedef struct target
{
  char *word;                        /* the user's text */
  char name[NAME_MAX_OCTETS + 1];
  char port[TEXT_NUMBER_MAX];
  pid_t pid;
} target;

typedef struct etrn_request
{
  char const *helo;                  /* NULL: our host name or address */
  unsigned long port;                /* the port where the host has none */
  unsigned long timeout_s;
  destination where;                 /* what TLS must be worth, and who we are */
  char *certificate;                 /* of ours, for tls-io; NULL: none */
  char *const *nodes;                /* ends with NULL */
} etrn_request;

/* A conversation with one host. */
typedef struct talk
{
  target const *peer;
  int64_t deadline_ms;
  int status;
  wire wire;

  unsigned int code;                 /* of the last reply: its code, its text in one line, */
  char text[SMTP_REPLY_LINE_MAX];
  unsigned int extensions;           /* and, of a reply to EHLO, what it offers */
  unsigned int mechanisms;

  int plain;                         /* go without TLS, for it failed before */
  int secured;
  char helo[NAME_MAX_OCTETS + 1];
  char const *why;                   /* why there is no reply */
} talk;

/* --- words ------------------------------------------------------------------------------ */

static void die_usage(void)
{
  log_line(USAGE);
  exit(EXIT_REFUSED);
}

/* Of two exit codes, the one that matters more: try again, give up, done. */
static int status_join(int a, int b)
{
  return a > b ? a : b;
}

static int reply_status(unsigned int code)
{
  if (code >= 250 && code <= 259) return EXIT_ASKED;
  return code >= 500 ? EXIT_REFUSED : EXIT_TEMPORARY;
}

/* --- reading and writing ---------------------------------------------------------------- */

static char const *wire_why(wire const *w)
{
  return w->state == WIRE_TIMEOUT ? "timed out" : "connection closed";
}

static int no_reply(talk *t, char const *why)
{
  t->why = why;
  return 0;
}

/* Add a line to the reply's text, as far as there is room. */
static void text_add(talk *t, size_t *used, smtp_reply_line const *reply)
{
  size_t room = sizeof t->text - 1 - *used;
  size_t n = reply->textlen;
  if (*used && room) t->text[(*used)++] = ' ', room--;
  if (n > room) n = room;
  memcpy(t->text + *used, reply->text, n);
  *used += n;
}

/* Read a whole reply.  1, or 0 with why. */
static int reply_read(talk *t)
{
  smtp_reply_line reply = { .last = 0 };
  char line[WIRE_REPLY_MAX];
  size_t len, used = 0;
  unsigned long long size;
  int lines;
  t->extensions = t->mechanisms = 0;
  for (lines = 0; !reply.last; lines++)
  {
    if (!wire_reply_read(&t->wire, line, &len)) return no_reply(t, wire_why(&t->wire));
    if (lines == SMTP_REPLY_LINES_MAX || !smtp_reply_scan(line, len, &reply))
      return no_reply(t, "this is not SMTP");
    if (lines) t->extensions |= smtp_extension_scan(reply.text, reply.textlen, &size);
    if (lines) t->mechanisms |= sasl_offer_scan(reply.text, reply.textlen);
    text_add(t, &used, &reply);
  }
  smtp_text_clean(t->text, used);
  t->text[used] = 0;
  t->code = reply.code;
  return 1;
}

/* Put a command; it is sent with the next read, which also reports errors. */
static void command_put(talk *t, char const *verb, char const *argument)
{
  char command[COMMAND_MAX];
  size_t len = text_join(command, sizeof command, verb, *argument ? " " : "", argument, "\r\n");
  wire_put(&t->wire, command, len);
}

static void quit(talk *t)
{
  int64_t soon = wallclock_steady_ms() + QUIT_MS;
  if (soon < t->deadline_ms) wire_step_on(&t->wire, soon, QUIT_MS / 1000);
  command_put(t, "QUIT", "");
  reply_read(t);
}

/* --- giving up: what was asked before may have worked, so the status is joined ------------- */

/* Report that there is no reply. */
static void die_silent(talk const *t, char const *what, char const *argument)
{
  log_line("fatal: ", t->peer->word, ": no ", what, argument, ": ", t->why);
  _exit(EXIT_TEMPORARY);
}

/* Report what the host lacks. */
static void die_lacking(talk *t, char const *what)
{
  log_line("fatal: ", t->peer->word, ": does not offer ", what);
  quit(t);
  _exit(EXIT_REFUSED);
}

/* Report what is wrong, and end it without a word more. */
static void die_now(talk const *t, char const *what, char const *why)
{
  log_line("fatal: ", t->peer->word, ": ", what, ": ", why);
  _exit(EXIT_TEMPORARY);
}

/* Report a reply that ends the conversation. */
static void die_reply(talk *t, char const *what)
{
  char code[TEXT_NUMBER_MAX];
  log_line("fatal: ", t->peer->word, ": ", what, ": ", text_number(code, t->code), " ", t->text);
  t->status = status_join(t->status, reply_status(t->code));
  quit(t);
  _exit(t->status);
}

/* --- connecting ------------------------------------------------------------------------- */

/* Connect to one address.  A non-blocking socket, or -1 with errno. */
static int address_connect(struct addrinfo const *a, int64_t deadline_ms)
{
  int fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, a->ai_protocol);
  if (fd == -1) return -1;
  if (connect(fd, a->ai_addr, a->ai_addrlen) == 0) return fd;
  if (errno == EINPROGRESS && timed_connected(fd, deadline_ms)) return fd;
  close_keep(fd);
  return -1;
}

static struct addrinfo *addresses_find(talk *t)
{
  struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *found;
  int r = getaddrinfo(t->peer->name, t->peer->port, &hints, &found);
  if (!r) return found;
  log_line("fatal: ", t->peer->word, ": unable to find: ",
           r == EAI_SYSTEM ? strerror(errno) : gai_strerror(r));
  _exit(r == EAI_NONAME ? EXIT_REFUSED : EXIT_TEMPORARY);
}

/* Try one address after the other; each has its share of the time that is left. */
static void host_connect(talk *t, unsigned long timeout_s)
{
  struct addrinfo *addresses = addresses_find(t), *a;
  int64_t left = 0;
  int fd = -1;
  for (a = addresses; a; a = a->ai_next) left++;
  for (a = addresses; a && fd == -1; a = a->ai_next, left--)
  {
    int64_t now = wallclock_steady_ms();
    fd = address_connect(a, now + (t->deadline_ms - now) / left);
  }
  if (fd == -1)
  {
    log_line("fatal: ", t->peer->word, ": unable to connect: ", strerror(errno));
    _exit(EXIT_TEMPORARY);
  }
  freeaddrinfo(addresses);
  wire_init(&t->wire, fd, fd, -1);
  wire_step_on(&t->wire, t->deadline_ms, (unsigned int)timeout_s);
}

/* --- greeting and EHLO ------------------------------------------------------------------ */

/* Choose our name for EHLO: a host name with a dot in it, else the address we connect from. */
static void helo_find(talk const *t, char *out, size_t max)
{
  struct sockaddr_storage self = { .ss_family = AF_INET };
  socklen_t size = sizeof self;
  char address[NI_MAXHOST];
  if (gethostname(out, max) == 0 && memchr(out, 0, max) && strchr(out, '.')
   && smtp_domain_ok(out, strlen(out))) return;
  if (getsockname(t->wire.in_fd, (struct sockaddr *)&self, &size) == -1
      || getnameinfo((struct sockaddr *)&self, size, address, sizeof address, 0, 0, NI_NUMERICHOST))
    text_join(address, sizeof address, "127.0.0.1");
  address[strcspn(address, "%")] = 0; /* without the interface, which means nothing elsewhere */
  text_join(out, max, self.ss_family == AF_INET6 ? "[IPv6:" : "[", address, "]");
}

static void greeting_read(talk *t)
{
  if (!reply_read(t)) die_silent(t, "greeting", "");
  if (t->code != 220) die_reply(t, "greeting");
}

static void hello(talk *t)
{
  command_put(t, "EHLO", t->helo);
  if (!reply_read(t)) die_silent(t, "answer to EHLO", "");
  if (t->code != 250) die_reply(t, "answer to EHLO");
}

/* --- TLS -------------------------------------------------------------------------------- */

static unsigned int seconds_left(talk const *t)
{
  int64_t const left = t->deadline_ms - wallclock_steady_ms();
  return left > 1000 ? (unsigned int)(left / 1000) : 1;
}

/* Run a tls-io, and ask whether it can.  1; 0 with why it cannot. */
static int engine_ask(talk *t, handover *h, etrn_request const *asked, char why[LOG_LINE_MAX])
{
  destination where = asked->where;
  tls_request request;
  int fd = engine_run(asked->certificate);
  text_join(where.host, sizeof where.host, t->peer->name);
  demand_ask(&request, &where, t->peer->name, seconds_left(t));
  explicit_bzero(&where.account, sizeof where.account);
  if (fd != -1 && handover_ask(h, fd, -1, &request)) return 1;
  if (fd == -1) text_join(why, LOG_LINE_MAX, strerror(errno));
  else log_clean(why, LOG_LINE_MAX, h->answer.reason.s, h->answer.reason.len);
  if (fd != -1) close(fd);
  return 0;
}

/* What the host has said too soon is not believed to be from inside of TLS.  1, or 0 with why. */
static int shake(talk *t, handover *h, char why[LOG_LINE_MAX])
{
  size_t early;
  wire_peek(&t->wire, &early);
  text_join(why, LOG_LINE_MAX, "it said more behind its reply to STARTTLS");
  if (early) return 0;
  wire_step_on(&h->wire, t->deadline_ms, seconds_left(t));
  if (handover_make(h, t->wire.in_fd)) return 1;
  log_clean(why, LOG_LINE_MAX, h->answer.reason.s, h->answer.reason.len);
  return 0;
}

/* From now on the host is where tls-io is. */
static void move(talk *t, handover *h)
{
  close(t->wire.in_fd);
  wire_init(&t->wire, h->wire.in_fd, h->wire.in_fd, -1);
  wire_continue(&t->wire, &h->wire);
  wire_step_on(&t->wire, t->deadline_ms, seconds_left(t));
  t->secured = 1;
}

static int dispensable(etrn_request const *asked)
{
  return asked->where.tls <= TLS_MAY && !asked->where.tlswrap;
}

/* TLS cannot be had.  Where it is demanded that is all. */
static void go_without(talk *t, etrn_request const *asked, char const *why)
{
  if (!dispensable(asked)) die_now(t, "no TLS", why);
  log_line("warning: ", t->peer->word, ": no TLS: ", why);
  t->plain = 1;
}

/* Does the host agree to STARTTLS? */
static int agreed(talk *t)
{
  command_put(t, "STARTTLS", "");
  if (!reply_read(t)) die_silent(t, "answer to STARTTLS", "");
  return t->code == 220;
}

/*
 * Over to TLS: by STARTTLS, or with the first octet.  1; 0: it failed, and is not demanded: the
 * connection is of no more use.
 */
static int secure(talk *t, etrn_request const *asked)
{
  static handover h;
  char why[LOG_LINE_MAX];
  int usable = 1;
  if (!engine_ask(t, &h, asked, why))
  {
    go_without(t, asked, why);
    return 1;
  }
  if (!asked->where.tlswrap && !agreed(t))
  {
    if (!dispensable(asked)) die_reply(t, "answer to STARTTLS");
    text_join(why, sizeof why, t->text);
    usable = t->code != 421;
  }
  else if (shake(t, &h, why))
  {
    move(t, &h);
    return 1;
  }
  else usable = 0;
  close(h.wire.in_fd);
  go_without(t, asked, why);
  return usable;
}

/* --- AUTH ------------------------------------------------------------------------------- */

static int sasl_replied(talk *t, sasl const *x)
{
  wire_put(&t->wire, x->line, strlen(x->line));
  wire_put(&t->wire, "\r\n", 2);
  if (!reply_read(t)) die_silent(t, "answer to AUTH", "");
  sasl_hide(x, t->text, strlen(t->text));
  return t->code / 100 == 3;
}

static void authenticate(talk *t, smtp_account const *account)
{
  sasl x;
  if (!t->mechanisms && !(t->extensions & SMTP_EXT_AUTH)) die_lacking(t, "AUTH");
  if (!sasl_begin(&x, account, t->mechanisms, t->secured)) die_lacking(t, "a mechanism of AUTH that we could use");
  while (sasl_replied(t, &x))
    if (!sasl_answer(&x, t->text, strlen(t->text)))
      die_now(t, "SASL authentication failed", "it asks for what makes no sense");
  if (t->code / 100 != 2) die_reply(t, "SASL authentication failed");
  sasl_end(&x);
}

/* --- the conversation ------------------------------------------------------------------- */

/* Up to the reply to EHLO, in TLS where that is to be had.  1; 0: once more, without. */
static int reach(talk *t, etrn_request const *asked)
{
  host_connect(t, asked->timeout_s);
  if (asked->helo) text_join(t->helo, sizeof t->helo, asked->helo);
  else helo_find(t, t->helo, sizeof t->helo);
  if (asked->where.tlswrap && !secure(t, asked)) return 0;
  greeting_read(t);
  hello(t);
  if (t->secured || t->plain || asked->where.tls == TLS_NONE) return 1;
  if (!(t->extensions & SMTP_EXT_STARTTLS))
  {
    if (!dispensable(asked)) die_lacking(t, "TLS");
    return 1;
  }
  if (!secure(t, asked)) return 0;
  hello(t); /* what was offered before counts no more, nor does it behind another reply */
  return 1;
}

static void greet(talk *t, etrn_request const *asked)
{
  unsigned int offered;
  if (!reach(t, asked))
  {
    close(t->wire.in_fd);
    reach(t, asked);
  }
  offered = t->extensions;
  if (*asked->where.account.user) authenticate(t, &asked->where.account);
  t->extensions = offered;
  if (!(offered & SMTP_EXT_ETRN)) die_lacking(t, "ETRN");
}

/* Write a whole line to standard output: lines of other hosts come between at any time. */
static void answer_print(talk *t, char const *node)
{
  char line[LOG_LINE_MAX], code[TEXT_NUMBER_MAX];
  size_t len = text_join(line, sizeof line - 1, t->peer->word, " ", node, " ",
                         text_number(code, t->code), " ", t->text);
  line[len++] = '\n';
  if (write(1, line, len) == (ssize_t)len) return;
  log_line("fatal: unable to write: ", strerror(errno));
  _exit(EXIT_TEMPORARY);
}

static void nodes_ask(talk *t, char *const *nodes)
{
  ptrdiff_t most = t->extensions & SMTP_EXT_PIPELINING ? PIPELINED_MAX : 1;
  char *const *said = nodes, *const *heard = nodes;
  for (; *heard; heard++)
  {
    while (*said && said - heard < most) command_put(t, "ETRN", *said++);
    if (!reply_read(t)) die_silent(t, "answer to ETRN ", *heard);
    answer_print(t, *heard);
    t->status = status_join(t->status, reply_status(t->code));
    if (t->code == 421) _exit(t->status); /* the server closes the connection */
  }
}

static int host_ask(target const *peer, etrn_request const *asked)
{
  static talk t;
  t.peer = peer;
  t.deadline_ms = wallclock_steady_ms() + (int64_t)asked->timeout_s * 1000;
  alarm((unsigned int)asked->timeout_s + 1);
  signal(SIGPIPE, SIG_IGN);
  greet(&t, asked);
  nodes_ask(&t, asked->nodes);
  quit(&t);
  return t.status;
}

/* --- all hosts -------------------------------------------------------------------------- */

static void target_start(target *peer, etrn_request const *asked)
{
  pid_t parent = getpid();
  peer->pid = fork();
  if (peer->pid == 0)
  {
    /* End all processes: a parent that ended alone would leave the others running. */
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    _exit(getppid() == parent ? host_ask(peer, asked) : EXIT_TEMPORARY);
  }
  if (peer->pid == -1) log_line("fatal: ", peer->word, ": unable to fork: ", strerror(errno));
}

static int target_status(target const *peer)
{
  char number[TEXT_NUMBER_MAX];
  int wstat;
  pid_t r;
  if (peer->pid == -1) return EXIT_TEMPORARY;
  do r = waitpid(peer->pid, &wstat, 0);
  while (r == -1 && errno == EINTR);
  if (r == -1) return EXIT_TEMPORARY;
  if (WIFEXITED(wstat)) return WEXITSTATUS(wstat);
  if (WTERMSIG(wstat) == SIGALRM) log_line("fatal: ", peer->word, ": timed out");
  else log_line("fatal: ", peer->word, ": killed by signal ",
                text_number(number, (uint64_t)WTERMSIG(wstat)));
  return EXIT_TEMPORARY;
}

/* --- the command line ------------------------------------------------------------------- */

/* Read a decimal number from 1 to max, and nothing behind it. */
static int number_ok(char const *s, unsigned long max, unsigned long *number)
{
  job_field const field = { s, strlen(s) };
  uint64_t n;
  if (!job_field_number(&field, &n) || !n || n > max) return 0;
  *number = (unsigned long)n;
  return 1;
}

/* Read "[ADDRESS]" or a name, with or without ":PORT"; port is the default. */
static int target_scan(target *peer, char *word, unsigned long port)
{
  nexthop hop;
  if (nexthop_scan(&hop, word, strlen(word)) != NEXTHOP_OK) return 0;
  if (hop.bracketed && hop.hostlen > 5 && smtp_word_is(hop.host, 5, "IPV6:"))
    hop.host += 5, hop.hostlen -= 5;
  if (!hop.hostlen || hop.hostlen > NAME_MAX_OCTETS) return 0;
  memcpy(peer->name, hop.host, hop.hostlen);
  peer->name[hop.hostlen] = 0;
  peer->word = word;
  text_number(peer->port, hop.port ? hop.port : port);
  return 1;
}

/* Check an argument of ETRN: a domain, with or without '@' before it, or '#' and a name. */
static int node_ok(char const *node)
{
  size_t len = strlen(node), i = 0, n;
  while (i < len)
  {
    n = smtp_high(node[i]) ? smtp_utf8_scan(node + i, len - i) : smtp_visible(node[i]) ? 1 : 0;
    if (!n) return 0;
    i += n;
  }
  return len && len <= NODE_MAX;
}

static int helo_ok(char const *name)
{
  return smtp_domain_ok(name, strlen(name)) || smtp_literal_ok(name, strlen(name));
}

/*
 * Who shows a certificate, or says a password, wants TLS where nobody has said that it may be left out.  What the DNS
 * demands is not looked up here.
 */
static int demand_settle(etrn_request *asked)
{
  int const known = *asked->where.account.user || asked->certificate;
  demand_complete(&asked->where, known ? TLS_ENCRYPT : TLS_MAY);
  return asked->where.tls < TLS_DANE && !(asked->certificate && asked->where.tls == TLS_NONE);
}

static int options_read(int argc, char *const *argv, etrn_request *asked)
{
  int c;
  opterr = 0;
  while ((c = getopt(argc, argv, "+H:p:t:o:a:k:")) != -1)
  {
    int good = c == 'H' ? helo_ok(asked->helo = optarg)
      : c == 'p' ? number_ok(optarg, 65535, &asked->port)
      : c == 't' ? number_ok(optarg, TIMEOUT_MAX_S, &asked->timeout_s)
      : c == 'o' ? demand_option_scan(&asked->where, optarg)
      : c == 'a' ? accountfile_read(&asked->where.account, optarg)
      : c == 'k' ? *(asked->certificate = optarg) != 0
      : 0;
    if (!good) die_usage();
  }
  return optind;
}

/* Split the list of hosts, in place. */
static size_t targets_read(target **peers, char *list, unsigned long port)
{
  size_t count = 1, i;
  char *s;
  for (s = list; *s; s++) count += *s == ',';
  *peers = calloc(count, sizeof **peers);
  if (!*peers)
  {
    log_line("fatal: out of memory");
    exit(EXIT_TEMPORARY);
  }
  for (i = 0; i < count; i++)
  {
    char *word = list;
    list += strcspn(list, ",");
    *list++ = 0;
    if (target_scan(&(*peers)[i], word, port)) continue;
    log_line("fatal: not a host: ", *word ? word : "(nothing)");
    exit(EXIT_REFUSED);
  }
  return count;
}

int main(int argc, char **argv)
{
  static etrn_request asked = { .port = PORT_SMTP, .timeout_s = TIMEOUT_S };
  target *peers;
  size_t count, i;
  int status = EXIT_ASKED;

  prctl(PR_SET_DUMPABLE, 0); /* a core file would hold a password */
  destination_init(&asked.where);
  asked.where.tls = TLS_LEVELS;
  argv += options_read(argc, argv, &asked);
  if (!argv[0] || !argv[1] || !demand_settle(&asked)) die_usage();
  asked.nodes = argv + 1;
  for (i = 0; asked.nodes[i]; i++)
    if (!node_ok(asked.nodes[i]))
    {
      log_line("fatal: not a domain: ", asked.nodes[i]);
      return EXIT_REFUSED;
    }
  count = targets_read(&peers, argv[0], asked.port);

  for (i = 0; i < count; i++) target_start(&peers[i], &asked);
  for (i = 0; i < count; i++) status = status_join(status, target_status(&peers[i]));
  free(peers);
  return status;
}
