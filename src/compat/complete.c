#include "compat/complete.h"

#include <errno.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include "base/log.h"
#include "base/wallclock.h"
#include "queue/id.h"
#include "smtp/chars.h"
#include "smtp/header.h"

/* Properties of a field, or-ed. */
enum { IS_FROM = 1, IS_DATE = 2, IS_ID = 4, IS_SENT_TO = 8, IS_ADDRESSES = 16, IS_DROPPED = 32 };

static struct { char const *name; unsigned int kind; } const kinds[] =
{
  { "FROM", IS_FROM | IS_ADDRESSES },
  { "SENDER", IS_ADDRESSES },
  { "REPLY-TO", IS_ADDRESSES },
  { "TO", IS_SENT_TO | IS_ADDRESSES },
  { "CC", IS_SENT_TO | IS_ADDRESSES },
  { "BCC", IS_SENT_TO | IS_DROPPED },
  { "DATE", IS_DATE },
  { "MESSAGE-ID", IS_ID },
  { "RETURN-PATH", IS_DROPPED },
  { "CONTENT-LENGTH", IS_DROPPED }
};

#define RESENT "RESENT-"
#define RESENT_LEN (sizeof RESENT - 1)

typedef struct completer
{
  completion const *wanted;
  stralloc out;
  unsigned int seen[2];      /* kinds of fields: plain ones, Resent ones */
  recipients sent_to[2];     /* of plain fields, of Resent fields */
} completer;

static void die_memory(void)
{
  strerr_diefusys(EX_TEMPFAIL, "complete the header");
}

static void cat(completer *c, char const *s, size_t len)
{
  if (!stralloc_catb(&c->out, s, len)) die_memory();
}
#define cats(c, s) cat((c), (s), strlen(s))

/* --- fields that are there --- */

static int is_resent(smtp_field const *field)
{
  return field->namelen > RESENT_LEN && smtp_word_is(field->name, RESENT_LEN, RESENT);
}

static unsigned int field_kind(smtp_field const *field, int resent)
{
  size_t skip = resent ? RESENT_LEN : 0, i;
  for (i = 0; i < sizeof kinds / sizeof *kinds; i++)
    if (smtp_word_is(field->name + skip, field->namelen - skip, kinds[i].name))
      return kinds[i].kind;
  return 0;
}

/* The length of a field without the end of its last line. */
static size_t body_length(smtp_field const *field)
{
  size_t len = field->bodylen;
  while (len && (field->body[len - 1] == '\n' || field->body[len - 1] == '\r')) len--;
  return len;
}

static void recipients_find(completer *c, smtp_field const *field, int resent)
{
  char name[80], text[200];
  if (recipients_add(c->sent_to + resent, field->body, field->bodylen, c->wanted->me)) return;
  if (errno != EINVAL) die_memory();
  log_clean(name, sizeof name, field->name, field->namelen);
  log_clean(text, sizeof text, field->body, body_length(field));
  strerr_dief(EX_DATAERR, "no list of addresses: ", name, ":", text);
}

/* Complete addresses without a domain by ours; a malformed list stays as it is. */
static void addresses_cat(completer *c, smtp_field const *field)
{
  smtp_address_list list = { .s = field->body, .len = field->bodylen };
  smtp_address address;
  size_t const begin = c->out.len;
  size_t done = 0;
  int r;
  while ((r = smtp_address_next(&list, &address)) > 0)
  {
    if (address.qualified) continue;
    cat(c, field->body + done, address.end - done);
    cats(c, "@");
    cats(c, c->wanted->me);
    done = address.end;
  }
  if (r < 0)
  {
    c->out.len = begin;
    done = 0;
  }
  cat(c, field->body + done, field->bodylen - done);
}

static void field_take(completer *c, smtp_field const *field)
{
  int resent = is_resent(field);
  unsigned int kind = field_kind(field, resent);
  c->seen[resent] |= kind;
  if (c->wanted->recipients && kind & IS_SENT_TO) recipients_find(c, field, resent);
  if (kind & IS_DROPPED) return;
  cat(c, field->name, (size_t)(field->body - field->name));
  if (kind & IS_ADDRESSES && !c->wanted->plain) addresses_cat(c, field);
  else cat(c, field->body, field->bodylen);
}

/* --- fields that are missing --- */

static void from_add(completer *c)
{
  char phrase[SMTP_PHRASE_MAX];
  completion const *w = c->wanted;
  cats(c, "From: ");
  if (!*w->sender)
  {
    cats(c, "MAILER-DAEMON@");
    cats(c, w->me);
  }
  else if (!*w->name) cats(c, w->sender);
  else
  {
    cat(c, phrase, smtp_phrase_format(phrase, w->name, strlen(w->name)));
    cats(c, " <");
    cats(c, w->sender);
    cats(c, ">");
  }
  cats(c, "\r\n");
}

static void date_add(completer *c, uint64_t now)
{
  char date[WALLCLOCK_DATE_MAX];
  cats(c, "Date: ");
  cat(c, date, wallclock_date(date, now));
  cats(c, "\r\n");
}

static void id_add(completer *c, uint64_t now)
{
  char id[ID_LEN + 1], pid[UINT_FMT];
  id_format(id, now, (uint32_t)getpid());
  cats(c, "Message-ID: <");
  cats(c, id);
  cats(c, ".");
  cat(c, pid, uint_fmt(pid, (unsigned int)getpid()));
  cats(c, "@");
  cats(c, c->wanted->me);
  cats(c, ">\r\n");
}

static void missing_add(completer *c, int resent)
{
  char const *prefix = resent ? "Resent-" : "";
  unsigned int seen = c->seen[resent];
  uint64_t now = wallclock_us();
  if (!(seen & IS_ID))
  {
    cats(c, prefix);
    id_add(c, now);
  }
  if (!(seen & IS_DATE))
  {
    cats(c, prefix);
    date_add(c, now);
  }
  if (!(seen & IS_FROM))
  {
    cats(c, prefix);
    from_add(c);
  }
}

/* --- */

static void recipients_hand(recipients *to, recipients const *from, char const *me)
{
  size_t i;
  for (i = 0; i < recipients_len(from); i++)
  {
    char const *address = recipients_get(from, i);
    if (!recipients_add(to, address, strlen(address), me)) die_memory();
  }
}

void complete(letter *l, completion const *wanted)
{
  completer c = { .wanted = wanted };
  size_t at = 0, len;
  int resent;
  smtp_field field;
  while ((len = smtp_field_scan(l->header.s + at, l->header.len - at, &field)))
  {
    field_take(&c, &field);
    at += len;
  }
  resent = c.seen[1] != 0;
  if (!wanted->plain) missing_add(&c, resent);
  if (wanted->recipients) recipients_hand(wanted->recipients, c.sent_to + resent, wanted->me);
  recipients_free(c.sent_to);
  recipients_free(c.sent_to + 1);
  stralloc_free(&l->header);
  l->header = c.out;
}
