/*
 * Content: the dots and ends of DATA, BDAT's chunks, what is noticed on the way.  Tables for
 * what is known to go wrong; beyond that, everything short and a lot that is long is compared
 * with a reference that looks at the whole at once and knows no states.
 */

#include "smtp/content.h"

#include <string.h>

#include "check.h"

#define INPUT_MAX 4096

typedef struct outcome
{
  int ended;
  size_t taken;
  unsigned int flags;
  unsigned int hops;
  char id[SMTP_CONTENT_ID_MAX + 1];
  size_t len;
  char s[INPUT_MAX + 4];
} outcome;

static int outcome_same(outcome const *a, outcome const *b)
{
  return a->ended == b->ended && a->taken == b->taken && a->flags == b->flags && a->hops == b->hops
    && !strcmp(a->id, b->id) && a->len == b->len && !memcmp(a->s, b->s, a->len);
}

/* --- the reference --- */

static int at(char const *s, size_t len, size_t i, char const *want)
{
  size_t n = strlen(want);
  return i <= len && len - i >= n && !memcmp(s + i, want, n);
}

/* Does a line begin here? */
static int begins(char const *s, size_t i)
{
  return !i || (i > 1 && s[i - 2] == '\r' && s[i - 1] == '\n');
}

/* A name in lower case, in any case. */
static int named(char const *s, size_t len, size_t i, char const *name)
{
  size_t k;
  for (k = 0; name[k]; k++)
    if (i + k >= len || (s[i + k] != name[k] && (s[i + k] < 'A' || s[i + k] > 'Z' || s[i + k] + 32 != name[k]))) return 0;
  return 1;
}

static int white(char c)
{
  return c == ' ' || c == '\t';
}

/* The value of the field that begins at i, a name of n octets. */
static void reference_id(outcome *o, size_t i, size_t n)
{
  size_t len = 0;
  for (i += n; i < o->len && (!begins(o->s, i) || white(o->s[i])); i++)
  {
    /* white space before a line's end, and before all else */
    while (begins(o->s, i) && len && white(o->id[len - 1])) len--;
    if (!strchr("\r\n", o->s[i]) && (len || !white(o->s[i])) && len < SMTP_CONTENT_ID_MAX) o->id[len++] = o->s[i];
  }
  while (begins(o->s, i) && len && white(o->id[len - 1])) len--;
  o->id[len] = 0;
}

/* Line by line; tests/unit/parts.c knows what is right. */
static int reference_header(outcome const *o)
{
  smtp_parts parts = { 0 };
  size_t begin, end;
  for (begin = 0; begin < o->len; begin = end)
  {
    for (end = begin + 1; end < o->len && !begins(o->s, end); end++);
    smtp_parts_read(&parts, o->s + begin, end - begin);
    if (begins(o->s, end)) smtp_parts_line_end(&parts);
  }
  return smtp_parts_high(&parts);
}

static void reference_flags(outcome *o)
{
  char const *s = o->s;
  size_t i;
  int header = 1, ids = 0;
  o->flags = o->hops = 0;
  o->id[0] = 0;
  for (i = 0; i < o->len; i++)
  {
    if ((unsigned char)s[i] > 127) o->flags |= SMTP_CONTENT_8BIT;
    if (!s[i]) o->flags |= SMTP_CONTENT_NUL;
    if (s[i] == '.' && begins(s, i)) o->flags |= SMTP_CONTENT_DOT;
    if (s[i] == '\n' && (!i || s[i - 1] != '\r')) o->flags |= SMTP_CONTENT_BARE;
    if (s[i] == '\r' && (i + 1 == o->len || s[i + 1] != '\n')) o->flags |= SMTP_CONTENT_BARE;
    if (begins(s, i) && at(s, o->len, i, "\r\n")) header = 0;
    if (begins(s, i) && header && named(s, o->len, i, "received:")) o->hops++;
    if (begins(s, i) && header && named(s, o->len, i, "message-id:") && !ids++) reference_id(o, i, strlen("message-id:"));
  }
  if (o->len && !begins(s, o->len)) o->flags |= SMTP_CONTENT_UNENDED;
  if (reference_header(o)) o->flags |= SMTP_CONTENT_HEADER;
}

static void reference_data(outcome *o, char const *in, size_t len)
{
  size_t end = 0, i;
  int held;
  while (end < len && !(begins(in, end) && at(in, len, end, ".\r\n"))) end++;
  o->ended = end < len;
  o->taken = o->ended ? end + 3 : len;
  held = !o->ended && len > 1 && begins(in, len - 2) && at(in, len, len - 2, ".\r");
  if (held) end = len - 2;
  o->len = 0;
  for (i = 0; i < end; i++)
    if (!(in[i] == '.' && begins(in, i))) o->s[o->len++] = in[i];
  reference_flags(o);
  if (held) o->flags |= SMTP_CONTENT_BARE; /* as long as no LF follows */
}

static void reference_chunk(outcome *o, char const *in, size_t len)
{
  o->ended = 0;
  o->taken = o->len = len;
  memcpy(o->s, in, len);
  reference_flags(o);
}

/* --- ours, in pieces of len1, len2, and then step octets --- */

typedef struct pieces
{
  size_t first, second, step;
} pieces;

static size_t piece(pieces const *p, unsigned int count, size_t rest)
{
  size_t n = count == 0 ? p->first : count == 1 ? p->second : p->step;
  return n < rest ? n : rest;
}

static int read_data(outcome *o, char const *in, size_t len, pieces const *p)
{
  smtp_content content = { 0 };
  size_t outlen, taken, n;
  unsigned int count = 0;
  o->ended = 0;
  o->taken = o->len = 0;
  while (!o->ended && o->taken < len)
  {
    n = piece(p, count++, len - o->taken);
    o->ended = smtp_content_data(&content, in + o->taken, n, &taken, o->s + o->len, &outlen);
    if (taken > n || (!o->ended && taken != n) || outlen > n + 4) return 0;
    o->taken += taken;
    o->len += outlen;
  }
  o->flags = content.flags;
  o->hops = content.hops;
  strcpy(o->id, content.id);
  return 1;
}

static int read_chunk(outcome *o, char const *in, size_t len, pieces const *p)
{
  smtp_content content = { 0 };
  size_t n;
  unsigned int count = 0;
  o->ended = 0;
  for (o->taken = 0; o->taken < len; o->taken += n)
  {
    n = piece(p, count++, len - o->taken);
    smtp_content_chunk(&content, in + o->taken, n);
  }
  o->len = len;
  memcpy(o->s, in, len);
  o->flags = content.flags;
  o->hops = content.hops;
  strcpy(o->id, content.id);
  return 1;
}

static unsigned int lines_flags(char const *in, size_t len, pieces const *p)
{
  smtp_content content = { 0 };
  size_t i, n;
  unsigned int count = 0;
  for (i = 0; i < len; i += n)
  {
    n = piece(p, count++, len - i);
    smtp_content_lines(&content, in + i, n);
  }
  return content.flags;
}

static int compare(char const *in, size_t len, pieces const *p)
{
  static outcome want, have;
  reference_data(&want, in, len);
  if (!read_data(&have, in, len, p) || !outcome_same(&want, &have)) return 0;
  reference_chunk(&want, in, len);
  if (lines_flags(in, len, p) != (want.flags & ~(unsigned int)SMTP_CONTENT_HEADER)) return 0;
  return read_chunk(&have, in, len, p) && outcome_same(&want, &have);
}

static int compare_every_split(char const *in, size_t len)
{
  pieces p = { 0, 0, INPUT_MAX };
  for (p.first = 0; p.first <= len; p.first++)
    for (p.second = 0; p.first + p.second <= len; p.second++)
      if (!compare(in, len, &p)) return 0;
  p.first = p.second = p.step = 1;
  return compare(in, len, &p);
}

/* --- everything short --- */

/* All strings of this length over the alphabet, each cut at each place. */
static int compare_all(char const *alphabet, size_t len)
{
  size_t letters = strlen(alphabet), total = 1, number, i;
  char in[16];
  for (i = 0; i < len; i++) total *= letters;
  for (number = 0; number < total; number++)
  {
    size_t rest = number;
    for (i = 0; i < len; i++, rest /= letters) in[i] = alphabet[rest % letters];
    if (!compare_every_split(in, len)) return 0;
  }
  return 1;
}

/* --- a lot that is long --- */

static unsigned int random_next(unsigned int *seed)
{
  *seed = *seed * 1103515245U + 12345U;
  return *seed >> 16 & 0x7FFF;
}

static size_t random_content(char *in, unsigned int *seed)
{
  static char const *const parts[] =
  {
    "\r\n", "\r\n", "\r\n", "\r", "\n", ".", "..", "\r\n.", "\r\n..", "\r\n.\r", "\r\n\r\n", "Received: from a\r\n",
    "rECEIVED:", "Receive", "a line of text of some length", "\303\274", " ", "\r\n.\r\n", "\n.\n", "\n.\r\n", "\r.\r",
    "Message-ID: <a@b>\r\n", "mESSAGE-iD:", "\r\n ", "\t\r\n\t", "Content-Type: multipart/mixed; boundary=b\r\n",
    "\r\n--b\r\n"
  };
  size_t len = 0, want = 20 + random_next(seed) % 300;
  while (len < want)
  {
    char const *part = parts[random_next(seed) % (sizeof parts / sizeof *parts)];
    memcpy(in + len, part, strlen(part));
    len += strlen(part);
  }
  return len;
}

static int compare_random(unsigned int seed)
{
  char in[INPUT_MAX];
  int i;
  for (i = 0; i < 20000; i++)
  {
    size_t len = random_content(in, &seed);
    pieces p;
    p.first = random_next(&seed) % (len + 1);
    p.second = random_next(&seed) % 8;
    p.step = 1 + random_next(&seed) % 64;
    if (!compare(in, len, &p)) return 0;
  }
  return 1;
}

/* --- what is known --- */

static struct data_case
{
  char const *name;
  char const *in;
  int ended;
  char const *out;
  char const *rest;
  unsigned int flags;
} const datas[] =
{
  { "empty", ".\r\n", 1, "", "", 0 },
  { "a line", "a\r\n.\r\nQUIT\r\n", 1, "a\r\n", "QUIT\r\n", 0 },
  { "blank line", "\r\n.\r\n", 1, "\r\n", "", 0 },
  { "stuffed dots", "..\r\n...\r\n.a\r\n.\r\n", 1, ".\r\n..\r\na\r\n", "", SMTP_CONTENT_DOT },
  { "an unstuffed dot is not of the content", ".a\r\n.\r\n", 1, "a\r\n", "", 0 },
  { "dot within a line", "a.\r\na.b\r\n.\r\n", 1, "a.\r\na.b\r\n", "", 0 },
  { "8 bit", "\303\274\r\n.\r\n", 1, "\303\274\r\n", "", SMTP_CONTENT_8BIT },
  { "8 bit behind a long line", "0123456789012345678901234567890\374\r\n.\r\n", 1,
    "0123456789012345678901234567890\374\r\n", "", SMTP_CONTENT_8BIT },
  { "LF.LF", "a\n.\nMAIL", 0, "a\n.\nMAIL", "", SMTP_CONTENT_BARE | SMTP_CONTENT_UNENDED },
  { "LF.CRLF", "a\n.\r\nb\r\n.\r\nx", 1, "a\n.\r\nb\r\n", "x", SMTP_CONTENT_BARE },
  { "CR.CRLF", "a\r.\r\nb\r\n.\r\nx", 1, "a\r.\r\nb\r\n", "x", SMTP_CONTENT_BARE },
  { "CR.CR", "a\r.\rb\r\n.\r\n", 1, "a\r.\rb\r\n", "", SMTP_CONTENT_BARE },
  { "CRLF.LF", "a\r\n.\nb\r\n.\r\nx", 1, "a\r\n\nb\r\n", "x", SMTP_CONTENT_BARE },
  { "CRLF.CR", "a\r\n.\rb\r\n.\r\nx", 1, "a\r\n\rb\r\n", "x", SMTP_CONTENT_BARE },
  { "CRLF.CRCRLF", "a\r\n.\r\r\n.\r\nx", 1, "a\r\n\r\r\n", "x", SMTP_CONTENT_BARE },
  { "CRLF.CR.CRLF", "a\r\n.\r.\r\n.\r\nx", 1, "a\r\n\r.\r\n", "x", SMTP_CONTENT_BARE },
  { "LF.CRLF at the very beginning", "\n.\r\n.\r\nx", 1, "\n.\r\n", "x", SMTP_CONTENT_BARE },
  { "CRCRLF.CRLF", "a\r\r\n.\r\nx", 1, "a\r\r\n", "x", SMTP_CONTENT_BARE },
  { "LFCRLF.CRLF", "a\n\r\n.\r\nx", 1, "a\n\r\n", "x", SMTP_CONTENT_BARE },
  { "bare LF begins no line for a dot", "a\n..b\r\n.\r\n", 1, "a\n..b\r\n", "", SMTP_CONTENT_BARE },
  { "CRLF..CRLF is no end", "a\r\n..\r\n.\r\n", 1, "a\r\n.\r\n", "", SMTP_CONTENT_DOT },
  { "CRLF.space", "a\r\n. \r\n.\r\n", 1, "a\r\n \r\n", "", 0 },
  { "not ended: CR held back", "a\r\n.\r", 0, "a\r\n", "", SMTP_CONTENT_BARE },
  { "not ended: within a line", "a", 0, "a", "", SMTP_CONTENT_UNENDED },
  { "nothing", "", 0, "", "", 0 }
};

static int data_ok(struct data_case const *c)
{
  static outcome o;
  pieces p = { INPUT_MAX, 0, 0 };
  size_t len = strlen(c->in);
  return read_data(&o, c->in, len, &p) && o.ended == c->ended && o.flags == c->flags
    && o.len == strlen(c->out) && !memcmp(o.s, c->out, o.len)
    && len - o.taken == strlen(c->rest) && !memcmp(c->in + o.taken, c->rest, len - o.taken);
}

static struct hops_case
{
  char const *name;
  char const *in;
  unsigned int hops;
} const hops[] =
{
  { "hops: none", "Subject: x\r\n\r\n", 0 },
  { "hops: one", "Received: x\r\n", 1 },
  { "hops: any case", "RECEIVED:\r\nreceived:x\r\nReCeIvEd: x\r\n", 3 },
  { "hops: folded lines", "Received: x\r\n Received: y\r\n\tReceived: z\r\n", 1 },
  { "hops: other fields", "X-Received: x\r\nReceived-SPF: x\r\nReceivedx: x\r\nReceive: x\r\nRe:\r\n", 0 },
  { "hops: the body does not count", "Received: x\r\n\r\nReceived: y\r\n", 1 },
  { "hops: no header", "\r\nReceived: y\r\n", 0 },
  { "hops: a bare CR ends no header", "\rx\r\nReceived: y\r\n", 1 },
  { "hops: a bare CR and a CRLF end no header", "\r\r\nReceived: y\r\n", 1 },
  { "hops: a bare LF begins no line", "a\nReceived: y\r\n", 0 },
  { "hops: cut short", "Received", 0 }
};

static unsigned int count_hops(char const *in, size_t step)
{
  static outcome o;
  pieces p = { step, step, step };
  if (!read_chunk(&o, in, strlen(in), &p)) return 999;
  return o.hops;
}

static void test_hops(void)
{
  size_t i;
  for (i = 0; i < sizeof hops / sizeof *hops; i++)
  {
    CHECK(hops[i].name, count_hops(hops[i].in, INPUT_MAX) == hops[i].hops);
    CHECK(hops[i].name, count_hops(hops[i].in, 1) == hops[i].hops);
  }
}

static struct id_case
{
  char const *name;
  char const *in;
  char const *id;
} const ids[] =
{
  { "id: plain", "Message-ID: <a@b>\r\n\r\n", "<a@b>" },
  { "id: any case, no space", "Subject: x\r\nmessage-id:<a@b>\r\n", "<a@b>" },
  { "id: white space around it", "MESSAGE-ID: \t <a@b>\t \r\n", "<a@b>" },
  { "id: on a line of its own", "Message-Id:\r\n <a@b>\r\nTo: x\r\n", "<a@b>" },
  { "id: folded within", "Message-Id: <a \r\n\t@b>\r\n \r\n  x\r\nTo: x\r\n", "<a\t@b>  x" },
  { "id: none", "Subject: x\r\n\r\nMessage-ID: <a@b>\r\n", "" },
  { "id: empty, then another", "Message-ID:\r\nMessage-ID: <a@b>\r\n", "" },
  { "id: the first of two", "Message-ID: <a@b>\r\nMessage-ID: <c@d>\r\n x\r\n", "<a@b>" },
  { "id: other fields", "X-Message-ID: <a@b>\r\nMessage-IDs: x\r\nMessage: x\r\nM:\r\n Message-ID: x\r\n", "" },
  { "id: garbage as it is", "Message-ID: a b, <c>\001\r\n", "a b, <c>\001" },
  { "id: cut short", "Message-ID: <a", "<a" },
  { "id: a bare CR and LF", "Message-ID: <a\r@\nb>\r\n", "<a@b>" },
  { "id: behind a trace field", "Received: x\r\n\ty\r\nMessage-ID: <a@b>\r\nReceived: z\r\n", "<a@b>" }
};

static int id_is(char const *in, size_t len, char const *id)
{
  static outcome o;
  pieces p = { INPUT_MAX, 0, 0 };
  return read_chunk(&o, in, len, &p) && !strcmp(o.id, id);
}

/* However long, so much is kept of it. */
static void test_id_long(void)
{
  static char in[INPUT_MAX], id[SMTP_CONTENT_ID_MAX + 1];
  size_t len;
  memset(id, 'x', SMTP_CONTENT_ID_MAX);
  for (len = SMTP_CONTENT_ID_MAX - 2; len < SMTP_CONTENT_ID_MAX + 3; len++)
  {
    pieces p = { 20, 7, 1 };
    size_t n = (size_t)(stpcpy(in, "Message-ID: ") - in);
    memset(in + n, 'x', len);
    memcpy(in + n + len, "\r\n\r\nbody\r\n", 10);
    id[len < SMTP_CONTENT_ID_MAX ? len : SMTP_CONTENT_ID_MAX] = 0;
    CHECK("id: long", id_is(in, n + len + 10, id) && compare(in, n + len + 10, &p));
    if (len < SMTP_CONTENT_ID_MAX) id[len] = 'x';
  }
}

static void test_ids(void)
{
  size_t i;
  for (i = 0; i < sizeof ids / sizeof *ids; i++)
  {
    CHECK(ids[i].name, id_is(ids[i].in, strlen(ids[i].in), ids[i].id));
    CHECK("the same cut anywhere", compare_every_split(ids[i].in, strlen(ids[i].in)));
  }
  test_id_long();
}

/* --- stuffing --- */

static size_t stuff(char *out, char const *in, size_t len, size_t step)
{
  unsigned int state = 0;
  size_t i, n, o = 0;
  for (i = 0; i < len; i += n)
  {
    n = len - i < step ? len - i : step;
    o += smtp_content_stuff(out + o, in + i, n, &state);
  }
  return o;
}

static struct stuff_case
{
  char const *in;
  char const *out;
} const stuffs[] =
{
  { "", "" },
  { ".", ".." },
  { "a.\r\n", "a.\r\n" },
  { ".\r\n.\r\n", "..\r\n..\r\n" },
  { "a\r\n..b\r\n.", "a\r\n...b\r\n.." },
  { "a\n.b\r.c\r\r\n.d", "a\n.b\r.c\r\r\n..d" }
};

/* In pieces of any size. */
static int stuff_ok(struct stuff_case const *c)
{
  char out[64];
  size_t step, n;
  for (step = 1; step < 16; step++)
  {
    n = stuff(out, c->in, strlen(c->in), step);
    if (n != strlen(c->out) || memcmp(out, c->out, n)) return 0;
  }
  return 1;
}

/* What is stuffed, ended and read again is what it was. */
static int there_and_back(unsigned int seed)
{
  static outcome o;
  char in[INPUT_MAX], wire[2 * INPUT_MAX];
  int i;
  for (i = 0; i < 20000; i++)
  {
    size_t len = random_content(in, &seed), n;
    pieces p = { random_next(&seed) % 20, random_next(&seed) % 20, 1 + random_next(&seed) % 50 };
    memcpy(in + len, "\r\n", 2);
    len += 2;
    n = stuff(wire, in, len, 1 + random_next(&seed) % 50);
    memcpy(wire + n, ".\r\n", 3);
    n += 3;
    if (!read_data(&o, wire, n, &p) || !o.ended || o.taken != n || o.len != len || memcmp(o.s, in, len)) return 0;
  }
  return 1;
}

static unsigned int nul_flags(char const *in, size_t len, int data)
{
  smtp_content content = { 0 };
  char out[INPUT_MAX];
  size_t taken, outlen;
  if (data) smtp_content_data(&content, in, len, &taken, out, &outlen);
  else smtp_content_lines(&content, in, len);
  return content.flags;
}

static void test_nul(void)
{
  CHECK("a NUL", nul_flags("a\0b\r\n", 5, 0) == SMTP_CONTENT_NUL);
  CHECK("a NUL by DATA", nul_flags("a\0b\r\n.\r\n", 8, 1) == SMTP_CONTENT_NUL);
  CHECK("behind a dot that is taken away", nul_flags("\r\n.\0\r\n.\r\n", 9, 1) == SMTP_CONTENT_NUL);
  CHECK("behind the end", nul_flags("a\r\n.\r\n\0", 7, 1) == 0);
}

int main(void)
{
  size_t i;
  test_nul();
  for (i = 0; i < sizeof datas / sizeof *datas; i++)
  {
    CHECK(datas[i].name, data_ok(&datas[i]));
    CHECK("the same cut anywhere", compare_every_split(datas[i].in, strlen(datas[i].in)));
  }
  test_hops();
  test_ids();
  for (i = 0; i <= 6; i++) CHECK("all that is short, cut anywhere", compare_all("\r\n.a", i));
  CHECK("eight octets of line ends", compare_all("\r\n.", 8));
  CHECK("random content, seed 1", compare_random(1));
  CHECK("random content, seed 2", compare_random(2));
  for (i = 0; i < sizeof stuffs / sizeof *stuffs; i++) CHECK(stuffs[i].in, stuff_ok(&stuffs[i]));
  CHECK("stuffed and read again", there_and_back(3));
  return CHECK_END();
}
