#ifndef SMTP_PATH_H
#define SMTP_PATH_H

#include <stddef.h>

/* RFC 5321 sections 4.5.3.1.1 and 4.5.3.1.3. */
#define SMTP_LOCAL_MAX 64
#define SMTP_PATH_MAX 256

enum smtp_path_flag
{
  SMTP_PATH_NULL = 1,       /* "<>" is allowed (MAIL) */
  SMTP_PATH_BARELOCAL = 2,  /* "<postmaster>", any case, without a domain is allowed (RCPT) */
  SMTP_PATH_UTF8 = 4,       /* octets beyond ASCII are allowed (RFC 6531) */
  SMTP_PATH_LENIENT = 8     /* brackets may be missing, and dots stand anywhere in a local part */
};

/* Points into the text that was scanned; valid as long as the text is. */
typedef struct smtp_path
{
  char const *local;   /* as sent, quotes included */
  size_t locallen;
  char const *domain;  /* as sent; a domain name or an address literal with its brackets */
  size_t domainlen;    /* 0: none, as in <> and <postmaster> */
  int loose;           /* SMTP_PATH_LENIENT: the local part is valid once it is quoted */
} smtp_path;

/*
 * Scan one path of RFC 5321 section 4.1.2, angle brackets included: "<local@domain>".
 * A source route ("<@a,@b:local@domain>") is read and left out (appendix C).
 *   flags  enum smtp_path_flag, or-ed
 * Returns the number of octets that the path takes, 0 when s begins with no path.  The caller looks
 * at what follows the path.  A local part over SMTP_LOCAL_MAX is accepted up to SMTP_PATH_MAX, as
 * every mailer in use does; the quotes that a loose one needs count.  Without brackets
 * (SMTP_PATH_LENIENT) the path is a mailbox alone, up to a space or the end.
 */
extern size_t smtp_path_scan(char const *s, size_t len, int flags, smtp_path *path);

/* The same for a mailbox without angle brackets: all of s must be "local@domain". 1 or 0. */
extern int smtp_mailbox_scan(char const *s, size_t len, int flags, smtp_path *path);

#endif
