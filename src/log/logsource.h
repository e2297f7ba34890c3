#ifndef LOG_LOGSOURCE_H
#define LOG_LOGSOURCE_H

/* A log that is read line by line, in bounded memory. */

#include <stddef.h>
#include <stdint.h>

#include "log/logentry.h"

/* A longer line is cut. */
#define LOGSOURCE_LINE_MAX 32768

/*
 * What labels are ahead of UTC: by s6-log, which knows leap seconds; by multilog and svlogd,
 * which do not.
 */
#define LOGSOURCE_AHEAD_LEAPS 37
#define LOGSOURCE_AHEAD_NONE 10

typedef struct logsource
{
  int fd;
  char const *path;       /* for complaints: of the file, or of its directory */
  unsigned int ahead_s;
  int ended;              /* at the end of the file */
  int cut;                /* the rest of this line is passed over */
  size_t begin, end;      /* what of text is not used yet */
  uint64_t lost;          /* lines without a time */
  logentry entry;         /* the line in hand */
  char text[LOGSOURCE_LINE_MAX];
} logsource;

/*
 * Begin to read.
 *   ahead_s  what labels are ahead of UTC; 0: to be found out.  A file's last line was written when
 *            the file was last modified; where that cannot be so, and in a pipe, LOGSOURCE_AHEAD_LEAPS
 */
extern void logsource_init(logsource *l, int fd, char const *path, unsigned int ahead_s);

/* Is a whole line there already, without waiting for one? */
extern int logsource_ready(logsource const *l);

/* The next line that has a time, into entry.  1; 0 at the end; -1 with errno. */
extern int logsource_next(logsource *l);

#endif
