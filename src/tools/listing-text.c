#include "tools/queue-list-internal.h"

#include <string.h>
#include <time.h>

#include <skalibs/types.h>

/* The widths of postqueue's columns, with ids as long as ours, and of the line that a reason ends. */
#define COLUMN_ID 17
#define COLUMN_SIZE 8
#define COLUMN_TIME 19
#define COLUMN_REASON 76

#define HEADINGS "----Queue ID----- --Size-- ---Arrival Time---- --Sender/Recipient------\n"

#define SECOND_US 1000000u

static void columns_put(out *o, char const *id, char const *size, char const *date, char const *address)
{
  out_left(o, id, COLUMN_ID);
  out_text(o, " ");
  out_right(o, size, COLUMN_SIZE);
  out_text(o, " ");
  out_left(o, date, COLUMN_TIME);
  out_text(o, " ");
  out_text(o, address);
  out_text(o, "\n");
}

/* "Sat Nov 21 07:45:53", local time; "" for a moment that has none. */
static void date_format(char *text, size_t max, uint64_t us)
{
  time_t seconds = (time_t)(us / SECOND_US);
  struct tm local;
  if (!localtime_r(&seconds, &local) || !strftime(text, max, "%a %b %e %H:%M:%S", &local)) *text = 0;
}

static char const *mark(enum listing_state state)
{
  switch (state)
  {
    case LISTING_ACTIVE: return "*";
    case LISTING_HOLD: return "!";
    default: return "";
  }
}

static void head_put(listing *l, listing_entry const *e)
{
  message const *m = e->message;
  char id[ID_LEN + 2], size[UINT64_FMT], date[64];
  memcpy(id, e->id, ID_LEN);
  strcpy(id + ID_LEN, mark(e->state));
  size[uint64_fmt(size, m->content_len)] = 0;
  date_format(date, sizeof date, m->arrival_us);
  out_text(&l->out, l->count ? "\n" : HEADINGS);
  columns_put(&l->out, id, size, date, out_cleaned(&l->out, listing_sender(m)));
}

static void reason_put(out *o, char const *why)
{
  size_t width;
  if (!*why) why = "reason unavailable";
  width = out_width(why);
  out_right(o, "(", width < COLUMN_REASON ? COLUMN_REASON + 1 - width : 1);
  out_text(o, why);
  out_text(o, ")\n");
}

/* A reason goes before the recipients it is about: those that follow up to the next reason. */
static void recipients_put(listing *l, message const *m)
{
  stralloc last = STRALLOC_ZERO;
  size_t i;
  if (!stralloc_0(&last)) listing_die_memory();
  for (i = 0; i < message_rcpts(m); i++)
  {
    message_recipient const *r = message_rcptp(m, i);
    char const *why;
    if (!waiting_owed(r)) continue;
    why = out_cleaned(&l->out, listing_why(l, listing_domain(l, m, r), m, r));
    if (strcmp(why, last.s))
    {
      if (!stralloc_copys(&last, why) || !stralloc_0(&last)) listing_die_memory();
      reason_put(&l->out, why);
    }
    columns_put(&l->out, "", "", "", out_cleaned(&l->out, message_string(m, r->address)));
  }
  stralloc_free(&last);
}

void listing_text_entry(listing *l, listing_entry const *e)
{
  head_put(l, e);
  recipients_put(l, e->message);
}

void listing_text_end(listing *l)
{
  if (!l->count)
  {
    out_text(&l->out, "Mail queue is empty\n");
    return;
  }
  out_text(&l->out, "\n-- ");
  out_number(&l->out, l->bytes / 1024);
  out_text(&l->out, " Kbytes in ");
  out_number(&l->out, l->count);
  out_text(&l->out, l->count == 1 ? " Request.\n" : " Requests.\n");
}
