#ifndef TLS_CONFINE_H
#define TLS_CONFINE_H

/*
 * Who may look into this process: nobody, for it holds a key.  No debugger, no core file, nothing
 * in /proc but for root.
 */
extern void confine_secret(void);

/*
 * What a process that talks to a stranger can no longer do, whatever code runs in its place: open
 * a file, make a connection, run a program, signal a process.  It reads and writes what it has,
 * and takes descriptors that others hand to it.
 * 1, or 0 with errno: EINVAL or ENOSYS where the kernel has no such filters, or where the numbers
 * of this machine's calls are not known here.
 */
extern int confine(void);

#endif
