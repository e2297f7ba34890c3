#ifndef SEND_ENGINE_H
#define SEND_ENGINE_H

/*
 * Connections to tls-io from the command line, where no qmgr makes them: a "tls-io -c" is run for each.  Who gives up
 * running programs (send/confine.h) forks a child before, which does it.
 */

/*
 * A connection to a tls-io that is run for it alone, non-blocking, or -1.
 *   certificate  the file of its option -k; NULL: none
 */
extern int engine_run(char *certificate);

/* Fork a child that runs one whenever it is asked.  A descriptor to ask it by, or -1 with errno. */
extern int engine_start(void);

/* A connection to a tls-io, non-blocking, or -1. */
extern int engine_connect(int engine);

#endif
