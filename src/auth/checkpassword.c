#include "auth/checkpassword.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/close.h"
#include "base/wallclock.h"
#include "conf/conf.h"

#define INPUT_MAX 512
#define INPUT_FD 3

/* --- what it reads --- */

/* Put a piece and its NUL.  0: there is no room. */
static int piece_put(char input[INPUT_MAX], size_t *len, char const *s, size_t n)
{
  if (n >= INPUT_MAX - *len) return 0;
  memcpy(input + *len, s, n);
  *len += n;
  input[(*len)++] = 0;
  return 1;
}

static size_t input_format(char input[INPUT_MAX], auth_claim const *claim)
{
  char moment[sizeof "Y" + 20];
  size_t len = 0, n;
  n = (size_t)snprintf(moment, sizeof moment, "Y%llu",
                       (unsigned long long)(wallclock_us() / SECOND_US));
  return piece_put(input, &len, claim->user.s, claim->user.len)
    && piece_put(input, &len, claim->proof.s, claim->proof.len)
    && piece_put(input, &len, moment, n) ? len : 0;
}

/* A pipe that holds all of it, which is less than every pipe has room for.  -1 with errno. */
static int input_pipe(char const *input, size_t len)
{
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) == -1) return -1;
  if (write(ends[1], input, len) == (ssize_t)len)
  {
    close(ends[1]);
    return ends[0];
  }
  close_keep(ends[0]);
  close_keep(ends[1]);
  return -1;
}

/* --- the process --- */

static void address_set(char const *name, auth_field const *text)
{
  conf_address address;
  if (text->len && conf_address_scan(text->s, &address)) setenv(name, text->s, 1);
  else unsetenv(name);
}

static void environment_set(auth_claim const *claim)
{
  setenv("PROTO", "TCP", 1);
  address_set("TCPREMOTEIP", &claim->client);
  address_set("TCPLOCALIP", &claim->own);
}

/* Its words go to the log: none of them is an answer of ours. */
static int descriptors_set(int input)
{
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null == -1 || dup2(null, 0) == -1 || dup2(null, 1) == -1) return 0;
  return input == INPUT_FD ? fcntl(input, F_SETFD, 0) != -1 : dup2(input, INPUT_FD) != -1;
}

/* In the child.  Its group is its own, so that all it has started can be ended with it. */
static void become(char const *command, int input, sigset_t const *mask)
{
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (descriptors_set(input) && sigprocmask(SIG_SETMASK, mask, 0) == 0)
    execl("/bin/sh", "sh", "-c", command, (char *)0);
  _exit(111);
}

static struct timespec left(int64_t end_ms)
{
  int64_t ms = end_ms - wallclock_steady_ms();
  if (ms < 0) ms = 0;
  return (struct timespec){ .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };
}

/* Wait for its end; SIGCHLD is blocked.  1 with its status; 0: its time was up, and it was killed. */
static int ended(pid_t pid, sigset_t const *child, int *status)
{
  int64_t end_ms = wallclock_steady_ms() + CHECKPASSWORD_S * 1000;
  while (waitpid(pid, status, WNOHANG) != pid)
  {
    struct timespec const wait = left(end_ms);
    if (wait.tv_sec || wait.tv_nsec) sigtimedwait(child, 0, &wait);
    else
    {
      kill(-pid, SIGKILL);
      waitpid(pid, status, 0);
      return 0;
    }
  }
  return 1;
}

static enum auth_verdict later(char reason[AUTH_ANSWER_MAX], char const *what, int number,
                               char const *unit)
{
  snprintf(reason, AUTH_ANSWER_MAX, "checkpassword %s %d%s", what, number, unit);
  return AUTH_LATER;
}

/* Programs of several makers say no by 1 (checkpassword), 3 (vchkpw) and 100 (cvm-checkpassword). */
static enum auth_verdict judge(int status, char reason[AUTH_ANSWER_MAX])
{
  if (!WIFEXITED(status)) return later(reason, "was killed by signal", WTERMSIG(status), "");
  switch (WEXITSTATUS(status))
  {
    case 0: return AUTH_YES;
    case 1: case 3: case 100: return AUTH_NO;
    default: return later(reason, "exited", WEXITSTATUS(status), "");
  }
}

static enum auth_verdict unable(char reason[AUTH_ANSWER_MAX])
{
  snprintf(reason, AUTH_ANSWER_MAX, "unable to run checkpassword: %s", strerror(errno));
  return AUTH_LATER;
}

static enum auth_verdict run(char const *command, int input, char reason[AUTH_ANSWER_MAX])
{
  sigset_t child, before;
  int status;
  pid_t pid;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  if (sigprocmask(SIG_BLOCK, &child, &before) == -1) return unable(reason);
  pid = fork();
  if (pid == -1) return unable(reason);
  if (!pid) become(command, input, &before);
  setpgid(pid, pid);
  if (!ended(pid, &child, &status))
    return later(reason, "did not end within", CHECKPASSWORD_S, " s");
  return judge(status, reason);
}

enum auth_verdict checkpassword_run(char const *command, auth_claim const *claim,
                                    char reason[AUTH_ANSWER_MAX])
{
  static char const argument[] = " true";
  char input[INPUT_MAX], *line = malloc(strlen(command) + sizeof argument);
  size_t len = input_format(input, claim);
  enum auth_verdict verdict = AUTH_NO;
  int fd;
  if (!line) return unable(reason);
  stpcpy(stpcpy(line, command), argument);
  environment_set(claim);
  fd = len ? input_pipe(input, len) : -1;
  explicit_bzero(input, sizeof input);
  if (fd != -1) verdict = run(line, fd, reason);
  else if (len) verdict = unable(reason);
  if (fd != -1) close(fd);
  free(line);
  return verdict;
}
