/* Content: DATA in two pieces is DATA in one; the first octet says where it is cut. */

#include "smtp/content.h"

#include <string.h>

#include "fuzz.h"

typedef struct outcome
{
  smtp_content content;
  int ended;
  size_t taken;
  char *s;
  size_t len;
} outcome;

static char *room(size_t len)
{
  char *s = malloc(len);
  if (!s) abort();
  return s;
}

static void read_piece(outcome *o, char const *in, size_t len)
{
  char *out = room(len + 4); /* as much as is promised, and nothing more */
  size_t taken, outlen;
  o->ended = smtp_content_data(&o->content, in, len, &taken, out, &outlen);
  HOLDS(taken <= len && outlen <= len + 4 && (o->ended || taken == len));
  memcpy(o->s + o->len, out, outlen);
  o->len += outlen;
  o->taken += taken;
  free(out);
}

static void read_data(outcome *o, char const *in, size_t len, size_t cut)
{
  memset(o, 0, sizeof *o);
  o->s = room(len + 4);
  read_piece(o, in, cut);
  if (!o->ended) read_piece(o, in + cut, len - cut);
}

static int id_same(smtp_content const *a, smtp_content const *b)
{
  return a->idlen == b->idlen && a->idlen <= SMTP_CONTENT_ID_MAX && !a->id[a->idlen] && !memcmp(a->id, b->id, a->idlen);
}

/* Content looked at as a chunk says the same as when it came by DATA, but that it may hold back a CR. */
static void look_again(outcome const *o)
{
  smtp_content chunk = { 0 };
  smtp_content_chunk(&chunk, o->s, o->len);
  HOLDS(chunk.hops == o->content.hops);
  HOLDS(id_same(&chunk, &o->content));
  HOLDS(chunk.flags == o->content.flags || !o->ended);
}

static void there_and_back(char const *s, size_t len)
{
  char *wire = room(2 * len + 3);
  unsigned int state = 0;
  size_t n = smtp_content_stuff(wire, s, len, &state);
  outcome o;
  HOLDS(n <= 2 * len);
  memcpy(wire + n, ".\r\n", 3);
  read_data(&o, wire, n + 3, n);
  HOLDS(o.ended && o.taken == n + 3 && o.len == len && !memcmp(o.s, s, len));
  free(o.s);
  free(wire);
}

int LLVMFuzzerTestOneInput(uint8_t const *data, size_t size)
{
  char const *in = (char const *)data + 1;
  outcome whole, cut;
  if (!size) return 0;
  size--;
  read_data(&whole, in, size, size);
  read_data(&cut, in, size, *data < size ? *data : size);
  HOLDS(whole.ended == cut.ended && whole.taken == cut.taken && whole.len == cut.len);
  HOLDS(!memcmp(whole.s, cut.s, whole.len));
  HOLDS(whole.content.flags == cut.content.flags && whole.content.hops == cut.content.hops);
  HOLDS(id_same(&whole.content, &cut.content));
  look_again(&whole);
  if (whole.ended) there_and_back(whole.s, whole.len);
  free(whole.s);
  free(cut.s);
  return 0;
}
