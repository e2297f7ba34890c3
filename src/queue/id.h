#ifndef QUEUE_ID_H
#define QUEUE_ID_H

#include <stddef.h>
#include <stdint.h>

/*
 * A message's id: ID_TIME_LEN characters of arrival time in microseconds since 1970, base 32
 * ("0" to "9", "a" to "v": sorts as text the way it sorts as a number), and the rest to tell
 * two messages of one microsecond apart.  Sorting ids sorts by arrival.
 */
#define ID_LEN 14
#define ID_TIME_LEN 11
/* The first characters name the directory below cur/: a slice of 18 minutes. */
#define ID_SLICE_LEN 5

/* Write the id of a moment and a salt (a process id), and a zero octet, into out. */
extern void id_format(char out[ID_LEN + 1], uint64_t time_us, uint32_t salt);

/* Is this an octet that ids are made of? */
extern int id_octet_ok(char c);

/* Is this text an id? */
extern int id_ok(char const *s, size_t len);

/* Arrival, microseconds since 1970, of what id_ok() said yes to. */
extern uint64_t id_time(char const *id);

#endif
