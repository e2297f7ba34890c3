#ifndef SEND_TIMED_H
#define SEND_TIMED_H

/* Reading and writing a non-blocking socket until a moment (wallclock_steady_ms()): all of it or nothing. */

#include <stddef.h>
#include <stdint.h>

/* Wait until the socket is ready for events of poll(2).  1; 0: the time is over, or poll(2) failed. */
extern int timed_wait(int fd, short events, int64_t deadline_ms);

/* A connect(2) that was begun: wait for it.  1, or 0 with errno. */
extern int timed_connected(int fd, int64_t deadline_ms);

/* 1, or 0 also where the other end is gone. */
extern int timed_write(int fd, void const *s, size_t len, int64_t deadline_ms);

/*
 * The same.  Each read is waited for: a server that sends an octet at a time gets no more time than
 * another.
 */
extern int timed_read(int fd, void *s, size_t len, int64_t deadline_ms);

#endif
