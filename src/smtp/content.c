#include "smtp/content.h"

#include <stdint.h>
#include <string.h>

#include "smtp/chars.h"

/*
 * Content is read in stretches: up to and with the next LF, or to the end of what is there.
 * So all the work on the middle of a line is done by memchr() and memcpy(); the automaton
 * moves once a stretch:
 *
 *   state    the octets read so far end with
 *   START    CRLF, or there are none
 *   LINE     anything else; a bare LF too, for it ends no line
 *   CR       a CR that may turn out to be half of a CRLF
 *   DOT      (DATA) CRLF and a dot, which is in the way and never part of the content
 *   DOTCR    (DATA) CRLF, that dot and a CR: an LF makes it the end of the message
 *
 *            '.'        CR         LF           other
 *   START    DOT        CR         LINE bare    LINE
 *   LINE     LINE       CR         LINE bare    LINE
 *   CR       LINE bare  CR bare    START        LINE bare
 *   DOT      LINE       DOTCR      LINE bare    LINE
 *   DOTCR    LINE bare  CR bare    the end      LINE bare
 */
enum { START = 0, LINE, CR, DOT, DOTCR };

/*
 * The header automaton:
 *
 *   field    where in a line of the header we are
 *   LINE     at its beginning
 *   FOLD     the same, behind a line of the message id: white space continues that
 *   NAME     the first octets are those of a field's name, matched says how many
 *   ID       in the message id
 *   OTHER    in what is of no interest
 *   BLANK    behind a CR at the beginning
 *   BODY     the header is over
 */
enum { FIELD_LINE = 0, FIELD_FOLD, FIELD_NAME, FIELD_ID, FIELD_OTHER, FIELD_BLANK, FIELD_BODY };

enum { NAME_RECEIVED, NAME_MESSAGE_ID, NAMES };
static char const *const names[] =
  { [NAME_RECEIVED] = "received:", [NAME_MESSAGE_ID] = "message-id:" };

static int white(char c)
{
  return c == ' ' || c == '\t';
}

/* The name of a field was read: act on the octet behind it. */
static unsigned int name_read(smtp_content *content)
{
  if (content->name == NAME_RECEIVED) content->hops++;
  if (content->name == NAME_RECEIVED || content->ids++) return FIELD_OTHER;
  return FIELD_ID;
}

static unsigned int name_next(smtp_content *content, char c)
{
  char const *name = names[content->name];
  if (smtp_lower(c) != name[content->matched]) return FIELD_OTHER;
  return name[++content->matched] ? FIELD_NAME : name_read(content);
}

/* Add octets to the Message-ID: without white space around it, unfolded, cut. */
static void id_add(smtp_content *content, char const *s, size_t len)
{
  size_t i;
  for (i = 0; i < len && content->idlen < SMTP_CONTENT_ID_MAX; i++)
    if (s[i] != '\r' && s[i] != '\n' && (content->idlen || !white(s[i])))
      content->id[content->idlen++] = s[i];
  content->id[content->idlen] = 0;
}

static void id_trim(smtp_content *content)
{
  while (content->idlen && white(content->id[content->idlen - 1])) content->idlen--;
  content->id[content->idlen] = 0;
}

/* Begin a line by its first octet; no two names begin alike. */
static unsigned int line_first(smtp_content *content, char c)
{
  if (c == '\r') return FIELD_BLANK;
  if (content->field == FIELD_FOLD && white(c)) return id_add(content, &c, 1), FIELD_ID;
  content->matched = 0;
  for (content->name = 0; content->name < NAMES; content->name++)
    if (smtp_lower(c) == *names[content->name]) return name_next(content, c);
  return FIELD_OTHER;
}

static void field_read(smtp_content *content, char const *s, size_t len)
{
  size_t i = 0;
  if (content->field <= FIELD_FOLD) content->field = line_first(content, s[i++]);
  while (i < len && content->field == FIELD_NAME) content->field = name_next(content, s[i++]);
  if (content->field == FIELD_ID) id_add(content, s + i, len - i);
  if (content->field == FIELD_BLANK && i < len && s[i] != '\n') content->field = FIELD_OTHER;
}

/* End a line, after its CRLF. */
static void field_next(smtp_content *content)
{
  if (content->field == FIELD_ID)
  {
    id_trim(content);
    content->field = FIELD_FOLD;
  }
  else if (content->field == FIELD_BLANK) content->field = FIELD_BODY;
  else if (content->field != FIELD_BODY) content->field = FIELD_LINE;
}

/* Is there an octet over 127?  Looks at eight at a time. */
static int has_8bit(char const *s, size_t len)
{
  uint64_t seen = 0, word;
  for (; len >= sizeof word; s += sizeof word, len -= sizeof word)
  {
    memcpy(&word, s, sizeof word);
    seen |= word;
  }
  for (; len; s++, len--) seen |= (unsigned char)*s;
  return !!(seen & UINT64_C(0x8080808080808080));
}

/* The number of octets up to the first LF, included, or all. */
static size_t stretch_length(char const *s, size_t len)
{
  char const *lf = memchr(s, '\n', len);
  return lf ? (size_t)(lf - s) + 1 : len;
}

/* The state at the end of a stretch (len > 0) that begins in this state: START, LINE or CR. */
static unsigned int stretch_end(unsigned int state, char const *s, size_t len)
{
  if (s[len - 1] == '\r') return CR;
  if (s[len - 1] != '\n') return LINE;
  return (len > 1 ? s[len - 2] == '\r' : state == CR) ? START : LINE;
}

/* Does the stretch hold a CR or an LF on its own?  A CR at its very end does not count yet. */
static int stretch_bare(unsigned int state, unsigned int end, char const *s, size_t len)
{
  size_t endlen = end == LINE ? 0 : end == CR || len == 1 ? 1 : 2;
  if (end == LINE && s[len - 1] == '\n') return 1;
  if (state == CR && !(end == START && len == 1)) return 1;
  return !!memchr(s, '\r', len - endlen);
}

/* Set flags by the beginning and the end of a stretch. */
static void stretch_lines(smtp_content *content, char const *s, size_t len)
{
  unsigned int state = content->state == DOT ? START : content->state;
  unsigned int end = stretch_end(state, s, len);
  if (state == START && *s == '.') content->seen |= SMTP_CONTENT_DOT;
  if (!(content->seen & SMTP_CONTENT_BARE) && stretch_bare(state, end, s, len))
    content->seen |= SMTP_CONTENT_BARE;
  content->state = end;
}

/* And by the octets in it. */
static void stretch_read(smtp_content *content, char const *s, size_t len)
{
  stretch_lines(content, s, len);
  field_read(content, s, len);
  smtp_parts_read(&content->parts, s, len);
  if (content->state != START) return;
  field_next(content);
  smtp_parts_line_end(&content->parts);
}

/* The flags of the content if these were its last octets. */
static void flags_update(smtp_content *content, char const *s, size_t len)
{
  if (!(content->seen & SMTP_CONTENT_8BIT) && has_8bit(s, len)) content->seen |= SMTP_CONTENT_8BIT;
  if (memchr(s, 0, len)) content->seen |= SMTP_CONTENT_NUL;
  content->flags = content->seen;
  if (smtp_parts_high(&content->parts)) content->flags |= SMTP_CONTENT_HEADER;
  if (content->state == LINE || content->state == CR) content->flags |= SMTP_CONTENT_UNENDED;
  if (content->state == CR || content->state == DOTCR) content->flags |= SMTP_CONTENT_BARE;
}

int smtp_content_data(smtp_content *content, char const *in, size_t len, size_t *taken,
                      char *out, size_t *outlen)
{
  size_t i = 0, o = 0, n;
  int ended = 0;
  while (i < len && !ended)
  {
    if (content->state == START && in[i] == '.')
    {
      content->state = DOT;
      i++;
    }
    else if (content->state == DOT && in[i] == '\r')
    {
      content->state = DOTCR;
      i++;
    }
    else if (content->state == DOTCR && in[i] == '\n')
    {
      content->state = START;
      i++;
      ended = 1;
    }
    else if (content->state == DOTCR)
    {
      content->state = START;
      stretch_read(content, "\r", 1);
      out[o++] = '\r';
    }
    else
    {
      n = stretch_length(in + i, len - i);
      stretch_read(content, in + i, n);
      memcpy(out + o, in + i, n);
      i += n;
      o += n;
    }
  }
  *taken = i;
  *outlen = o;
  flags_update(content, in, i);
  return ended;
}

static void stretches(smtp_content *content, char const *in, size_t len,
                      void (*look)(smtp_content *content, char const *s, size_t len))
{
  size_t i, n;
  for (i = 0; i < len; i += n)
  {
    n = stretch_length(in + i, len - i);
    (*look)(content, in + i, n);
  }
  flags_update(content, in, len);
}

void smtp_content_chunk(smtp_content *content, char const *in, size_t len)
{
  stretches(content, in, len, &stretch_read);
}

void smtp_content_lines(smtp_content *content, char const *in, size_t len)
{
  stretches(content, in, len, &stretch_lines);
}

size_t smtp_content_stuff(char *out, char const *in, size_t len, unsigned int *state)
{
  size_t i, n, o = 0;
  for (i = 0; i < len; i += n)
  {
    n = stretch_length(in + i, len - i);
    if (*state == START && in[i] == '.') out[o++] = '.';
    memcpy(out + o, in + i, n);
    o += n;
    *state = stretch_end(*state, in + i, n);
  }
  return o;
}
