#ifndef SCHED_ID_H
#define SCHED_ID_H

/* Octets of a message's id at the most, with the zero octet at its end. */
#define SCHED_ID_MAX 32

#endif
