#include "send/host.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/wallclock.h"
#include "send/dns.h"
#include "send/dnstcp.h"

#define PORT_DNS 53
/* The most MX to use; RFC 5321 asks for two, and more help no site. */
#define EXCHANGERS_MAX 20
/* The most addresses of one family to use for one name. */
#define NAME_ADDRESSES_MAX 8
/* The most addresses of one name to try while there are other names. */
#define NAME_SHARE 3

typedef struct exchanger
{
  unsigned int preference;
  unsigned int lot; /* decides among equal preferences */
  char name[SMTP_DOMAIN_MAX + 1];
} exchanger;

typedef struct exchanger_list
{
  size_t count;
  int null;  /* a null MX was among them (RFC 7505) */
  int odd;   /* one was left out, since its name or record cannot be used */
  exchanger exchanger[EXCHANGERS_MAX];
} exchanger_list;

typedef struct finder
{
  dns dns;
  destination const *where;
  policy const *sts;           /* what the site's MTA-STS demands */
  struct ifaddrs *interfaces;
  host_list *list;
  int unfit;               /* an address was left out that mail does not go to */
  int doubt;               /* a look-up ended without an answer: what is missing may be there */
  int barred;              /* a host was left out for its TLS: see the list's text */
  enum dns_answer last;    /* how the last look-up of IPv4 addresses ended */
  int vouched;             /* the names of the hosts are the operator's or signed */
  int secure;              /* the addresses of the present name are signed; and who has them: */
  char owner[NS_MAXDNAME];
  exchanger_list exchangers;
} finder;

static enum dns_answer records_find(finder *f, char const *name, ns_type type, dns_record_fn *fn,
                                    void *data)
{
  enum dns_answer found = dns_find(&f->dns, name, type, fn, data);
  if (found == DNS_LATER) f->doubt = 1;
  return found;
}

/* --- where an address leads --------------------------------------------------------- */

enum leads
{
  LEADS_AWAY,
  LEADS_HERE,     /* the loopback, or no address: to this very host */
  LEADS_NOWHERE   /* to no host of the DNS: an address of one link, of many hosts, reserved */
};

/* RFC 6890 has them all; private ones (RFC 1918) are in use behind sites' own name servers. */
static enum leads leads4(uint32_t address)
{
  if (address == INADDR_ANY || address >> 24 == IN_LOOPBACKNET) return LEADS_HERE;
  if (address >> 24 == 0 || address >> 16 == 0xA9FE || address >> 28 >= 0xE) return LEADS_NOWHERE;
  return LEADS_AWAY;
}

/*
 * The IPv4 address that a translator or a tunnel makes of an IPv6 address: NAT64 (RFC 6052, RFC
 * 8215), 6to4 (RFC 3056), SIIT (RFC 2765), IPv4-compatible (RFC 4291 section 2.5.5.1).  1 or 0.
 */
static int embedded(struct in6_addr const *six, uint32_t *four)
{
  static struct { unsigned char prefix[12]; size_t len, at; } const forms[] =
  {
    { { 0, 0x64, 0xff, 0x9b }, 12, 12 },
    { { 0, 0x64, 0xff, 0x9b, 0, 1 }, 6, 12 },
    { { 0x20, 0x02 }, 2, 2 },
    { { 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0 }, 12, 12 },
    { { 0 }, 12, 12 },
  };
  size_t i = 0;
  while (i < sizeof forms / sizeof *forms && memcmp(six->s6_addr, forms[i].prefix, forms[i].len))
    i++;
  if (i == sizeof forms / sizeof *forms) return 0;
  memcpy(four, six->s6_addr + forms[i].at, sizeof *four);
  *four = ntohl(*four);
  return 1;
}

static enum leads leads6(struct in6_addr const *six)
{
  uint32_t four;
  if (IN6_IS_ADDR_UNSPECIFIED(six) || IN6_IS_ADDR_LOOPBACK(six)) return LEADS_HERE;
  if (IN6_IS_ADDR_LINKLOCAL(six) || IN6_IS_ADDR_SITELOCAL(six) || IN6_IS_ADDR_MULTICAST(six))
    return LEADS_NOWHERE;
  return embedded(six, &four) ? leads4(four) : LEADS_AWAY;
}

static enum leads address_leads(destination_address const *address)
{
  return address->socket.ss_family == AF_INET
    ? leads4(ntohl(((struct sockaddr_in const *)&address->socket)->sin_addr.s_addr))
    : leads6(&((struct sockaddr_in6 const *)&address->socket)->sin6_addr);
}

/* --- ourselves ---------------------------------------------------------------------- */

static int wildcard_is(struct sockaddr_storage const *a)
{
  static struct in6_addr const any = IN6ADDR_ANY_INIT;
  return a->ss_family == AF_INET
    ? ((struct sockaddr_in const *)a)->sin_addr.s_addr == htonl(INADDR_ANY)
    : !memcmp(&((struct sockaddr_in6 const *)a)->sin6_addr, &any, sizeof any);
}

static int address_same(struct sockaddr const *a, struct sockaddr const *b)
{
  if (a->sa_family != b->sa_family) return 0;
  if (a->sa_family == AF_INET)
    return ((struct sockaddr_in const *)a)->sin_addr.s_addr
      == ((struct sockaddr_in const *)b)->sin_addr.s_addr;
  return !memcmp(&((struct sockaddr_in6 const *)a)->sin6_addr,
                 &((struct sockaddr_in6 const *)b)->sin6_addr, sizeof(struct in6_addr));
}

/*
 * Is this an address of this host?  The wildcard listens on every interface, and on all of
 * 127.0.0.0/8.
 */
static int interface_is(finder *f, struct sockaddr const *address)
{
  struct ifaddrs *i;
  if (address->sa_family == AF_INET
   && ntohl(((struct sockaddr_in const *)address)->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET)
    return 1;
  if (!f->interfaces && getifaddrs(&f->interfaces) == -1) return 0;
  for (i = f->interfaces; i; i = i->ifa_next)
    if (i->ifa_addr && address_same(i->ifa_addr, address)) return 1;
  return 0;
}

static int port_same(destination_address const *a, destination_address const *b)
{
  return destination_address_port(a) == destination_address_port(b);
}

static int our_port(finder const *f, destination_address const *address)
{
  size_t i = 0;
  while (i < f->where->listens && !port_same(&f->where->listen[i], address)) i++;
  return i < f->where->listens;
}

/* Does a connection to the address come to our server, which listens there? */
static int comes_to(finder *f, destination_address const *address,
                    destination_address const *listen)
{
  struct sockaddr const *asked = (struct sockaddr const *)&address->socket;
  if (!port_same(listen, address)) return 0;
  if (wildcard_is(&address->socket)) return 1; /* a connection there comes to this very host */
  if (wildcard_is(&listen->socket)) return interface_is(f, asked);
  return address_same(asked, (struct sockaddr const *)&listen->socket);
}

static int ourselves_is(finder *f, destination_address const *address)
{
  size_t i = 0;
  while (i < f->where->listens && !comes_to(f, address, &f->where->listen[i])) i++;
  return i < f->where->listens;
}

/* --- addresses of a name ------------------------------------------------------------ */

typedef struct address_set
{
  finder *finder;
  int ourselves;   /* one of the addresses is ourselves */
  size_t count;
  destination_address address[NAME_ADDRESSES_MAX];
} address_set;

static void address_set_init(address_set *set, finder *f)
{
  set->finder = f;
  set->ourselves = 0;
  set->count = 0;
}

static void address_set_add(address_set *set, destination_address const *address)
{
  if (ourselves_is(set->finder, address)) set->ourselves = 1;
  else if (set->count < NAME_ADDRESSES_MAX) set->address[set->count++] = *address;
}

/* Add an IP address in text.  0: the text is none. */
static int address_set_literal(address_set *set, char const *text)
{
  destination_address address;
  if (!destination_address_make(&address, text, set->finder->where->port)) return 0;
  address_set_add(set, &address);
  return 1;
}

/* Is the address behind a translator or a tunnel ours?  What is sent there comes back. */
static int ourselves_behind(finder *f, destination_address const *address)
{
  destination_address behind = { .size = sizeof(struct sockaddr_in) };
  struct sockaddr_in *four = (struct sockaddr_in *)&behind.socket;
  uint32_t octets;
  if (address->socket.ss_family != AF_INET6) return 0;
  if (!embedded(&((struct sockaddr_in6 const *)&address->socket)->sin6_addr, &octets)) return 0;
  four->sin_family = AF_INET;
  four->sin_port = htons(destination_address_port(address));
  four->sin_addr.s_addr = htonl(octets);
  return ourselves_is(f, &behind);
}

/*
 * Is this in 127.0.0.0/8, but not 127.0.0.1, where services listen that are meant for this host
 * alone?
 */
static int spare_loopback(destination_address const *address)
{
  uint32_t octets;
  if (address->socket.ss_family != AF_INET) return 0;
  octets = ntohl(((struct sockaddr_in const *)&address->socket)->sin_addr.s_addr);
  return octets >> 24 == IN_LOOPBACKNET && octets != INADDR_LOOPBACK;
}

/* Is the name server on this host, at a port other than 53?  A lab's is. */
static int lab(destination_address const *nameserver)
{
  return nameserver->size && address_leads(nameserver) == LEADS_HERE
    && destination_address_port(nameserver) != PORT_DNS;
}

static int loopback_taken(destination const *where, destination_address const *address)
{
  if (where->loopbackdns != -1) return where->loopbackdns;
  return lab(&where->nameserver) && spare_loopback(address);
}

/*
 * Add an address from the DNS, which anybody may have put there.  One that leads to this very host
 * is ourselves at our own port; at any other port it is a server whose owner did not ask for our
 * mail.
 */
static void address_set_offer(address_set *set, destination_address const *address)
{
  finder *f = set->finder;
  enum leads leads = address_leads(address);
  if (leads == LEADS_HERE && loopback_taken(f->where, address) && !wildcard_is(&address->socket))
    leads = LEADS_AWAY;
  if (leads == LEADS_AWAY && !ourselves_behind(f, address)) address_set_add(set, address);
  else if (leads != LEADS_NOWHERE && our_port(f, address)) set->ourselves = 1;
  else f->unfit = 1;
}

static void address_set_offer_literal(address_set *set, char const *text)
{
  destination_address address;
  if (destination_address_make(&address, text, set->finder->where->port))
    address_set_offer(set, &address);
}

static void address_take(void *data, ns_msg *message, ns_rr *record)
{
  address_set *set = data;
  ns_type type = ns_rr_type(*record);
  char text[DESTINATION_ADDRESS_MAX];
  destination_address address;
  (void)message;
  if (ns_rr_rdlen(*record) != (type == ns_t_a ? 4 : 16)) return;
  if (!inet_ntop(type == ns_t_a ? AF_INET : AF_INET6, ns_rr_rdata(*record), text, sizeof text))
    return;
  if (!destination_address_make(&address, text, set->finder->where->port)) return;
  address_set_offer(set, &address);
}

static int localhost_is(char const *name)
{
  return smtp_domain_below(name, strlen(name), "localhost", 9);
}

static void address_source_init(finder *f, char const *name)
{
  f->secure = 0;
  text_join(f->owner, sizeof f->owner, name);
}

/* Those of one family may be signed alone, where the name is an alias of two. */
static void address_source_note(finder *f, enum dns_answer found)
{
  if (found != DNS_DATA || f->dns.secure < f->secure) return;
  f->secure = f->dns.secure;
  memcpy(f->owner, f->dns.owner, sizeof f->owner);
}

/*
 * Add all addresses of a name to two sets, first the preferred one.  Ask for IPv4 first: there are
 * servers that never answer a question for IPv6, and the turn must not be over before the answer
 * that matters.
 */
static void addresses_find(finder *f, char const *name, address_set *first, address_set *second)
{
  address_source_init(f, name);
  if (localhost_is(name))
  {
    address_set_offer_literal(first, "127.0.0.1");
    address_set_offer_literal(second, "::1");
    return;
  }
  f->last = records_find(f, name, ns_t_a, address_take, second);
  address_source_note(f, f->last);
  address_source_note(f, records_find(f, name, ns_t_aaaa, address_take, first));
}

/* --- the list ----------------------------------------------------------------------- */

static void list_add(host_list *list, char const *name, host_tls const *tls,
                     destination_address const *address)
{
  host_address *a;
  if (list->count == HOST_ADDRESSES_MAX) return;
  a = &list->address[list->count++];
  text_join(a->name, sizeof a->name, name);
  a->address = *address;
  a->tls = *tls;
}

/* Add addresses of a name, one of each set in turn, share of them at the most. */
static void list_add_name(host_list *list, char const *name, host_tls const *tls,
                          address_set const *first, address_set const *second, size_t share)
{
  size_t end = list->count + share;
  size_t i;
  for (i = 0; i < first->count || i < second->count; i++)
  {
    if (i < first->count && list->count < end) list_add(list, name, tls, &first->address[i]);
    if (i < second->count && list->count < end) list_add(list, name, tls, &second->address[i]);
  }
}

static enum host_outcome list_refuse(host_list *list, enum host_outcome outcome, char const *code,
                                     char const *text, char const *name)
{
  list->count = 0;
  list->code = code;
  text_join(list->text, sizeof list->text, text, name);
  return outcome;
}

void host_loops_back(host_list *list, destination const *where)
{
  text_join(list->text, sizeof list->text, "mail for ", where->host, " loops back to myself");
  list->count = 0;
  list->code = "5.4.6";
}

static enum host_outcome loops_back(finder *f)
{
  host_loops_back(f->list, f->where);
  return HOST_NEVER;
}

/* The outcome when no address was found. */
static enum host_outcome list_empty(finder *f, enum dns_answer found)
{
  char const *name = f->where->host;
  if (f->barred) return HOST_LATER;
  if (f->doubt)
    return list_refuse(f->list, HOST_LATER, "4.4.3",
                       "Host or domain name not found, try again: no answer about ", name);
  if (f->exchangers.odd)
    return list_refuse(f->list, HOST_LATER, "4.4.4",
                       "Host or domain name not found, try again: unusable MX of ", name);
  if (f->unfit && !f->where->exchangers)
    return list_refuse(f->list, HOST_LATER, "4.4.4",
                       "mail goes to no loopback or reserved address that the DNS has: ", name);
  if (f->unfit)
    return list_refuse(f->list, HOST_NEVER, "5.4.4",
                       "Host or domain name found, but it has no address that mail goes to: ",
                       name);
  if (found == DNS_NO_NAME)
    return list_refuse(f->list, HOST_NEVER, "5.4.4", "Host or domain name not found: ", name);
  return list_refuse(f->list, HOST_NEVER, "5.4.4",
                     "Host or domain name found, but it has no address: ", name);
}

/* --- what TLS with a host must be worth ---------------------------------------------- */

static int host_bar(finder *f, char const *why, char const *name)
{
  char port[TEXT_NUMBER_MAX];
  f->barred = 1;
  f->list->code = "4.7.5";
  text_join(f->list->text, sizeof f->list->text, why, name, ":", text_number(port, f->where->port));
  return 0;
}

/* Does the route say dane or dane-only? */
static int dane_wanted(destination const *where)
{
  return where->tls == TLS_DANE || where->tls == TLS_DANE_ONLY;
}

/* Where it does.  1; 0: the host is not used. */
static int dane_judge(finder *f, char const *name, host_tls *out)
{
  dane_host const host =
    { .name = name, .owner = f->owner, .secure = f->secure, .port = f->where->port };
  if (f->vouched && !dane_find(&out->dane, &f->dns, &host))
  {
    f->doubt = 1;
    return host_bar(f, "TLSA lookup error for ", name);
  }
  if (out->dane.count) return 1;
  out->level = out->dane.found ? TLS_ENCRYPT : TLS_MAY;
  if (f->where->tls != TLS_DANE_ONLY) return 1;
  return host_bar(f, out->dane.found ? "unusable TLSA records: " : "no TLSA records found: ", name);
}

/* DANE goes before a policy (RFC 8461 section 2).  1; 0: the host is not used. */
static int tls_judge(finder *f, char const *name, host_tls *out)
{
  out->level = f->where->tls;
  dane_clear(&out->dane);
  if (dane_wanted(f->where) && !dane_judge(f, name, out)) return 0;
  if (!f->sts->found || out->dane.count) return 1;
  out->level = TLS_VERIFY;
  return policy_names(f->sts, name) || host_bar(f, "no host of the site's MTA-STS policy: ", name);
}

/* Add an address, or the loopback by its name, which the operator wrote in conf/routes.  1 or 0. */
static int host_literal(char const *host, address_set *first, address_set *second)
{
  if (!localhost_is(host)) return address_set_literal(first, host);
  return address_set_literal(first, "127.0.0.1") && address_set_literal(second, "::1");
}

/*
 * Add addresses of one of so many names, unless there are none, or its TLS would not be worth
 * enough.
 */
static void host_add(finder *f, char const *name, size_t names, address_set const *first,
                     address_set const *second)
{
  host_tls tls;
  if (!first->count && !second->count) return;
  dns_turn(&f->dns, names);
  if (!tls_judge(f, name, &tls)) return;
  list_add_name(f->list, name, &tls, first, second,
                f->exchangers.count > 1 ? NAME_SHARE : HOST_ADDRESSES_MAX);
}

/* Find the host itself, without its MX. */
static enum host_outcome host_alone(finder *f)
{
  char const *host = f->where->host;
  address_set first, second;
  address_set_init(&first, f);
  address_set_init(&second, f);
  address_source_init(f, host);
  f->vouched = 1;
  dns_turn(&f->dns, 1);
  if (f->where->exchangers || !host_literal(host, &first, &second))
    addresses_find(f, host, &first, &second);
  if (first.ourselves || second.ourselves) return loops_back(f);
  host_add(f, host, 1, &first, &second);
  return f->list->count ? HOST_FOUND : list_empty(f, f->last);
}

/* --- MX ----------------------------------------------------------------------------- */

/*
 * Can the name be looked up, and stand in a log line as "name[address]:port"?  Labels that RFC 1123
 * forbids are in use, so the DNS decides whether it is a host.  dn_expand() has put a backslash
 * before each invisible octet.
 */
static int exchanger_name_ok(char const *name)
{
  return strlen(name) <= SMTP_DOMAIN_MAX && !strpbrk(name, "\\\"()<>[],:;@");
}

/* Take an MX; of more than are used, drop the worst. */
static exchanger *exchanger_room(exchanger_list *list, unsigned int preference)
{
  exchanger *worst = list->exchanger;
  size_t i;
  if (list->count < EXCHANGERS_MAX) return &list->exchanger[list->count++];
  list->odd = 1;
  for (i = 1; i < list->count; i++)
    if (list->exchanger[i].preference > worst->preference) worst = &list->exchanger[i];
  return worst->preference > preference ? worst : 0;
}

static void exchanger_add_name(exchanger_list *list, unsigned int preference, char const *name)
{
  exchanger *e = exchanger_room(list, preference);
  if (!e) return;
  e->preference = preference;
  e->lot = (unsigned int)rand();
  e->name[smtp_domain_fold(e->name, name, strlen(name))] = 0;
}

static void exchanger_take(void *data, ns_msg *message, ns_rr *record)
{
  exchanger_list *list = data;
  char name[NS_MAXDNAME];
  unsigned char const *octets = ns_rr_rdata(*record);
  if (ns_rr_rdlen(*record) < 3
   || dn_expand(ns_msg_base(*message), ns_msg_end(*message), octets + 2, name,
                sizeof name) == -1) list->odd = 1;
  else if (!name[0]) list->null = 1;
  else if (!exchanger_name_ok(name)) list->odd = 1;
  else exchanger_add_name(list, ns_get16(octets), name);
}

static int exchanger_compare(void const *a, void const *b)
{
  exchanger const *x = a;
  exchanger const *y = b;
  if (x->preference != y->preference) return x->preference < y->preference ? -1 : 1;
  return (x->lot > y->lot) - (x->lot < y->lot);
}

/* Add the addresses of the MX at i; those before it have had their turn.  0: it is ourselves. */
static int exchanger_add(finder *f, size_t i)
{
  exchanger_list const *list = &f->exchangers;
  char const *name = list->exchanger[i].name;
  address_set first, second;
  if (!strcasecmp(name, f->where->me)) return 0;
  address_set_init(&first, f);
  address_set_init(&second, f);
  dns_turn(&f->dns, list->count - i);
  addresses_find(f, name, &first, &second);
  if (first.ourselves || second.ourselves) return 0;
  host_add(f, name, list->count - i, &first, &second);
  return 1;
}

/*
 * Try the sorted MX, one preference at a time: all of a preference are left out when we are among
 * them.
 */
static enum host_outcome exchangers_try(finder *f)
{
  exchanger_list const *list = &f->exchangers;
  size_t i = 0;
  while (i < list->count && f->list->count < HOST_ADDRESSES_MAX)
  {
    size_t before = f->list->count;
    unsigned int preference = list->exchanger[i].preference;
    for (; i < list->count && list->exchanger[i].preference == preference; i++)
      if (!exchanger_add(f, i))
      {
        f->list->count = before;
        if (before) return HOST_FOUND;
        return f->doubt || f->barred || list->odd ? list_empty(f, DNS_NONE) : loops_back(f);
      }
  }
  return f->list->count ? HOST_FOUND : list_empty(f, f->last);
}

static enum host_outcome host_exchangers(finder *f)
{
  exchanger_list *list = &f->exchangers;
  enum dns_answer found;
  dns_turn(&f->dns, 1);
  found = records_find(f, f->where->host, ns_t_mx, exchanger_take, list);
  f->vouched = f->dns.secure;
  text_join(f->list->domain, sizeof f->list->domain, f->dns.owner);
  if (found == DNS_LATER || found == DNS_NO_NAME) return list_empty(f, found);
  if (list->count)
  {
    qsort(list->exchanger, list->count, sizeof list->exchanger[0], exchanger_compare);
    return exchangers_try(f);
  }
  if (list->null && !list->odd)
    return list_refuse(f->list, HOST_NEVER, "5.1.10", "Domain does not accept mail (null MX): ",
                       f->where->host);
  if (found == DNS_NONE) return host_alone(f); /* the implicit MX */
  return list_empty(f, DNS_NONE);
}

/* Begin again: earlier answers are in the caches of the name servers. */
static enum host_outcome host_try(finder *f)
{
  f->doubt = f->unfit = f->barred = 0;
  f->list->text[0] = 0;
  f->list->domain[0] = 0;
  f->last = DNS_NONE;
  f->list->count = 0;
  f->exchangers.count = 0;
  f->exchangers.null = f->exchangers.odd = 0;
  return f->where->exchangers && !localhost_is(f->where->host) ? host_exchangers(f) : host_alone(f);
}

enum host_outcome host_find(host_list *list, destination const *where, policy const *sts,
                            dns_resolver *resolver)
{
  static _Alignas(HEADER) unsigned char answer[DNSTCP_ANSWER_MAX];
  finder f;
  enum host_outcome outcome;
  unsigned int tries = HOST_TRIES;
  memset(&f, 0, sizeof f);
  f.where = where;
  f.sts = sts;
  f.list = list;
  srand((unsigned int)wallclock_us());
  if (!dns_begin(&f.dns, resolver, &where->nameserver, where->lookup_s,
                 dane_wanted(where), answer))
    return list_refuse(list, HOST_LATER, "4.3.0", "resolver does not start", "");
  do outcome = host_try(&f);
  while (f.doubt && outcome == HOST_LATER && --tries);
  explicit_bzero(answer, sizeof answer);
  if (f.interfaces) freeifaddrs(f.interfaces);
  return outcome;
}
