#include "send/destination.h"

#include <string.h>

#include "smtp/reply.h"

#include "check.h"
#include "base/log.h"

char const *PROG = "send-destination";

#define PRINT "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static destination s;

static int scans(char const *line)
{
  destination_init(&s);
  return destination_scan(&s, line, strlen(line));
}

/* Host, port and whether its MX are asked for. */
static int destination_is(char const *line, char const *host, unsigned int port, int exchangers)
{
  return scans(line) && !strcmp(s.host, host) && s.port == port && s.exchangers == exchangers;
}

static int address_is(char const *text, char const *address, unsigned int port)
{
  destination_address a;
  char out[DESTINATION_ADDRESS_MAX];
  return destination_address_scan(&a, text, strlen(text))
    && !strcmp(destination_address_format(out, &a), address) && destination_address_port(&a) == port;
}

static int address_wrong(char const *text)
{
  destination_address a;
  return !destination_address_scan(&a, text, strlen(text));
}

static int listens_at(size_t i, char const *address, unsigned int port)
{
  char out[DESTINATION_ADDRESS_MAX];
  return !strcmp(destination_address_format(out, &s.listen[i]), address)
    && destination_address_port(&s.listen[i]) == port;
}

#define TWO "[::1]:25,[::1]:25"
#define EIGHT TWO "," TWO "," TWO "," TWO

int main(void)
{
  CHECK("domain", destination_is("customer.tld", "customer.tld", 25, 1));
  CHECK("domain folded", destination_is("Customer.TLD.:26", "customer.tld", 26, 1));
  CHECK("host", destination_is("[mail.customer.tld]", "mail.customer.tld", 25, 0));
  CHECK("host and port", destination_is("[mail.customer.tld]:2525", "mail.customer.tld", 2525, 0));
  CHECK("IPv4", destination_is("[192.0.2.1]:25", "192.0.2.1", 25, 0));
  CHECK("IPv6", destination_is("[2001:DB8::1]:25", "2001:db8::1", 25, 0));
  CHECK("IPv6 literal", destination_is("[IPv6:2001:db8::1]", "2001:db8::1", 25, 0));
  CHECK("IPv4 mapped into IPv6", destination_is("[::ffff:192.0.2.1]:25", "192.0.2.1", 25, 0));
  CHECK("no host", !scans("[]:25") && !scans(":25") && !scans(""));
  CHECK("not closed", !scans("[192.0.2.1:25"));
  CHECK("after the bracket", !scans("[192.0.2.1]x") && !scans("[192.0.2.1]:") && !scans("[192.0.2.1]:x"));
  CHECK("port 0 and beyond", !scans("a.tld:0") && !scans("a.tld:65536") && scans("a.tld:65535"));
  CHECK("an address has no MX", !scans("192.0.2.1"));
  CHECK("not a domain", !scans("a..b") && !scans("[-a]"));
  CHECK("turned round", scans("- turned=unknown[192.0.2.7]:1234 me=a.tld")
        && !strcmp(s.turned, "unknown[192.0.2.7]:1234"));
  CHECK("of IPv6", scans("- turned=unknown[2001:db8::7]:1234"));
  CHECK("no next hop, and not that", !scans("-") && !scans("- me=a.tld") && !scans("- turned="));
  CHECK("both", !scans("a.tld turned=unknown[192.0.2.7]:1234"));
  CHECK("turned round by nobody", !scans("- turned=unknown") && !scans("- turned=[192.0.2.7]:1")
        && !scans("- turned=unknown[192.0.2.7]") && !scans("- turned=unknown[192.0.2.7]:0")
        && !scans("- turned=unknown[192.0.2.7]x:1"));

  CHECK("me", scans("a.tld me=relay.example tls=may") && !strcmp(s.me, "relay.example"));
  CHECK("nothing set", scans("a.tld listen= nameserver=") && !s.listens && !s.nameserver.size);
  CHECK("where we listen", scans("a.tld listen=192.0.2.1:25") && s.listens == 1 && listens_at(0, "192.0.2.1", 25));
  CHECK("at several addresses", scans("a.tld listen=192.0.2.1:25,[::]:587,127.0.0.1:25 tls=may") && s.listens == 3
        && listens_at(0, "192.0.2.1", 25) && listens_at(1, "::", 587) && listens_at(2, "127.0.0.1", 25));
  CHECK("at 16", scans("a.tld listen=" EIGHT "," EIGHT) && s.listens == 16 && listens_at(15, "::1", 25));
  CHECK("at 17", !scans("a.tld listen=" EIGHT "," EIGHT ",[::1]:25"));
  CHECK("at what is no address", !scans("a.tld listen=,") && !scans("a.tld listen=[::1]:25,") && !scans("a.tld listen=,[::1]:25")
        && !scans("a.tld listen=[::1]:25,x:25") && !scans("a.tld listen=[::1]:25,,[::1]:26"));
  CHECK("nameserver", scans("a.tld nameserver=[::1]:53") && destination_address_port(&s.nameserver) == 53);
  CHECK("not an address", !scans("a.tld nameserver=x:53"));
  CHECK("timeouts", scans("a.tld timeouts=1,2,3,4,5,6,7,8,9") && s.timeout_s[0] == 1 && s.timeout_s[8] == 9);
  CHECK("one timeout for all", scans("a.tld timeouts=7") && s.timeout_s[0] == 7 && s.timeout_s[8] == 7);
  CHECK("default timeouts", scans("a.tld") && s.timeout_s[SMTP_TIMEOUT_DATADONE] == 600);
  CHECK("timeouts that make no sense", !scans("a.tld timeouts=0") && !scans("a.tld timeouts=1,,2") && !scans("a.tld timeouts=x"));
  CHECK("time to find the host", scans("a.tld timeouts=7 lookup=5") && s.lookup_s == 5 && scans("a.tld timeouts=7") && s.lookup_s == 30);
  CHECK("time to reach it", scans("a.tld reach=5") && s.reach_s == 5 && scans("a.tld timeouts=7") && s.reach_s == 120);
  CHECK("no time to reach it", !scans("a.tld reach=0") && !scans("a.tld reach=x"));
  CHECK("no time to find the host", !scans("a.tld lookup=0") && !scans("a.tld lookup=1,2") && !scans("a.tld lookup=1000001"));
  CHECK("without extensions", scans("a.tld without=PIPELINING,chunking") && s.without == (SMTP_EXT_PIPELINING | SMTP_EXT_CHUNKING));
  CHECK("nothing to go without", scans("a.tld") && !s.without);
  CHECK("without what is none", !scans("a.tld without=PIPELINING,TELEPATHY"));

  CHECK("no TLS unless said", scans("a.tld") && s.tls == TLS_NONE && !s.tlswrap && !*s.tlsname && !*s.tlsprint);
  CHECK("TLS", scans("a.tld tls=verify tlsname=.a.tld tlswrap me=b.tld") && s.tls == TLS_VERIFY && s.tlswrap
        && !strcmp(s.tlsname, ".a.tld") && !strcmp(s.me, "b.tld"));
  CHECK("as the DNS says", scans("a.tld tls=dane") && s.tls == TLS_DANE && scans("a.tld tls=dane-only")
        && s.tls == TLS_DANE_ONLY);
  CHECK("policies", scans("a.tld") && !*s.policy_map && scans("a.tld tlspolicy=postfix policyat=[::1]:8461")
        && !strcmp(s.policy_map, "postfix") && !strcmp(s.policy_at, "[::1]:8461"));
  CHECK("fingerprints", scans("a.tld tls=fingerprint tlsprint=" PRINT "," PRINT) && s.tls == TLS_FINGERPRINT
        && !strcmp(s.tlsprint, PRINT "," PRINT));
  CHECK("TLS that makes no sense", !scans("a.tld tls=danes") && !scans("a.tld tls=much") && !scans("a.tld tlsname=a..b")
        && !scans("a.tld tlsname=.") && !scans("a.tld tlsprint=01"));

  CHECK("AUTH", scans("a.tld tls=encrypt auth=a-b_c.1") && !strcmp(s.auth, "a-b_c.1") && !*s.account.user);
  CHECK("no AUTH unless said", scans("a.tld tls=encrypt") && !*s.auth);
  CHECK("no AUTH in clear text", !scans("a.tld auth=x") && !scans("a.tld auth=x tls=may") && scans("a.tld auth=x tls=verify"));
  CHECK("no AUTH where there is no TLS", !scans("- turned=unknown[192.0.2.7]:1234 tls=encrypt auth=x"));
  CHECK("as long as a name is", !scans("a.tld tls=encrypt auth=" PRINT "x") && scans("a.tld tls=encrypt auth=" PRINT));

  CHECK("address IPv4", address_is("192.0.2.1:25", "192.0.2.1", 25));
  CHECK("address IPv6", address_is("[::1]:25", "::1", 25));
  CHECK("address IPv6 bare", address_is("2001:db8::1:25", "2001:db8::1", 25));
  CHECK("address IPv4 mapped into IPv6", address_is("[::FFFF:c000:201]:25", "192.0.2.1", 25));
  CHECK("addresses that are none", address_wrong("192.0.2.1") && address_wrong("192.0.2.256:25") && address_wrong(":25"));
  return CHECK_END();
}
