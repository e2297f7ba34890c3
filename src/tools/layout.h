#ifndef TOOLS_LAYOUT_H
#define TOOLS_LAYOUT_H

/* The directories of an instance: what sluice-init makes, and queue-check compares with. */

#include <stddef.h>
#include <sys/types.h>

enum layout_owner { LAYOUT_ROOT, LAYOUT_IN, LAYOUT_Q, LAYOUT_OUT, LAYOUT_LOG, LAYOUT_OWNERS };
/* "root", "sluice-in"... */
extern char const *const layout_owner_names[LAYOUT_OWNERS];
#define LAYOUT_GROUP "sluice"

/* Modes and owners are those of an instance with users of its own; without, all is its user's. */
typedef struct layout_entry
{
  char const *path;      /* below the instance */
  enum layout_owner owner;
  mode_t mode;
} layout_entry;
#define LAYOUT_MODE_ALONE(mode) ((mode) & 0700)

/* Each after the one it is in. */
extern layout_entry const layout_directories[];
extern size_t const layout_directories_count;

/* The FIFO. */
extern layout_entry const layout_trigger;

#endif
