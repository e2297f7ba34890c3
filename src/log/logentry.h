#ifndef LOG_LOGENTRY_H
#define LOG_LOGENTRY_H

/* A line of a log, taken apart: time, program, process, text. */

#include <stddef.h>
#include <stdint.h>

/* A longer text is cut. */
#define LOGENTRY_TEXT_MAX 4096
#define LOGENTRY_PROGRAM_MAX 64

typedef struct logentry
{
  uint64_t us;                        /* since 1970 */
  uint64_t pid;                       /* 0: not known */
  char program[LOGENTRY_PROGRAM_MAX]; /* a string; empty: not known */
  size_t len;
  char text[LOGENTRY_TEXT_MAX];       /* it may hold any octets */
} logentry;

/*
 * Take a line apart: a time (logstamp.h), in the journal's forms a host and a program, then
 * "PROGRAM: text" or "PROGRAM[PID]: text"; or an object of "journalctl -o json".
 *   ahead_s  as for logstamp_scan()
 * 1, or 0 when the line has no time.
 */
extern int logentry_scan(logentry *e, char const *line, size_t len, unsigned int ahead_s);

#endif
