#include "compat/recipients.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "smtp/header.h"
#include "smtp/path.h"

static int recipient_add(recipients *r, smtp_address const *address, char const *me)
{
  size_t const begin = r->text.len;
  smtp_path path;
  errno = ENOMEM;
  if (!stralloc_catb(&r->text, address->s, address->len)) return 0;
  if (!address->qualified && (!stralloc_cats(&r->text, "@") || !stralloc_cats(&r->text, me)))
    return 0;
  if (!stralloc_0(&r->text) || !genalloc_append(size_t, &r->at, &begin)) return 0;
  errno = EINVAL;
  return smtp_mailbox_scan(r->text.s + begin, r->text.len - 1 - begin, SMTP_PATH_UTF8, &path);
}

int recipients_add(recipients *r, char const *list, size_t len, char const *me)
{
  smtp_address_list addresses = { .s = list, .len = len };
  smtp_address address;
  int found;
  while ((found = smtp_address_next(&addresses, &address)) > 0)
    if (address.len && !recipient_add(r, &address, me)) return 0;
  errno = EINVAL;
  return !found;
}

void recipients_free(recipients *r)
{
  stralloc_free(&r->text);
  genalloc_free(size_t, &r->at);
}

/* --- each once --- */

/* the text to compare: qsort(3) has no argument for it */
static char const *sorted_text;

static int by_name(void const *a, void const *b)
{
  size_t const *x = a, *y = b;
  int r = strcasecmp(sorted_text + *x, sorted_text + *y);
  return r ? r : *x < *y ? -1 : 1;
}

static int by_place(void const *a, void const *b)
{
  size_t const *x = a, *y = b;
  return *x < *y ? -1 : 1;
}

void recipients_once(recipients *r)
{
  size_t *at = genalloc_s(size_t, &r->at), n = recipients_len(r), kept = 0, i;
  sorted_text = r->text.s;
  if (n) qsort(at, n, sizeof *at, &by_name);
  for (i = 0; i < n; i++)
    if (!kept || strcasecmp(sorted_text + at[kept - 1], sorted_text + at[i])) at[kept++] = at[i];
  if (kept) qsort(at, kept, sizeof *at, &by_place);
  genalloc_setlen(size_t, &r->at, kept);
}
