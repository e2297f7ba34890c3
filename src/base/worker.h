#ifndef BASE_WORKER_H
#define BASE_WORKER_H

/*
 * A worker: a process that serves one connection after the other.  A super-server, sluice-serve(8),
 * accepts them, and hands each over by its descriptor; so a connection costs no process start.
 *
 * The two talk over a socket (SOCK_SEQPACKET), descriptor 0 of a worker that is started.  In
 * packets:
 *
 *   -> (descriptor)   one octet, which means nothing, and a connection
 *   <- N              decimal digits: the worker is idle, ready for the next connection; and by
 *                     what it has read of the settings there may be N connections at a time of all
 *                     clients, 0: it has read nothing of that
 *
 * Whoever's end is closed lets the other go: a worker ends when it is idle.
 */

/* The longest packet, in octets. */
#define WORKER_WORD_MAX 16


typedef struct worker
{
  int server;
  int stop;
} worker;

/*
 * Descriptor 0 is the socket to the super-server; another one is, from now on.
 *   stop  readable when we are told to stop
 * Returns 1, or 0 with errno: ENOTSOCK or EPROTOTYPE where descriptor 0 is no such socket.
 */
extern int worker_begin(worker *w, int stop);

/*
 * Close the connection, descriptor 0, and wait for the next one, which is descriptor 0 then.
 *   most  connections at a time, as the settings have it; 0: not known
 * Returns 1; 0: there will be no more; -1 with errno.
 */
extern int worker_next(worker const *w, unsigned int most);

/*
 * Overwrite the octets of the stack that functions called from here have used, WORKER_STACK of them
 * at the most: nothing of one connection is left there for the next.  What they gave back to the
 * heap is overwritten already, see wiped.c.
 */
#define WORKER_STACK 32768
extern void worker_wipe_stack(void);

#endif
