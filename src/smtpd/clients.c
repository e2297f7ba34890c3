#include "smtpd/clients.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>

#include "smtpd/peer.h"

/* --- which octets --------------------------------------------------------------------- */

/* Octets of a client: its slots, and its subdomains behind them. */
#define RANGE_LEN (CONF_CONNECTIONS_MAX + CONF_SUBDOMAINS_MAX)
/* Clients that can be told apart: octets of a file have numbers up to INT64_MAX. */
#define RANGES (INT64_MAX / RANGE_LEN)
#define RANGES_IPV4 (INT64_C(1) << 32)
/*
 * 0.0.0.0/8 is no client's address (RFC 1122 section 3.2.1.3).  In the first of its ranges each
 * session has a slot among all sessions; the octets behind those are for clients_log_take().
 */
#define LOG_FIRST CONF_CONNECTIONS_MAX
#define LOG_SLOTS ((INT64_C(1) << 24) * RANGE_LEN - LOG_FIRST)

/* Octets of an address as a number. */
static uint64_t number(unsigned char const *octets, size_t len)
{
  uint64_t n = 0;
  while (len--) n = n << 8 | *octets++;
  return n;
}

off_t clients_slots_first(conf_address const *client)
{
  uint64_t range = peer_ipv4(client) ? number(client->octets + 12, 4)
    : RANGES_IPV4 + number(client->octets, 8) % (RANGES - RANGES_IPV4);
  return (off_t)(range * RANGE_LEN);
}

/* --- slots ---------------------------------------------------------------------------- */

static int lock(int fd, int what, short type, off_t at, short *found)
{
  struct flock octet = { .l_type = type, .l_whence = SEEK_SET, .l_start = at, .l_len = 1 };
  int r = fcntl(fd, what, &octet);
  *found = octet.l_type;
  return r != -1;
}

enum slot { SLOT_OURS, SLOT_TAKEN, SLOT_CONTENDED, SLOT_FAILED };

/* Is the slot ours: has nobody else a lock on it? */
static enum slot slot_look(int fd, off_t at)
{
  short found;
  if (!lock(fd, F_OFD_GETLK, F_WRLCK, at, &found)) return SLOT_FAILED;
  return found == F_UNLCK ? SLOT_OURS : SLOT_TAKEN;
}

/*
 * A session that sees another's lock after it took its own gives way.  Of two that meet at a slot,
 * both may give way.
 */
static enum slot slot_take(int fd, off_t at)
{
  enum slot is = slot_look(fd, at);
  short any;
  if (is != SLOT_OURS) return is;
  if (!lock(fd, F_OFD_SETLK, F_RDLCK, at, &any)) return SLOT_FAILED;
  is = slot_look(fd, at);
  if (is == SLOT_OURS) return is;
  lock(fd, F_OFD_SETLK, F_UNLCK, at, &any);
  return is == SLOT_TAKEN ? SLOT_CONTENDED : is;
}

/* Try each slot once. */
static enum slot slots_try(int fd, off_t first, unsigned int most)
{
  /* sessions that begin together seldom begin with the same slot */
  unsigned int begin = (unsigned int)getpid() % most, i;
  enum slot all = SLOT_TAKEN;
  for (i = 0; i < most; i++)
  {
    enum slot is = slot_take(fd, first + (begin + i) % most);
    if (is == SLOT_OURS || is == SLOT_FAILED) return is;
    if (is == SLOT_CONTENDED) all = is;
  }
  return all;
}

/* A slot that two sessions gave way at may still be free.  They do not meet like that forever. */
#define ROUNDS 100

int clients_slot_take(int queue, conf_address const *client, unsigned int most)
{
  off_t first = clients_slots_first(client);
  enum slot is = SLOT_CONTENDED;
  unsigned int i = 0;
  for (; is == SLOT_CONTENDED && i < ROUNDS; i++) is = slots_try(queue, first, most);
  return is == SLOT_FAILED ? -1 : is == SLOT_OURS;
}

/* Slots that are looked at to estimate how many are taken: each look goes through all locks. */
#define LOOKS 100

unsigned int clients_count(int queue, conf_address const *client, unsigned int most)
{
  off_t first = clients_slots_first(client);
  unsigned int step = 1 + most / LOOKS, count = 1, i;
  for (i = 0; i < most; i += step)
    if (slot_look(queue, first + i) == SLOT_TAKEN) count += step;
  return count < most ? count : most;
}

int clients_log_take(int queue, conf_address const *client)
{
  off_t at = LOG_FIRST + clients_slots_first(client) / RANGE_LEN % LOG_SLOTS;
  enum slot is = slot_take(queue, at);
  return is == SLOT_FAILED ? -1 : is == SLOT_OURS;
}

/* --- subdomains ------------------------------------------------------------------------ */

int clients_subdomain_take(int queue, conf_address const *client, unsigned int most,
                           unsigned int *next)
{
  off_t first = clients_slots_first(client) + CONF_CONNECTIONS_MAX;
  enum slot is = SLOT_TAKEN;
  /* our own locks do not show: *next is behind them */
  while (*next < most && is != SLOT_OURS && is != SLOT_FAILED)
    is = slot_take(queue, first + (*next)++);
  return is == SLOT_FAILED ? -1 : is == SLOT_OURS;
}

/* --- all sessions --------------------------------------------------------------------- */

/*
 * Early slots that are tried.  With half of the early slots taken, all tries fail once in 4 billion
 * times; with nine tenths of them taken, once in 29.
 */
#define SESSION_TRIES 32

static unsigned int early_slots(clients_session const *s)
{
  return s->all - s->all / 4;
}

/*
 * The slot to try: at first by our process id, which differs from those of sessions that begin at
 * the same time, then at random.
 */
static unsigned int early_slot_guess(clients_session *s)
{
  unsigned int at = s->random % early_slots(s);
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  s->random = (s->random ^ (uint32_t)now.tv_nsec) * 1664525u + 1013904223u;
  s->random ^= s->random >> 16;
  return at;
}

static enum slot early_slot_take(clients_session *s)
{
  enum slot is = SLOT_TAKEN;
  unsigned int i = 0;
  for (; i < SESSION_TRIES && is != SLOT_OURS && is != SLOT_FAILED; i++)
    is = slot_take(s->queue, early_slot_guess(s));
  return is;
}

int clients_session_take(clients_session *s, int queue, unsigned int all)
{
  unsigned int at;
  enum slot is;
  *s = (clients_session){ .queue = queue, .all = all, .late = -1, .random = (uint32_t)getpid() };
  is = early_slot_take(s);
  for (at = early_slots(s); at < all && is != SLOT_OURS && is != SLOT_FAILED; at++)
  {
    is = slot_take(queue, at);
    if (is == SLOT_OURS) s->late = at;
  }
  return is == SLOT_FAILED ? -1 : is == SLOT_OURS;
}

/*
 * A session does not see its own lock, so one with a late slot cannot tell whether others have late
 * slots: first it changes to an early one.
 */
static int early_slot_retake(clients_session *s)
{
  short any;
  if (early_slot_take(s) != SLOT_OURS) return 0;
  lock(s->queue, F_OFD_SETLK, F_UNLCK, s->late, &any);
  s->late = -1;
  return 1;
}

int clients_stress(clients_session *s)
{
  struct flock last =
    { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = early_slots(s), .l_len = s->all / 4 };
  if (!last.l_len) return 0;
  if (s->late != -1 && !early_slot_retake(s)) return 1;
  return fcntl(s->queue, F_OFD_GETLK, &last) != -1 && last.l_type != F_UNLCK;
}
