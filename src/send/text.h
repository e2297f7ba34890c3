#ifndef SEND_TEXT_H
#define SEND_TEXT_H

/* Words for log lines and reports: put together in memory that is there already, cut when too long. */

#include <stddef.h>
#include <stdint.h>

/*
 * Join strings into out, a string of at most max - 1 octets; what does not fit is cut.
 * Returns its length.  The words end with NULL, which the macro adds.
 */
extern size_t text_join_all(char *out, size_t max, char const *const *words);
#define text_join(out, max, ...) text_join_all(out, max, (char const *const []){ __VA_ARGS__, 0 })

/* A number in decimal, as a string in out; returns out. */
#define TEXT_NUMBER_MAX 21
extern char const *text_number(char out[TEXT_NUMBER_MAX], uint64_t number);

/*
 * A length of time in seconds, as Postfix logs it: two significant digits, none that is finer
 * than 0.01, no zeros at the end, but all digits before the point: "3.2", "0.01", "125", "0".
 */
#define TEXT_SECONDS_MAX 24
extern char const *text_seconds(char out[TEXT_SECONDS_MAX], uint64_t us);

/*
 * A line "smtp-send: words" for stderr, cleaned by smtp_text_clean(), cut at TEXT_LINE_MAX octets.
 * It may wait for the next ones, or for text_log_flush(): one write(2) for whole lines, of PIPE_BUF
 * octets at the most, since the pipe to the logger is shared.  text_log() does not wait.
 */
#define TEXT_LINE_MAX 3000
extern void text_log_all(char const *const *words);
#define text_log_later(...) text_log_all((char const *const []){ __VA_ARGS__, 0 })
#define text_log(...) (text_log_later(__VA_ARGS__), text_log_flush())
extern void text_log_flush(void);

#endif
