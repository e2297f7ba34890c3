/* site-list: the state of each next hop, and how much mail waits for it. */

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <skalibs/stralloc.h>
#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include "base/wallclock.h"
#include "conf/conf.h"
#include "flush/flush.h"
#include "flush/names.h"
#include "list/sites.h"
#include "print/out.h"
#include "start/options.h"
#include "start/program.h"

#define USAGE "site-list [-C dir] [-1 | -j | -w [-t seconds]] [site...]"
#define dieusage() strerr_dieusage(100, USAGE)

/* A day: more is a mistake. */
#define INTERVAL_MAX 86400

char const *PROG = "site-list";

enum form { FORM_TABLE, FORM_NAMES, FORM_JSON };

typedef struct site_table
{
  char const *dir;
  enum form form;
  int watch;
  unsigned int interval;        /* seconds */
  names asked;                  /* the sites asked for, folded and sorted; none: all sites */
  sites sites;
  uint64_t now_s;
  int terminal;
  size_t columns;               /* columns of the terminal */
  size_t lines;
  out out;
} site_table;

/* --- which --------------------------------------------------------------------------------- */

static int wanted(site_table const *l, site_row const *row)
{
  size_t n = names_len(&l->asked);
  return !n || names_find(&l->asked, sites_string(&l->sites, row->name)) < n;
}

static int known(site_table const *l, char const *name)
{
  size_t i;
  for (i = 0; i < sites_len(&l->sites); i++)
    if (!strcmp(name, sites_string(&l->sites, sites_at(&l->sites, i)->name))) return 1;
  return 0;
}

/* Warn about sites asked for that are not known.  1 when there are none. */
static int asked_known(site_table const *l)
{
  size_t i;
  int all = 1;
  for (i = 0; i < names_len(&l->asked); i++)
    if (!known(l, names_get(&l->asked, i)))
    {
      strerr_warnw("no such site: ", names_get(&l->asked, i));
      all = 0;
    }
  return all;
}

/* --- a table ------------------------------------------------------------------------------- */

enum column
{
  COLUMN_SITE, COLUMN_STATE, COLUMN_SINCE, COLUMN_FAILURES, COLUMN_NEXT, COLUMN_WAITING, COLUMNS
};

static char const *const headings[COLUMNS] =
{
  "SITE", "STATE", "SINCE", "FAILURES", "NEXT", "WAITING"
};
#define HEADING_WHY "WHY"

/* The text of a row's column; WHY comes after the columns. */
typedef struct cells
{
  char const *text[COLUMNS];
  char since[OUT_AGE_MAX];
  char failures[UINT64_FMT];
  char next[OUT_AGE_MAX];
  char waiting[UINT64_FMT];
} cells;

static void number_format(char *text, uint64_t number)
{
  text[uint64_fmt(text, number)] = 0;
}

/* How long ago SINCE was, and how far off NEXT is; "-" where there is no such moment. */
static void since_format(char *text, uint64_t since_s, uint64_t now_s)
{
  if (since_s) out_age_format(text, since_s < now_s ? now_s - since_s : 0);
  else strcpy(text, "-");
}

static void next_format(char *text, site_row const *row, uint64_t now_s)
{
  if (row->state != SITEFILE_DOWN || !row->next_s) strcpy(text, "-");
  else if (row->next_s <= now_s) strcpy(text, "now");
  else out_age_format(text, row->next_s - now_s);
}

static void cells_fill(cells *c, site_table const *l, site_row const *row)
{
  since_format(c->since, row->since_s, l->now_s);
  number_format(c->failures, row->failures);
  next_format(c->next, row, l->now_s);
  number_format(c->waiting, row->waiting);
  c->text[COLUMN_SITE] = sites_string(&l->sites, row->name);
  c->text[COLUMN_STATE] = sitefile_state_name(row->state);
  c->text[COLUMN_SINCE] = c->since;
  c->text[COLUMN_FAILURES] = c->failures;
  c->text[COLUMN_NEXT] = c->next;
  c->text[COLUMN_WAITING] = c->waiting;
}

static void widths_find(site_table *l, size_t widths[COLUMNS])
{
  cells c;
  size_t i, n;
  for (n = 0; n < COLUMNS; n++) widths[n] = strlen(headings[n]);
  for (i = 0; i < sites_len(&l->sites); i++)
  {
    if (!wanted(l, sites_at(&l->sites, i))) continue;
    cells_fill(&c, l, sites_at(&l->sites, i));
    for (n = 0; n < COLUMNS; n++)
      if (strlen(c.text[n]) > widths[n]) widths[n] = strlen(c.text[n]);
  }
}

/* Put WHY in full, on a terminal as much as fits the line. */
static void line_put(site_table *l, char const *const *text, size_t const *widths, char const *why)
{
  size_t begin = l->out.text.len, n;
  for (n = 0; n < COLUMNS; n++)
  {
    if (n < COLUMN_SINCE) out_left(&l->out, text[n], widths[n]);
    else out_right(&l->out, text[n], widths[n]);
    if (n + 1 < COLUMNS || *why) out_text(&l->out, "  ");
  }
  out_text(&l->out, why);
  if (l->terminal) out_clip(&l->out, begin, l->columns);
}

/* End a line; with -w the rest of the line that stood there before is cleared. */
static void line_end(site_table *l)
{
  out_text(&l->out, l->watch ? "\033[K\n" : "\n");
}

static void more_put(site_table *l, size_t more)
{
  out_text(&l->out, "... and ");
  out_number(&l->out, more);
  out_text(&l->out, " more");
}

static size_t wanted_count(site_table const *l)
{
  size_t i, count = 0;
  for (i = 0; i < sites_len(&l->sites); i++) count += (size_t)wanted(l, sites_at(&l->sites, i));
  return count;
}

/*
 * room: the most lines; where that is too few, the last says how many sites are not shown.  0: no
 * limit.
 */
static void table_put(site_table *l, size_t room)
{
  size_t widths[COLUMNS], count = wanted_count(l), shown = 0, i;
  size_t most = room && count + 2 > room ? (room > 2 ? room - 2 : 0) : count;
  cells c;
  if (!count)
  {
    out_text(&l->out, "No site is known");
    line_end(l);
    return;
  }
  widths_find(l, widths);
  line_put(l, headings, widths, HEADING_WHY);
  line_end(l);
  for (i = 0; i < sites_len(&l->sites) && shown < most; i++)
  {
    site_row const *row = sites_at(&l->sites, i);
    if (!wanted(l, row)) continue;
    cells_fill(&c, l, row);
    line_put(l, c.text, widths, sites_string(&l->sites, row->why));
    line_end(l);
    shown++;
  }
  if (shown < count) more_put(l, count - shown);
}

/* --- JSON (RFC 8259), and names ------------------------------------------------------------- */

/* ', "KEY": ' */
static void key_put(out *o, char const *key)
{
  out_text(o, ", \"");
  out_text(o, key);
  out_text(o, "\": ");
}

static void number_put(out *o, char const *key, uint64_t number)
{
  key_put(o, key);
  out_number(o, number);
}

/* Put a moment; 0, no such moment, is null. */
static void time_put(out *o, char const *key, uint64_t seconds)
{
  key_put(o, key);
  if (seconds) out_number(o, seconds);
  else out_text(o, "null");
}

static void json_put(site_table *l, site_row const *row)
{
  out *o = &l->out;
  out_text(o, "{\"site\": ");
  out_json(o, sites_string(&l->sites, row->name));
  key_put(o, "state");
  out_json(o, sitefile_state_name(row->state));
  time_put(o, "since", row->since_s);
  number_put(o, "failures", row->failures);
  time_put(o, "next", row->state == SITEFILE_DOWN ? row->next_s : 0);
  number_put(o, "waiting", row->waiting);
  key_put(o, "why");
  out_json(o, sites_string(&l->sites, row->why));
  out_text(o, "}\n");
}

static void name_put(site_table *l, site_row const *row)
{
  out_text(&l->out, sites_string(&l->sites, row->name));
  out_text(&l->out, "\n");
}

static void each_put(site_table *l, void (*put)(site_table *l, site_row const *row))
{
  size_t i;
  for (i = 0; i < sites_len(&l->sites); i++)
    if (wanted(l, sites_at(&l->sites, i))) (*put)(l, sites_at(&l->sites, i));
}

/* --- once, and again and again ---------------------------------------------------------------- */

static void look(site_table *l)
{
  char const *where;
  if (!sites_look(&l->sites, &where))
  {
    if (!where) strerr_dief(conf_exit_code(), conf_error());
    strerr_diefusys(111, "read ", l->dir, "/", where);
  }
  l->now_s = wallclock_us() / 1000000;
  l->terminal = out_terminal(&l->columns, &l->lines);
}

static void list_once(site_table *l)
{
  switch (l->form)
  {
    case FORM_TABLE: table_put(l, 0); break;
    case FORM_NAMES: each_put(l, name_put); break;
    case FORM_JSON: each_put(l, json_put); break;
  }
  out_flush(&l->out);
}

#define SCREEN_CLEAR "\033[H\033[2J"
#define SCREEN_HOME "\033[H"
#define SCREEN_CLEAR_REST "\033[K\033[J"

static void signals_block(sigset_t *end)
{
  sigemptyset(end);
  sigaddset(end, SIGINT);
  sigaddset(end, SIGTERM);
  sigaddset(end, SIGHUP);
  if (sigprocmask(SIG_BLOCK, end, 0) == -1) strerr_diefusys(111, "catch signals");
}

/* Wait for the interval.  0 when a signal came that ends the program. */
static int pause_or_end(sigset_t const *end, unsigned int seconds)
{
  struct timespec const time = { .tv_sec = (time_t)seconds };
  int r;
  do r = sigtimedwait(end, 0, &time);
  while (r == -1 && errno == EINTR);
  return r == -1;
}

static void list_again(site_table *l)
{
  sigset_t end;
  signals_block(&end);
  out_text(&l->out, SCREEN_CLEAR);
  do
  {
    look(l);
    out_text(&l->out, SCREEN_HOME);
    table_put(l, l->lines);
    out_text(&l->out, SCREEN_CLEAR_REST);
    out_flush(&l->out);
  }
  while (pause_or_end(&end, l->interval));
  out_text(&l->out, "\n");
  out_flush(&l->out);
}

/* --- */

static int options_read(int argc, char const *const *argv, site_table *l)
{
  int plain = 0, json = 0;
  program_option const all[] = {
    { .letter = 'C', .text = &l->dir }, { .letter = '1', .flag = &plain },
    { .letter = 'j', .flag = &json }, { .letter = 'w', .flag = &l->watch },
    { .letter = 't', .number = &l->interval, .least = 1, .most = INTERVAL_MAX }
  };
  int first = program_options_read(argc, argv, all, sizeof all / sizeof *all, USAGE);
  if (plain + json + l->watch > 1 || (l->interval && !l->watch)) dieusage();
  if (plain) l->form = FORM_NAMES;
  if (json) l->form = FORM_JSON;
  if (!l->interval) l->interval = 1;
  return first;
}

/* Fold the sites asked for: files in queue/site have hosts and domains in lower case. */
static void asked_read(site_table *l, char const *const *words)
{
  char name[FLUSH_NAME_MAX + 1];
  for (; *words; words++)
  {
    size_t len = strlen(*words), i;
    if (!sitefile_name_ok(*words)) program_refuse("not a site: ", *words, len);
    for (i = 0; i < len; i++)
      name[i] = (*words)[i] >= 'A' && (*words)[i] <= 'Z'
        ? (char)((*words)[i] - 'A' + 'a') : (*words)[i];
    if (!names_add(&l->asked, 0, name, len)) strerr_diefusys(111, "remember names");
  }
  names_sort(&l->asked);
}

static void instance_use(site_table *l)
{
  int instance, queue = program_queue(&l->dir, &instance), conf = conf_open(instance);
  if (conf == -1) strerr_dief(conf_exit_code(), conf_error());
  sites_init(&l->sites, queue, conf);
}

int main(int argc, char const *const *argv)
{
  static site_table l = { .asked = NAMES_ZERO, .sites = SITES_ZERO, .out = OUT_ZERO };
  int first = options_read(argc, argv, &l), code;
  if (l.watch && !isatty(1)) strerr_dief(100, "-w is for a terminal, and standard output is none");
  asked_read(&l, argv + first);
  instance_use(&l);

  look(&l);
  code = asked_known(&l) ? 0 : 1;
  if (!l.watch) list_once(&l);
  else if (!code) list_again(&l);

  sites_free(&l.sites);
  names_free(&l.asked);
  out_free(&l.out);
  return code;
}
