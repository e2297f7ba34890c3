/* How a next hop is written. */

#include "job/nexthop.h"

#include <string.h>

#include "check.h"

static int is(char const *text, char const *host, int bracketed, unsigned int port)
{
  nexthop hop;
  return nexthop_scan(&hop, text, strlen(text)) == NEXTHOP_OK
    && hop.hostlen == strlen(host) && !memcmp(hop.host, host, hop.hostlen)
    && hop.bracketed == bracketed && hop.port == port;
}

static enum nexthop_result result(char const *text)
{
  nexthop hop;
  return nexthop_scan(&hop, text, strlen(text));
}

int main(void)
{
  uint16_t port;
  CHECK("domain", is("customer.tld", "customer.tld", 0, 0));
  CHECK("domain and port", is("customer.tld:26", "customer.tld", 0, 26));
  CHECK("host", is("[mail.customer.tld]", "mail.customer.tld", 1, 0));
  CHECK("host and port", is("[mail.customer.tld]:2525", "mail.customer.tld", 1, 2525));
  CHECK("IPv6", is("[2001:db8::1]:25", "2001:db8::1", 1, 25));
  CHECK("nothing", is("", "", 0, 0));
  CHECK("no host", is(":25", "", 0, 25) && is("[]", "", 1, 0) && is("[]:25", "", 1, 25));
  CHECK("not closed", result("[") == NEXTHOP_UNCLOSED && result("[a:25") == NEXTHOP_UNCLOSED);
  CHECK("behind the bracket", result("[a]b") == NEXTHOP_BAD_PORT && result("[a]25") == NEXTHOP_BAD_PORT);
  CHECK("no port", result("a:") == NEXTHOP_BAD_PORT && result("[a]:") == NEXTHOP_BAD_PORT);
  CHECK("IPv6 without brackets", result("2001:db8::1") == NEXTHOP_BAD_PORT && result("::1") == NEXTHOP_BAD_PORT);
  CHECK("the last port", is("a:65535", "a", 0, 65535));
  CHECK("ports that are none", result("a:0") == NEXTHOP_BAD_PORT && result("a:65536") == NEXTHOP_BAD_PORT
    && result("a:99999999999999999999") == NEXTHOP_BAD_PORT && result("a:+5") == NEXTHOP_BAD_PORT
    && result("a:5x") == NEXTHOP_BAD_PORT && result("a:-5") == NEXTHOP_BAD_PORT);
  CHECK("a port alone", nexthop_port_scan("25", 2, &port) && port == 25 && !nexthop_port_scan("", 0, &port));
  return CHECK_END();
}
