#include "list/queue-list-internal.h"

#include "base/wallclock.h"

static char const *const state_names[] =
{
  [LISTING_INCOMING] = "incoming", [LISTING_ACTIVE] = "active", [LISTING_DEFERRED] = "deferred",
  [LISTING_HOLD] = "hold"
};

/* A key, with the comma that parts it from the value before. */
#define KEY(name) ", \"" name "\": "

static void text_put(out *o, char const *key, char const *s)
{
  out_text(o, key);
  out_json(o, s);
}

static void number_put(out *o, char const *key, uint64_t number)
{
  out_text(o, key);
  out_number(o, number);
}

static void bool_put(out *o, char const *key, int yes)
{
  out_text(o, key);
  out_text(o, yes ? "true" : "false");
}

/* Put a moment in whole seconds; 0, no such moment, is null. */
static void time_put(out *o, char const *key, uint64_t us)
{
  out_text(o, key);
  if (us) out_number(o, us / SECOND_US);
  else out_text(o, "null");
}

static void recipient_put(listing *l, listing_entry const *e, delay_domain const *d,
                          message_recipient const *r)
{
  out *o = &l->out;
  message const *m = e->message;
  char const *why = listing_why(l, d, m, r);
  text_put(o, "{\"address\": ", message_string(m, r->address));
  if (*why) text_put(o, KEY("delay_reason"), why);
  if (r->attempts)
  {
    text_put(o, KEY("status"), message_string(m, r->code));
    text_put(o, KEY("relay"), message_string(m, r->relay));
  }
  number_put(o, KEY("attempts"), r->attempts);
  time_put(o, KEY("last_try"), r->last_us);
  time_put(o, KEY("next_try"),
           e->state == LISTING_HOLD ? 0 : delay_next_us(&l->delays, d, m, r));
  text_put(o, KEY("domain"), message_string(m, r->domain));
  text_put(o, KEY("site"), d->route.site.s);
  text_put(o, KEY("site_state"), sitefile_state_name(d->state));
  bool_put(o, KEY("parked"), d->route.parked);
  out_text(o, "}");
}

/*
 * The shortest lifetime, in seconds, of the routes of all owed recipients; UINT64_MAX without
 * any.
 */
static uint64_t recipients_put(listing *l, listing_entry const *e)
{
  out *o = &l->out;
  message const *m = e->message;
  uint64_t lifetime_s = UINT64_MAX;
  size_t i, listed = 0;
  out_text(o, KEY("recipients") "[");
  for (i = 0; i < message_rcpts(m); i++)
  {
    message_recipient const *r = message_rcptp(m, i);
    delay_domain const *d;
    if (!delay_owed(r)) continue;
    if (listed++) out_text(o, ", ");
    d = listing_domain(l, m, r);
    recipient_put(l, e, d, r);
    if (!r->settled && d->route.lifetime < lifetime_s) lifetime_s = d->route.lifetime;
  }
  out_text(o, "]");
  return lifetime_s;
}

void listing_json_entry(listing *l, listing_entry const *e)
{
  out *o = &l->out;
  message const *m = e->message;
  uint64_t lifetime_s;
  text_put(o, "{\"queue_name\": ", state_names[e->state]);
  text_put(o, KEY("queue_id"), e->id);
  number_put(o, KEY("arrival_time"), m->arrival_us / SECOND_US);
  number_put(o, KEY("message_size"), m->content_len);
  bool_put(o, KEY("forced_expire"), 0);
  text_put(o, KEY("sender"), listing_sender(m));
  lifetime_s = recipients_put(l, e);
  out_text(o, KEY("expires"));
  if (lifetime_s == UINT64_MAX) out_text(o, "null");
  else out_number(o, m->arrival_us / SECOND_US + lifetime_s);
  number_put(o, KEY("recipient_count"), message_rcpts(m));
  text_put(o, KEY("client"), message_string(m, m->client));
  out_text(o, "}\n");
}
