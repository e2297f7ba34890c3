#ifndef CHECK_LAYOUT_H
#define CHECK_LAYOUT_H

/* The directories of an instance: sluice-init makes them, queue-check compares with them. */

#include <stddef.h>
#include <sys/types.h>

enum layout_owner
{
  LAYOUT_ROOT, LAYOUT_IN, LAYOUT_Q, LAYOUT_OUT, LAYOUT_AUTH, LAYOUT_LOG, LAYOUT_TLS, LAYOUT_OWNERS
};
/* "root", "sluice-in"... */
extern char const *const layout_owner_names[LAYOUT_OWNERS];

/*
 * The group of writers: users who may pass through queue/ and add to it.  Keepers are members too.
 * Users outside it have nothing to do with the instance.
 */
#define LAYOUT_WRITERS "sluice"
/* The group of keepers, who have the queue: sluice-q, and operators. */
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

/* Every directory stands after the one it is in. */
extern layout_entry const layout_directories[];
extern size_t const layout_directories_count;

/* The path of an entry below queue/; "." for queue/ itself, NULL for an entry elsewhere. */
extern char const *layout_below_queue(layout_entry const *entry);

/* The FIFO that writers hint qmgr by. */
extern layout_entry const layout_trigger;
/* The FIFO of what operators did, as qmgr makes it. */
extern layout_entry const layout_deeds;

#endif
