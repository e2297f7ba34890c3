#include "compat/letter.h"

#include <errno.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include <skalibs/strerr.h>

#include "smtp/chars.h"
#include "smtp/header.h"

#define PIECE_LEN 65536

/*
 * A letter being read: octets become lines, lines become header or body.  A line of the header is
 * examined when it is whole; octets of the body are passed on as they come.
 */
typedef struct reader
{
  letter *letter;
  int dots;       /* a line with only a dot does not end the letter */
  int ended;
  int inbody;
  int cr;         /* a CR was read: its meaning depends on the next octet */
  int dot;        /* so was a dot that begins a line of the body */
  int begun;      /* octets of the present line of the body were put */
  stralloc line;  /* the present line of the header, without its end */
  size_t len;     /* of the octets in out */
  char out[PIECE_LEN];
} reader;

static void body_flush(reader *r)
{
  spool_put(&r->letter->body, r->out, r->len);
  r->len = 0;
}

static void body_put(reader *r, char c)
{
  if (r->len == sizeof r->out) body_flush(r);
  r->out[r->len++] = c;
  r->begun = 1;
}

static void body_octet(reader *r, char c)
{
  if (c == '.' && !r->begun && !r->dot && !r->dots)
  {
    r->dot = 1;
    return;
  }
  if (r->dot) body_put(r, '.');
  r->dot = 0;
  body_put(r, c);
}

static void body_line_end(reader *r)
{
  if (r->dot)
  {
    r->ended = 1;
    return;
  }
  body_put(r, '\r');
  body_put(r, '\n');
  r->begun = 0;
}

/* --- the header --- */

/* Is this the "From " line that a mailbox file has before each message?  Some programs quote it. */
static int is_from_line(reader const *r)
{
  char const *s = r->line.s;
  size_t len = r->line.len;
  if (r->letter->header.len) return 0;
  if (len && *s == '>') s++, len--;
  return len >= 5 && !memcmp(s, "From ", 5);
}

static int is_field(reader const *r)
{
  smtp_field field;
  if (!r->line.len) return 0;
  if (*r->line.s == ' ' || *r->line.s == '\t') return r->letter->header.len > 0;
  return smtp_field_scan(r->line.s, r->line.len, &field) > 0;
}

static void die_memory(void)
{
  strerr_diefusys(EX_TEMPFAIL, "read the message");
}

static void header_add(reader *r)
{
  stralloc *header = &r->letter->header;
  if (header->len + r->line.len > LETTER_HEADER_MAX)
    strerr_dief(EX_DATAERR, "the header is too large");
  if (!stralloc_catb(header, r->line.s, r->line.len) || !stralloc_catb(header, "\r\n", 2))
    die_memory();
}

/*
 * Take a line of the header.  One that is no field is the first line of the body, unless it is
 * empty.
 */
static void body_begin(reader *r)
{
  size_t i;
  r->inbody = 1;
  if (!r->line.len) return;
  for (i = 0; i < r->line.len; i++) body_octet(r, r->line.s[i]);
  body_line_end(r);
}

static void header_line_end(reader *r)
{
  if (r->line.len == 1 && *r->line.s == '.' && !r->dots) r->ended = 1;
  else if (is_field(r)) header_add(r);
  else if (!is_from_line(r)) body_begin(r);
  r->line.len = 0;
}

static void header_octet(reader *r, char c)
{
  if (r->line.len == LETTER_HEADER_MAX) strerr_dief(EX_DATAERR, "the header is too large");
  if (!stralloc_append(&r->line, c)) die_memory();
}

/* --- octets --- */

static void line_end(reader *r)
{
  if (r->inbody) body_line_end(r);
  else header_line_end(r);
}

/* No end of the message comes about by it. */
static void bare_cr(reader *r)
{
  if (!r->inbody)
  {
    header_octet(r, ' ');
    return;
  }
  if (r->dot) body_put(r, '.');
  r->dot = 0;
  body_line_end(r);
}

static void octet(reader *r, char c)
{
  if (c == '\r')
  {
    r->cr = 1;
    return;
  }
  if (r->cr && c != '\n') bare_cr(r);
  r->cr = 0;
  if (r->ended) return;
  r->letter->high |= smtp_high(c);
  if (c == '\n') line_end(r);
  else if (r->inbody) body_octet(r, c);
  else header_octet(r, c);
}

/* End the letter; its last line may have no line end. */
static void input_end(reader *r)
{
  if (!r->ended && (r->cr || (r->inbody ? r->begun || r->dot : r->line.len > 0))) line_end(r);
  body_flush(r);
}

static size_t piece_read(int fd, char *s)
{
  ssize_t n;
  do n = read(fd, s, PIECE_LEN);
  while (n == -1 && errno == EINTR);
  if (n == -1) strerr_diefusys(EX_TEMPFAIL, "read the message");
  return (size_t)n;
}

void letter_read(letter *l, int fd, int dots)
{
  static reader r;
  static char piece[PIECE_LEN];
  size_t len, i;
  r.letter = l;
  r.dots = dots;
  while (!r.ended && (len = piece_read(fd, piece)))
    for (i = 0; i < len && !r.ended; i++) octet(&r, piece[i]);
  input_end(&r);
  stralloc_free(&r.line);
}
