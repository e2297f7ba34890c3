#include "check/layout.h"

#include <string.h>

char const *const layout_owner_names[LAYOUT_OWNERS] =
{
  [LAYOUT_ROOT] = "root", [LAYOUT_IN] = "sluice-in", [LAYOUT_Q] = "sluice-q",
  [LAYOUT_OUT] = "sluice-out", [LAYOUT_AUTH] = "sluice-auth", [LAYOUT_LOG] = "sluice-log",
  [LAYOUT_TLS] = "sluice-tls"
};

/*
 * The layout of an instance with users of its own.  Its users are in the writers' group, which
 * reads conf/ and passes through queue/.  Nobody else gets past queue/, so below it "others" are
 * the writers, and the group is the keepers.  Writers add to tmp/, new/ and asked/, and write to
 * the FIFO; in these directories only the owner of a file, and of the directory, may touch it
 * (sticky), and each file belongs to the keepers' group (setgid).  In flush/ and claim/ writers
 * may look at a name that they know: ETRN tells how long that list is.  Every user may pass
 * through run/, to run/local.  Without users of its own, all modes are cut to 0700.
 */
#define ADD 03773
#define KEEP 02770
#define MEASURE 02771

layout_entry const layout_directories[] =
{
  { "conf", LAYOUT_ROOT, LAYOUT_GROUP_WRITERS, 02750 },
  { "queue", LAYOUT_Q, LAYOUT_GROUP_WRITERS, 0750 },
  { "queue/tmp", LAYOUT_Q, LAYOUT_GROUP_KEEPERS, ADD },
  { "queue/new", LAYOUT_Q, LAYOUT_GROUP_KEEPERS, ADD },
  { "queue/cur", LAYOUT_Q, LAYOUT_GROUP_KEEPERS, KEEP },
  { "queue/hold", LAYOUT_Q, LAYOUT_GROUP_KEEPERS, KEEP },
  { "queue/notice", LAYOUT_Q, LAYOUT_GROUP_KEEPERS, KEEP },
  { "queue/corrupt", LAYOUT_Q, LAYOUT_GROUP_KEEPERS, KEEP },
  { "queue/flush", LAYOUT_Q, LAYOUT_GROUP_KEEPERS, MEASURE },
  { "queue/claim", LAYOUT_Q, LAYOUT_GROUP_KEEPERS, MEASURE },
  { "queue/asked", LAYOUT_Q, LAYOUT_GROUP_KEEPERS, ADD },
  { "queue/site", LAYOUT_Q, LAYOUT_GROUP_KEEPERS, KEEP },
  { "run", LAYOUT_ROOT, LAYOUT_GROUP_KEEPERS, 02751 },
  { "service", LAYOUT_ROOT, LAYOUT_GROUP_ROOT, 0755 },
};
size_t const layout_directories_count = sizeof layout_directories / sizeof *layout_directories;

layout_entry const layout_trigger = { "queue/trigger", LAYOUT_Q, LAYOUT_GROUP_KEEPERS, 0662 };
layout_entry const layout_deeds = { "queue/deeds", LAYOUT_Q, LAYOUT_GROUP_KEEPERS, 0660 };

char const *layout_below_queue(layout_entry const *entry)
{
  size_t const len = strlen("queue");
  if (strncmp(entry->path, "queue", len)) return 0;
  return entry->path[len] ? entry->path + len + 1 : ".";
}
