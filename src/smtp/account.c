#include "smtp/account.h"

#include <string.h>

static int word_set(char *out, size_t max, char const *s, size_t len)
{
  if (!len || len > max || memchr(s, 0, len)) return 0;
  memcpy(out, s, len);
  out[len] = 0;
  return 1;
}

int smtp_account_set(smtp_account *account, char const *user, size_t userlen, char const *password,
                     size_t passwordlen)
{
  if (word_set(account->user, SMTP_USER_MAX, user, userlen)
   && word_set(account->password, SMTP_PASSWORD_MAX, password, passwordlen)) return 1;
  explicit_bzero(account, sizeof *account);
  return 0;
}

size_t smtp_account_format(char out[SMTP_ACCOUNT_WORD_MAX], smtp_account const *account)
{
  char both[SMTP_ACCOUNT_OCTETS + 1];
  char *const password = stpcpy(both, account->user) + 1;
  size_t const len = (size_t)(stpcpy(password, account->password) - both);
  size_t const written = smtp_base64_format(out, both, len);
  explicit_bzero(both, sizeof both);
  return written;
}

int smtp_account_scan(smtp_account *account, char const *s, size_t len)
{
  char both[SMTP_ACCOUNT_WORD_MAX];
  char const *nul;
  size_t n = 0;
  int r;
  memset(account, 0, sizeof *account);
  if (len >= SMTP_ACCOUNT_WORD_MAX) return 0;
  nul = smtp_base64_scan(both, &n, s, len) && n ? memchr(both, 0, n) : 0;
  r = nul && smtp_account_set(account, both, (size_t)(nul - both), nul + 1,
                              n - (size_t)(nul - both) - 1);
  explicit_bzero(both, sizeof both);
  return r;
}
