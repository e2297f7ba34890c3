#include "send/pipeline.h"

#include <string.h>

/* Answered entries from which on the rest is moved to the front. */
#define COMPACT_MIN 64

pipeline_reply const *pipeline_head(pipeline const *list)
{
  if (list->first == list->len) return 0;
  return (pipeline_reply const *)array_start(&list->entries) + list->first;
}

/*
 * Move the entries that are not answered to the front, so that the list of a busy connection does
 * not grow.
 */
static void list_compact(pipeline *list)
{
  pipeline_reply *e = array_start(&list->entries);
  if (list->first < COMPACT_MIN || list->first < list->len / 2) return;
  list->len -= list->first;
  memmove(e, e + list->first, list->len * sizeof *e);
  list->first = 0;
}

int pipeline_push(pipeline *list, pipeline_reply const *entry)
{
  pipeline_reply *e;
  list_compact(list);
  e = array_allocate(&list->entries, sizeof *e, (int64)list->len);
  if (!e) return 0;
  *e = *entry;
  list->len++;
  return 1;
}

pipeline_reply pipeline_pop(pipeline *list)
{
  pipeline_reply e = *pipeline_head(list);
  list->first++;
  return e;
}

static pipeline_reply const *entryp(pipeline const *list, size_t i)
{
  return (pipeline_reply const *)array_start(&list->entries) + i;
}

outbox_job *pipeline_job(pipeline const *list)
{
  size_t i;
  for (i = list->first; i < list->len; i++)
    if (entryp(list, i)->job) return entryp(list, i)->job;
  return 0;
}

void pipeline_end_with(pipeline *list, outbox_job const *job)
{
  while (list->len > list->first && entryp(list, list->len - 1)->job != job) list->len--;
}

void pipeline_clear(pipeline *list)
{
  list->first = list->len = 0;
}

void pipeline_free(pipeline *list)
{
  pipeline_clear(list);
  array_reset(&list->entries);
}
