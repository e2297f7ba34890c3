#include "conf/address.h"

#include <arpa/inet.h>
#include <string.h>

#include <skalibs/types.h>

#include "conf/error.h"

#define MAPPED_BITS 96
static unsigned char const mapped_prefix[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

static int address_mapped(conf_address const *address)
{
  return !memcmp(address->octets, mapped_prefix, sizeof mapped_prefix);
}

int conf_address_scan(char const *s, conf_address *address)
{
  memcpy(address->octets, mapped_prefix, sizeof mapped_prefix);
  return inet_pton(AF_INET, s, address->octets + sizeof mapped_prefix) == 1
    || inet_pton(AF_INET6, s, address->octets) == 1;
}

int conf_network_has(conf_network const *net, conf_address const *address)
{
  unsigned int octets = net->bits / 8, rest = net->bits % 8;
  unsigned int differ;
  /* ::/0 is all of IPv6, without IPv4 */
  if (address_mapped(&net->address) != address_mapped(address)) return 0;
  if (memcmp(net->address.octets, address->octets, octets)) return 0;
  if (!rest) return 1;
  differ = (unsigned int)net->address.octets[octets] ^ address->octets[octets];
  return !(differ >> (8 - rest));
}

/* Is everything behind the prefix zero? */
static int network_ok(conf_network const *net)
{
  unsigned int bit = net->bits;
  for (; bit < 128; bit++)
    if (net->address.octets[bit / 8] >> (7 - bit % 8) & 1) return 0;
  return 1;
}

int conf_network_scan(conf_network *net, char const *s, size_t len)
{
  char text[INET6_ADDRSTRLEN + 5];
  char *slash;
  unsigned int most;
  if (len >= sizeof text) return conf_fail("not an address", s, len);
  memcpy(text, s, len);
  text[len] = 0;
  slash = strchr(text, '/');
  if (slash) *slash = 0;
  if (!conf_address_scan(text, &net->address)) return conf_fail("not an address", s, len);
  most = strchr(text, ':') ? 128 : 32;
  net->bits = most;
  if (slash && !uint0_scan(slash + 1, &net->bits))
    return conf_fail("prefix length is not a number", s, len);
  if (net->bits > most) return conf_fail("prefix length too large", s, len);
  net->bits += 128 - most;
  return network_ok(net) ? 1 : conf_fail("address has bits behind its prefix", s, len);
}

int conf_address_loopback(conf_address const *address)
{
  static unsigned char const loopback6[16] = { [15] = 1 };
  return !memcmp(address->octets, loopback6, 16)
    || (address_mapped(address) && address->octets[12] == 127);
}

int conf_check_client(char const *s, size_t len)
{
  conf_network net;
  return conf_network_scan(&net, s, len);
}
