#include "qmgr/sender.h"

#include <arpa/inet.h>
#include <string.h>

#include <skalibs/types.h>

static uint64_t number_of(unsigned char const *octets, size_t n)
{
  uint64_t number = 0;
  while (n--) number = number << 8 | *octets++;
  return number;
}

/* "[192.0.2.7]", "[IPv6:2001:db8::1]". */
static int address_scan(char const *literal, source_key *key)
{
  static char const tag[] = "IPv6:";
  char text[INET6_ADDRSTRLEN];
  unsigned char octets[16];
  char const *s = literal + 1;
  size_t len;
  if (!strncmp(s, tag, strlen(tag))) s += strlen(tag);
  len = strcspn(s, "]");
  if (len >= sizeof text) return 0;
  memcpy(text, s, len);
  text[len] = 0;
  if (inet_pton(AF_INET, text, octets) == 1)
    *key = (source_key){ .kind = '4', .number = number_of(octets, 4) };
  else if (inet_pton(AF_INET6, text, octets) == 1)
    *key = (source_key){ .kind = '6', .number = number_of(octets, 8) };
  else return 0;
  return 1;
}

/*
 * "NAME LITERAL PROTOCOL", where NAME is whatever the client said; "uid N"; or one of our own
 * programs.
 */
source_key sender_key(char const *client, int null)
{
  char const *literal = strrchr(client, '[');
  source_key key = { .kind = 'o' };
  if (!literal || !address_scan(literal, &key))
    if (!strncmp(client, "uid ", 4) && uint640_scan(client + 4, &key.number)) key.kind = 'u';
  key.null = null;
  return key;
}

source *sender_source(quota *q, message const *m)
{
  source_key key = sender_key(message_string(m, m->client), !*message_string(m, m->sender));
  return quota_source(q, &key);
}
