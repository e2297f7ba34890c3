#ifndef LOG_LOGSTAMP_H
#define LOG_LOGSTAMP_H

/*
 * The time at the beginning of a line, in the forms that loggers write it:
 *
 *   @40000000691ff3a10c8d2a44        s6-log t, multilog t, svlogd -t: TAI64N, or TAI64
 *   2026-11-21_07:45:53.27815        svlogd -tt: UTC
 *   2026-11-21T07:45:53.28132        svlogd -ttt: UTC
 *   2026-11-21 07:45:53.266166697    s6-log T, and what makes labels readable: local time
 *   2026-11-21T07:45:53.266166+0100  journalctl -o short-iso, short-iso-precise
 *   1763711153.266166                journalctl -o short-unix
 */

#include <stddef.h>
#include <stdint.h>

enum logstamp_kind
{
  LOGSTAMP_NONE,
  LOGSTAMP_LABEL,
  LOGSTAMP_DATE,
  LOGSTAMP_JOURNAL    /* a host and a program follow */
};

/*
 * Read the time that s begins with.
 *   ahead_s  how many seconds labels are ahead of UTC
 *   *us      microseconds since 1970
 *   *taken   octets of it, white space behind it included
 */
extern enum logstamp_kind logstamp_scan(char const *s, size_t len, unsigned int ahead_s,
                                        uint64_t *us, size_t *taken);

#endif
