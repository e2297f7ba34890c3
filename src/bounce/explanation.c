#include "bounce/explanation.h"

#include <string.h>

#include <skalibs/types.h>

#include "base/wallclock.h"

#define ADDRESS_INDENT "    "
#define WHY_INDENT "        "

#define paragraph(n, ...) \
  (lines_fill(&(n)->lines, "", "", __VA_ARGS__), lines_line(&(n)->lines, ""))

/* --- the recipients -------------------------------------------------------------------------- */

static char const *why(notice *n, message_recipient const *r)
{
  char const *reason = message_string(&n->original->message, r->reason);
  delay d;
  return *reason || n->event != JOB_EVENT_DELAYED || !notice_delay(n, r, &d) ? reason : d.why;
}

/* Do two recipients have the same reason?  Without an attempt, those of one domain have. */
static int same_why(message const *m, size_t one, size_t other)
{
  message_recipient const *a = message_rcptp(m, one), *b = message_rcptp(m, other);
  char const *reason = message_string(m, a->reason);
  if (strcmp(reason, message_string(m, b->reason))) return 0;
  return *reason || !strcmp(message_string(m, a->domain), message_string(m, b->domain));
}

/* Put the reason below the addresses; only its code when the reasons so far were too long. */
static void why_put(notice *n, message_recipient const *r)
{
  char const *text = why(n, r), *words = notice_words(n, text, strlen(text));
  text = words ? words : message_string(&n->original->message, r->code);
  if (*text) lines_fill(&n->lines, WHY_INDENT, WHY_INDENT, text);
  lines_line(&n->lines, "");
}

static void more_put(notice *n, size_t more)
{
  char number[SIZE_FMT];
  number[size_fmt(number, more)] = 0;
  lines_line(&n->lines, ADDRESS_INDENT "... and ", number,
             " more; the report below names all of them.");
  lines_line(&n->lines, "");
}

/* Put the addresses.  A reason that several in a row share is put once, below the last of them. */
static void recipients_put(notice *n)
{
  message const *m = &n->original->message;
  size_t const end = message_rcpts(m);
  size_t named = 0, i, next;
  for (i = notice_next(n, 0); i < end && named < NOTICE_NAMED_MAX; i = next)
  {
    message_recipient const *r = message_rcptp(m, i);
    next = notice_next(n, i + 1);
    lines_fill(&n->lines, ADDRESS_INDENT, ADDRESS_INDENT, message_string(m, r->address));
    named++;
    if (next == end || named == NOTICE_NAMED_MAX || !same_why(m, i, next)) why_put(n, r);
  }
  if (n->count > named) more_put(n, n->count - named);
}

/* --- what happened, what to do ------------------------------------------------------------ */

#define THIS(n, one, many) ((n)->count == 1 ? (one) : (many))

static void failed_put(notice *n)
{
  paragraph(n, "We are sorry: it could not be delivered to ",
            THIS(n, "this address", "these addresses"), ", and it will not be tried again.");
  recipients_put(n);
  paragraph(n, "What you can do: please look whether the address is written as it should be, and "
               "send the message again if it was not. If it was, the words below the address say "
               "what stood in the way; those who look after the mail there can tell you more "
               "about it.");
}

/* When the first of the recipients will be given up. */
static uint64_t first_until_us(notice *n)
{
  message const *m = &n->original->message;
  size_t const end = message_rcpts(m);
  uint64_t first_us = UINT64_MAX;
  delay d;
  size_t i;
  for (i = notice_next(n, 0); i < end; i = notice_next(n, i + 1))
    if (notice_delay(n, message_rcptp(m, i), &d) && d.until_us < first_us) first_us = d.until_us;
  return first_us;
}

static void delayed_put(notice *n)
{
  char date[WALLCLOCK_DATE_MAX];
  wallclock_date(date, first_until_us(n));
  paragraph(n, "It has not been delivered to ", THIS(n, "this address", "these addresses"),
            " yet.");
  recipients_put(n);
  paragraph(n, "It is kept here and will be delivered as soon as that is possible; this will be "
               "tried at least until ", date,
            ". You need not do anything, and need not send the message again. Should it have to be "
            "given up, you will be told.");
}

static void relayed_put(notice *n)
{
  paragraph(n, "It has been handed to the mail server in charge of ",
            THIS(n, "this address", "these addresses"), ".");
  recipients_put(n);
  paragraph(n, "You had asked to be told of the delivery. That server gives no such confirmations, "
               "so this is all that will be known here.");
}

void explanation_put(notice *n)
{
  original const *o = n->original;
  char date[WALLCLOCK_DATE_MAX];
  n->words_left = NOTICE_EXPLANATION_WORDS_MAX;
  wallclock_date(date, o->message.arrival_us);
  paragraph(n, "This is a notice of the mail server ", n->me,
            " about a message that has your address as its sender. The message came here on ",
            date, ".");
  switch (n->event)
  {
    case JOB_EVENT_FAILED: failed_put(n); break;
    case JOB_EVENT_DELAYED: delayed_put(n); break;
    case JOB_EVENT_RELAYED: relayed_put(n); break;
  }
  paragraph(n, "A reply to this notice would not be read. If you have questions, please write to ",
            n->postmaster, " and send the notice along; the message is known there as ", o->id,
            ".");
  paragraph(n, "A report for mail programs, and the ",
            n->returned.whole ? "message" : "header of the message", ", follow.");
}
