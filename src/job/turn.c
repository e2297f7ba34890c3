#include "job/turn.h"

#include <string.h>

#include "job/nexthop.h"

int job_turn_peer_ok(char const *s, size_t len)
{
  char const *colon = memrchr(s, ':', len);
  char const *bracket = colon ? memchr(s, '[', (size_t)(colon - s)) : 0;
  uint16_t port;
  return len <= JOB_TURN_PEER_MAX && bracket && bracket != s && *s != '<' && colon[-1] == ']'
    && nexthop_port_scan(colon + 1, (size_t)(s + len - colon) - 1, &port);
}

static int user_next(char const **s, size_t *len, job_field *user)
{
  return job_field_next(s, len, user) && user->len && user->len <= JOB_TURN_USER_MAX;
}

static int peer_next(char const **s, size_t *len, job_field *peer)
{
  return job_field_next(s, len, peer) && job_turn_peer_ok(peer->s, peer->len);
}

static int how_next(char const **s, size_t *len, job_field *how)
{
  return job_field_next(s, len, how) && (job_field_is(how, "tls") || job_field_is(how, "clear"));
}

int job_turn_scan(job_turn *turn, char const *s, size_t len)
{
  job_field word;
  if (len > JOB_TURN_MAX || !job_clean_ok(s, len)) return 0;
  if (!job_field_next(&s, &len, &word) || !job_field_is(&word, "turn")) return 0;
  if (!user_next(&s, &len, &turn->user) || !peer_next(&s, &len, &turn->peer)
   || !how_next(&s, &len, &turn->how))
    return 0;
  turn->domains = (job_field){ s, len };
  return len != 0;
}

size_t job_turn_begin(char *out, char const *user, char const *peer, int tls)
{
  char *end = stpcpy(out, "turn ");
  size_t i;
  for (i = 0; i < JOB_TURN_USER_MAX && user[i]; i++)
    *end++ = (unsigned char)user[i] > ' ' && user[i] != 127 ? user[i] : '_';
  end = stpcpy(stpcpy(stpcpy(end, " "), peer), tls ? " tls" : " clear");
  return (size_t)(end - out);
}
