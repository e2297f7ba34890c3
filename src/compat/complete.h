#ifndef COMPAT_COMPLETE_H
#define COMPAT_COMPLETE_H

/* Complete the header of a letter before it is sent.  For programs alone. */

#include "compat/letter.h"
#include "compat/recipients.h"

typedef struct completion
{
  char const *me;          /* the domain for addresses without one */
  char const *sender;      /* of the envelope; "" for none */
  char const *name;        /* the sender's full name, "" for none */
  int plain;               /* the header stays as it is: another mail system wrote it */
  recipients *recipients;  /* the header's recipients are added to these; may be NULL */
} completion;

/*
 * Complete addresses, add From, Date and Message-ID where missing, remove Bcc, Return-Path and
 * Content-Length, find the recipients.  Where there are Resent fields, these are completed and name
 * the recipients.
 * Dies 65 when recipients are wanted and a field that names them is no list of addresses.
 */
extern void complete(letter *l, completion const *c);

#endif
