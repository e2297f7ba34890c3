#ifndef COMPAT_OPTIONS_H
#define COMPAT_OPTIONS_H

/* The options of sendmail, in all the forms that programs use. */

#include <skalibs/stralloc.h>

enum mode
{
  MODE_SEND,      /* -bm, and without any */
  MODE_LIST,      /* -bp */
  MODE_DIALOGUE,  /* -bs */
  MODE_VERIFY,    /* -bv */
  MODE_FLUSH,     /* -q, -qR, -qI */
  MODE_ALIASES,   /* -bi, -I */
  MODE_NOTHING    /* -bh, -bH, -q30m: what means nothing here */
};

typedef struct options
{
  enum mode mode;
  char const *instance;  /* -C: NULL unless it names one */
  char const *sender;    /* -f, -r; NULL: the user's own */
  char const *name;      /* -F; NULL: the user's own */
  char flush;            /* 0: everything; 'R' a site, 'I' a message */
  char const *flushed;
  int extract;           /* -t */
  int dots;              /* -i, -oi */
  int gateway;           /* -G */
  int eightbit;          /* -B8BITMIME */
  int verbose;           /* -v */
  char const *ret;       /* -R: "FULL", "HDRS"; "" for neither */
  stralloc notify;       /* -N: value of NOTIFY; len 0 for none.  Strings, both */
  stralloc envid;        /* -V: value of ENVID */
} options;

/*
 * Read them.  What sendmails have and this mail system has no use for is passed over.
 * Returns the index of the first argument.  Dies 64.
 */
extern int options_read(options *o, int argc, char const *const *argv);

#endif
