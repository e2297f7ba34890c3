#ifndef COMPAT_COMPLETE_H
#define COMPAT_COMPLETE_H

/* A letter's header as it goes out.  For programs alone. */

#include "compat/letter.h"
#include "compat/recipients.h"

typedef struct completion
{
  char const *me;          /* the domain of addresses that have none */
  char const *sender;      /* of the envelope; "" for none */
  char const *name;        /* the sender's full name, "" for none */
  int plain;               /* the header is another's: complete nothing */
  recipients *recipients;  /* NULL, or where those that the header names are added */
} completion;

/*
 * Complete addresses, add From, Date and Message-ID where missing, take Bcc, Return-Path and
 * Content-Length away, find the recipients.  Where there are Resent fields it is these that are
 * completed, and that name the recipients.
 * Dies 65 when recipients are wanted and a field that names them is no list of addresses.
 */
extern void complete(letter *l, completion const *c);

#endif
