#ifndef CONF_INTERNAL_H
#define CONF_INTERNAL_H

/*
 * What the files of src/conf share with each other, and with conf-check and conf-cdb.
 *
 *     error  file  fold  address  syntax    each above those before it
 *     conf.c                              the table, and settings that are values
 *     list.c  listen.c  user.c  route.c  check.c    settings that are lists
 */

#include <stddef.h>
#include <skalibs/cdb.h>
#include <skalibs/stralloc.h>

#include "conf/address.h"
#include "conf/conf.h"
#include "conf/file.h"
#include "conf/fold.h"
#include "conf/error.h"
#include "conf/syntax.h"

/* --- conf.c: the table --------------------------------------------------------------- */

extern conf_setting const conf_settings[];
extern size_t const conf_settings_count;

/* The name of an enum smtp_timeout or conf_timeout in conf/timeouts. */
extern char const *conf_timeout_name(unsigned int which);

/* NULL: there is no such setting. */
extern conf_setting const *conf_setting_find(char const *name);

/* --- list.c: lists, compiled or not ------------------------------------------------------ */

/*
 * Read a list, which is all zero at first.  A list that is open already is read again only if its
 * file has changed.  1, or 0 with conf_error(): then the list is closed.
 */
extern int conf_list_open(int conf, char const *name, conf_list *list);

/*
 * Look up a key in a compiled list.  1 with *data (valid until the list is closed), 0 without the
 * key, -1 with conf_error().
 */
extern int conf_list_get(conf_list const *list, char const *key, size_t len, cdb_data *data);

/*
 * Call match for every line of a text.  All lines are looked at, also behind a match: a
 * line that makes no sense must not go unseen because of where it stands.
 *   match  1, or 0 with conf_fail(), or with errno when memory is short
 * 1, or 0 with conf_error().
 */
extern int conf_list_each(conf_list const *list,
                          int (*match)(void *data, char const *s, size_t len), void *data);

/* End a question whose result is r, be it an answer or an error.  Returns r. */
extern int conf_list_done(conf_list *list, conf_list const *kept, int r);

/* The key that marks a file as ours, and its data but for the list's name behind it. */
#define CONF_CDB_MARK_KEY ""
#define CONF_CDB_MARK "sluice-1 "

/* --- route.c ---------------------------------------------------------------------------- */

/*
 * Calls tell for each line whose pattern has a route already.  1, or 0 when there were such lines.
 */
extern int conf_routes_twice(conf_setting const *setting, stralloc const *text,
                             void (*tell)(void *data), void *data);

/* --- check.c ---------------------------------------------------------------------------- */

/*
 * Check every line of a CONF_VALUES, a CONF_LINES or a list, and that no pattern has two routes.
 *   *entries  how many lines there are
 *   tell      called for each line that makes no sense, errno set and conf_error() the reason
 * 1, or 0 when there was such a line.
 */
extern int conf_lines_check(conf_setting const *setting, stralloc const *text, size_t *entries,
                            void (*tell)(void *data), void *data);

#endif
