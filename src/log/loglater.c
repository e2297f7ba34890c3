#include "log/loglater.h"

#include <string.h>

#include <skalibs/alloc.h>

#define HEAP(l) genalloc_s(loglater_line *, &(l)->heap)
#define COUNT(l) genalloc_len(loglater_line *, &(l)->heap)

static int before(loglater_line const *a, loglater_line const *b)
{
  return a->us != b->us ? a->us < b->us : a->number < b->number;
}

/* Put the line into the heap at place i, or nearer to the top. */
static void rise(loglater_line **heap, size_t i, loglater_line *line)
{
  for (; i && before(line, heap[(i - 1) / 2]); i = (i - 1) / 2) heap[i] = heap[(i - 1) / 2];
  heap[i] = line;
}

/* Put the line into a heap of n at the top, or as far below as it belongs. */
static void sink(loglater_line **heap, size_t n, loglater_line *line)
{
  size_t i = 0, child;
  while ((child = 2 * i + 1) < n)
  {
    if (child + 1 < n && before(heap[child + 1], heap[child])) child++;
    if (!before(heap[child], line)) break;
    heap[i] = heap[child];
    i = child;
  }
  heap[i] = line;
}

int loglater_put(loglater *l, uint64_t us, char const *s, size_t len)
{
  loglater_line *line = alloc(sizeof *line + len);
  if (!line) return 0;
  line->us = us;
  line->number = l->number++;
  line->len = len;
  memcpy(line->text, s, len);
  if (!genalloc_append(loglater_line *, &l->heap, &line))
  {
    alloc_free(line);
    return 0;
  }
  l->octets += sizeof *line + len;
  rise(HEAP(l), COUNT(l) - 1, line);
  return 1;
}

loglater_line *loglater_take(loglater *l, uint64_t us)
{
  loglater_line *line;
  size_t n = COUNT(l);
  if (!n || (HEAP(l)[0]->us > us && l->octets <= LOGLATER_MAX)) return 0;
  line = HEAP(l)[0];
  genalloc_setlen(loglater_line *, &l->heap, --n);
  if (n) sink(HEAP(l), n, HEAP(l)[n]);
  l->octets -= sizeof *line + line->len;
  return line;
}
