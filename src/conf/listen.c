#include "conf/conf-internal.h"

#include <errno.h>
#include <string.h>

#include "job/job.h"

typedef struct addresses
{
  stralloc *all;   /* with commas between them, no string */
  size_t count;
  stralloc one;    /* that of the line at hand */
} addresses;

/* Is the present one among those before it? */
static int address_known(addresses const *a)
{
  char const *s = a->all->s, *end = s + a->all->len;
  while (s < end)
  {
    char const *comma = memchr(s, ',', (size_t)(end - s));
    size_t len = (size_t)((comma ? comma : end) - s);
    if (len == a->one.len && !memcmp(s, a->one.s, len)) return 1;
    s += len + 1;
  }
  return 0;
}

static int address_add(void *data, char const *s, size_t len)
{
  addresses *a = data;
  if (!conf_listen_scan(&a->one, s, len)) return 0;
  if (address_known(a)) return conf_fail("named twice", a->one.s, a->one.len);
  if (++a->count > JOB_LISTEN_MAX) return conf_fail("too many addresses", s, len);
  return (a->count == 1 || stralloc_append(a->all, ','))
    && stralloc_catb(a->all, a->one.s, a->one.len);
}

/* Those of the file, or the default. */
static int addresses_read(addresses *a, conf_list const *list)
{
  char const *fallback = list->setting->fallback;
  if (list->form == CONF_LIST_MISSING)
    return !*fallback || address_add(a, fallback, strlen(fallback))
      || conf_fail_system(list->setting->name);
  if (!conf_list_each(list, &address_add, a)) return 0;
  if (a->count) return 1;
  conf_fail("no value", 0, 0);
  return conf_fail_where(list->setting->name, 0);
}

static int listen_read(int conf, char const *name, stralloc *listen)
{
  conf_list list = CONF_LIST_ZERO;
  addresses a = { .all = listen, .one = STRALLOC_ZERO };
  int r = conf_list_open(conf, name, &list);
  listen->len = 0;
  if (r) r = addresses_read(&a, &list) && (stralloc_0(listen) || conf_fail_system(name));
  if (r) listen->len--;
  stralloc_free(&a.one);
  conf_list_close(&list);
  return r;
}

int conf_listen(int conf, stralloc *listen)
{
  return listen_read(conf, "listen", listen);
}

int conf_listentls(int conf, stralloc *listen)
{
  return listen_read(conf, "listentls", listen);
}

int conf_listenodmr(int conf, stralloc *listen)
{
  return listen_read(conf, "listenodmr", listen);
}
