#ifndef CHECK_LAYOUT_H
#define CHECK_LAYOUT_H

/* The directories of an instance: what sluice-init makes, and queue-check compares with. */

#include <stddef.h>
#include <sys/types.h>

enum layout_owner { LAYOUT_ROOT, LAYOUT_IN, LAYOUT_Q, LAYOUT_OUT, LAYOUT_LOG, LAYOUT_OWNERS };
/* "root", "sluice-in"... */
extern char const *const layout_owner_names[LAYOUT_OWNERS];

/*
 * Who has to do with the instance at all: writers, who may pass through queue/ and add to it;
 * whoever else has the queue is among them.
 */
#define LAYOUT_WRITERS "sluice"
/* Who has the queue: sluice-q, and operators. */
#define LAYOUT_KEEPERS "sluice-q"
enum layout_group { LAYOUT_GROUP_ROOT, LAYOUT_GROUP_WRITERS, LAYOUT_GROUP_KEEPERS, LAYOUT_GROUPS };

/* Modes and owners are those of an instance with users of its own; without, all is its user's. */
typedef struct layout_entry
{
  char const *path;      /* below the instance */
  enum layout_owner owner;
  enum layout_group group;
  mode_t mode;
} layout_entry;
#define LAYOUT_MODE_ALONE(mode) ((mode) & 0700)

/* Each after the one it is in. */
extern layout_entry const layout_directories[];
extern size_t const layout_directories_count;

/*
 * Of an entry of the layout the path below queue/, "." for queue/ itself; NULL for what is
 * somewhere else.
 */
extern char const *layout_below_queue(layout_entry const *entry);

/* The FIFO. */
extern layout_entry const layout_trigger;
/* As qmgr makes it. */
extern layout_entry const layout_deeds;

#endif
