#ifndef LOG_LOGSOURCE_H
#define LOG_LOGSOURCE_H

/* A log that is read line by line, in bounded memory. */

#include <stddef.h>
#include <stdint.h>

#include "log/logentry.h"

/* A longer line is cut. */
#define LOGSOURCE_LINE_MAX 32768

/*
 * How many seconds labels are ahead of UTC: those of s6-log, which knows leap seconds, and those
 * of multilog and svlogd, which do not.
 */
#define LOGSOURCE_AHEAD_LEAPS 37
#define LOGSOURCE_AHEAD_NONE 10

typedef struct logsource
{
  int fd;
  char const *path;       /* of the file or its directory, for complaints */
  unsigned int ahead_s;
  int ended;              /* the end of the file was read */
  int cut;                /* the rest of this line is to be passed over */
  size_t begin, end;      /* the part of text that is not used yet */
  uint64_t lost;          /* lines without a time */
  logentry entry;         /* the entry read last */
  char text[LOGSOURCE_LINE_MAX];
} logsource;

/*
 * Begin to read.
 *   ahead_s  how many seconds labels are ahead of UTC.  0: guess from a file's last line, which
 *           was written when the file was last modified; where the two do not fit, and in a
 *           pipe, LOGSOURCE_AHEAD_LEAPS.
 */
extern void logsource_init(logsource *l, int fd, char const *path, unsigned int ahead_s);

/* Is a whole line there without waiting? */
extern int logsource_ready(logsource const *l);

/* Read the next line that has a time into l->entry.  1; 0 at the end; -1 with errno. */
extern int logsource_next(logsource *l);

#endif
