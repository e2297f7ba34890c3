#ifndef SEND_DEMAND_H
#define SEND_DEMAND_H

/* What a destination demands of TLS. */

#include "send/destination.h"
#include "tls/ask.h"

/*
 * Take what TLS must be worth, in the words of a route.  1; 0 where the word makes no sense, or is
 * about something else.
 */
extern int demand_option_scan(destination *where, char const *word);

/* Where nobody has said which level (TLS_LEVELS): what the rest of it means; else this one. */
extern void demand_complete(destination *where, enum tls_level level);

/* The name that a host is known by; "" where it goes by its address. */
extern char const *demand_host_name(char const *host);

/*
 * The request to tls-io for it.
 *   host  that is connected to, as it was named
 */
extern void demand_ask(tls_request *r, destination const *where, char const *host,
                       unsigned int timeout_s);

#endif
