#ifndef BASE_LOG_H
#define BASE_LOG_H

/*
 * Log lines on stderr, whole lines in each write(2), in the words of mail operators' tools:
 * "PROG: piece piece...\n".  Every piece is taken as remote text and cleaned, see
 * smtp_text_clean().  A line over LOG_LINE_MAX octets is cut.
 */
#define LOG_LINE_MAX 3000

/* The program's name in log lines: each program defines PROG.  skalibs's strerr uses it, too. */
extern char const *PROG;

/* Write a line, behind those of log_later().  The pieces are strings; the last one is NULL. */
extern void log_pieces(char const *const *pieces);
#define log_line(...) log_pieces((char const *const []){ __VA_ARGS__, 0 })

/*
 * The same, but the line may wait for the next line, or for log_flush(): one write(2) for many
 * lines.  Up to PIPE_BUF octets wait (programs that share a pipe must not write more at once), and
 * are lost when the process is killed.
 */
extern void log_pieces_later(char const *const *pieces);
#define log_later(...) log_pieces_later((char const *const []){ __VA_ARGS__, 0 })
extern void log_flush(void);

/*
 * inetd makes a connection, or the socket that it comes from, descriptor 2 as well as 0.  Nobody is
 * to get log lines there: they go nowhere then, unless whoever starts us has set up a log.
 * 1, or 0 with errno.
 */
extern int log_apart(void);

/* Copy text into out (room max, a string of at most max - 1 octets), cleaned.  Returns out. */
extern char const *log_clean(char *out, unsigned long max, char const *s, unsigned long len);

#endif
