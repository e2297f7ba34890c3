#include "conf/conf-internal.h"

#include <string.h>

/* --- authsecrets --- */

typedef struct secret_question
{
  char const *user;
  size_t len;
  char *secret;
  int found;
} secret_question;

static int secret_match(void *data, char const *s, size_t len)
{
  secret_question *q = data;
  conf_word user, secret;
  if (!conf_secret_scan(s, len, &user, &secret)) return 0;
  if (user.len != q->len || memcmp(user.s, q->user, user.len)) return 1;
  if (q->found) return conf_fail("a second secret", user.s, user.len);
  q->found = 1;
  memcpy(q->secret, secret.s, secret.len);
  q->secret[secret.len] = 0;
  return 1;
}

int conf_secret(int conf, char const *user, size_t len, char secret[CONF_SECRET_MAX + 1],
                int *found)
{
  secret_question q = { .user = user, .len = len, .secret = secret };
  conf_list list = CONF_LIST_ZERO;
  int r = conf_list_open(conf, "authsecrets", &list);
  *secret = 0;
  if (r && list.form == CONF_LIST_TEXT) r = conf_list_each(&list, &secret_match, &q);
  *found = q.found;
  conf_list_close(&list);
  return r;
}

/* --- users --- */

int conf_account_read(int conf, conf_list *kept, char const *name, size_t len,
                      conf_account *account)
{
  conf_account_question q =
    { .name = name, .len = len, .account = account, .folded = STRALLOC_ZERO };
  conf_list own = CONF_LIST_ZERO;
  conf_list *list = kept ? kept : &own;
  int r = conf_list_open(conf, "users", list);
  account->norelay = 0;
  account->domains.len = 0;
  if (r && list->form == CONF_LIST_TEXT) r = conf_list_each(list, &conf_account_match, &q);
  stralloc_free(&q.folded);
  return conf_list_done(list, kept, r);
}
