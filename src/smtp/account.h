#ifndef SMTP_ACCOUNT_H
#define SMTP_ACCOUNT_H

/* Who we are at a server that wants to know, and what proves it; and both as one word, for the line of a job. */

#include <stddef.h>

#include "smtp/base64.h"

/* Octets of each; none is NUL. */
#define SMTP_USER_MAX 255
#define SMTP_PASSWORD_MAX 255

/* Strings.  An account without a user is none.  For whoever has one to wipe. */
typedef struct smtp_account
{
  char user[SMTP_USER_MAX + 1];
  char password[SMTP_PASSWORD_MAX + 1];
} smtp_account;

/* Set both.  1; 0: one of them is empty or too long, or holds a NUL; then there is none. */
extern int smtp_account_set(smtp_account *account, char const *user, size_t userlen,
                            char const *password, size_t passwordlen);

/*
 * The word: user, NUL and password in base64.
 *   format  out is a string; returns its length
 *   scan    1, or 0 where the word makes no sense; then there is no account
 */
#define SMTP_ACCOUNT_OCTETS (SMTP_USER_MAX + 1 + SMTP_PASSWORD_MAX)
#define SMTP_ACCOUNT_WORD_MAX SMTP_BASE64_MAX(SMTP_ACCOUNT_OCTETS)
extern size_t smtp_account_format(char out[SMTP_ACCOUNT_WORD_MAX], smtp_account const *account);
extern int smtp_account_scan(smtp_account *account, char const *s, size_t len);

#endif
