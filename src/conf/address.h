#ifndef CONF_ADDRESS_H
#define CONF_ADDRESS_H

/* Addresses of clients, and networks of them. */

#include <stddef.h>

#include "conf/conf.h"

typedef struct conf_network
{
  conf_address address;
  unsigned int bits;     /* of the 128 of the address */
} conf_network;

/* ADDRESS or ADDRESS/BITS.  1, or 0 with conf_fail(). */
extern int conf_network_scan(conf_network *net, char const *s, size_t len);
extern int conf_network_has(conf_network const *net, conf_address const *address);

extern int conf_address_loopback(conf_address const *address);

/* The check of a line of clients, for the table. */
extern int conf_check_client(char const *s, size_t len);

#endif
