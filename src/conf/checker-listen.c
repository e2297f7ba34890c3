#include "conf/checker.h"

#include <string.h>

#include "base/log.h"
#include "conf/conf-internal.h"
#include "job/job.h"

/* An address that a server of ours is to listen at. */
typedef struct place
{
  char const *setting;
  char const *text;
  char const *port;
  conf_address address;
} place;

static struct { char const *name; int (*read)(int conf, stralloc *listen); } const settings[] =
{
  { "listen", &conf_listen }, { "listentls", &conf_listentls }, { "listenodmr", &conf_listenodmr }
};
#define SETTINGS (sizeof settings / sizeof *settings)

/* From a text in its one form, brackets around IPv6. */
static void place_set(place *p, char const *setting, char const *text)
{
  char address[64] = "";
  int const bracketed = *text == '[';
  size_t len;
  p->setting = setting;
  p->text = text;
  p->port = strrchr(text, ':') + 1;
  len = (size_t)(p->port - text) - 1 - 2 * (size_t)bracketed;
  memcpy(address, text + bracketed, len);
  conf_address_scan(address, &p->address);
}

/*
 * Does a socket there take what comes to the other address as well?  That of all IPv6 addresses
 * takes IPv4 too, that of all IPv4 addresses IPv4 alone.
 */
static int address_covers(conf_address const *all, conf_address const *one)
{
  conf_address any4, any6;
  conf_address_scan("0.0.0.0", &any4);
  conf_address_scan("::", &any6);
  if (!memcmp(all, &any6, sizeof any6)) return 1;
  /* the prefix of a mapped address has 12 octets */
  return !memcmp(all, one, memcmp(all, &any4, sizeof any4) ? sizeof any4 : 12);
}

/* Linux binds only one of two such sockets, with SO_REUSEADDR as well. */
static int places_clash(place const *a, place const *b)
{
  return !strcmp(a->port, b->port)
    && (address_covers(&a->address, &b->address) || address_covers(&b->address, &a->address));
}

static void places_check(checker *c, place const *all, size_t count)
{
  size_t i, n;
  for (n = 1; n < count; n++)
    for (i = 0; i < n; i++)
      if (places_clash(all + i, all + n))
      {
        c->wrong = 1;
        log_line("conf/", all[n].setting, ": ", all[n].text, ": not beside ", all[i].text, " of ",
                 all[i].setting, ": only one of them can be listened at");
        break;
      }
}

void checker_listen(checker *c)
{
  stralloc texts[SETTINGS] = { STRALLOC_ZERO };
  place all[SETTINGS * JOB_LISTEN_MAX];
  size_t i, count = 0;
  for (i = 0; i < SETTINGS; i++)
  {
    char *text, *rest;
    if (!(*settings[i].read)(c->conf, texts + i)) continue; /* which was told already */
    for (text = strtok_r(texts[i].s, ",", &rest); text; text = strtok_r(0, ",", &rest))
      place_set(all + count++, settings[i].name, text);
  }
  places_check(c, all, count);
  for (i = 0; i < SETTINGS; i++) stralloc_free(texts + i);
}
