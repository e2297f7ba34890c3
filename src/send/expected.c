#include "send/expected.h"

#include <string.h>

/* Fewer answered ones are not worth moving the rest for. */
#define COMPACT_MIN 64

expected const *expected_head(expected_list const *list)
{
  if (list->first == list->len) return 0;
  return (expected const *)array_start(&list->entries) + list->first;
}

/* Move what is still expected to the front, so that a session that never rests does not grow. */
static void list_compact(expected_list *list)
{
  expected *e = array_start(&list->entries);
  if (list->first < COMPACT_MIN || list->first < list->len / 2) return;
  list->len -= list->first;
  memmove(e, e + list->first, list->len * sizeof *e);
  list->first = 0;
}

int expected_push(expected_list *list, expected const *entry)
{
  expected *e;
  list_compact(list);
  e = array_allocate(&list->entries, sizeof *e, (int64)list->len);
  if (!e) return 0;
  *e = *entry;
  list->len++;
  return 1;
}

expected expected_pop(expected_list *list)
{
  expected e = *expected_head(list);
  list->first++;
  return e;
}

static expected const *entryp(expected_list const *list, size_t i)
{
  return (expected const *)array_start(&list->entries) + i;
}

work_job *expected_job(expected_list const *list)
{
  size_t i;
  for (i = list->first; i < list->len; i++)
    if (entryp(list, i)->job) return entryp(list, i)->job;
  return 0;
}

void expected_end_with(expected_list *list, work_job const *job)
{
  while (list->len > list->first && entryp(list, list->len - 1)->job != job) list->len--;
}

void expected_clear(expected_list *list)
{
  list->first = list->len = 0;
}
