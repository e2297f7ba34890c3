#ifndef SEND_ENGINE_H
#define SEND_ENGINE_H

/*
 * Connections to tls-io from the command line, where no qmgr makes them: a child that was forked before this process
 * gave up running programs (send/confine.h) runs a "tls-io -c" for each.
 */

/* Fork it.  A descriptor to ask it by, or -1 with errno. */
extern int engine_start(void);

/* A connection to a tls-io, non-blocking, or -1. */
extern int engine_connect(int engine);

#endif
