/* queue-put: put the message on standard input into the queue. */

#include <errno.h>
#include <pwd.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <skalibs/allreadwrite.h>
#include <skalibs/stralloc.h>
#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include "conf/conf.h"
#include "flush/trigger.h"
#include "queue/message.h"
#include "queue/room.h"
#include "queue/trace.h"
#include "smtp/content.h"
#include "smtp/domain.h"
#include "smtp/path.h"
#include "start/options.h"
#include "start/program.h"

#define USAGE "queue-put [-C dir] [-f sender] [-r] recipient..."
#define dieusage() strerr_dieusage(100, USAGE)

/* How many octets are read from standard input at a time. */
#define CHUNK_LEN 65536
/* The most Received fields of a message that is taken: RFC 5321 section 6.3. */
#define HOPS_MAX 100
#define BARE "a CR or an LF that is not part of a line end"

char const *PROG = "queue-put";

typedef struct options
{
  char const *dir;
  char const *sender; /* NULL: the user's address */
  int raw;
} options;

typedef struct put
{
  int queue;
  int fsyncdir;
  uint64_t databytes;
  uint64_t octets;        /* of content so far */
  uint64_t unlooked;      /* of these, since queue_room() */
  uint64_t minfree;
  int minfree_said;
  stralloc me;
  stralloc sender;        /* not a string */
  stralloc recipients;    /* domain and address, each a string, in turn */
  size_t count;
  int utf8;               /* an address is beyond ASCII */
  smtp_content scan;
  message_writer writer;
} put;

static int options_read(int argc, char const *const *argv, options *o)
{
  program_option const all[] = {
    { .letter = 'C', .text = &o->dir }, { .letter = 'f', .text = &o->sender },
    { .letter = 'r', .flag = &o->raw }
  };
  int first = program_options_read(argc, argv, all, sizeof all / sizeof *all, USAGE);
  if (first == argc) dieusage();
  return first;
}

/* --- dying with nothing left behind --- */

static volatile sig_atomic_t interrupted;

static void interrupt(int sig)
{
  interrupted = sig;
}

/*
 * A signal interrupts the read(2) that waits for the message, so that the program cleans up
 * before it ends.
 */
static void signals_catch(void)
{
  static int const signals[] = { SIGHUP, SIGINT, SIGTERM };
  struct sigaction action = { .sa_handler = &interrupt };
  size_t i;
  for (i = 0; i < sizeof signals / sizeof *signals; i++)
  {
    struct sigaction old;
    if (sigaction(signals[i], 0, &old) == 0 && old.sa_handler != SIG_IGN)
      sigaction(signals[i], &action, 0);
  }
  signal(SIGXFSZ, SIG_IGN); /* EFBIG instead */
}

static void die_refuse(put *p, char const *why)
{
  message_abort(&p->writer);
  strerr_dief(100, "message refused: ", why);
}

static void die_write(put *p)
{
  message_abort(&p->writer);
  strerr_diefusys(111, "write message into queue");
}

static void die_conf(void)
{
  strerr_dief(conf_exit_code(), conf_error());
}

/* Does a message of this size leave enough room on the disk for others? */
static void room_look(put *p)
{
  if (!queue_room(p->queue, p->minfree, p->minfree_said, p->unlooked))
  {
    message_abort(&p->writer);
    strerr_dief(111, "message refused for now: "
                "too little is free on the disk of the queue (conf/minfree)");
  }
  p->unlooked = 0;
}

/* --- the envelope --- */

static void sender_own(put *p)
{
  char uid[UINT_FMT];
  struct passwd const *user = getpwuid(program_caller());
  uid[uint_fmt(uid, program_caller())] = 0;
  if (!stralloc_copys(&p->sender, user ? user->pw_name : uid)
   || !stralloc_cats(&p->sender, "@")
   || !stralloc_cats(&p->sender, p->me.s)) strerr_diefusys(111, "remember the sender");
}

static void sender_set(put *p, char const *s)
{
  smtp_path path;
  if (!s) return sender_own(p);
  if (!strcmp(s, "<>")) s = "";
  if (*s && !smtp_mailbox_scan(s, strlen(s), SMTP_PATH_UTF8, &path))
    program_refuse("not a sender: ", s, strlen(s));
  if (!stralloc_copys(&p->sender, s)) strerr_diefusys(111, "remember the sender");
  p->utf8 |= smtp_domain_utf8(s, strlen(s));
}

static void recipient_add(put *p, int conf, char const *s)
{
  stralloc domain = STRALLOC_ZERO, postmaster = STRALLOC_ZERO;
  smtp_path path;
  int held = 0;
  if (!strcasecmp(s, "postmaster"))
  {
    if (!conf_postmaster_domain(conf, &postmaster, &domain, &held)) die_conf();
    s = postmaster.s;
  }
  if (!smtp_mailbox_scan(s, strlen(s), SMTP_PATH_UTF8, &path))
    program_refuse("not a recipient: ", s, strlen(s));
  if (!held && !conf_domain_fold(&domain, path.domain, path.domainlen))
  {
    if (errno != EINVAL) strerr_diefusys(111, "read recipients");
    program_refuse("not a domain that mail can wait for: ", s, strlen(s));
  }
  if (!stralloc_catb(&p->recipients, domain.s, strlen(domain.s) + 1)
   || !stralloc_catb(&p->recipients, s, strlen(s) + 1)) strerr_diefusys(111, "remember recipients");
  p->count++;
  p->utf8 |= smtp_domain_utf8(s, strlen(s));
  stralloc_free(&domain);
  stralloc_free(&postmaster);
}

static void envelope_write(put *p)
{
  char client[sizeof "uid " + UINT_FMT] = "uid ";
  char const *s = p->recipients.s;
  size_t i;
  client[4 + uint_fmt(client + 4, program_caller())] = 0;
  if (!message_begin(&p->writer, p->queue, p->sender.s, p->sender.len, p->utf8 ? "SMTPUTF8" : "",
                     client))
    strerr_diefusys(111, "make a file in the queue");
  for (i = 0; i < p->count; i++)
  {
    char const *address = s + strlen(s) + 1;
    if (!message_rcpt(&p->writer, s, address, strlen(address), ""))
    {
      if (errno == EMSGSIZE) die_refuse(p, "too many recipients");
      die_write(p);
    }
    s = address + strlen(address) + 1;
  }
}

/* --- the content --- */

/*
 * Is there text beyond ASCII in the header, and is it UTF-8?  Then the message is one of RFC
 * 6532, and needs SMTPUTF8.  Other octets beyond ASCII are those of old mail, which needs
 * nothing.
 */
typedef struct header
{
  int ended;
  int high;           /* an octet beyond ASCII was seen */
  int odd;            /* and one that is not UTF-8 */
  unsigned int more;  /* octets of a character still to come */
  unsigned int line;  /* octets of this line so far but CR and LF; 1 for any number over 0 */
} header;

static unsigned int utf8_more(unsigned char c)
{
  if (c >= 0xc2 && c <= 0xdf) return 1;
  if (c >= 0xe0 && c <= 0xef) return 2;
  if (c >= 0xf0 && c <= 0xf4) return 3;
  return 0;
}

static void header_octet(header *h, unsigned char c)
{
  int inside = c >= 0x80 && c <= 0xbf;
  if (inside != !!h->more) h->odd = 1;
  if (inside && h->more) h->more--;
  else
  {
    h->more = utf8_more(c);
    if (c >= 0x80 && !h->more) h->odd = 1;
  }
  if (c >= 0x80) h->high = 1;
}

static void header_look(header *h, char const *s, size_t len)
{
  size_t i;
  for (i = 0; i < len && !h->ended; i++)
  {
    header_octet(h, (unsigned char)s[i]);
    if (s[i] == '\n')
    {
      h->ended = !h->line;
      h->line = 0;
    }
    else if (s[i] != '\r') h->line = 1;
  }
}

/* Does the text begin with a header field?  A text without a header begins with words. */
static int header_utf8(put const *p, header const *h)
{
  return h->high && !h->odd && !h->more && p->scan.flags & SMTP_CONTENT_HEADER;
}

static void content_put(put *p, header *h, char const *s, size_t len)
{
  smtp_content_chunk(&p->scan, s, len);
  header_look(h, s, len);
  if (p->scan.flags & SMTP_CONTENT_BARE) die_refuse(p, BARE);
  if (p->scan.flags & SMTP_CONTENT_NUL) die_refuse(p, "a NUL");
  if (p->scan.hops > HOPS_MAX) die_refuse(p, "too many hops");
  p->octets += len;
  p->unlooked += len;
  if (p->databytes && p->octets > p->databytes) die_refuse(p, "larger than conf/databytes");
  if (p->unlooked >= QUEUE_ROOM_STEP) room_look(p);
  if (!message_put(&p->writer, s, len)) die_write(p);
}

/*
 * Convert lines that end in LF or CRLF to end in CRLF.  Whether a CR at the end of in belongs to a
 * line end depends on the next octet, so it is held back in *cr.  Other CRs stay, to be refused.
 * out has room for 2 * len + 1 octets.
 */
static size_t lines_end(char *out, char const *in, size_t len, int *cr)
{
  size_t n = 0, i;
  for (i = 0; i < len; i++)
  {
    if (*cr || in[i] == '\n') out[n++] = '\r';
    *cr = in[i] == '\r';
    if (!*cr) out[n++] = in[i];
  }
  return n;
}

static size_t input_read(put *p, char *s)
{
  ssize_t r;
  do r = read(0, s, CHUNK_LEN);
  while (r == -1 && errno == EINTR && !interrupted);
  if (interrupted)
  {
    message_abort(&p->writer);
    strerr_dief(111, "interrupted: nothing is queued");
  }
  if (r == -1)
  {
    message_abort(&p->writer);
    strerr_diefusys(111, "read message");
  }
  return (size_t)r;
}

static void content_write(put *p, int raw)
{
  static char in[CHUNK_LEN], out[2 * CHUNK_LEN + 1];
  header h = { .ended = 0 };
  size_t len;
  int cr = 0;
  while ((len = input_read(p, in)))
    if (raw)
    {
      content_put(p, &h, in, len);
      cr = in[len - 1] == '\r';
    }
    else content_put(p, &h, out, lines_end(out, in, len, &cr));
  if (cr) die_refuse(p, BARE);
  if (!raw && p->scan.flags & SMTP_CONTENT_UNENDED) content_put(p, &h, "\r\n", 2);

  if (p->scan.flags & SMTP_CONTENT_8BIT) p->writer.flags |= JOB_8BIT;
  if (p->scan.flags & SMTP_CONTENT_DOT) p->writer.flags |= JOB_DOT;
  if (p->scan.flags & SMTP_CONTENT_UNENDED) p->writer.flags |= JOB_UNENDED;
  if (p->utf8 || header_utf8(p, &h)) p->writer.flags |= JOB_UTF8;
}

/* --- */

static void id_tell(put const *p)
{
  char line[ID_LEN + 1];
  memcpy(line, p->writer.id, ID_LEN);
  line[ID_LEN] = '\n';
  if (allwrite(1, line, sizeof line) < sizeof line)
    strerr_warnwusys("tell the id, though the message is queued as ", p->writer.id);
}

static void instance_use(put *p, char const *path, int *conf)
{
  int instance;
  p->queue = program_queue(&path, &instance);
  *conf = conf_open(instance);
  if (*conf == -1 || !conf_me(*conf, &p->me) || !conf_databytes(*conf, &p->databytes)
   || !conf_minfree(*conf, &p->minfree, &p->minfree_said)
   || !conf_switch(*conf, "fsyncdir", &p->fsyncdir)) die_conf();
}

int main(int argc, char const *const *argv)
{
  static put p = { .writer = MESSAGE_WRITER_ZERO };
  options o = { .dir = 0 };
  int first = options_read(argc, argv, &o), conf;

  umask(007);
  instance_use(&p, o.dir, &conf);
  sender_set(&p, o.sender);
  for (argv += first; *argv; argv++) recipient_add(&p, conf, *argv);

  signals_catch();
  room_look(&p);
  envelope_write(&p);
  if (!trace_put(&p.writer, p.me.s, program_caller(), "")) die_write(&p);
  content_write(&p, o.raw);
  if (!message_commit(&p.writer, p.fsyncdir)) strerr_diefusys(111, "write message into queue");
  trigger_hint(p.queue, TRIGGER_NEW, p.writer.id);
  id_tell(&p);
  return 0;
}
