#include "act/selection.h"

#include <sys/stat.h>
#include <unistd.h>

#include <skalibs/buffer.h>
#include <skalibs/sgetopt.h>
#include <skalibs/stralloc.h>
#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include "queue/ids.h"
#include "start/program.h"

char const *const *selection_options_read(int argc, char const *const *argv, selection_options *o,
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

typedef struct selection
{
  selection_kind const *kind;
  operation *op;
  uint64_t counts[OPERATION_RESULTS];
  int code;                        /* to exit with */
} selection;

/* The program exits with the highest code of all messages. */
static void code_raise(selection *s, int code)
{
  if (code > s->code) s->code = code;
}

/* --- output --------------------------------------------------------------------------- */

static void text_put(char const *text)
{
  if (buffer_puts(buffer_1, text) == -1) strerr_diefusys(111, "write to standard output");
}

/* "ID deleted", or "ID requeued as NEWID". */
static void result_show(selection const *s, char const *id, enum operation_result result)
{
  text_put(id);
  text_put(" ");
  text_put(s->kind->words[result]);
  if (result == OPERATION_DONE && *s->op->writer.id)
  {
    text_put(" as ");
    text_put(s->op->writer.id);
  }
  text_put("\n");
}

static void count_append(stralloc *line, char const *words, uint64_t count)
{
  char number[UINT64_FMT];
  number[uint64_fmt(number, count)] = 0;
  if (!stralloc_cats(line, line->len ? ", " : "") || !stralloc_cats(line, number)
   || !stralloc_cats(line, " ") || !stralloc_cats(line, words))
    strerr_diefusys(111, "count what was done");
}

/* "3 deleted, 1 gone already"; where nothing was done, "0 deleted" too. */
static void counts_show(selection const *s)
{
  int nothing = !s->counts[OPERATION_DONE] && !s->counts[OPERATION_DONE_SENDING], r;
  stralloc line = STRALLOC_ZERO;
  for (r = 0; r < OPERATION_RESULTS; r++)
    if (s->counts[r] || (r == OPERATION_DONE && nothing))
      count_append(&line, s->kind->words[r], s->counts[r]);
  if (!stralloc_0(&line)) strerr_diefusys(111, "count what was done");
  strerr_warn(PROG, ": ", line.s);
  stralloc_free(&line);
}

/* --- messages ------------------------------------------------------------------------- */

static void result_take(selection *s, char const *id, enum operation_result result)
{
  if (result == OPERATION_TROUBLE)
  {
    strerr_warnwusys(s->kind->verb, " ", id);
    code_raise(s, 111);
    return;
  }
  s->counts[result]++;
  if (result != OPERATION_DONE && result != OPERATION_DONE_SENDING) code_raise(s, 1);
  result_show(s, id, result);
}

static void named_take(char const *id, void *data)
{
  selection *s = data;
  s->op->wait_ms = OPERATION_WAIT_MS;
  result_take(s, id, (*s->kind->perform)(s->op, id));
}

/* A message found by -a may be gone or done by now: then it is not reported. */
static int walked_take(char const *id, void *data)
{
  selection *s = data;
  enum operation_result result = (*s->kind->perform)(s->op, id);
  if (result != OPERATION_GONE && result != OPERATION_ALREADY) result_take(s, id, result);
  return 1;
}

static void all_take(selection *s)
{
  char const *where;
  if (operation_each(s->op, s->kind->places, &walked_take, s, &where) != -1) return;
  strerr_warnwusys("read directory queue/", where);
  code_raise(s, 111);
}

int selection_perform(selection_kind const *kind, operation *op, int all, char const *const *ids)
{
  selection s = { .kind = kind, .op = op };
  if (all) all_take(&s);
  else code_raise(&s, ids_each(ids, &named_take, &s));
  if (!buffer_flush(buffer_1)) strerr_diefusys(111, "write to standard output");
  counts_show(&s);
  return s.code;
}

int selection_run(selection_kind const *kind, int argc, char const *const *argv, char const *usage)
{
  selection_options o = { .dir = 0 };
  char const *const *ids = selection_options_read(argc, argv, &o, "C:a", usage);
  operation op = OPERATION_ZERO;
  int code;
  umask(007);
  op.queue = program_queue(&o.dir, 0);
  code = selection_perform(kind, &op, o.all, ids);
  operation_free(&op);
  return code;
}
