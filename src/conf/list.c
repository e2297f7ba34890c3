#include "conf/conf-internal.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <skalibs/types.h>

#include "base/close.h"
#include "smtp/domain.h"

/* --- opening a list -------------------------------------------------------------------- */

/* Longer than the longest name in the table. */
#define CDB_NAME_MAX 32

static char const *cdb_name(char out[CDB_NAME_MAX], char const *name)
{
  size_t len = strnlen(name, CDB_NAME_MAX - sizeof ".cdb");
  memcpy(out, name, len);
  memcpy(out + len, ".cdb", sizeof ".cdb");
  return out;
}

/* Returns 0 with errno EINVAL. */
static int cdb_complain(char const *name, char const *what)
{
  char file[CDB_NAME_MAX];
  conf_fail(what, 0, 0);
  return conf_fail_where(cdb_name(file, name), 0);
}

/*
 * Is there a compiled list that is not older than the text?  1, 0, -1 with conf_error().  conf-cdb
 * gives its file the modification time of the text, so an equal time is new enough.
 */
static int cdb_current(int conf, char const *name, struct stat const *text, int *fd)
{
  struct stat compiled;
  char file[CDB_NAME_MAX];
  if (!text->st_ino) return 0;
  *fd = openat(conf, cdb_name(file, name), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (*fd == -1) return errno == ENOENT ? 0 : (conf_fail_system(file), -1);
  if (fstat(*fd, &compiled) == -1)
  {
    conf_fail_system(file);
    close(*fd);
    return -1;
  }
  if (compiled.st_mtim.tv_sec > text->st_mtim.tv_sec
   || (compiled.st_mtim.tv_sec == text->st_mtim.tv_sec
    && compiled.st_mtim.tv_nsec >= text->st_mtim.tv_nsec))
    return 1;
  close(*fd);
  return 0;
}

/* Was the file made by conf-cdb from a list of this name? */
static int cdb_marked(conf_list const *list)
{
  cdb_data data;
  size_t len = sizeof CONF_CDB_MARK - 1, namelen = strlen(list->setting->name);
  return cdb_find(&list->map, &data, CONF_CDB_MARK_KEY, sizeof CONF_CDB_MARK_KEY - 1) == 1
    && data.len == len + namelen
    && !memcmp(data.s, CONF_CDB_MARK, len)
    && !memcmp(data.s + len, list->setting->name, namelen);
}

static int cdb_open(conf_list *list, int fd)
{
  int r = cdb_init_fromfd(&list->map, fd);
  close_keep(fd);
  if (!r) return cdb_complain(list->setting->name, errno == ENOMEM ? "out of memory" : "damaged");
  list->form = CONF_LIST_CDB;
  if (cdb_marked(list)) return 1;
  return cdb_complain(list->setting->name, "not made by conf-cdb, or damaged");
}

/* The stamp of the text: the compiled form says the same, or will.  1, or 0 with conf_error(). */
static int stamp_read(int conf, char const *name, struct stat *stamp)
{
  if (fstatat(conf, name, stamp, 0) == 0) return 1;
  memset(stamp, 0, sizeof *stamp);
  return errno == ENOENT || conf_fail_system(name);
}

static int stamp_same(struct stat const *a, struct stat const *b)
{
  return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size
    && a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static int list_read(int conf, char const *name, conf_list *list)
{
  int fd = -1, r = 0;
  list->setting = conf_setting_find(name);
  list->form = CONF_LIST_MISSING;
  if (list->setting->kind == CONF_COMPILED) r = cdb_current(conf, name, &list->stamp, &fd);
  if (r > 0) return cdb_open(list, fd);
  if (!r) r = conf_file_read(conf, list->setting, &list->text);
  if (r > 0) list->form = CONF_LIST_TEXT;
  return r >= 0;
}

int conf_list_open(int conf, char const *name, conf_list *list)
{
  struct stat now;
  int known = stamp_read(conf, name, &now);
  if (known && list->setting && stamp_same(&now, &list->stamp)) return 1;
  conf_list_close(list);
  list->stamp = now;
  if (known && list_read(conf, name, list)) return 1;
  conf_list_close(list);
  return 0;
}

void conf_list_close(conf_list *list)
{
  int e = errno;
  if (list->form == CONF_LIST_CDB) cdb_free(&list->map);
  if (list->setting && list->setting->kind == CONF_SECRETS && list->text.s)
    explicit_bzero(list->text.s, list->text.a);
  stralloc_free(&list->text);
  list->form = CONF_LIST_MISSING;
  list->setting = 0;
  errno = e;
}

/*
 * The longest text that is kept, so that many processes that keep one do not fill the memory:
 * longer lists should be compiled.
 */
#define KEPT_MAX 65536

/*
 * Is the stamp so young that it proves nothing?  A file that changes again within the same tick of
 * the clock keeps its stamp.
 */
#define STAMP_YOUNG_S 2

static int stamp_young(struct stat const *stamp)
{
  time_t now = time(0);
  return stamp->st_ino && stamp->st_ctim.tv_sec + STAMP_YOUNG_S > now
    && stamp->st_ctim.tv_sec <= now;
}

int conf_list_done(conf_list *list, conf_list const *kept, int r)
{
  if (!kept || !r || list->text.len > KEPT_MAX || stamp_young(&list->stamp)) conf_list_close(list);
  return r;
}

int conf_list_get(conf_list const *list, char const *key, size_t len, cdb_data *data)
{
  int r = cdb_find(&list->map, data, key, (uint32_t)len);
  if (r >= 0) return r;
  errno = EINVAL;
  cdb_complain(list->setting->name, "damaged");
  return -1;
}

int conf_list_each(conf_list const *list, int (*match)(void *data, char const *s, size_t len),
                   void *data)
{
  conf_line line = { .number = 0 };
  size_t pos = 0;
  int r;
  while ((r = conf_line_next(list->setting, &list->text, &pos, &line)) > 0)
    if (!(*match)(data, line.s, line.len))
    {
      if (errno == EINVAL) return conf_fail_where(list->setting->name, line.number);
      return conf_fail_system(list->setting->name);
    }
  return !r;
}

/* --- lists of domains -------------------------------------------------------------------- */

typedef struct domain_question
{
  char const *domain;
  size_t len;
  int yes;
  int named;       /* the list has an entry for the domain itself */
  stralloc folded; /* memory for the folded line */
} domain_question;

static int domain_match(void *data, char const *s, size_t len)
{
  domain_question *q = data;
  if (!conf_pattern_fold(&q->folded, s, len)) return 0;
  if (*q->folded.s == '.')
    q->yes |= q->len >= q->folded.len
      && smtp_domain_below(q->domain, q->len, q->folded.s + 1, q->folded.len - 1);
  else q->named |= q->len == q->folded.len && !memcmp(q->domain, q->folded.s, q->len);
  q->yes |= q->named;
  return 1;
}

/* Look up the domain itself, then ".parent" for each parent. */
static int domain_get(conf_list const *list, domain_question *q)
{
  char const *s = q->domain, *end = s + q->len;
  cdb_data data;
  int r = conf_list_get(list, s, q->len, &data);
  q->named = r > 0;
  while (!r && (s = memchr(s, '.', (size_t)(end - s))))
  {
    r = conf_list_get(list, s, (size_t)(end - s), &data);
    s++;
  }
  q->yes = r > 0;
  return r >= 0;
}

/* *missing is set when there is no such list. */
static int domain_ask(int conf, conf_list *kept, char const *name, domain_question *q, int *missing)
{
  conf_list own = CONF_LIST_ZERO;
  conf_list *list = kept ? kept : &own;
  int r = conf_list_open(conf, name, list);
  *missing = r && list->form == CONF_LIST_MISSING;
  if (r && list->form == CONF_LIST_TEXT) r = conf_list_each(list, &domain_match, q);
  else if (r && list->form == CONF_LIST_CDB) r = domain_get(list, q);
  stralloc_free(&q->folded);
  return conf_list_done(list, kept, r);
}

static int domain_listed(int conf, conf_list *kept, char const *name, char const *domain,
                         size_t len, int *yes, int *missing)
{
  domain_question q = { .domain = domain, .len = len, .folded = STRALLOC_ZERO };
  int r = domain_ask(conf, kept, name, &q, missing);
  *yes = q.yes;
  return r;
}

int conf_relaydomain(int conf, conf_list *kept, char const *domain, size_t len, int *yes)
{
  int missing;
  return domain_listed(conf, kept, "relaydomains", domain, len, yes, &missing);
}

int conf_relaydomain_below(int conf, conf_list *kept, char const *domain, size_t len, int *yes,
                           int *below)
{
  domain_question q = { .domain = domain, .len = len, .folded = STRALLOC_ZERO };
  int missing, r = domain_ask(conf, kept, "relaydomains", &q, &missing);
  *yes = q.yes;
  *below = q.yes && !q.named;
  return r;
}

int conf_flushdomain(int conf, char const *domain, size_t len, int *yes)
{
  int missing;
  if (!domain_listed(conf, 0, "flushdomains", domain, len, yes, &missing)) return 0;
  return !missing || conf_relaydomain(conf, 0, domain, len, yes);
}

/* --- lists of clients ---------------------------------------------------------------------- */

typedef struct client_question
{
  conf_address const *address;
  int yes;
} client_question;

static int client_match(void *data, char const *s, size_t len)
{
  client_question *q = data;
  conf_network net;
  if (!conf_network_scan(&net, s, len)) return 0;
  q->yes |= conf_network_has(&net, q->address);
  return 1;
}

static int client_listed(int conf, conf_list *kept, char const *name, conf_address const *address,
                         int *yes, int *missing)
{
  client_question q = { .address = address };
  conf_list own = CONF_LIST_ZERO;
  conf_list *list = kept ? kept : &own;
  int r = conf_list_open(conf, name, list);
  *missing = r && list->form == CONF_LIST_MISSING;
  if (r && !*missing) r = conf_list_each(list, &client_match, &q);
  *yes = q.yes;
  return conf_list_done(list, kept, r);
}

int conf_relayclient(int conf, conf_list *kept, conf_address const *address, int *yes)
{
  int missing;
  return client_listed(conf, kept, "relayclients", address, yes, &missing);
}

int conf_flushclient(int conf, conf_address const *address, int *yes)
{
  int missing;
  if (!client_listed(conf, 0, "flushclients", address, yes, &missing)) return 0;
  if (!missing) return 1;
  if (!conf_relayclient(conf, 0, address, yes)) return 0;
  *yes |= conf_address_loopback(address);
  return 1;
}

/* --- recipients ---------------------------------------------------------------------------- */

typedef struct recipient_question
{
  stralloc mailbox; /* folded */
  size_t at;
  int listed;       /* the list has some mailbox of the domain */
  int yes;
  stralloc folded;  /* of a line */
} recipient_question;

static int recipient_match(void *data, char const *s, size_t len)
{
  recipient_question *q = data;
  size_t at;
  if (!conf_recipient_fold(&q->folded, &at, s, len)) return 0;
  if (q->folded.len - at != q->mailbox.len - q->at
   || memcmp(q->folded.s + at, q->mailbox.s + q->at, q->folded.len - at)) return 1;
  q->listed = 1;
  q->yes |= !at || (at == q->at && !memcmp(q->folded.s, q->mailbox.s, at));
  return 1;
}

/* Keys: the mailbox; "@domain" for all of a domain; "domain" when any line is about the domain. */
static int recipient_get(conf_list const *list, recipient_question *q)
{
  char const *at = q->mailbox.s + q->at;
  size_t len = q->mailbox.len - q->at;
  cdb_data data;
  int r = conf_list_get(list, at + 1, len - 1, &data);
  if (r <= 0) return !r;
  q->listed = 1;
  r = conf_list_get(list, q->mailbox.s, q->mailbox.len, &data);
  if (!r) r = conf_list_get(list, at, len, &data);
  q->yes = r > 0;
  return r >= 0;
}

static int recipient_ask(conf_list const *list, recipient_question *q)
{
  switch (list->form)
  {
    case CONF_LIST_TEXT: return conf_list_each(list, &recipient_match, q);
    case CONF_LIST_CDB: return recipient_get(list, q);
    default: return 1;
  }
}

int conf_recipient(int conf, conf_list *kept, char const *mailbox, size_t len, int *yes)
{
  recipient_question q = { .mailbox = STRALLOC_ZERO, .folded = STRALLOC_ZERO };
  conf_list own = CONF_LIST_ZERO;
  conf_list *list = kept ? kept : &own;
  int r = conf_list_open(conf, "recipients", list);
  if (r && list->form != CONF_LIST_MISSING)
  {
    /* no list can have a mailbox at an address literal, so any is taken */
    if (conf_recipient_fold(&q.mailbox, &q.at, mailbox, len)) r = recipient_ask(list, &q);
    else r = errno == EINVAL || conf_fail_system("recipients");
  }
  *yes = !q.listed || q.yes;
  stralloc_free(&q.mailbox);
  stralloc_free(&q.folded);
  return conf_list_done(list, kept, r);
}

/* --- queues --------------------------------------------------------------------------------- */

int conf_queue(int conf, char const *name, size_t len, stralloc *domains, int *found)
{
  conf_queue_question q = { .name = name, .len = len, .domains = domains, .folded = STRALLOC_ZERO };
  conf_list list = CONF_LIST_ZERO;
  int r = conf_list_open(conf, "queues", &list) && conf_list_each(&list, &conf_queue_match, &q);
  *found = q.found;
  conf_list_close(&list);
  stralloc_free(&q.folded);
  return r;
}

/* --- flushusers ------------------------------------------------------------------------------ */

typedef struct user_question
{
  uid_t uid;
  stralloc names;  /* the names of the user, each a string */
  int yes;
} user_question;

/*
 * Read /etc/passwd: getpwuid(3) would load the host's name services, which a static program should
 * not.
 */
static int user_names(user_question *q)
{
  FILE *file = fopen("/etc/passwd", "re");
  struct passwd const *user;
  int r = 1, e = errno;
  if (!file)
  {
    conf_fail("unable to read /etc/passwd", strerror(e), strlen(strerror(e)));
    errno = e;
    return conf_fail_where("flushusers", 0);
  }
  while (r && (user = fgetpwent(file)))
    if (user->pw_uid == q->uid)
      r = stralloc_catb(&q->names, user->pw_name, strlen(user->pw_name) + 1);
  fclose(file);
  return r || conf_fail_system("flushusers");
}

static int user_named(user_question const *q, char const *s, size_t len)
{
  size_t at = 0;
  for (; at < q->names.len; at += strlen(q->names.s + at) + 1)
    if (strlen(q->names.s + at) == len && !memcmp(q->names.s + at, s, len)) return 1;
  return 0;
}

static int user_match(void *data, char const *s, size_t len)
{
  user_question *q = data;
  char number[UINT64_FMT];
  size_t numberlen = uint64_fmt(number, q->uid);
  if (!conf_check_user(s, len)) return 0;
  q->yes |= (len == numberlen && !memcmp(s, number, len)) || user_named(q, s, len);
  return 1;
}

int conf_flushuser(int conf, uid_t uid, int *yes)
{
  user_question q = { .uid = uid, .names = STRALLOC_ZERO };
  conf_list list = CONF_LIST_ZERO;
  int r = conf_list_open(conf, "flushusers", &list);
  if (r && list.form != CONF_LIST_MISSING)
    r = user_names(&q) && conf_list_each(&list, &user_match, &q);
  *yes = q.yes;
  conf_list_close(&list);
  stralloc_free(&q.names);
  return r;
}
