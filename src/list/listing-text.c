#include "list/queue-list-internal.h"

#include <string.h>
#include <time.h>

#include "base/wallclock.h"

/*
 * The widths of postqueue's columns, with ids as long as ours, and of a line that ends in a
 * reason.
 */
#define COLUMN_ID 17
#define COLUMN_SIZE 8
#define COLUMN_TIME 19
#define COLUMN_REASON 76
/* The column that addresses begin at. */
#define COLUMN_ADDRESS (COLUMN_ID + 1 + COLUMN_SIZE + 1 + COLUMN_TIME + 1)

#define HEADINGS "----Queue ID----- --Size-- ---Arrival Time---- --Sender/Recipient------\n"

/* Two digits, the first of which is this character in place of a zero. */
static void pair_put(char *text, int number, char zero)
{
  text[0] = (char)(number < 10 ? zero : '0' + number / 10);
  text[1] = (char)('0' + number % 10);
}

/*
 * "Sat Nov 21 07:45:53", local time; "" where localtime_r(3) fails. strftime(3) would take ten
 * times as long.
 */
static void date_format(char text[COLUMN_TIME + 1], uint64_t us)
{
  static char const days[7][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
  static char const months[12][4] =
    { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
  time_t seconds = (time_t)(us / SECOND_US);
  struct tm local;
  *text = 0;
  if (!localtime_r(&seconds, &local)) return;
  memcpy(text, "ddd mmm dd hh:mm:ss", COLUMN_TIME + 1);
  memcpy(text, days[local.tm_wday], 3);
  memcpy(text + 4, months[local.tm_mon], 3);
  pair_put(text + 8, local.tm_mday, ' ');
  pair_put(text + 11, local.tm_hour, '0');
  pair_put(text + 14, local.tm_min, '0');
  pair_put(text + 17, local.tm_sec, '0');
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

static void address_put(out *o, char const *address)
{
  out_text(o, out_cleaned(o, address));
  out_text(o, "\n");
}

static void head_put(listing *l, listing_entry const *e)
{
  message const *m = e->message;
  out *o = &l->out;
  char id[ID_LEN + 2], date[COLUMN_TIME + 1];
  memcpy(id, e->id, ID_LEN);
  strcpy(id + ID_LEN, mark(e->state));
  date_format(date, m->arrival_us);
  out_text(o, l->count ? "\n" : HEADINGS);
  out_left(o, id, COLUMN_ID + 1);
  out_number_right(o, m->content_len, COLUMN_SIZE);
  out_text(o, " ");
  out_left(o, date, COLUMN_TIME + 1);
  address_put(o, listing_sender(m));
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

/* A reason stands before its recipients: all those up to the next reason. */
static void recipients_put(listing *l, message const *m)
{
  size_t i;
  if (!stralloc_copyb(&l->last, "", 1)) listing_die_memory();
  for (i = 0; i < message_rcpts(m); i++)
  {
    message_recipient const *r = message_rcptp(m, i);
    char const *why;
    if (!delay_owed(r)) continue;
    why = out_cleaned(&l->out, listing_why(l, listing_domain(l, m, r), m, r));
    if (strcmp(why, l->last.s))
    {
      if (!stralloc_copys(&l->last, why) || !stralloc_0(&l->last)) listing_die_memory();
      reason_put(&l->out, why);
    }
    out_spaces(&l->out, COLUMN_ADDRESS);
    address_put(&l->out, message_string(m, r->address));
  }
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
