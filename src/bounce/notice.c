#include "bounce/notice.h"

#include <errno.h>
#include <string.h>

#include "base/wallclock.h"

size_t notice_next(notice const *n, size_t rcpt)
{
  size_t const count = message_rcpts(&n->original->message);
  while (rcpt < count && !original_wanted(n->original, rcpt, n->event)) rcpt++;
  return rcpt;
}

int notice_delay(notice *n, message_recipient const *r, delay *d)
{
  message const *m = &n->original->message;
  if (!routing_find(n->routing, message_string(m, r->domain)))
  {
    if (!n->lines.error) n->lines.error = errno;
    return 0;
  }
  d->why = routing_reason(n->routing, d->code);
  d->until_us = m->arrival_us + n->routing->route.lifetime * SECOND_US;
  return 1;
}

/* The octets to keep of a text that is cut: a character stays whole. */
static size_t cut_length(char const *s, size_t most)
{
  while (most && (s[most] & 0xc0) == 0x80) most--;
  return most;
}

char const *notice_words(notice *n, char const *s, size_t len)
{
  size_t const kept = len > NOTICE_WORDS_MAX ? cut_length(s, NOTICE_WORDS_MAX) : len;
  if (kept > n->words_left) return 0;
  n->words_left -= kept;
  memcpy(n->words, s, kept);
  stpcpy(n->words + kept, kept < len ? " ..." : "");
  return n->words;
}
