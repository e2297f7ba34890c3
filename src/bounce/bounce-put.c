/* bounce-put: tell senders what became of their messages. */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <skalibs/buffer.h>
#include <skalibs/djbunix.h>
#include <skalibs/stralloc.h>
#include <skalibs/strerr.h>

#include "base/log.h"
#include "base/wallclock.h"
#include "base/worker.h"
#include "bounce/compose.h"
#include "bounce/notice.h"
#include "bounce/original.h"
#include "bounce/routing.h"
#include "conf/conf.h"
#include "flush/trigger.h"
#include "queue/ids.h"
#include "start/options.h"
#include "start/program.h"

#define USAGE "bounce-put [-C dir] [-W | id...]"
#define dieusage() strerr_dieusage(100, USAGE)

char const *PROG = "bounce-put";

typedef struct bouncer
{
  int fsyncdir;
  stralloc me;
  stralloc postmaster;
  uint64_t bouncebytes;
  routing routing;
  original original;
  notice notice;
  message_writer writer;
  int postponed;           /* a notice has to be made later */
  stralloc answer;         /* for the present id */
  stralloc journal;
  int code;                /* of the program */
} bouncer;

static void die_conf(void) gccattr_noreturn;
static void die_conf(void)
{
  strerr_dief(conf_exit_code(), conf_error());
}

static void die_memory(void)
{
  strerr_diefusys(111, "answer");
}

/* --- answers -------------------------------------------------------------------------------- */

static void code_set(bouncer *b, int code)
{
  if (b->code < code) b->code = code;
}

static void answer_set(bouncer *b, char const *word, char const *why)
{
  b->answer.len = 0;
  if (!stralloc_cats(&b->answer, word) || !stralloc_cats(&b->answer, why)) die_memory();
}

/* Postponing rules the answer, even where other notices were made. */
static void answer_notice(bouncer *b, char const *event)
{
  if (b->postponed) return;
  if (!stralloc_cats(&b->answer, " ") || !stralloc_cats(&b->answer, event)
   || !stralloc_cats(&b->answer, " ") || !stralloc_cats(&b->answer, b->writer.id)) die_memory();
}

static void postpone(bouncer *b, char const *why)
{
  b->postponed = 1;
  answer_set(b, JOB_ANSWER_LATER " ", why);
  code_set(b, 111);
}

static void trouble(bouncer *b, char const *what)
{
  char const *why = errno == EBADMSG ? "not a whole message" : strerror(errno);
  strerr_warnw("unable to ", what, " ", b->original.id, ": ", why);
  postpone(b, why);
}

static void gone(bouncer *b)
{
  answer_set(b, JOB_ANSWER_GONE, "");
  code_set(b, 1);
}

static void answer_say(bouncer *b)
{
  if (buffer_puts(buffer_1, b->original.id) == -1 || buffer_put(buffer_1, " ", 1) == -1
   || buffer_put(buffer_1, b->answer.s, b->answer.len) == -1 || buffer_put(buffer_1, "\n", 1) == -1
   || !buffer_flush(buffer_1)) strerr_diefusys(111, "write to standard output");
}

/* --- the journal ------------------------------------------------------------------------------ */

/* Make a journal line for each recipient that is due: told by this notice, or not to be told. */
static void journal_make(bouncer *b, enum job_event event, char const *id)
{
  job_field const told = { id, strlen(id) }, untold = { "none", 4 };
  uint64_t const now_us = wallclock_us();
  original const *o = &b->original;
  size_t i;
  b->journal.len = 0;
  for (i = 0; i < message_rcpts(&o->message); i++)
  {
    job_field const notice_id = original_wanted(o, i, event) ? told : untold;
    job_notice note = { .recipient = i, .event = event, .id = notice_id };
    if (!original_due(o, i, event)) continue;
    if (!stralloc_readyplus(&b->journal, JOB_LINE_MAX)) die_memory();
    b->journal.len += job_notice_format(b->journal.s + b->journal.len, JOB_LINE_MAX, now_us, &note);
  }
}

/*
 * Allocate room for the journal lines before there is a notice: on a full disk the sender would be
 * told again and again.  1, or 0 with errno.
 */
static int journal_reserve(bouncer *b, enum job_event event)
{
  original const *o = &b->original;
  journal_make(b, event, o->id);
  if (fallocate(o->fd, FALLOC_FL_KEEP_SIZE, (off_t)o->message.size,
                (off_t)b->journal.len + 1) == 0) return 1;
  return errno != ENOSPC && errno != EDQUOT && errno != EFBIG;
}

static int journal_write(bouncer *b, enum job_event event, char const *id)
{
  journal_make(b, event, id);
  return message_journal_notices(b->original.fd, b->journal.s, b->journal.len);
}

/* --- notices ------------------------------------------------------------------------------ */

static void notice_log(bouncer const *b, enum job_event event)
{
  static char const *const words[] =
  {
    [JOB_EVENT_FAILED] = ": sender non-delivery notification: ",
    [JOB_EVENT_DELAYED] = ": sender delay notification: ",
    [JOB_EVENT_RELAYED] = ": sender delivery status notification: "
  };
  log_line(b->original.id, words[event], b->writer.id);
}

static void silence_log(bouncer const *b, enum job_event event)
{
  original const *o = &b->original;
  char const *sender = message_string(&o->message, o->message.sender);
  log_line(o->id, ": no notification (", job_event_name(event), ") to <", sender, ">: ",
           o->unwelcome ? o->unwelcome : "not asked for (NOTIFY)");
}

/*
 * Write the notice, and then the journal line about it: after a kill in between the sender is told
 * twice rather than not at all.
 */
static int notice_make(bouncer *b, enum job_event event)
{
  notice *n = &b->notice;
  n->original = &b->original;
  n->event = event;
  n->me = b->me.s;
  n->postmaster = b->postmaster.s;
  n->bouncebytes = b->bouncebytes;
  n->routing = &b->routing;
  if (!journal_reserve(b, event)) return 0;
  if (!compose_notice(n, &b->writer, b->routing.queue, b->fsyncdir)) return 0;
  trigger_hint(b->routing.queue, TRIGGER_NEW, b->writer.id);
  notice_log(b, event);
  answer_notice(b, job_event_name(event));
  return 1;
}

static size_t count_due(original const *o, enum job_event event,
                        int (*counts)(original const *, size_t, enum job_event))
{
  size_t n = 0, i;
  for (i = 0; i < message_rcpts(&o->message); i++) n += !!(*counts)(o, i, event);
  return n;
}

static void event_tell(bouncer *b, enum job_event event)
{
  original const *o = &b->original;
  char const *id = "none";
  if (!count_due(o, event, &original_due)) return;
  if (original_busy(o, event)) return postpone(b, "being sent");
  if (!count_due(o, event, &original_wanted)) silence_log(b, event);
  else if (notice_make(b, event)) id = b->writer.id;
  else return trouble(b, "write a notice about");
  if (!journal_write(b, event, id)) trouble(b, "write to the journal of");
}

/* --- messages ----------------------------------------------------------------------------- */

/* Read the settings anew for each message: the connection may be an old one. */
static void settings_read(bouncer *b)
{
  int const conf = b->routing.conf;
  routing_forget(&b->routing);
  if (!conf_me(conf, &b->me) || !conf_postmaster(conf, &b->postmaster)) die_conf();
  if (!conf_bouncebytes(conf, &b->bouncebytes) || !conf_switch(conf, "fsyncdir", &b->fsyncdir))
    die_conf();
}

static void message_tell(char const *id, void *data)
{
  bouncer *b = data;
  settings_read(b);
  b->postponed = 0;
  answer_set(b, JOB_ANSWER_DONE, "");
  switch (original_open(&b->original, &b->routing, id))
  {
    case ORIGINAL_CONF: die_conf();
    case ORIGINAL_GONE: gone(b); break;
    case ORIGINAL_ERROR: trouble(b, "read message"); break;
    case ORIGINAL_READ:
      event_tell(b, JOB_EVENT_FAILED);
      event_tell(b, JOB_EVENT_DELAYED);
      event_tell(b, JOB_EVENT_RELAYED);
  }
  original_close(&b->original);
  answer_say(b);
}

/* --- */

static void instance_use(bouncer *b, char const *path)
{
  int instance;
  b->routing.queue = program_queue(&path, &instance);
  b->routing.conf = conf_open(instance);
  if (b->routing.conf == -1) die_conf();
  fd_close(instance);
}

static void bouncer_free(bouncer *b)
{
  fd_close(b->routing.queue);
  fd_close(b->routing.conf);
  routing_free(&b->routing);
  message_free(&b->original.message);
  stralloc_free(&b->original.marks);
  stralloc_free(&b->writer.envelope);
  stralloc_free(&b->me);
  stralloc_free(&b->postmaster);
  stralloc_free(&b->answer);
  stralloc_free(&b->journal);
}

/* Serve who gives ids, on the line or by standard input.  The exit code. */
static int serve(char const *dir, char const *const *ids)
{
  static bouncer b;
  int code;
  b.original.fd = b.original.message.fd = b.writer.fd = -1;
  instance_use(&b, dir);
  code = ids_each(ids, &message_tell, &b);
  code_set(&b, code);
  bouncer_free(&b);
  code = b.code;
  explicit_bzero(&b, sizeof b);
  return code;
}

/* Serve one connection after the other; the next one finds nothing of the one before. */
static int serve_all(char const *dir)
{
  static char const *const none[] = { 0 };
  worker w;
  int r;
  if (!worker_begin(&w, -1)) strerr_diefusys(100, "use descriptor 0 as a worker");
  signal(SIGPIPE, SIG_IGN); /* qmgr has ended: to sluice-serve the signal would be a crash */
  while ((r = worker_next(&w, 0)) == 1)
  {
    if (fd_copy(1, 0) == -1) strerr_diefusys(111, "use a connection");
    serve(dir, none);
    fd_close(1);
    worker_wipe_stack();
  }
  if (r == -1) strerr_diefusys(111, "get the next connection");
  return 0;
}

int main(int argc, char const *const *argv)
{
  char const *dir = 0;
  int as_worker = 0;
  program_option const all[] =
    { { .letter = 'C', .text = &dir }, { .letter = 'W', .flag = &as_worker } };
  char const *const *ids =
    argv + program_options_read(argc, argv, all, sizeof all / sizeof *all, USAGE);
  if (as_worker ? *ids != 0 : !*ids && isatty(0)) dieusage();
  ids_check(ids);
  umask(007);
  signal(SIGXFSZ, SIG_IGN); /* EFBIG instead */
  return as_worker ? serve_all(dir) : serve(dir, ids);
}
