#ifndef SMTP_HEADER_H
#define SMTP_HEADER_H

/*
 * The header of a message as people and their programs write it: fields, and the addresses in them
 * (RFC 5322).
 */

#include <stddef.h>

#include "smtp/path.h"

/*
 * A field: "Name: body", its folded lines and their ends included.  Points into what was scanned.
 */
typedef struct smtp_field
{
  char const *name;
  size_t namelen;
  char const *body;   /* behind the colon, with all line ends */
  size_t bodylen;
} smtp_field;

/*
 * Scan the field at the head of s; lines end in LF or CRLF.
 * Returns its length, the last line's end included; 0 when none begins here.
 */
extern size_t smtp_field_scan(char const *s, size_t len, smtp_field *field);

/* An address out of a list. */
typedef struct smtp_address
{
  char s[SMTP_PATH_MAX];  /* "local@domain" or "local", quoted where it must be, or ""; a string */
  size_t len;
  int qualified;          /* it has a domain, or is <> */
  size_t end;             /* of its local part, in the list: where a missing domain belongs */
} smtp_address;

/* A list being read; all zero but for s and len. */
typedef struct smtp_address_list
{
  char const *s;
  size_t len;
  size_t at;
  int group;              /* inside "name: ... ;" */
} smtp_address_list;

/*
 * The next address of a list (RFC 5322 section 3.4, and what section 4.4 tolerates): groups, names,
 * comments, folding and empty places are passed over, and so is an '@' in a name; a route is left
 * out.  Characters beyond ASCII are taken as they are; smtp_path_scan() decides what may be sent.
 * Returns 1 with the address, which holds no control character; 0 at the end; -1: no
 * address list.
 */
extern int smtp_address_next(smtp_address_list *list, smtp_address *address);

/*
 * The most octets that a local part of so many octets has when it is quoted: a backslash before
 * each, and the quotes.
 */
#define SMTP_LOCAL_QUOTED_MAX(len) (2 * (len) + 2)

/*
 * Write a local part, quoted where it must be (RFC 5321 section 4.1.2).  Returns the number of
 * octets.
 */
extern size_t smtp_local_format(char *out, char const *local, size_t len);

/*
 * Octets of a name that smtp_phrase_format() uses; the rest is cut off.  And room for its result.
 */
#define SMTP_NAME_MAX 100
#define SMTP_PHRASE_MAX 512

/*
 * Write a person's name as a phrase before "<address>" (RFC 5322 section 3.2.5): as it is, quoted,
 * or, beyond ASCII, as encoded words of UTF-8 (RFC 2047).  Control characters and what is not UTF-8
 * become '?'.  Returns the number of octets.
 */
extern size_t smtp_phrase_format(char out[SMTP_PHRASE_MAX], char const *name, size_t len);

/* Does s hold characters beyond ASCII, and is all of it UTF-8 (RFC 6532)? */
extern int smtp_header_utf8(char const *s, size_t len);

#endif
