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

/* --- authout --- */

typedef struct account_question
{
  char const *name;
  smtp_account *account;
} account_question;

static int authout_match(void *data, char const *s, size_t len)
{
  account_question *q = data;
  conf_word name, user, password;
  if (!conf_authout_scan(s, len, &name, &user, &password)) return 0;
  if (name.len != strlen(q->name) || memcmp(name.s, q->name, name.len)) return 1;
  if (*q->account->user) return conf_fail("a second line for", name.s, name.len);
  return smtp_account_set(q->account, user.s, user.len, password.s, password.len)
    || conf_fail("not NAME USER PASSWORD", 0, 0);
}

int conf_authout(int conf, char const *name, smtp_account *account)
{
  account_question q = { .name = name, .account = account };
  conf_list list = CONF_LIST_ZERO;
  int r = conf_list_open(conf, "authout", &list);
  memset(account, 0, sizeof *account);
  if (r && list.form == CONF_LIST_TEXT) r = conf_list_each(&list, &authout_match, &q);
  conf_list_close(&list);
  if (!r) explicit_bzero(account, sizeof *account);
  return r;
}

/* --- clientcerts --- */

/* Whose a SHA-256 is; more than one may be asked for. */
typedef struct print_question
{
  tls_field const *print;
  conf_word user;          /* in the list's text; len 0: nobody's */
} print_question;

typedef struct certificate_question
{
  print_question certificate;
  print_question key;
} certificate_question;

static int print_match(print_question *q, char const *print, conf_word const *user)
{
  if (q->print->len != TLS_PRINT_LEN || memcmp(q->print->s, print, TLS_PRINT_LEN)) return 1;
  if (q->user.len) return conf_fail("named twice", print, TLS_PRINT_LEN);
  q->user = *user;
  return 1;
}

static int certificate_match(void *data, char const *s, size_t len)
{
  certificate_question *q = data;
  char print[TLS_PRINT_LEN + 1];
  conf_word user;
  return conf_clientcert_scan(s, len, print, &user) && print_match(&q->certificate, print, &user)
    && print_match(&q->key, print, &user);
}

int conf_clientcert(int conf, tls_field const *certificate, tls_field const *key,
                    char user[CONF_ACCOUNT_MAX + 1])
{
  certificate_question q = { .certificate = { .print = certificate }, .key = { .print = key } };
  conf_list list = CONF_LIST_ZERO;
  conf_word const *found;
  int r = conf_list_open(conf, CONF_CLIENTCERTS, &list);
  if (r && list.form == CONF_LIST_TEXT) r = conf_list_each(&list, &certificate_match, &q);
  found = q.certificate.user.len ? &q.certificate.user : &q.key.user;
  if (r && found->len) memcpy(user, found->s, found->len);
  user[r ? found->len : 0] = 0;
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
