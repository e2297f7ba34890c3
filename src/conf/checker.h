#ifndef CONF_CHECKER_H
#define CONF_CHECKER_H

/* What the files of conf-check share. */

#include <skalibs/stralloc.h>

typedef struct checker
{
  int conf;
  int values;      /* -v: the values alone, for scripts */
  int wrong;       /* something makes no sense */
  int unreadable;  /* something could not be read */
  stralloc text;   /* of the file being looked at */
  stralloc from;   /* where the value came from, a string */
} checker;

/* Print conf_error(), while errno is that of the reader; data is the checker. */
extern void checker_complain(void *data);
/* A warning about the file, suffix being ".cdb" or "". */
extern void checker_warn(char const *name, char const *suffix, char const *what);
extern void checker_die_memory(void);
/* Is there such a file, if only a link to nowhere? */
extern int checker_has(checker const *c, char const *name);

/*
 * What is right line by line, and still makes no sense or may not be meant.
 *   checker_sense()  all settings together, and names of files that are no setting's
 *   checker_listen() addresses of our servers, of which one takes what another one wants
 *   checker_tls()    certificates, keys, and what is demanded of sites
 *   checker_users()  who can prove to be whom, to us and as whom we can at sites
 */
extern void checker_sense(checker *c);
extern void checker_listen(checker *c);
extern void checker_tls(checker *c);
extern void checker_users(checker *c);

#endif
