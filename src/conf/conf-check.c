/* conf-check: show the settings in force, and the lines that make no sense. */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <skalibs/buffer.h>
#include <skalibs/stralloc.h>
#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include "conf/checker.h"
#include "conf/conf-internal.h"
#include "start/options.h"
#include "start/program.h"

#define USAGE "conf-check [-C dir] [-v] [name...]"
#define dieusage() strerr_dieusage(100, USAGE)

char const *PROG = "conf-check";

/* --- printing ------------------------------------------------------------------------------ */

static void put(char const *s, size_t len)
{
  if (buffer_put(buffer_1, s, len) < 0) strerr_diefusys(111, "write to standard output");
}

static void put_string(char const *s)
{
  put(s, strlen(s));
}

static void put_setting(checker const *c, conf_setting const *setting, char const *value,
                        size_t len)
{
  if (!c->values)
  {
    put_string(setting->name);
    put_string(" = ");
  }
  if (len || c->values) put(value, len);
  else put_string("(none)");
  if (!c->values)
  {
    put_string("  (");
    put_string(c->from.s);
    put_string(")");
  }
  put_string("\n");
}

static void from_set(checker *c, char const *directory, char const *name, char const *suffix)
{
  c->from.len = 0;
  if (!stralloc_cats(&c->from, directory) || !stralloc_cats(&c->from, name)
   || !stralloc_cats(&c->from, suffix) || !stralloc_0(&c->from)) checker_die_memory();
}

/* --- one value ------------------------------------------------------------------------------ */

typedef int reader(int conf, stralloc *out);

static int tls_read(int conf, stralloc *out)
{
  enum conf_tls tls;
  return conf_tls(conf, &tls) && (stralloc_cats(out, conf_tls_name(tls)) || (errno = ENOMEM, 0));
}

/* The mark of a value that is not the file's line as it stands; NULL where it is. */
static reader *reader_find(char const *name)
{
  static struct { char const *name; reader *read; } const readers[] =
  {
    { "me", &conf_me }, { "postmaster", &conf_postmaster },
    { "listen", &conf_listen }, { "listentls", &conf_listentls },
    { "listenodmr", &conf_listenodmr }, { "tls", &tls_read }, { "nameserver", &conf_nameserver }
  };
  size_t i = 0;
  for (; i < sizeof readers / sizeof *readers; i++)
    if (!strcmp(readers[i].name, name)) return readers[i].read;
  return 0;
}

static void check_value(checker *c, conf_setting const *setting)
{
  stralloc value = STRALLOC_ZERO;
  reader *read = reader_find(setting->name);
  conf_line line;
  if (!conf_value_read(c->conf, setting, &c->text, &line))
  {
    checker_complain(c);
    return;
  }
  if (line.number) from_set(c, "conf/", setting->name, "");
  else from_set(c, "default", "", "");
  if (line.number && !(*setting->check)(line.s, line.len))
  {
    conf_fail_where(setting->name, line.number);
    checker_complain(c);
  }
  else if (!read) put_setting(c, setting, line.s, line.len);
  else if ((*read)(c->conf, &value)) put_setting(c, setting, value.s, value.len);
  else checker_complain(c);
  stralloc_free(&value);
}

/* --- several lines -------------------------------------------------------------------------- */

/* Print a setting in force, also one without a file. */
static void put_timeouts(checker *c, conf_setting const *setting)
{
  stralloc all = STRALLOC_ZERO;
  unsigned int seconds[CONF_TIMEOUTS], i = 0;
  char number[UINT_FMT];
  if (!conf_timeouts(c->conf, seconds))
  {
    checker_complain(c);
    return;
  }
  for (; i < CONF_TIMEOUTS; i++)
    if ((i && !stralloc_cats(&all, c->values ? "\n" : ", "))
     || !stralloc_cats(&all, conf_timeout_name(i)) || !stralloc_cats(&all, " ")
     || !stralloc_catb(&all, number, uint_fmt(number, seconds[i]))) checker_die_memory();
  put_setting(c, setting, all.s, all.len);
  stralloc_free(&all);
}

/* Print one value or several, which a reader has parted by commas. */
static void put_values(checker *c, conf_setting const *setting)
{
  stralloc values = STRALLOC_ZERO, shown = STRALLOC_ZERO;
  size_t i = 0;
  int r = (*reader_find(setting->name))(c->conf, &values);
  if (!r) checker_complain(c);
  for (; r && i < values.len; i++)
    if (values.s[i] == ',' ? !stralloc_cats(&shown, c->values ? "\n" : ", ")
                           : !stralloc_append(&shown, values.s[i])) checker_die_memory();
  if (r) put_setting(c, setting, shown.s, shown.len);
  stralloc_free(&shown);
  stralloc_free(&values);
}

/* -v: print the entries of a list; of secrets, whose they are. */
static void put_entries(conf_setting const *setting, stralloc const *text)
{
  conf_line line = { .number = 0 };
  conf_word word;
  size_t pos = 0;
  while (conf_line_next(setting, text, &pos, &line) > 0)
  {
    if (setting->kind != CONF_SECRETS) put(line.s, line.len);
    else if (conf_word_next(&line.s, &line.len, &word)) put(word.s, word.len);
    put_string("\n");
  }
}

static void put_count(checker const *c, conf_setting const *setting, size_t entries)
{
  char count[UINT64_FMT];
  stralloc text = STRALLOC_ZERO;
  if (!stralloc_catb(&text, count, uint64_fmt(count, entries))
   || !stralloc_cats(&text, entries == 1 ? " entry" : " entries")) checker_die_memory();
  put_setting(c, setting, text.s, text.len);
  stralloc_free(&text);
}

/*
 * Do programs read the compiled form of the list?  Warns when there is one that they do not read.
 * 1, 0, -1 after a complaint.
 */
static int compiled_used(checker *c, conf_setting const *setting, int there)
{
  conf_list list = CONF_LIST_ZERO;
  int used;
  if (!conf_list_open(c->conf, setting->name, &list))
  {
    checker_complain(c);
    return -1;
  }
  used = list.form == CONF_LIST_CDB;
  conf_list_close(&list);
  from_set(c, "", setting->name, ".cdb");
  if (!used && !faccessat(c->conf, c->from.s, F_OK, 0))
    checker_warn(setting->name, ".cdb", there ? "not used: older than the list; run conf-cdb"
                                      : "not used: the list itself is missing");
  return used;
}

/* The entries of a list that make a look-up take most of a millisecond. */
#define LONG_LIST 2000

/* Secrets are for one user to read; that nobody else can is no fault. */
static int kept_from_us(conf_setting const *setting)
{
  return setting->kind == CONF_SECRETS && errno == EACCES;
}

static void put_kept(checker *c, conf_setting const *setting)
{
  static char const words[] = "(not for this user to read)";
  from_set(c, "conf/", setting->name, "");
  if (!c->values) put_setting(c, setting, words, strlen(words));
}

static void check_lines(checker *c, conf_setting const *setting)
{
  size_t entries = 0;
  int there = conf_file_read(c->conf, setting, &c->text), compiled = 0;
  if (there < 0 && kept_from_us(setting))
  {
    put_kept(c, setting);
    return;
  }
  if (there < 0)
  {
    checker_complain(c);
    return;
  }
  if (there && !conf_lines_check(setting, &c->text, &entries, &checker_complain, c)) return;
  if (setting->kind == CONF_COMPILED && (compiled = compiled_used(c, setting, there)) < 0) return;
  if (setting->kind == CONF_COMPILED && !compiled && entries >= LONG_LIST)
    checker_warn(setting->name, "", "a long list: conf-cdb makes it quick to look up");
  if (there) from_set(c, "conf/", setting->name, compiled ? ".cdb" : "");
  else from_set(c, "default", "", "");

  if (setting->kind == CONF_VALUES) put_values(c, setting);
  else if (setting->kind == CONF_LINES) put_timeouts(c, setting);
  else if (c->values)
  {
    if (there) put_entries(setting, &c->text);
  }
  else if (there) put_count(c, setting, entries);
  else put_setting(c, setting, setting->fallback, strlen(setting->fallback));
}

/* --- a file of another format --------------------------------------------------------------- */

/* Where the file is, by a link maybe.  1; 0 when there is none; -1 after a complaint. */
static int pem_look(checker *c, conf_setting const *setting, struct stat *st)
{
  if (fstatat(c->conf, setting->name, st, AT_SYMLINK_NOFOLLOW) == -1 && errno == ENOENT) return 0;
  if (fstatat(c->conf, setting->name, st, 0) == -1) conf_fail_system(setting->name);
  else if (S_ISREG(st->st_mode)) return 1;
  else
  {
    conf_fail("not a regular file", 0, 0);
    conf_fail_where(setting->name, 0);
  }
  checker_complain(c);
  return -1;
}

static void check_pem(checker *c, conf_setting const *setting)
{
  struct stat st;
  char size[UINT64_FMT + sizeof " octets"];
  int there = pem_look(c, setting, &st);
  if (there < 0) return;
  if (there) from_set(c, "conf/", setting->name, "");
  else from_set(c, "default", "", "");
  *size = 0;
  if (there) stpcpy(size + uint64_fmt(size, (uint64_t)st.st_size), " octets");
  if (there || c->values) put_setting(c, setting, size, strlen(size));
  else put_setting(c, setting, setting->fallback, strlen(setting->fallback));
}

static void check_setting(checker *c, conf_setting const *setting)
{
  if (setting->kind == CONF_VALUE) check_value(c, setting);
  else if (setting->kind == CONF_PEM) check_pem(c, setting);
  else check_lines(c, setting);
}

/* --- main --------------------------------------------------------------------------------- */

static int options_read(int argc, char const *const *argv, char const **dir, int *values)
{
  program_option const all[] = {
    { .letter = 'C', .text = dir }, { .letter = 'v', .flag = values }
  };
  return program_options_read(argc, argv, all, sizeof all / sizeof *all, USAGE);
}

int main(int argc, char const *const *argv)
{
  checker c = { .text = STRALLOC_ZERO, .from = STRALLOC_ZERO };
  char const *dir = 0;
  size_t i;
  argv += options_read(argc, argv, &dir, &c.values);
  for (i = 0; argv[i]; i++)
    if (!conf_setting_find(argv[i])) strerr_dief(100, "no such setting: ", argv[i]);
  c.conf = conf_find(dir);

  for (i = 0; argv[i]; i++) check_setting(&c, conf_setting_find(argv[i]));
  if (!i)
  {
    for (; i < conf_settings_count; i++) check_setting(&c, conf_settings + i);
    checker_sense(&c);
    checker_listen(&c);
    checker_tls(&c);
    checker_users(&c);
  }
  if (!buffer_flush(buffer_1)) strerr_diefusys(111, "write to standard output");
  stralloc_free(&c.text);
  stralloc_free(&c.from);
  return c.wrong ? 100 : c.unreadable ? 111 : 0;
}
