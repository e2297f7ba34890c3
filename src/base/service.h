#ifndef BASE_SERVICE_H
#define BASE_SERVICE_H

/* What programs have in common that a supervisor starts, and keeps running. */

/*
 * Hear of SIGCHLD, SIGHUP, SIGTERM and SIGINT by a descriptor: these are blocked from now on, and
 * read from there (signalfd(2)).  SIGPIPE is ignored.
 * Returns the descriptor, non-blocking, or -1 with errno.
 */
extern int service_signals(void);

/*
 * The descriptor by which the supervisor is told that we are ready; 0: he is not told.
 * Is it open?  1, or 0 with errno: whatever is opened later may get its number.
 */
extern int service_ready_ok(unsigned int fd);

/* Tell him, and close it. */
extern void service_ready(unsigned int fd);

#endif
