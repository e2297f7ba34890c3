#include "act/many.h"

#include <unistd.h>

#include <skalibs/buffer.h>
#include <skalibs/sgetopt.h>
#include <skalibs/stralloc.h>
#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include "queue/ids.h"

char const *const *many_options_read(int argc, char const *const *argv, many_options *o,
                                     char const *letters, char const *usage)
{
  subgetopt scan = SUBGETOPT_ZERO;
  int c;
  while ((c = subgetopt_r(argc, argv, letters, &scan)) != -1)
    switch (c)
    {
      case 'C': o->dir = scan.arg; break;
      case 'a': o->all = 1; break;
      case 'y': o->yes = 1; break;
      default: strerr_dieusage(100, usage);
    }
  if (o->all ? scan.ind < argc : scan.ind == argc && isatty(0)) strerr_dieusage(100, usage);
  ids_check(argv + scan.ind);
  return argv + scan.ind;
}

typedef struct many
{
  many_deed const *deed;
  act *act;
  uint64_t counts[ACT_RESULTS];
  int code;                   /* to exit with */
} many;

/* The highest wins. */
static void code_raise(many *m, int code)
{
  if (code > m->code) m->code = code;
}

/* --- output ------------------------------------------------------------------------------------- */

static void out(char const *s)
{
  if (buffer_puts(buffer_1, s) == -1) strerr_diefusys(111, "write to standard output");
}

/* "ID requeued as NEWID" */
static void result_show(many const *m, char const *id, enum act_result result)
{
  out(id);
  out(" ");
  out(m->deed->words[result]);
  if (result == ACT_DONE && *m->act->writer.id)
  {
    out(" as ");
    out(m->act->writer.id);
  }
  out("\n");
}

static void counted(stralloc *line, char const *words, uint64_t count)
{
  char number[UINT64_FMT];
  number[uint64_fmt(number, count)] = 0;
  if (!stralloc_cats(line, line->len ? ", " : "") || !stralloc_cats(line, number)
   || !stralloc_cats(line, " ") || !stralloc_cats(line, words)) strerr_diefusys(111, "count what was done");
}

/* "3 deleted, 1 gone already"; that nothing was done is said too. */
static void counts_show(many const *m)
{
  int nothing = !m->counts[ACT_DONE] && !m->counts[ACT_DONE_SENDING], r;
  stralloc line = STRALLOC_ZERO;
  for (r = 0; r < ACT_RESULTS; r++)
    if (m->counts[r] || (r == ACT_DONE && nothing)) counted(&line, m->deed->words[r], m->counts[r]);
  if (!stralloc_0(&line)) strerr_diefusys(111, "count what was done");
  strerr_warn(PROG, ": ", line.s);
  stralloc_free(&line);
}

/* --- messages ------------------------------------------------------------------------------------- */

static void result_take(many *m, char const *id, enum act_result result)
{
  if (result == ACT_TROUBLE)
  {
    strerr_warnwusys(m->deed->verb, " ", id);
    code_raise(m, 111);
    return;
  }
  m->counts[result]++;
  if (result != ACT_DONE && result != ACT_DONE_SENDING) code_raise(m, 1);
  result_show(m, id, result);
}

static void named(char const *id, void *data)
{
  many *m = data;
  m->act->wait_ms = ACT_WAIT_MS;
  result_take(m, id, (*m->deed->one)(m->act, id));
}

/* Found while walking: what is gone or done by now is none of ours. */
static int walked(char const *id, void *data)
{
  many *m = data;
  enum act_result result = (*m->deed->one)(m->act, id);
  if (result != ACT_GONE && result != ACT_ALREADY) result_take(m, id, result);
  return 1;
}

static void walk(many *m)
{
  char const *where;
  if (act_each(m->act, m->deed->places, &walked, m, &where) != -1) return;
  strerr_warnwusys("read directory queue/", where);
  code_raise(m, 111);
}

int many_do(many_deed const *deed, act *a, int all, char const *const *ids)
{
  many m = { .deed = deed, .act = a };
  if (all) walk(&m);
  else code_raise(&m, ids_each(ids, &named, &m));
  if (!buffer_flush(buffer_1)) strerr_diefusys(111, "write to standard output");
  counts_show(&m);
  return m.code;
}
