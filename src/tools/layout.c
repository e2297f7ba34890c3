#include "tools/layout.h"

char const *const layout_owner_names[LAYOUT_OWNERS] =
{
  [LAYOUT_ROOT] = "root", [LAYOUT_IN] = "sluice-in", [LAYOUT_Q] = "sluice-q",
  [LAYOUT_OUT] = "sluice-out", [LAYOUT_LOG] = "sluice-log"
};

/*
 * With users of its own an instance's configuration and sockets are for the group, and so
 * that it stays that way its directories hand the group down.  Who may put messages into tmp/
 * and new/ may still not list them.  Everybody may pass through run/, to run/local.  Without,
 * all is 0700.
 */
layout_entry const layout_directories[] =
{
  { "conf", LAYOUT_ROOT, 02750 },
  { "queue", LAYOUT_Q, 02750 },
  { "queue/tmp", LAYOUT_Q, 02730 },
  { "queue/new", LAYOUT_Q, 02730 },
  { "queue/cur", LAYOUT_Q, 02770 },
  { "queue/hold", LAYOUT_Q, 02770 },
  { "queue/notice", LAYOUT_Q, 02770 },
  { "queue/corrupt", LAYOUT_Q, 02770 },
  { "queue/flush", LAYOUT_Q, 02770 },
  { "queue/claim", LAYOUT_Q, 02770 },
  { "queue/asked", LAYOUT_Q, 02770 },
  { "queue/site", LAYOUT_Q, 02770 },
  { "run", LAYOUT_ROOT, 02751 },
  { "service", LAYOUT_ROOT, 0755 },
};
size_t const layout_directories_count = sizeof layout_directories / sizeof *layout_directories;

layout_entry const layout_trigger = { "queue/trigger", LAYOUT_Q, 0660 };
