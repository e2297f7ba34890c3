/*
 * fill [-a SECONDS] [-d FILE] [-m SECONDS] sluice|postfix QUEUE TEMPLATE COUNT DOMAINS: puts copies
 * of a message into the queue of a server that does not run, and records each where the server would
 * have done so.
 *
 * TEMPLATE is the file of a message that the server has accepted for d00000.example; the copies go to
 * d00000.example, d00001.example, ... (DOMAINS of them) in turn, and nothing in them has another length.
 *
 *   -a  the age of the oldest; the others follow evenly up to now.  default 86400
 *   -d  Postfix: what it noted about the template in its directory "defer", copied too
 *   -m  Postfix: when the copies are due, seconds from now (less than 0: they are due); default 3600
 *
 * sluice:   cur/SLICE/ID, and ID in flush/DOMAIN
 * postfix:  deferred/I/ID, due at the time of the file, and ID in flush/DOMAIN ("_" for what is not
 *           a letter or digit)
 */

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MARK "d00000"
#define MARK_LEN 6
#define MARKS_MAX 64
#define ID_MAX 24
#define LIST_LEN (1 << 20)
#define DOMAINS_MAX 100000

typedef struct text
{
  char *s;
  size_t len;
  size_t marks[MARKS_MAX]; /* where MARK stands */
  unsigned int marks_len;
} text;

static struct
{
  int sluice;
  long age_s;
  long due_s;
  char const *defer;
  unsigned long count;
  unsigned long domains;
} options = { .age_s = 86400, .due_s = 3600 };

static text template, defer;
static char *arrival; /* sluice: in the template, "arrival SSSSSSSSSS.UUUUUU" */

static void die(char const *what, char const *name)
{
  fprintf(stderr, "fill: fatal: unable to %s %s: %s\n", what, name, strerror(errno));
  exit(111);
}

/* --- the template -------------------------------------------------------------------- */

static char *find(text const *t, char const *from, char const *what)
{
  return memmem(from, t->len - (size_t)(from - t->s), what, strlen(what));
}

static void text_read(text *t, char const *name)
{
  struct stat st;
  char const *p;
  int fd = open(name, O_RDONLY);
  if (fd == -1 || fstat(fd, &st) == -1) die("open", name);
  t->len = (size_t)st.st_size;
  t->s = malloc(t->len + 1);
  if (!t->s || read(fd, t->s, t->len) != (ssize_t)t->len) die("read", name);
  close(fd);
  p = t->s;
  while (t->marks_len < MARKS_MAX && (p = find(t, p, MARK)))
  {
    t->marks[t->marks_len++] = (size_t)(p - t->s);
    p += MARK_LEN;
  }
}

static void text_mark(text *t, unsigned long domain)
{
  char mark[MARK_LEN + 1];
  unsigned int i;
  snprintf(mark, sizeof mark, "d%05lu", domain % DOMAINS_MAX);
  for (i = 0; i < t->marks_len; i++) memcpy(t->s + t->marks[i], mark, MARK_LEN);
}

/* --- files --------------------------------------------------------------------------- */

static int create(char const *path, struct stat const *owner)
{
  int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
  char directory[200];
  char const *slash = strrchr(path, '/');
  if (fd != -1 || errno != ENOENT || !slash) return fd;
  snprintf(directory, sizeof directory, "%.*s", (int)(slash - path), path);
  if (mkdir(directory, 0700) == -1 || chown(directory, owner->st_uid, owner->st_gid) == -1) die("make", directory);
  return open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
}

/* Its inode number. */
static ino_t file_put(char const *path, text const *t, mode_t mode, struct stat const *owner, time_t due)
{
  struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_sec = due } };
  struct stat st;
  int fd = create(path, owner);
  if (fd == -1 || write(fd, t->s, t->len) != (ssize_t)t->len) die("write", path);
  if (owner->st_uid != getuid() && fchown(fd, owner->st_uid, owner->st_gid) == -1) die("give away", path);
  if (fchmod(fd, mode) == -1) die("set the mode of", path);
  if (due && futimens(fd, times) == -1) die("set the time of", path);
  if (fstat(fd, &st) == -1) die("look at", path);
  close(fd);
  return st.st_ino;
}

/* --- lists: all ids of a domain at once ---------------------------------------------- */

static void list_name(char out[64], unsigned long domain)
{
  snprintf(out, 64, options.sluice ? "flush/d%05lu.example" : "flush/d%05lu_example", domain);
}

static int list_open(unsigned long domain, struct stat const *owner)
{
  char name[64];
  int fd;
  list_name(name, domain);
  fd = open(name, O_WRONLY | O_CREAT | O_APPEND, 0600);
  if (fd == -1 || fchown(fd, owner->st_uid, owner->st_gid) == -1) die("open", name);
  return fd;
}

static void lists_put(char (*ids)[ID_MAX], struct stat const *owner)
{
  static char lines[LIST_LEN];
  unsigned long domain, i;
  for (domain = 0; domain < options.domains && domain < options.count; domain++)
  {
    size_t len = 0;
    int fd = list_open(domain, owner);
    for (i = domain; i < options.count; i += options.domains)
    {
      len += (size_t)snprintf(lines + len, sizeof lines - len, "%s\n", ids[i]);
      if (len + ID_MAX < sizeof lines && i + options.domains < options.count) continue;
      if (write(fd, lines, len) != (ssize_t)len) die("write", "a list");
      len = 0;
    }
    close(fd);
  }
}

/* --- messages ------------------------------------------------------------------------ */

static void id_sluice(char out[ID_MAX], uint64_t us)
{
  static char const digits[] = "0123456789abcdefghijklmnopqrstuv";
  int i;
  for (i = 0; i < 11; i++) out[i] = digits[us >> 5 * (10 - i) & 31];
  memcpy(out + i, "fil", 4);
}

static void message_sluice(char id[ID_MAX], uint64_t us, struct stat const *owner)
{
  char path[64], time_text[48];
  id_sluice(id, us);
  snprintf(time_text, sizeof time_text, "%010llu.%06llu",
    (unsigned long long)(us / 1000000), (unsigned long long)(us % 1000000));
  memcpy(arrival, time_text, 17);
  snprintf(path, sizeof path, "cur/%.5s/%s", id, id);
  file_put(path, &template, owner->st_mode & 07777, owner, 0);
}

/* The name of a file there ends with its inode number. */
static void message_postfix(char id[ID_MAX], unsigned long i, struct stat const *owner, time_t due)
{
  char path[64];
  ino_t inode = file_put("deferred/new", &template, 0700, owner, due);
  snprintf(id, ID_MAX, "%05lX%lX", i * 7919 % 1000000, (unsigned long)inode);
  snprintf(path, sizeof path, "deferred/%c", id[0]);
  if (mkdir(path, 0700) == 0 && chown(path, owner->st_uid, owner->st_gid) == -1) die("give away", path);
  snprintf(path, sizeof path, "deferred/%c/%s", id[0], id);
  if (rename("deferred/new", path) == -1) die("rename to", path);
  if (!options.defer) return;
  snprintf(path, sizeof path, "defer/%c/%s", id[0], id);
  file_put(path, &defer, 0600, owner, 0);
}

static void fill(struct stat const *owner)
{
  uint64_t now_us = (uint64_t)time(0) * 1000000;
  uint64_t first_us = now_us - (uint64_t)options.age_s * 1000000;
  uint64_t step_us = (uint64_t)options.age_s * 1000000 / options.count;
  char (*ids)[ID_MAX] = malloc(options.count * sizeof *ids);
  unsigned long i;
  if (!ids) die("have memory for", "ids");
  for (i = 0; i < options.count; i++)
  {
    text_mark(&template, i % options.domains);
    text_mark(&defer, i % options.domains);
    if (options.sluice) message_sluice(ids[i], first_us + i * step_us, owner);
    else message_postfix(ids[i], i, owner, time(0) + options.due_s);
  }
  lists_put(ids, owner);
}

/* --- start --------------------------------------------------------------------------- */

static void options_read(int argc, char **argv)
{
  int c;
  while ((c = getopt(argc, argv, "a:d:m:")) != -1)
    switch (c)
    {
      case 'a': options.age_s = atol(optarg); break;
      case 'd': options.defer = optarg; break;
      case 'm': options.due_s = atol(optarg); break;
      default: exit(100);
    }
  if (argc - optind != 5) exit(100);
  options.sluice = !strcmp(argv[optind], "sluice");
  options.count = strtoul(argv[optind + 3], 0, 10);
  options.domains = strtoul(argv[optind + 4], 0, 10);
  if (!options.count || !options.domains || options.domains > DOMAINS_MAX) exit(100);
}

int main(int argc, char **argv)
{
  struct stat owner;
  options_read(argc, argv);
  if (stat(argv[optind + 2], &owner) == -1) die("look at", argv[optind + 2]);
  text_read(&template, argv[optind + 2]);
  if (options.defer) text_read(&defer, options.defer);
  if (options.sluice)
  {
    arrival = find(&template, template.s, "\narrival ");
    if (!arrival) die("find the arrival in", argv[optind + 2]);
    arrival += strlen("\narrival ");
  }
  umask(077);
  if (chdir(argv[optind + 1]) == -1) die("enter", argv[optind + 1]);
  fill(&owner);
  return 0;
}
