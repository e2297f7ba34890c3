#ifndef COMPAT_PROXY_H
#define COMPAT_PROXY_H

/*
 * Copy octets both ways between descriptors 0, 1 and a socket, until the socket's other end closes.
 * For programs alone.  Returns 1, or 0 with errno: one of them cannot be read or written.
 */
extern int proxy_run(int socket);

#endif
