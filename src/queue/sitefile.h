#ifndef QUEUE_SITEFILE_H
#define QUEUE_SITEFILE_H

/*
 * queue/site/SITE: the state of a site, one line, which qmgr writes when the state changes:
 *
 *   down since=1763711153 failures=3 next=1763711333 4.4.1 connect to ...: Connection refused
 *   STATE since=SECONDS failures=NUMBER next=SECONDS [WHY]
 *
 * STATE is up, down or parked; seconds are since 1970, 0 where there is no such moment.  WHY is the
 * error of a site that is down, and the host that answered of one that is up.
 */

#include <stdint.h>
#include <skalibs/stralloc.h>

/* The most octets of a line; qmgr writes no longer one. */
#define SITEFILE_MAX 4096

enum sitefile_state
{
  SITEFILE_UNKNOWN, SITEFILE_UP, SITEFILE_DOWN, SITEFILE_PARKED, SITEFILE_STATES
};

typedef struct sitefile
{
  enum sitefile_state state;
  uint64_t since_s;
  uint64_t failures;
  uint64_t next_s;
  char const *why;          /* a string in line, cleaned for a terminal; "" without WHY */
  char line[SITEFILE_MAX];
} sitefile;

/* "unknown", "up", "down", "parked". */
extern char const *sitefile_state_name(enum sitefile_state state);

/*
 * Format the line of a site file, with its LF and without a zero octet behind it.  1, or 0
 * without memory.
 */
extern int sitefile_format(stralloc *line, sitefile const *file);

/*
 * Read a site's file.
 * Returns 1, or 0 with errno, the state unknown and all else empty: ENOENT when there is no file,
 * EINVAL when it cannot be parsed or the name is no site's, else as open(2) or read(2).
 */
extern int sitefile_read(int queue, char const *site, sitefile *file);

/*
 * Call fn for every site that has a file; other names are passed over.  fn returns 1 to go on,
 * 0 to stop.  Returns 1, 0 when stopped, -1 with errno.
 */
extern int sitefile_each(int queue, int (*fn)(char const *site, void *data), void *data);

/* The most octets of a site's name, which is a file name. */
#define SITEFILE_NAME_MAX 255
/* Is this the name of a site file? */
extern int sitefile_name_ok(char const *name);

#endif
