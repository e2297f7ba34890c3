#include "queue/message.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <skalibs/allreadwrite.h>

#include "base/close.h"
#include "base/wallclock.h"
#include "job/journal.h"
#include "smtp/chars.h"
#include "smtp/domain.h"

/* --- the head ------------------------------------------------------------------------- */

#define HEAD_WORD "sluice-1 "
#define HEAD_ENVELOPE 9     /* offsets and widths of its numbers and flags */
#define HEAD_ENVELOPE_LEN 10
#define HEAD_CONTENT 20
#define HEAD_CONTENT_LEN 18
#define HEAD_FLAGS 39

/* Format a number in a fixed width, filled up with zeros. */
static void number_put(char *out, size_t width, uint64_t number)
{
  while (width--)
  {
    out[width] = (char)('0' + number % 10);
    number /= 10;
  }
}

static int number_get(char const *s, size_t width, uint64_t *number)
{
  for (*number = 0; width; width--, s++)
  {
    if (*s < '0' || *s > '9') return 0;
    *number = *number * 10 + (uint64_t)(*s - '0');
  }
  return 1;
}

static void head_format(char *out, uint64_t envelope_len, uint64_t content_len, unsigned int flags)
{
  memset(out, ' ', MESSAGE_HEAD_LEN - 1);
  memcpy(out, HEAD_WORD, sizeof HEAD_WORD - 1);
  number_put(out + HEAD_ENVELOPE, HEAD_ENVELOPE_LEN, envelope_len);
  number_put(out + HEAD_CONTENT, HEAD_CONTENT_LEN, content_len);
  job_flags_format(out + HEAD_FLAGS, flags);
  out[MESSAGE_HEAD_LEN - 1] = '\n';
}

/* Read the head of a whole message, exactly as head_format() writes it.  1 or 0. */
static int head_scan(char const *s, message *m)
{
  char again[MESSAGE_HEAD_LEN];
  int flags;
  if (!number_get(s + HEAD_ENVELOPE, HEAD_ENVELOPE_LEN, &m->envelope_len)) return 0;
  if (!number_get(s + HEAD_CONTENT, HEAD_CONTENT_LEN, &m->content_len)) return 0;
  flags = job_flags_scan(s + HEAD_FLAGS, JOB_FLAGS_MAX);
  if (flags < 0) return 0;
  m->flags = (unsigned int)flags;
  head_format(again, m->envelope_len, m->content_len, m->flags);
  if (memcmp(s, again, MESSAGE_HEAD_LEN)) return 0;
  return m->envelope_len && m->envelope_len <= MESSAGE_ENVELOPE_MAX;
}

/* --- writing -------------------------------------------------------------------------- */

/* No control character, which could end a line?  1, or 0 with EINVAL. */
static int clean_ok(char const *s, size_t len)
{
  while (len--)
    if (smtp_control(*s++))
    {
      errno = EINVAL;
      return 0;
    }
  return 1;
}

/* Append " PARAMETERS", or nothing, and the end of the line. */
static int parameters_put(stralloc *out, char const *parameters)
{
  if (*parameters && (!stralloc_catb(out, " ", 1) || !stralloc_cats(out, parameters))) return 0;
  return stralloc_catb(out, "\n", 1);
}

/* Append "<ADDRESS>", unless that would not be read as one field. */
static int path_put(stralloc *out, char const *address, size_t len)
{
  size_t const begin = out->len;
  job_field field, inside;
  if (!stralloc_catb(out, "<", 1) || !stralloc_catb(out, address, len)
    || !stralloc_catb(out, ">", 1)) return 0;
  field.s = out->s + begin;
  field.len = out->len - begin;
  if (job_field_path(&field, &inside)) return 1;
  errno = EINVAL;
  return 0;
}

static int arrival_put(stralloc *out, uint64_t us)
{
  char text[10 + 1 + 6];
  number_put(text, 10, us / SECOND_US);
  text[10] = '.';
  number_put(text + 11, 6, us % SECOND_US);
  return stralloc_cats(out, "arrival ") && stralloc_catb(out, text, sizeof text)
    && stralloc_catb(out, "\n", 1);
}

/*
 * The most ids that can be taken by chance: after so many, something is wrong with the directory.
 */
#define ID_TRIES 1000

/*
 * Make a file in tmp/ with an id that is free.  Two processes with the same salt in the same
 * microsecond meet in tmp/; the later one moves on by a microsecond.  The same process never uses a
 * moment twice, whatever the clock does.
 */
static int file_create(message_writer *w)
{
  char path[QUEUE_PATH_MAX];
  uint64_t now_us = wallclock_us();
  int tries;
  if (!w->salt) w->salt = (uint32_t)getpid();
  if (now_us <= w->arrival_us) now_us = w->arrival_us + 1;
  for (tries = 0; tries < ID_TRIES; tries++, now_us++)
  {
    id_format(w->id, now_us, w->salt);
    queuedir_path(path, QUEUE_TMP, w->id);
    w->fd = openat(w->queue, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0660);
    if (w->fd != -1)
    {
      w->arrival_us = now_us;
      return 1;
    }
    if (errno != EEXIST) return 0;
  }
  return 0;
}

/* Begin the envelope, behind room for the head. */
static int envelope_begin(message_writer *w, char const *sender, size_t senderlen,
                          char const *parameters, char const *client)
{
  stralloc *e = &w->envelope;
  if (!stralloc_ready(e, MESSAGE_HEAD_LEN)) return 0;
  e->len = MESSAGE_HEAD_LEN;
  return stralloc_cats(e, "from ") && path_put(e, sender, senderlen)
    && parameters_put(e, parameters)
      && arrival_put(e, w->arrival_us)
      && stralloc_cats(e, "client ") && stralloc_cats(e, client) && stralloc_catb(e, "\n", 1);
}

int message_begin(message_writer *writer, int queue, char const *sender, size_t senderlen,
                  char const *parameters, char const *client)
{
  if (!clean_ok(sender, senderlen) || !clean_ok(parameters, strlen(parameters))
   || !clean_ok(client, strlen(client)))
    return 0;
  writer->queue = queue;
  writer->content_len = 0;
  writer->flags = 0;
  writer->started = 0;
  writer->buffered = 0;
  writer->rcpts = 0;
  if (!file_create(writer)) return 0;
  if (envelope_begin(writer, sender, senderlen, parameters, client)) return 1;
  message_abort(writer);
  return 0;
}

int message_rcpt(message_writer *writer, char const *domain, char const *address, size_t addresslen,
                 char const *parameters)
{
  stralloc *e = &writer->envelope;
  size_t before = e->len;
  if (!smtp_domain_ok(domain, strlen(domain)))
  {
    errno = EINVAL;
    return 0;
  }
  if (!clean_ok(address, addresslen) || !clean_ok(parameters, strlen(parameters))) return 0;
  if (!stralloc_cats(e, "rcpt ") || !stralloc_cats(e, domain) || !stralloc_catb(e, " ", 1)
   || !path_put(e, address, addresslen) || !parameters_put(e, parameters))
  {
    e->len = before;
    return 0;
  }
  if (writer->rcpts == MESSAGE_RCPTS_MAX || e->len - MESSAGE_HEAD_LEN + 1 > MESSAGE_ENVELOPE_MAX)
  {
    e->len = before;
    errno = EMSGSIZE;
    return 0;
  }
  writer->rcpts++;
  return 1;
}

/* Put the head before the envelope, and the empty line at its end. */
static int envelope_end(message_writer *w)
{
  if (!stralloc_catb(&w->envelope, "\n", 1)) return 0;
  head_format(w->envelope.s, 0, 0, 0);
  return 1;
}

static void head_put(message_writer *w)
{
  head_format(w->envelope.s, w->envelope.len - MESSAGE_HEAD_LEN, w->content_len, w->flags);
}

/*
 * Write the buffer, after head and envelope where those are not written yet: one write(2) for all.
 */
static int writer_flush(message_writer *w)
{
  struct iovec iov[2] =
  {
    { .iov_base = w->envelope.s, .iov_len = w->started ? 0 : w->envelope.len },
    { .iov_base = w->buffer, .iov_len = w->buffered }
  };
  if (allwritev(w->fd, iov, 2) < iov[0].iov_len + iov[1].iov_len) return 0;
  w->started = 1;
  w->buffered = 0;
  return 1;
}

int message_put(message_writer *writer, char const *s, size_t len)
{
  while (len)
  {
    size_t room = MESSAGE_BUFFER_LEN - writer->buffered, n = len < room ? len : room;
    if (!room)
    {
      if (!writer->started && !envelope_end(writer)) return 0;
      if (!writer_flush(writer)) return 0;
      continue;
    }
    memcpy(writer->buffer + writer->buffered, s, n);
    writer->buffered += n;
    writer->content_len += n;
    s += n;
    len -= n;
  }
  return 1;
}

/* Write the rest of the file, its head last. */
static int writer_finish(message_writer *w)
{
  ssize_t r;
  if (!w->started)
  {
    if (!envelope_end(w)) return 0;
    head_put(w);
    return writer_flush(w);
  }
  if (!writer_flush(w)) return 0;
  head_put(w);
  do r = pwrite(w->fd, w->envelope.s, MESSAGE_HEAD_LEN, 0);
  while (r == -1 && errno == EINTR);
  if (r >= 0 && r < MESSAGE_HEAD_LEN) errno = EIO;
  return r == MESSAGE_HEAD_LEN;
}

/*
 * Sync with fsync(2): fdatasync(2) does not cover a rename, and on ext4 the name could still be the
 * one in tmp/ after a power cut.
 */
static int sync_retry(int fd)
{
  int r;
  do r = fsync(fd);
  while (r == -1 && errno == EINTR);
  return r == 0;
}

/*
 * Sync new/ itself.  A process that may add to it but not list it cannot open it: then sync the
 * whole file system.
 */
static int directory_sync(int queue)
{
  int fd = openat(queue, "new", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), good;
  if (fd == -1) return errno == EACCES && syncfs(queue) == 0;
  good = sync_retry(fd);
  close_keep(fd);
  return good;
}

/* Close the file and remove it, wherever it is by now. */
static void writer_discard(message_writer *w, enum queue_place place)
{
  char path[QUEUE_PATH_MAX];
  int e = errno;
  close(w->fd);
  w->fd = -1;
  queuedir_path(path, place, w->id);
  if (unlinkat(w->queue, path, 0) == -1 && errno == ENOENT && place == QUEUE_NEW)
    queuedir_remove(w->queue, w->id, QUEUE_CUR);
  errno = e;
}

int message_commit(message_writer *writer, int fsyncdir)
{
  if (!writer_finish(writer)
   || queuedir_move(writer->queue, writer->id, QUEUE_TMP, QUEUE_NEW) == -1)
  {
    writer_discard(writer, QUEUE_TMP);
    return 0;
  }
  /* sync after the rename: on the usual file systems this commits the name as well */
  if (!sync_retry(writer->fd) || (fsyncdir && !directory_sync(writer->queue)))
  {
    writer_discard(writer, QUEUE_NEW);
    return 0;
  }
  close(writer->fd);
  writer->fd = -1;
  return 1;
}

void message_abort(message_writer *writer)
{
  if (writer->fd != -1) writer_discard(writer, QUEUE_TMP);
}

/* --- reading the envelope ------------------------------------------------------------- */

/*
 * The lines of m->text being parsed.  The octet behind a field (space, '>', LF) is replaced by a
 * zero octet: the text becomes strings in place, and offsets point to them.
 */
typedef struct cursor
{
  stralloc *text;
  size_t pos;
} cursor;

/* Take the next line, without its LF: *s, *len. */
static int line_next(cursor *c, char const **s, size_t *len)
{
  char const *begin = c->text->s + c->pos;
  char const *end = memchr(begin, '\n', c->text->len - c->pos);
  if (!end) return 0;
  *s = begin;
  *len = (size_t)(end - begin);
  c->pos += *len + 1;
  return 1;
}

/* Take the next field, which must be this word. */
static int word_skip(char const **s, size_t *len, char const *word)
{
  job_field field;
  return job_field_next(s, len, &field) && job_field_is(&field, word);
}

/* Make the field a string; its offset. */
static size_t field_string(cursor const *c, job_field const *field)
{
  size_t offset = (size_t)(field->s - c->text->s);
  c->text->s[offset + field->len] = 0;
  return offset;
}

/* Read "<PATH>" and the rest of the line. */
static int path_get(cursor const *c, char const *s, size_t len, size_t *path, size_t *parameters)
{
  job_field field, inside, rest;
  if (!job_field_next(&s, &len, &field) || !job_field_path(&field, &inside)) return 0;
  rest.s = len ? s : field.s + field.len;
  rest.len = len;
  *parameters = field_string(c, &rest);
  *path = field_string(c, &inside);
  return 1;
}

static int from_get(message *m, cursor *c)
{
  char const *s;
  size_t len;
  return line_next(c, &s, &len) && word_skip(&s, &len, "from")
    && path_get(c, s, len, &m->sender, &m->parameters);
}

/* Read "arrival SECONDS.MICROSECONDS". */
static int arrival_get(message *m, cursor *c)
{
  static char const word[] = "arrival ";
  size_t const wordlen = sizeof word - 1;
  char const *s;
  size_t len;
  uint64_t seconds, us;
  if (!line_next(c, &s, &len) || len != wordlen + 10 + 1 + 6 || memcmp(s, word, wordlen)) return 0;
  if (!number_get(s + wordlen, 10, &seconds) || s[wordlen + 10] != '.') return 0;
  if (!number_get(s + wordlen + 11, 6, &us)) return 0;
  m->arrival_us = seconds * SECOND_US + us;
  return 1;
}

static int client_get(message *m, cursor *c)
{
  job_field rest;
  if (!line_next(c, &rest.s, &rest.len) || !word_skip(&rest.s, &rest.len, "client")) return 0;
  if (!rest.len) rest.s = c->text->s + c->pos - 1; /* of the LF */
  m->client = field_string(c, &rest);
  return 1;
}

static int folded_ok(char const *s, size_t len)
{
  size_t i = 0;
  while (i < len && smtp_lower(s[i]) == s[i]) i++;
  return i == len && smtp_domain_ok(s, len);
}

/*
 * Read "rcpt DOMAIN <ADDRESS> PARAMETERS": the domain is the name of a file, so it must be a
 * domain.
 */
static int rcpt_get(message *m, cursor const *c, char const *s, size_t len)
{
  size_t const none = m->text.len - 1; /* the octet of the empty line, a zero octet at last */
  message_recipient r = { .code = none, .relay = none, .reason = none };
  job_field domain;
  if (!word_skip(&s, &len, "rcpt") || !job_field_next(&s, &len, &domain)) return 0;
  if (!folded_ok(domain.s, domain.len) || !path_get(c, s, len, &r.address, &r.parameters)) return 0;
  r.domain = field_string(c, &domain);
  return genalloc_append(message_recipient, &m->recipients, &r) ? 1 : -1;
}

/* Read the whole envelope in m->text.  1; 0 when it is malformed; -1 with errno. */
static int envelope_scan(message *m)
{
  cursor c = { .text = &m->text, .pos = 0 };
  char const *s;
  size_t len, i;
  int r;
  for (i = 0; i < m->text.len; i++)
    if (smtp_control(m->text.s[i]) && m->text.s[i] != '\n') return 0;
  if (!from_get(m, &c) || !arrival_get(m, &c) || !client_get(m, &c)) return 0;
  while (line_next(&c, &s, &len))
  {
    if (!len)
    {
      m->text.s[m->text.len - 1] = 0;
      return c.pos == m->text.len && message_rcpts(m);
    }
    r = rcpt_get(m, &c, s, len);
    if (r < 1) return r;
  }
  return 0;
}

/* --- reading the journal --------------------------------------------------------------- */

/* Copy a field to *to as a string. */
static size_t string_put(char *text, size_t *to, job_field const *field)
{
  size_t offset = *to;
  memcpy(text + offset, field->s, field->len);
  text[offset + field->len] = 0;
  *to += field->len + 1;
  return offset;
}

/*
 * Keep the strings of the last journal line about a recipient, over those of the line before where
 * they fit, so that memory grows with the recipients and not with the attempts.
 */
static int strings_keep(message *m, message_recipient *r, job_result const *result)
{
  size_t need = result->code.len + result->relay.len + result->text.len + 3, to = r->code;
  if (need > r->room)
  {
    if (!stralloc_readyplus(&m->text, need)) return 0;
    to = m->text.len;
    m->text.len += need;
    r->room = need;
  }
  r->code = string_put(m->text.s, &to, &result->code);
  r->relay = string_put(m->text.s, &to, &result->relay);
  r->reason = string_put(m->text.s, &to, &result->text);
  return 1;
}

static int result_take(message *m, job_result const *result, uint64_t time_us)
{
  message_recipient *r;
  if (result->recipient >= message_rcpts(m)) return 1;
  r = message_rcptp(m, (size_t)result->recipient);
  r->status = result->status;
  r->settled = job_status_settled(result->status);
  r->attempts++;
  r->last_us = time_us;
  return strings_keep(m, r, result);
}

/*
 * Read one journal line.  A malformed one, or one for a recipient that does not exist, is passed
 * over.  0 for ENOMEM.
 */
static int journal_line(message *m, char const *s, size_t len)
{
  job_result result;
  job_notice notice;
  uint64_t time_us;
  if (job_journal_scan(s, len, &time_us, &result)) return result_take(m, &result, time_us);
  if (job_notice_scan(s, len, &time_us, &notice) && notice.recipient < message_rcpts(m))
    message_rcptp(m, (size_t)notice.recipient)->told |= 1u << notice.event;
  return 1;
}

/* A journal being read: the beginning of a line waits in buffer for its end. */
#define JOURNAL_BUFFER_LEN 16384
/*
 * The longest line that is passed over.  A power cut may leave zeros where lines were being
 * written; more zeros than this are a hole that somebody made.
 */
#define JOURNAL_OVERLONG_MAX 1048576
typedef struct journal
{
  size_t len;
  size_t overlong; /* octets that the line in buffer lost of its beginning; 0: the line counts */
  char buffer[JOURNAL_BUFFER_LEN];
} journal;

/* Read the whole lines in the buffer; the rest may be the beginning of one.  0 for ENOMEM. */
static int journal_lines(message *m, journal *j)
{
  size_t begin = 0;
  char const *end;
  while ((end = memchr(j->buffer + begin, '\n', j->len - begin)))
  {
    size_t len = (size_t)(end - j->buffer) - begin;
    if (!j->overlong && !journal_line(m, j->buffer + begin, len)) return 0;
    j->overlong = 0;
    begin += len + 1;
  }
  j->len -= begin;
  memmove(j->buffer, j->buffer + begin, j->len);
  if (j->len == JOURNAL_BUFFER_LEN)
  {
    j->overlong += j->len;
    j->len = 0;
  }
  m->torn = j->len || j->overlong;
  return 1;
}

static ssize_t read_at(int fd, char *s, size_t len, uint64_t offset)
{
  ssize_t r;
  do r = pread(fd, s, len, (off_t)offset);
  while (r == -1 && errno == EINTR);
  return r;
}

/*
 * Read the journal from the descriptor: all octets behind the content.  The octet before them is
 * read as well: where it is missing, the content is cut short.  1; 0 then, or when the journal is
 * too long; -1 with errno.
 */
static int journal_read(message *m, journal *j, int fd)
{
  uint64_t const begin = m->content_offset + m->content_len;
  uint64_t offset = begin;
  size_t room = JOURNAL_BUFFER_LEN;
  ssize_t n = read_at(fd, j->buffer, room, offset - 1);
  if (n < 1) return (int)n;
  j->len = (size_t)n - 1;
  memmove(j->buffer, j->buffer + 1, j->len);
  offset += j->len;
  while ((size_t)n == room) /* fewer octets are the end of the file */
  {
    if (!journal_lines(m, j)) return -1;
    if (j->overlong > JOURNAL_OVERLONG_MAX || offset - begin > MESSAGE_JOURNAL_MAX) return 0;
    room = JOURNAL_BUFFER_LEN - j->len;
    n = read_at(fd, j->buffer + j->len, room, offset);
    if (n == -1) return -1;
    j->len += (size_t)n;
    offset += (uint64_t)n;
  }
  m->size = offset;
  return journal_lines(m, j) ? 1 : -1;
}

/* The same from a buffer that holds the whole file. */
static int journal_take(message *m, journal *j)
{
  uint64_t offset = m->content_offset + m->content_len;
  if (offset > j->len) return 0;
  m->size = j->len;
  j->len -= (size_t)offset;
  memmove(j->buffer, j->buffer + offset, j->len);
  return journal_lines(m, j) ? 1 : -1;
}

/* --- reading ---------------------------------------------------------------------------- */

/*
 * Octets of the first read: nearly always more than head and envelope, and most often the whole
 * message, so that one read is enough.
 */
#define FIRST_LEN 8192

/* Copy the envelope into m->text, from the first octets of the file, and read the rest of it. */
static int envelope_read(message *m, int fd, char const *first, size_t len)
{
  size_t want = (size_t)m->envelope_len;
  ssize_t n;
  if (!stralloc_ready(&m->text, want)) return -1;
  if (len > want) len = want;
  memcpy(m->text.s, first, len);
  for (m->text.len = len; m->text.len < want; m->text.len += (size_t)n)
  {
    n = read_at(fd, m->text.s + m->text.len, want - m->text.len, MESSAGE_HEAD_LEN + m->text.len);
    if (n < 1) return (int)n;
  }
  return envelope_scan(m);
}

/* Read a message.  1; 0 when it is not a whole one; -1 with errno. */
static int whole_read(message *m, int fd)
{
  journal j; /* its buffer holds the first octets before that */
  ssize_t n = read_at(fd, j.buffer, FIRST_LEN, 0);
  int r;
  if (n == -1) return -1;
  if (n < MESSAGE_HEAD_LEN || !head_scan(j.buffer, m)) return 0;
  m->content_offset = MESSAGE_HEAD_LEN + m->envelope_len;
  r = envelope_read(m, fd, j.buffer + MESSAGE_HEAD_LEN, (size_t)n - MESSAGE_HEAD_LEN);
  if (r < 1) return r;
  j.len = (size_t)n;
  j.overlong = 0;
  return n < FIRST_LEN ? journal_take(m, &j) : journal_read(m, &j, fd);
}

int message_read(message *m, int fd)
{
  int r;
  m->fd = fd;
  m->text.len = 0;
  genalloc_setlen(message_recipient, &m->recipients, 0);
  r = whole_read(m, fd);
  if (!r) errno = EBADMSG;
  return r == 1;
}

void message_free(message *m)
{
  stralloc_free(&m->text);
  genalloc_free(message_recipient, &m->recipients);
}

size_t message_owed(message const *m)
{
  size_t n = 0, i;
  for (i = 0; i < message_rcpts(m); i++)
    if (!message_rcptp(m, i)->settled) n++;
  return n;
}

int message_rcpt_owed(message const *m, size_t n, char const *domain)
{
  message_recipient const *r = message_rcptp(m, n);
  return !r->settled && !strcmp(message_string(m, r->domain), domain);
}

/* Is a recipient before this number owed for that domain? */
static int owes_before(message const *m, size_t end, char const *domain)
{
  size_t n = 0;
  while (n < end && !message_rcpt_owed(m, n, domain)) n++;
  return n < end;
}

int message_owes(message const *m, char const *domain)
{
  return owes_before(m, message_rcpts(m), domain);
}

int message_rcpt_first(message const *m, size_t n)
{
  message_recipient const *r = message_rcptp(m, n);
  return !r->settled && !owes_before(m, n, message_string(m, r->domain));
}

int message_untold(message_recipient const *r)
{
  if (!r->settled || r->status == JOB_SENT) return 0;
  return !(r->told & 1u << (r->status == JOB_FAILED ? JOB_EVENT_FAILED : JOB_EVENT_RELAYED));
}

int message_any_untold(message const *m)
{
  size_t i;
  for (i = 0; i < message_rcpts(m); i++)
    if (message_untold(message_rcptp(m, i))) return 1;
  return 0;
}

/* --- journal and locks ------------------------------------------------------------------ */

int message_mend(message *m, int fd)
{
  if (!m->torn) return 1;
  if (write(fd, "\n", 1) != 1) return 0;
  m->torn = 0;
  m->size++;
  return 1;
}

int message_journal(int fd, uint64_t time_us, job_result const *result)
{
  char line[JOB_LINE_MAX];
  size_t len = job_journal_format(line, sizeof line, time_us, result);
  if (len) return journal_append(fd, 0, line, len);
  errno = EMSGSIZE;
  return 0;
}

int message_journal_notices(int fd, char const *lines, size_t len)
{
  return journal_append(fd, 0, lines, len);
}

/* Lock len octets from start on; len 0: all of them. */
static int lock(int fd, short type, uint64_t start, int len)
{
  struct flock area =
    { .l_type = type, .l_whence = SEEK_SET, .l_start = (off_t)start, .l_len = len };
  if (start > INT64_MAX)
  {
    errno = EINVAL;
    return -1;
  }
  if (fcntl(fd, F_OFD_SETLK, &area) == 0) return 1;
  return errno == EAGAIN || errno == EACCES ? 0 : -1;
}

int message_lock_rcpt(int fd, uint64_t recipient)
{
  return lock(fd, F_WRLCK, recipient, 1);
}

int message_unlock_rcpt(int fd, uint64_t recipient)
{
  return lock(fd, F_UNLCK, recipient, 1);
}

int message_lock_all(int fd)
{
  return lock(fd, F_WRLCK, 0, 0);
}

int message_busy(int fd)
{
  struct flock area = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 0 };
  if (fcntl(fd, F_OFD_GETLK, &area) == -1) return -1;
  return area.l_type != F_UNLCK;
}
