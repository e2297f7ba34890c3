#ifndef PRINT_OUT_H
#define PRINT_OUT_H

/*
 * Text for standard output, put together piece by piece.  For programs alone: an error ends the
 * program, 111.
 */

#include <stddef.h>
#include <stdint.h>
#include <skalibs/stralloc.h>

typedef struct out
{
  stralloc text;   /* text that is not written yet */
  stralloc clean;  /* the string cleaned last */
} out;
#define OUT_ZERO { .text = STRALLOC_ZERO, .clean = STRALLOC_ZERO }

extern void out_octets(out *o, char const *s, size_t len);
extern void out_text(out *o, char const *s);
extern void out_number(out *o, uint64_t number);
extern void out_spaces(out *o, size_t n);

/* Put text in a column of this width, at its left or right end.  Wider text is not cut. */
extern void out_left(out *o, char const *s, size_t width);
extern void out_right(out *o, char const *s, size_t width);
extern void out_number_right(out *o, uint64_t number, size_t width);

/* Put a string of JSON (RFC 8259), cleaned, with its quotes. */
extern void out_json(out *o, char const *s);

/* Foreign text, cleaned for a terminal.  Good until the next call. */
extern char const *out_cleaned(out *o, char const *s);

/* Write the text to standard output. */
extern void out_flush(out *o);
extern void out_free(out *o);

/* The columns that cleaned text takes: its characters. */
extern size_t out_width(char const *s);
/* The octets of its first width characters. */
extern size_t out_fit(char const *s, size_t width);
/* Cut the text from this offset of o->text on to so many columns. */
extern void out_clip(out *o, size_t from, size_t width);

/*
 * Write a length of time as tables have it: "45s", "12m", "3h12m", "2d4h".
 *   text  room for OUT_AGE_MAX octets; a string
 */
#define OUT_AGE_MAX 32
extern void out_age_format(char *text, uint64_t seconds);

/* 1 with the size of the terminal that standard output is; 0 when it is none. */
extern int out_terminal(size_t *columns, size_t *rows);
/* Does the locale say that terminals are UTF-8? */
extern int out_utf8(void);

#endif
