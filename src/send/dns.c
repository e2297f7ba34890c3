#include "send/dns.h"

#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#include "base/resolver.h"
#include "base/text.h"
#include "base/wallclock.h"
#include "send/dnstcp.h"

/* The most aliases to follow one after the other; resolvers allow about as many. */
#define ALIASES_MAX 8
/* The resolver counts whole seconds: one that lacks no more than this counts as whole. */
#define SECOND_SHORT_MS 100

/* --- the resolver ------------------------------------------------------------------- */

/* What resolv.conf says of its servers is not said of this one. */
static void resolver_ask_at(dns *d, destination_address const *server)
{
  res_state r = d->resolver;
  r->options &= ~(unsigned long)RES_TRUSTAD;
  r->nscount = 1;
  if (server->socket.ss_family == AF_INET)
  {
    memcpy(&r->nsaddr_list[0], &server->socket, sizeof r->nsaddr_list[0]);
    return;
  }
  /* glibc's form of an IPv6 server: no family in the old list, the address in the new one */
  memcpy(&d->nameserver6, &server->socket, sizeof d->nameserver6);
  r->nsaddr_list[0].sin_family = 0;
  r->_u._ext.nscount = 1;
  r->_u._ext.nssocks[0] = -1;
  r->_u._ext.nsaddrs[0] = &d->nameserver6;
}

/*
 * glibc would allocate this when it first asks an IPv4 server, for a copy of the state and nobody
 * else.
 */
static int resolver_room(res_state r)
{
  int i;
  for (i = 0; i < r->nscount; i++)
    if (!r->_u._ext.nsaddrs[i])
    {
      r->_u._ext.nsaddrs[i] = calloc(1, sizeof *r->_u._ext.nsaddrs[i]);
      if (!r->_u._ext.nsaddrs[i]) return 0;
    }
  return 1;
}

void dns_resolver_open(dns_resolver *resolver)
{
  resolver->good = res_ninit(&resolver->fresh) == 0 && resolver_room(&resolver->fresh);
}

/*
 * Move the first name server to the end of the list.  We ask one at a time, since the resolver has
 * no deadline for its own round; a server that has answered is asked first from then on.
 */
static void resolver_turn(dns *d)
{
  res_state r = d->resolver;
  size_t last = (size_t)d->servers - 1;
  struct sockaddr_in const address = r->nsaddr_list[0];
  struct sockaddr_in6 *const address6 = r->_u._ext.nsaddrs[0];
  if (!last) return;
  memmove(r->nsaddr_list, r->nsaddr_list + 1, last * sizeof r->nsaddr_list[0]);
  memmove(r->_u._ext.nsaddrs, r->_u._ext.nsaddrs + 1, last * sizeof r->_u._ext.nsaddrs[0]);
  r->nsaddr_list[last] = address;
  r->_u._ext.nsaddrs[last] = address6;
  r->_u._ext.nscount = 0; /* tells glibc that the list is new */
}

static enum dns_answer resolver_error(dns const *d)
{
  switch (d->resolver->res_h_errno)
  {
    case HOST_NOT_FOUND: return DNS_NO_NAME;
    case NO_DATA: return DNS_NONE;
    default: return DNS_LATER;
  }
}

/* --- time --------------------------------------------------------------------------- */

void dns_turn(dns *d, size_t names)
{
  int64_t now = wallclock_steady_ms();
  int64_t share = (d->deadline_ms - now) / (int64_t)names;
  int64_t most = (int64_t)d->servers * DNS_WAIT_S * 1000;
  if (share > most) share = most;
  if (share < 1000) share = 1000;
  d->turn_ms = now + share < d->deadline_ms ? now + share : d->deadline_ms;
}

/* Seconds to wait for a server, while so many can still be asked; 0: the turn is over. */
static int turn_wait_s(dns const *d, int servers)
{
  int64_t left = (d->turn_ms - wallclock_steady_ms() + SECOND_SHORT_MS) / 1000;
  int64_t share = left / servers;
  if (left < 1) return 0;
  return share < 1 ? 1 : share > DNS_WAIT_S ? DNS_WAIT_S : (int)share;
}

/* --- questions ---------------------------------------------------------------------- */

/* The result in an answer's header (RFC 1035 section 4.1.1). */
static int answer_cut(dns const *d)
{
  return ((HEADER const *)(void const *)d->answer)->tc;
}

/* The C library leaves the flag where it was asked for (RES_TRUSTAD). */
static int answer_signed(dns const *d)
{
  return d->believed && ((HEADER const *)(void const *)d->answer)->ad;
}

static enum dns_answer answer_status(dns const *d)
{
  switch (((HEADER const *)(void const *)d->answer)->rcode)
  {
    case ns_r_noerror: return DNS_DATA;
    case ns_r_nxdomain: return DNS_NO_NAME;
    default: return DNS_LATER;
  }
}

/* The server that is asked: see resolver_ask_at for how glibc names an IPv6 one. */
static struct sockaddr const *server_address(dns const *d, socklen_t *len)
{
  res_state r = d->resolver;
  int six = !r->nsaddr_list[0].sin_family && r->_u._ext.nsaddrs[0];
  *len = six ? sizeof *r->_u._ext.nsaddrs[0] : sizeof r->nsaddr_list[0];
  if (six) return (struct sockaddr const *)r->_u._ext.nsaddrs[0];
  return (struct sockaddr const *)&r->nsaddr_list[0];
}

/* Ask the same question of the same server over TCP: its answer does not fit over UDP. */
static int tcp_ask(dns *d, char const *name, ns_type type, int wait_s, enum dns_answer *why)
{
  unsigned char question[NS_PACKETSZ];
  socklen_t server_len;
  struct sockaddr const *server = server_address(d, &server_len);
  int len = res_nmkquery(d->resolver, ns_o_query, name, ns_c_in, (int)type, 0, 0, 0, question,
                         sizeof question);
  *why = DNS_LATER;
  if (len == -1 || !wait_s) return -1;
  len = dnstcp_ask(server, server_len, question, (size_t)len, d->answer,
                   wallclock_steady_ms() + (int64_t)wait_s * 1000);
  if (len != -1) *why = answer_status(d);
  return *why == DNS_DATA ? len : -1;
}

/*
 * Put a question to one server after the other until one answers or the turn is over.
 * Returns the length of what is in d->answer, or -1 with *why.
 */
static int question_ask(dns *d, char const *name, ns_type type, enum dns_answer *why)
{
  int servers;
  *why = DNS_LATER;
  for (servers = d->servers; servers && *why == DNS_LATER; servers--)
  {
    int len;
    d->resolver->retrans = turn_wait_s(d, servers);
    if (!d->resolver->retrans) return -1;
    memset(d->answer, 0, sizeof(HEADER));
    len = res_nquery(d->resolver, name, ns_c_in, (int)type, d->answer, DNSTCP_ANSWER_MAX);
    if (len == -1) *why = resolver_error(d);
    if (answer_cut(d)) len = tcp_ask(d, name, type, turn_wait_s(d, servers), why);
    if (len != -1 || *why != DNS_LATER) d->secure &= answer_signed(d);
    if (len != -1) return len;
    if (*why == DNS_LATER) resolver_turn(d);
  }
  return -1;
}

/* Walk through an answer: give records of the type to fn, the name of the last CNAME to alias. */
static enum dns_answer answer_read(dns *d, int len, ns_type type, char alias[NS_MAXDNAME],
                                   dns_record_fn *fn, void *data)
{
  enum dns_answer found = DNS_NONE;
  ns_msg message;
  int i;
  if (ns_initparse(d->answer, len, &message) == -1) return DNS_LATER;
  for (i = 0; i < ns_msg_count(message, ns_s_an); i++)
  {
    ns_rr record;
    if (ns_parserr(&message, ns_s_an, i, &record) == -1) return DNS_LATER;
    if (ns_rr_type(record) == type)
    {
      text_join(d->owner, sizeof d->owner, ns_rr_name(record));
      fn(data, &message, &record);
      found = DNS_DATA;
    }
    else if (ns_rr_type(record) == ns_t_cname
     && dn_expand(ns_msg_base(message), ns_msg_end(message), ns_rr_rdata(record), alias,
                  NS_MAXDNAME) == -1)
      return DNS_LATER;
  }
  return found;
}

/* A recursive server follows aliases itself; one that is only authoritative may end its answer with a CNAME. */
enum dns_answer dns_find(dns *d, char const *name, ns_type type, dns_record_fn *fn, void *data)
{
  char alias[NS_MAXDNAME];
  unsigned int i;
  d->secure = 1;
  text_join(d->owner, sizeof d->owner, name);
  for (i = 0; i < ALIASES_MAX; i++)
  {
    char asked[NS_MAXDNAME];
    enum dns_answer found;
    int len;
    memcpy(asked, d->owner, sizeof asked);
    len = question_ask(d, asked, type, &found);
    if (len == -1) return found;
    alias[0] = 0;
    found = answer_read(d, len, type, alias, fn, data);
    if (found != DNS_NONE || !alias[0]) return found;
    memcpy(d->owner, alias, sizeof alias);
  }
  return DNS_LATER;
}

/* --- the beginning ------------------------------------------------------------ */

int dns_begin(dns *d, dns_resolver *resolver, destination_address const *nameserver, unsigned int seconds,
              int signatures, unsigned char *answer)
{
  res_state r = &resolver->state;
  if (!resolver->good) return 0;
  *r = resolver->fresh;
  memset(d, 0, sizeof *d);
  d->resolver = r;
  d->answer = answer;
  d->deadline_ms = wallclock_steady_ms() + (int64_t)seconds * 1000;
  r->retry = 1;
  r->options |= RES_USE_EDNS0 | RES_IGNTC; /* TCP is ours: see tcp_ask */
  if (nameserver->size) resolver_ask_at(d, nameserver);
  d->believed = signatures && resolver_believed(r);
  if (d->believed) r->options |= RES_TRUSTAD;
  d->servers = r->nscount;
  r->nscount = 1;
  return 1;
}
