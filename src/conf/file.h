#ifndef CONF_FILE_H
#define CONF_FILE_H

/* Files of conf/, and their lines. */

#include <stddef.h>
#include <skalibs/stralloc.h>

enum conf_kind
{
  CONF_VALUE,    /* one line, or none: the default */
  CONF_VALUES,   /* the same, or several such lines */
  CONF_LINES,    /* several lines that belong together */
  CONF_LIST,     /* one entry a line, any number */
  CONF_COMPILED, /* a CONF_LIST that may be compiled into NAME.cdb */
  CONF_PEM,      /* certificates or a key, for programs that know TLS; has no lines of ours */
  CONF_SECRETS   /* a CONF_LIST: nobody is shown more of a line than its first word */
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
  /* Does the line make sense?  1, or 0 with conf_fail().  NULL for a CONF_PEM. */
  int (*check)(char const *s, size_t len);
  int kept;              /* qmgr keeps the setting, and reads the file again when it has changed */
} conf_setting;

/* The first word of *s, which moves past it and the white space behind.  0 when there is none. */
extern int conf_word_next(char const **s, size_t *len, conf_word *word);

/* The longest file: with one value, with a list. */
#define CONF_VALUE_FILE_MAX 65536
#define CONF_LIST_FILE_MAX (64u << 20)
/* The longest line: of a file with one value, of a list. */
#define CONF_VALUE_MAX 4096
#define CONF_LINE_MAX 65536

/* Read the whole file.  1; 0 when there is none; -1 with errno and conf_error(). */
extern int conf_file_read(int conf, conf_setting const *setting, stralloc *text);

/*
 * The next line that is not empty.  Begin with pos 0 and line->number 0.
 * 1; 0 at the end; -1 with errno EINVAL and conf_error().
 */
extern int conf_line_next(conf_setting const *setting, stralloc const *text, size_t *pos,
                          conf_line *line);

/*
 * A CONF_VALUE's line, from the file or, where there is none, the default; points into
 * *text or to the default.  1, or 0 with conf_error().
 */
extern int conf_value_read(int conf, conf_setting const *setting, stralloc *text, conf_line *line);

#endif
