#ifndef CONF_SYNTAX_H
#define CONF_SYNTAX_H

/* The syntax of the lines of lists. */

#include <stddef.h>
#include <stdint.h>
#include <skalibs/stralloc.h>

#include "conf/conf.h"
#include "conf/file.h"
#include "tls/ask.h"

/* Checks of one line, for the table: 1, or 0 with conf_fail(). */
extern int conf_check_listen(char const *s, size_t len);
extern int conf_check_pattern(char const *s, size_t len);
extern int conf_check_user(char const *s, size_t len);
extern int conf_check_queue(char const *s, size_t len);
extern int conf_check_recipient(char const *s, size_t len);
extern int conf_check_route(char const *s, size_t len);
extern int conf_check_secret(char const *s, size_t len);
extern int conf_check_authout(char const *s, size_t len);
extern int conf_check_account(char const *s, size_t len);
extern int conf_check_clientcert(char const *s, size_t len);

/*
 * A line of listen, listentls or listenodmr in its one form, a string.  1, or 0 with conf_fail(),
 * or with errno when memory is short.
 */
extern int conf_listen_scan(stralloc *out, char const *s, size_t len);

/* A queue to be found among the lines of conf/queues. */
typedef struct conf_queue_question
{
  char const *name;      /* NULL: lines are only checked */
  size_t len;
  stralloc *domains;     /* the queue's domains are added, each with a zero octet */
  int found;
  stralloc folded;       /* memory for a domain of a line */
} conf_queue_question;

/* Look at one line.  1, or 0 with conf_fail(), or with errno when memory is short. */
extern int conf_queue_match(void *question, char const *s, size_t len);

/* A line of authsecrets.  1, or 0 with conf_fail(), which says nothing of what the line holds. */
extern int conf_secret_scan(char const *s, size_t len, conf_word *user, conf_word *secret);

/* The same of a line of authout. */
extern int conf_authout_scan(char const *s, size_t len, conf_word *name, conf_word *user,
                             conf_word *password);

/* A line of clientcerts; print is a string, in the form of tls/ask.h.  1, or 0 with conf_fail(). */
extern int conf_clientcert_scan(char const *s, size_t len, char print[TLS_PRINT_LEN + 1],
                                conf_word *user);

/* A user to be found among the lines of conf/users. */
typedef struct conf_account_question
{
  char const *name;      /* NULL: lines are only checked */
  size_t len;
  conf_account *account;
  stralloc folded;       /* memory for a domain of a line */
} conf_account_question;

/* Look at one line.  1, or 0 with conf_fail(), or with errno when memory is short. */
extern int conf_account_match(void *question, char const *s, size_t len);

/* The options of a line of routes. */
typedef struct conf_route_options
{
  int parked;
  uint64_t lifetime;     /* 0: not said */
  uint64_t delaywarning; /* CONF_ROUTE_UNSAID: not said; 0: never */
  uint64_t concurrency;  /* 0: not said */
  unsigned int without;  /* smtp_extension, or-ed; 0: not said */
  enum tls_level tls;    /* TLS_LEVELS: not said */
  int tlswrap;           /* TLS from the first octet */
} conf_route_options;

/* A line of routes. */
typedef struct conf_route_line
{
  stralloc pattern;      /* folded: a domain, ".domain" or "*"; no string */
  stralloc site;         /* normal form; "-" for the domain's own MX; no string */
  stralloc peer;         /* " tlsname=NAME" or " tlsprint=SHA256,...", or empty; no string */
  stralloc auth;         /* CONF_ROUTE_AUTH and a name, or empty; no string */
  conf_route_options options;
} conf_route_line;
#define CONF_ROUTE_AUTH " auth="
#define CONF_ROUTE_UNSAID UINT64_MAX
#define CONF_ROUTE_OPTIONS_UNSAID { .delaywarning = CONF_ROUTE_UNSAID, .tls = TLS_LEVELS }
#define CONF_ROUTE_LINE_ZERO \
{ \
  .pattern = STRALLOC_ZERO, .site = STRALLOC_ZERO, .peer = STRALLOC_ZERO, \
  .auth = STRALLOC_ZERO, \
  .options = CONF_ROUTE_OPTIONS_UNSAID \
}

/* 1, or 0 with conf_fail(). */
extern int conf_route_scan(conf_route_line *route, char const *s, size_t len);
/* The same for the text behind the pattern: next hop and options. */
extern int conf_target_scan(conf_route_line *route, char const *s, size_t len);
extern void conf_route_line_free(conf_route_line *route);

/* The level that a word names, for routes that say nothing of it.  1, or 0 with conf_fail(). */
extern int conf_tlslevel_scan(enum tls_level *level, char const *s, size_t len);

#endif
