#include "flush/unlisted.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/close.h"
#include "flush/flush.h"

int unlisted_owes(int queue, char const *id, char const *domain, message *m,
                  enum queue_place *place)
{
  int fd = queuedir_open_message(queue, id, O_RDONLY, place), read;
  if (fd == -1) return 0;
  read = message_read(m, fd);
  close(fd);
  return read && message_owes(m, domain);
}

/* Ids, sorted, and which of them were found in a list. */
typedef struct comparison
{
  int queue;
  char const *domain;
  message *message;
  id_list *list;
  size_t count;
  stralloc found;   /* an octet for each id */
} comparison;

static int list_read(comparison *x, int fd)
{
  char id[ID_LEN + 1];
  flush_reader reader;
  int more;
  flush_reader_init(&reader, fd);
  while ((more = flush_reader_next(&reader, id)) == 1)
  {
    size_t n = id_list_find(x->list, x->count, id);
    if (n < x->count) x->found.s[n] = 1;
  }
  return more == 0;
}

/*
 * Mark the ids that stand in the lists, both read as they are at one moment, so that no id is
 * missed on its way from one to the other.  1, or 0 with errno.
 */
static int lists_read(comparison *x)
{
  int fds[2], ok = 1, i;
  if (!flush_open(x->queue, x->domain, fds)) return 0;
  for (i = 0; i < 2; i++)
    if (fds[i] != -1)
    {
      ok = ok && list_read(x, fds[i]);
      close_keep(fds[i]);
    }
  return ok;
}

/*
 * Mark as well the ids that were not found but whose messages owe nothing by now, or have left
 * cur/.  Returns how many are left.
 */
static size_t missing(comparison *x)
{
  enum queue_place place;
  char id[ID_LEN + 1];
  size_t left = 0, n;
  for (n = 0; n < x->count; n++)
    if (!x->found.s[n])
    {
      memcpy(id, id_list_id(x->list, n), ID_LEN);
      id[ID_LEN] = 0;
      if (unlisted_owes(x->queue, id, x->domain, x->message, &place) && place == QUEUE_CUR) left++;
      else x->found.s[n] = 1;
    }
  return left;
}

static void missing_keep(comparison *x)
{
  size_t from, to = 0;
  for (from = 0; from < x->count; from++)
    if (!x->found.s[from]) memmove(id_list_id(x->list, to++), id_list_id(x->list, from), ID_LEN);
  x->list->ids.len = to * ID_LEN;
}

/*
 * A message comes to cur/ when it stands in a list for each domain that it waits for, and stays in
 * one of the two until it waits for the domain no more.  So if it was in cur/ before its lists were
 * read, and is still there afterwards and waits, then it stood in a list in between.  We look twice
 * all the same before we say that it does not.
 */
int unlisted_keep(id_list *l, int queue, char const *domain, message *m)
{
  comparison x =
    { .queue = queue, .domain = domain, .message = m, .list = l, .found = STRALLOC_ZERO };
  int looks = 2, read = 1;
  id_list_sort(l);
  x.count = id_list_len(l);
  if (!stralloc_ready(&x.found, x.count + 1)) return errno = ENOMEM, 0;
  memset(x.found.s, 0, x.count);
  do read = lists_read(&x);
  while (read && missing(&x) && --looks);
  if (read) missing_keep(&x);
  stralloc_free(&x.found);
  return read;
}
