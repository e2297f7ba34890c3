#include "list/queue-shape-internal.h"

#include <string.h>

#include <skalibs/types.h>

/* The sizes of qshape(1). */
#define WIDTH 80
#define NAME_WIDTH 18
#define TERMINAL_ROWS 20
/* Columns of a bar, and of the space before it. */
#define BAR_MIN 10
#define BAR_MAX 40
#define BAR_SPACE 2

#define TOTAL "TOTAL"

/* --- the form ------------------------------------------------------------------------- */

static char const *const eighths[] = { "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█" };
static char const *const wholes[] = { "#" };

static void bar_choose(table_form *form, size_t columns)
{
  size_t left = columns > form->width + BAR_SPACE ? columns - form->width - BAR_SPACE : 0;
  if (left < BAR_MIN) return;
  form->bar = left < BAR_MAX ? left : BAR_MAX;
  form->blocks = out_utf8() ? eighths : wholes;
  form->blocks_count = form->blocks == eighths ? sizeof eighths / sizeof *eighths : 1;
}

void table_form_choose(table_form *form, size_t width, int64_t rows)
{
  size_t columns, lines;
  int terminal = out_terminal(&columns, &lines);
  memset(form, 0, sizeof *form);
  form->width = width ? width : terminal && columns < WIDTH ? columns : WIDTH;
  form->rows = rows >= 0 ? (size_t)rows : terminal ? TERMINAL_ROWS : 0;
  if (terminal) bar_choose(form, columns);
}

/* --- columns: the total, then the buckets ---------------------------------------------- */

typedef struct column
{
  char heading[UINT64_FMT + 2];
  size_t width;
} column;

static void heading_format(char *text, ages const *a, unsigned int n)
{
  if (!n)
  {
    strcpy(text, "T");
    return;
  }
  text += uint64_fmt(text, ages_limit(a, n - 1));
  strcpy(text, n == a->buckets ? "+" : "");
}

/*
 * The width of a column: a space and the total, its greatest number, but three columns at least.
 */
static size_t width_of(char const *heading, uint64_t greatest)
{
  size_t width = uint64_fmt(0, greatest);
  if (width < strlen(heading)) width = strlen(heading);
  return width > 2 ? width + 1 : 3;
}

/* Set the widths of all columns.  Returns what is left for the name. */
static size_t columns_make(column *columns, ages const *a, table_form const *form)
{
  size_t taken = 0;
  unsigned int n;
  for (n = 0; n <= a->buckets; n++)
  {
    heading_format(columns[n].heading, a, n);
    columns[n].width = width_of(columns[n].heading, a->all[n]);
    taken += columns[n].width;
  }
  return form->width > taken + NAME_WIDTH ? form->width - taken : NAME_WIDTH;
}

/* --- rows ----------------------------------------------------------------------------- */

/* A name that is too long is cut at its beginning, where a "+" stands. */
static void name_put(out *o, char const *name, size_t width)
{
  char const *clean = out_cleaned(o, name);
  size_t long_by = out_width(clean);
  if (long_by <= width)
  {
    out_right(o, clean, width);
    return;
  }
  out_text(o, "+");
  out_text(o, clean + out_fit(clean, long_by - width + 1));
}

static void bar_put(out *o, table_form const *form, uint64_t part, uint64_t all)
{
  uint64_t full = form->blocks_count, pieces;
  if (!form->bar || !all) return;
  pieces = (uint64_t)((double)part / (double)all * (double)(form->bar * full) + 0.5);
  if (part && !pieces) pieces = 1;
  out_spaces(o, BAR_SPACE);
  for (; pieces >= full; pieces -= full) out_text(o, form->blocks[full - 1]);
  if (pieces) out_text(o, form->blocks[pieces - 1]);
}

static void counts_put(out *o, column const *columns, ages const *a, uint64_t const *counts)
{
  unsigned int n;
  for (n = 0; n <= a->buckets; n++) out_number_right(o, counts[n], columns[n].width);
}

static void headings_put(out *o, column const *columns, ages const *a, size_t name_width)
{
  unsigned int n;
  out_spaces(o, name_width);
  for (n = 0; n <= a->buckets; n++) out_right(o, columns[n].heading, columns[n].width);
  out_text(o, "\n");
}

void table_put(out *o, ages const *a, table_form const *form)
{
  column columns[1 + AGES_BUCKETS_MAX];
  size_t name_width = columns_make(columns, a, form);
  size_t rows = !form->rows || form->rows > ages_len(a) ? ages_len(a) : form->rows, n;
  headings_put(o, columns, a, name_width);
  name_put(o, TOTAL, name_width);
  counts_put(o, columns, a, a->all);
  out_text(o, "\n");
  for (n = 0; n < rows; n++)
  {
    uint64_t const *counts = ages_counts(a, n);
    name_put(o, ages_name(a, n), name_width);
    counts_put(o, columns, a, counts);
    bar_put(o, form, counts[0], a->all[0]);
    out_text(o, "\n");
  }
}
