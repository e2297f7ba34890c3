#include "smtpd/clients.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>

#include "smtpd/peer.h"

/* --- which octets --------------------------------------------------------------------- */

/* A client's places, and its names behind them. */
#define RANGE_LEN (CONF_CONNECTIONS_MAX + CONF_SUBDOMAINS_MAX)
/* Clients that can be told apart: octets of a file have numbers up to INT64_MAX. */
#define RANGES (INT64_MAX / RANGE_LEN)
#define RANGES_IPV4 (INT64_C(1) << 32)
/*
 * 0.0.0.0/8 is no client's address (RFC 1122 section 3.2.1.3).  The first of these ranges is where all sessions have
 * a place each; the octets of the others are the words.
 */
#define WORDS_FIRST CONF_CONNECTIONS_MAX
#define WORDS ((INT64_C(1) << 24) * RANGE_LEN - WORDS_FIRST)

/* Octets of an address as a number. */
static uint64_t number(unsigned char const *octets, size_t len)
{
  uint64_t n = 0;
  while (len--) n = n << 8 | *octets++;
  return n;
}

off_t clients_first(conf_address const *client)
{
  uint64_t range = peer_ipv4(client) ? number(client->octets + 12, 4)
    : RANGES_IPV4 + number(client->octets, 8) % (RANGES - RANGES_IPV4);
  return (off_t)(range * RANGE_LEN);
}

/* --- places --------------------------------------------------------------------------- */

static int lock(int fd, int what, short type, off_t place, short *found)
{
  struct flock octet = { .l_type = type, .l_whence = SEEK_SET, .l_start = place, .l_len = 1 };
  int r = fcntl(fd, what, &octet);
  *found = octet.l_type;
  return r != -1;
}

enum place { PLACE_OURS, PLACE_TAKEN, PLACE_CONTENDED, PLACE_FAILED };

/* Has nobody else a lock on it? */
static enum place place_look(int fd, off_t place)
{
  short found;
  if (!lock(fd, F_OFD_GETLK, F_WRLCK, place, &found)) return PLACE_FAILED;
  return found == F_UNLCK ? PLACE_OURS : PLACE_TAKEN;
}

/* Who sees another's lock after he took his own gives way: of two at once, both may. */
static enum place place_take(int fd, off_t place)
{
  enum place is = place_look(fd, place);
  short any;
  if (is != PLACE_OURS) return is;
  if (!lock(fd, F_OFD_SETLK, F_RDLCK, place, &any)) return PLACE_FAILED;
  is = place_look(fd, place);
  if (is == PLACE_OURS) return is;
  lock(fd, F_OFD_SETLK, F_UNLCK, place, &any);
  return is == PLACE_TAKEN ? PLACE_CONTENDED : is;
}

/* Try each once. */
static enum place places_try(int fd, off_t first, unsigned int most)
{
  /* those that begin together seldom begin with the same one */
  unsigned int begin = (unsigned int)getpid() % most, i;
  enum place all = PLACE_TAKEN;
  for (i = 0; i < most; i++)
  {
    enum place is = place_take(fd, first + (begin + i) % most);
    if (is == PLACE_OURS || is == PLACE_FAILED) return is;
    if (is == PLACE_CONTENDED) all = is;
  }
  return all;
}

/* A place that two gave way at may still be free.  They do not meet like that forever. */
#define ROUNDS 100

int clients_enter(int queue, conf_address const *client, unsigned int most)
{
  off_t first = clients_first(client);
  enum place is = PLACE_CONTENDED;
  unsigned int i = 0;
  for (; is == PLACE_CONTENDED && i < ROUNDS; i++) is = places_try(queue, first, most);
  return is == PLACE_FAILED ? -1 : is == PLACE_OURS;
}

/*
 * Places that are looked at to tell how many are taken: each look goes through all locks there are.
 */
#define LOOKS 100

unsigned int clients_count(int queue, conf_address const *client, unsigned int most)
{
  off_t first = clients_first(client);
  unsigned int step = 1 + most / LOOKS, count = 1, i;
  for (i = 0; i < most; i += step)
    if (place_look(queue, first + i) == PLACE_TAKEN) count += step;
  return count < most ? count : most;
}

int clients_word(int queue, conf_address const *client)
{
  off_t word = WORDS_FIRST + clients_first(client) / RANGE_LEN % WORDS;
  enum place is = place_take(queue, word);
  return is == PLACE_FAILED ? -1 : is == PLACE_OURS;
}

/* --- names ---------------------------------------------------------------------------- */

int clients_name(int queue, conf_address const *client, unsigned int most, unsigned int *next)
{
  off_t first = clients_first(client) + CONF_CONNECTIONS_MAX;
  enum place is = PLACE_TAKEN;
  /* our own locks hide from us: those are behind us */
  while (*next < most && is != PLACE_OURS && is != PLACE_FAILED)
    is = place_take(queue, first + (*next)++);
  return is == PLACE_FAILED ? -1 : is == PLACE_OURS;
}

/* --- all sessions --------------------------------------------------------------------- */

/*
 * Places that are tried among the first three quarters.  With half of those taken, all tries fail once in 4 billion
 * times; with nine tenths of them, once in 29.
 */
#define SEAT_TRIES 32

static unsigned int seats_first(clients_seat const *seat)
{
  return seat->all - seat->all / 4;
}

/* Numbers of processes follow each other, so those who begin together do not meet; who meets somebody jumps. */
static unsigned int seat_next(clients_seat *seat)
{
  unsigned int at = seat->random % seats_first(seat);
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  seat->random = (seat->random ^ (uint32_t)now.tv_nsec) * 1664525u + 1013904223u;
  seat->random ^= seat->random >> 16;
  return at;
}

static enum place seat_first_take(clients_seat *seat)
{
  enum place is = PLACE_TAKEN;
  unsigned int i = 0;
  for (; i < SEAT_TRIES && is != PLACE_OURS && is != PLACE_FAILED; i++) is = place_take(seat->queue, seat_next(seat));
  return is;
}

int clients_sit(clients_seat *seat, int queue, unsigned int all)
{
  unsigned int at;
  enum place is;
  *seat = (clients_seat){ .queue = queue, .all = all, .late = -1, .random = (uint32_t)getpid() };
  is = seat_first_take(seat);
  for (at = seats_first(seat); at < all && is != PLACE_OURS && is != PLACE_FAILED; at++)
  {
    is = place_take(queue, at);
    if (is == PLACE_OURS) seat->late = at;
  }
  return is == PLACE_FAILED ? -1 : is == PLACE_OURS;
}

/* One's own lock is no answer to oneself, so who has such a place looks for a better one. */
static int seat_better(clients_seat *seat)
{
  short any;
  if (seat_first_take(seat) != PLACE_OURS) return 0;
  lock(seat->queue, F_OFD_SETLK, F_UNLCK, seat->late, &any);
  seat->late = -1;
  return 1;
}

int clients_many(clients_seat *seat)
{
  struct flock last = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = seats_first(seat), .l_len = seat->all / 4 };
  if (!last.l_len) return 0;
  if (seat->late != -1 && !seat_better(seat)) return 1;
  return fcntl(seat->queue, F_OFD_GETLK, &last) != -1 && last.l_type != F_UNLCK;
}
