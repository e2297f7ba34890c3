#ifndef CONF_INTERNAL_H
#define CONF_INTERNAL_H

/* What the files of src/conf share with each other, and with conf-check and conf-cdb. */

#include <stddef.h>
#include <stdint.h>
#include <skalibs/cdb.h>
#include <skalibs/stralloc.h>

#include "conf/conf.h"

/* --- conf.c: the table --------------------------------------------------------------- */

enum conf_kind
{
  CONF_VALUE,    /* one line, or none: the default */
  CONF_LINES,    /* several lines that belong together */
  CONF_LIST,     /* one entry a line, any number */
  CONF_COMPILED  /* such a list that may have a NAME.cdb */
};

/* A piece of a line.  Not a string. */
typedef struct conf_word
{
  char const *s;
  size_t len;
} conf_word;

/* One line of a file, comment and white space around it left out.  Not a string. */
typedef struct conf_line
{
  char const *s;
  size_t len;
  unsigned int number; /* from 1 */
} conf_line;

typedef struct conf_setting
{
  char const *name;
  enum conf_kind kind;
  char const *fallback;  /* the default, as it would stand in the file; or in words, in brackets */
  char const *purpose;
  /* Does the line make sense?  1, or 0 with conf_say(). */
  int (*check)(char const *s, size_t len);
} conf_setting;

extern conf_setting const conf_settings[];
extern size_t const conf_settings_count;

/* The name of an enum conf_timeout in conf/timeouts. */
extern char const *conf_timeout_name(unsigned int which);

/* NULL: there is no such setting. */
extern conf_setting const *conf_setting_find(char const *name);

/* The first word of *s, which moves past it and the white space behind.  0 when there is none. */
extern int conf_word_next(char const **s, size_t *len, conf_word *word);

/* --- conf.c: saying why -------------------------------------------------------------- */

/* "WHAT" or "WHAT: TEXT", the text (of a file) cleaned and cut.  Returns 0 with errno EINVAL. */
extern int conf_say(char const *what, char const *text, size_t len);

/* Put "conf/NAME: " or "conf/NAME: line N: " before what was said.  Returns 0, errno as it was. */
extern int conf_say_where(char const *name, unsigned int line);

/* "conf/NAME: " and the system's words for errno.  Returns 0, errno as it was. */
extern int conf_say_system(char const *name);

/* --- conf.c: reading ------------------------------------------------------------------- */

/* More than this is not read: of a file with one value, of a list. */
#define CONF_VALUE_FILE_MAX 65536
#define CONF_LIST_FILE_MAX (64u << 20)
/* Octets of a line of the one and of the other. */
#define CONF_VALUE_MAX 4096
#define CONF_LINE_MAX 65536

/* The file whole.  1; 0 when there is none; -1 with errno and conf_why(). */
extern int conf_file_read(int conf, conf_setting const *setting, stralloc *text);

/*
 * The next line that says something.  Begin with pos 0 and line->number 0.
 * 1; 0 at the end; -1 with errno EINVAL and conf_why().
 */
extern int conf_line_next(conf_setting const *setting, stralloc const *text, size_t *pos, conf_line *line);

/*
 * Check every line of a CONF_LINES or a list, and that no route is there twice.
 *   *entries  how many lines there are
 *   tell      called for each line that makes no sense, errno set and conf_why() the reason
 * 1, or 0 when there was such a line.
 */
extern int conf_lines_check(conf_setting const *setting, stralloc const *text, size_t *entries,
                            void (*tell)(void *data), void *data);

/*
 * A CONF_VALUE's line, from the file or, where there is none, the default; points into
 * *text or to the default.  1, or 0 with conf_why().
 */
extern int conf_value_read(int conf, conf_setting const *setting, stralloc *text, conf_line *line);

/* --- list.c: lists, compiled or not ------------------------------------------------------ */

/*
 * Have a list read: all zero at first; one that is open already is read again only where its file has
 * changed since.  1, or 0 with conf_why(): then it is closed.
 */
extern int conf_list_open(int conf, char const *name, conf_list *list);

/*
 * Ask a compiled list.  1 with *data (valid until it is closed), 0 when the key is not there,
 * -1 with conf_why().
 */
extern int conf_list_get(conf_list const *list, char const *key, size_t len, cdb_data *data);

/* The key that marks a file as ours, and its data but for the list's name behind it. */
#define CONF_CDB_MARK_KEY ""
#define CONF_CDB_MARK "sluice-1 "

/* A pattern of a list of domains, folded, in *out: a domain or ".domain".  1, or 0 with conf_say(). */
extern int conf_pattern_fold(stralloc *out, char const *s, size_t len);

/*
 * A line of recipients as it is compared and compiled, in *out: the mailbox in lower case, its quotes
 * left out, its domain folded; "@domain" for all of it.
 *   *at  where in *out the '@' before the domain is
 * 1, or 0 with conf_say().
 */
extern int conf_recipient_fold(stralloc *out, size_t *at, char const *s, size_t len);

/* Checks of one line, for the table. */
extern int conf_check_pattern(char const *s, size_t len);
extern int conf_check_client(char const *s, size_t len);
extern int conf_check_user(char const *s, size_t len);
extern int conf_check_queue(char const *s, size_t len);
extern int conf_check_recipient(char const *s, size_t len);

/* ADDRESS:PORT in the normal form, a string; 1, or 0 with conf_say().
     any   ADDRESS may be empty or "0" for all: "[::]:PORT"
     port  when it is left out; 0: it may not be */
extern int conf_endpoint_fold(stralloc *out, char const *s, size_t len, int any, unsigned int port);

/* --- route.c ---------------------------------------------------------------------------- */

/* What a line of routes says besides where to. */
typedef struct conf_route_options
{
  int parked;
  uint64_t lifetime;     /* 0: not said */
  uint64_t delaywarning; /* CONF_ROUTE_UNSAID: not said; 0: never */
  uint64_t concurrency;  /* 0: not said */
  unsigned int without;  /* smtp_extension, or-ed; 0: not said */
} conf_route_options;

/* A line of routes. */
typedef struct conf_route_line
{
  stralloc pattern;      /* folded: a domain, ".domain" or "*"; no string */
  stralloc site;         /* normal form; "-" for the domain's own MX; no string */
  conf_route_options options;
} conf_route_line;
#define CONF_ROUTE_UNSAID UINT64_MAX
#define CONF_ROUTE_LINE_ZERO \
{ \
  .pattern = STRALLOC_ZERO, .site = STRALLOC_ZERO, .options = { .delaywarning = CONF_ROUTE_UNSAID } \
}

/* 1, or 0 with conf_say(). */
extern int conf_route_scan(conf_route_line *route, char const *s, size_t len);
/* Two lines for one pattern: calls tell for the second.  1, or 0 when there were such. */
extern int conf_routes_twice(conf_setting const *setting, stralloc const *text, void (*tell)(void *data), void *data);
extern int conf_check_route(char const *s, size_t len);

#endif
