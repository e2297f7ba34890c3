#ifndef COMPAT_PASS_H
#define COMPAT_PASS_H

/*
 * Pass octets on between descriptors 0, 1 and a socket, until its other end closes.  For programs alone.
 * Returns 1, or 0 with errno: one of them cannot be read or written.
 */
extern int pass(int socket);

#endif
