#ifndef SMTP_REPLY_H
#define SMTP_REPLY_H

#include <stddef.h>

/*
 * Octets of one reply line, CRLF included: RFC 5321 section 4.5.3.1.5 has 512, servers in use send
 * more.
 */
#define SMTP_REPLY_LINE_MAX 2048
/* Lines of one reply; more is not SMTP. */
#define SMTP_REPLY_LINES_MAX 100

/* One line of a reply (RFC 5321 section 4.2).  Points into what was scanned. */
typedef struct smtp_reply_line
{
  unsigned int code;     /* 200 to 599 */
  int last;              /* no '-' after the code */
  char const *text;      /* after code and separator, line end left out */
  size_t textlen;
} smtp_reply_line;

/* Scan a line whose LF, and the CR before it, are left out.  1, or 0 when it is no reply line. */
extern int smtp_reply_scan(char const *line, size_t len, smtp_reply_line *reply);

/*
 * The enhanced status code at the head of a reply's text (RFC 2034, RFC 3463), where its
 * class fits the reply code; else the code's own X.0.0.
 *   out  room for SMTP_STATUS_MAX octets; a string
 * Returns the length of the code found in text, 0 when out is X.0.0.
 */
#define SMTP_STATUS_MAX 12
extern size_t smtp_status_scan(char *out, unsigned int code, char const *text, size_t textlen);

/* The extensions that a server offers (RFC 5321 section 4.1.1.1), or-ed. */
enum smtp_extension
{
  SMTP_EXT_PIPELINING = 1, SMTP_EXT_SIZE = 2, SMTP_EXT_8BITMIME = 4, SMTP_EXT_SMTPUTF8 = 8,
  SMTP_EXT_CHUNKING = 16, SMTP_EXT_DSN = 32, SMTP_EXT_ENHANCEDSTATUSCODES = 64,
  SMTP_EXT_ETRN = 128, SMTP_EXT_STARTTLS = 256, SMTP_EXT_AUTH = 512
};

/*
 * One text line of an EHLO reply, not the first: the extension it names, or 0.
 *   *size  set for SIZE with a number over 0 (octets), else left alone
 */
extern unsigned int smtp_extension_scan(char const *text, size_t len, unsigned long long *size);

/* Extensions that mail can be sent without. */
#define SMTP_EXT_DISPENSABLE \
  (SMTP_EXT_PIPELINING | SMTP_EXT_SIZE | SMTP_EXT_8BITMIME | SMTP_EXT_SMTPUTF8 \
  | SMTP_EXT_CHUNKING | SMTP_EXT_DSN)

/*
 * A list of dispensable extensions in text, "PIPELINING,CHUNKING": their names in any case, parted
 * by commas.
 *   scan    returns the extensions or-ed, 0 when the text is no such list
 *   format  out is a string; returns its length, 0 when there are none in the mask
 */
#define SMTP_EXTENSIONS_MAX 64
extern unsigned int smtp_extensions_scan(char const *s, size_t len);
extern size_t smtp_extensions_format(char out[SMTP_EXTENSIONS_MAX], unsigned int all);

/*
 * Make remote text fit for a log and a terminal, in place.  These octets become '?': control
 * characters, the C1 controls in UTF-8 too; octets that are not UTF-8; and each octet of a
 * character that is invisible, or that changes the order in which others are shown (Unicode 15:
 * category Cf except visible signs, Zl, Zp, Default_Ignorable).
 */
extern void smtp_text_clean(char *s, size_t len);

#endif
