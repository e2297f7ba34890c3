#ifndef COMPAT_OPTIONS_H
#define COMPAT_OPTIONS_H

/* The options of sendmail, in all forms that programs use. */

#include <skalibs/stralloc.h>

enum mode
{
  MODE_SEND,      /* -bm, the default */
  MODE_LIST,      /* -bp */
  MODE_DIALOGUE,  /* -bs */
  MODE_VERIFY,    /* -bv */
  MODE_FLUSH,     /* -q, -qR, -qI */
  MODE_ALIASES,   /* -bi, -I */
  MODE_NOTHING    /* -bh, -bH, -q30m: no meaning here */
};

typedef struct options
{
  enum mode mode;
  char const *instance;  /* -C; NULL unless -C names an instance */
  char const *sender;    /* -f, -r; NULL: the user's address */
  char const *name;      /* -F; NULL: the user's full name */
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
 * Read the options.  Options of other sendmails that have no use here are passed over.
 * Returns the index of the first argument.  Dies 64.
 */
extern int options_read(options *o, int argc, char const *const *argv);

#endif
