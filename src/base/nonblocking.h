#ifndef BASE_NONBLOCKING_H
#define BASE_NONBLOCKING_H

/* Calls on the descriptor do not wait from now on: EAGAIN.  1, or 0 with errno. */
extern int nonblocking_set(int fd);

#endif
