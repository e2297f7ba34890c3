/* smtpd-etrn: SMTP with one client on descriptors 0 and 1; takes mail, answers ETRN. */

#include "smtpd/dialogue.h"

#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <skalibs/djbunix.h>
#include <skalibs/selfpipe.h>
#include <skalibs/sgetopt.h>
#include <skalibs/sig.h>
#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include "base/instance.h"
#include "start/program.h"

#define USAGE "smtpd-etrn [-C DIR] [-t [-l]]"
#define dieusage() strerr_die(100, "usage: ", USAGE)

char const *PROG = "smtpd-etrn";

static char const *options_read(int argc, char const *const *argv, session *s)
{
  subgetopt scan = SUBGETOPT_ZERO;
  char const *instance = 0;
  int c;
  scan.err = 0;
  while ((c = subgetopt_r(argc, argv, "C:tl", &scan)) != -1)
  {
    if (c == 'C') instance = scan.arg;
    else if (c == 't') s->tls_first = 1;
    else if (c == 'l') s->tls_lines = 1;
    else dieusage();
  }
  if (scan.ind != argc || (s->tls_lines && !s->tls_first)) dieusage();
  return instance_path(instance);
}

/*
 * inetd makes the connection descriptor 2 as well.  The client must not get log lines: they go
 * nowhere, unless the program that starts us set up a log.
 */
static void log_init(void)
{
  struct stat in, err;
  int null;
  if (!fd_sanitize()) strerr_diefusys(111, "open /dev/null");
  if (fstat(0, &in) == -1 || fstat(2, &err) == -1)
    strerr_diefusys(111, "look at descriptors 0 and 2");
  if (!S_ISSOCK(in.st_mode) || in.st_dev != err.st_dev || in.st_ino != err.st_ino) return;
  null = open("/dev/null", O_WRONLY);
  if (null == -1 || fd_move(2, null) == -1) _exit(111);
}

/* Many processes share a log. */
static void log_name(void)
{
  static char name[sizeof "smtpd-etrn[]" + UINT64_FMT] = "smtpd-etrn[";
  char *end = name + strlen(name);
  end += uint64_fmt(end, (uint64_t)getpid());
  *end++ = ']';
  *end = 0;
  PROG = name;
}

/* A descriptor that becomes readable on SIGTERM. */
static int stop_init(void)
{
  int fd = selfpipe_init();
  if (fd == -1 || !selfpipe_trap(SIGTERM)) strerr_diefusys(111, "trap signals");
  /* write(2) fails instead: the client is gone, or the file too large */
  if (!sig_ignore(SIGPIPE) || !sig_ignore(SIGXFSZ)) strerr_diefusys(111, "ignore signals");
  program_end_with_parent();
  return fd;
}

int main(int argc, char const *const *argv)
{
  static session s;
  char const *instance = options_read(argc, argv, &s);
  log_init();
  log_name();
  umask(007);
  s.stop = stop_init();
  if (!peer_read(&s.client, 0)) strerr_diefusys(111, "tell who the client is");
  if (!wire_init(&s.wire, 0, 1, s.stop)) strerr_diefusys(111, "use descriptors 0 and 1");
  return dialogue_run(&s, instance);
}
