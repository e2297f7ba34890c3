#ifndef BASE_TEXT_H
#define BASE_TEXT_H

/*
 * Texts for log lines and reports, put together in a buffer of the caller's; what does not fit is
 * cut.
 */

#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

/*
 * Join strings into out, a string of at most max - 1 octets; what does not fit is cut.
 * Returns its length.  The words end with NULL, which the macro adds.
 */
extern size_t text_join_all(char *out, size_t max, char const *const *words);
#define text_join(out, max, ...) text_join_all(out, max, (char const *const []){ __VA_ARGS__, 0 })

/* A number in decimal, as a string in out; returns out. */
#define TEXT_NUMBER_MAX 21
extern char const *text_number(char out[TEXT_NUMBER_MAX], uint64_t number);

/* Read all of s as a decimal number from least to most.  1 or 0. */
extern int text_number_scan(char const *s, unsigned int least, unsigned int most,
                            unsigned int *number);

/*
 * A length of time in seconds, as Postfix logs it: two significant digits, none that is finer
 * than 0.01, no zeros at the end, but all digits before the point: "3.2", "0.01", "125", "0".
 */
#define TEXT_SECONDS_MAX 24
extern char const *text_seconds(char out[TEXT_SECONDS_MAX], uint64_t us);

#endif
