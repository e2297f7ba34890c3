#ifndef SERVE_LISTENER_H
#define SERVE_LISTENER_H

/* The sockets that connections come from. */

/* So many, at the most. */
#define LISTENERS_MAX 64

typedef struct listeners
{
  unsigned int count;
  int fd[LISTENERS_MAX];
} listeners;

/*
 * Open one at "ADDRESS:PORT", as conf/listen has it: an IPv4 address, an IPv6 address in brackets;
 * [::] is every address of both kinds.
 * Returns 1, or 0 with errno: EINVAL for what is no such thing, EMFILE for one too many, and what
 * socket(2), bind(2) and listen(2) say.
 */
extern int listeners_open(listeners *l, char const *endpoint, unsigned int backlog);

/*
 * Take those that somebody else has opened: descriptor 3 and so on, LISTEN_FDS of them, where
 * $LISTEN_PID is this process (sd_listen_fds(3)); else descriptor 0.
 * Returns 1, or 0 with errno: ENOTSOCK and EINVAL where that does not listen.
 */
extern int listeners_inherit(listeners *l);

#endif
