#ifndef FLUSH_TRIGGER_H
#define FLUSH_TRIGGER_H

/*
 * queue/trigger, a FIFO: hints to qmgr, a line each.  A hint may be lost; what it speaks of is
 * in the directories, where qmgr looks when it starts and once a minute.
 *
 *   new ID       a message is in new/
 *   flush NAME   asked/NAME was made
 *   scan         look everywhere now
 *
 * queue/deeds, another one, which only those who have the queue may write to: what they did, for
 * the log.  Where it is missing, as no qmgr has made it yet, queue/trigger is written to.
 *
 *   deleted ID, held ID, released ID, requeued ID
 *                an operator did so
 *   recorded ID  a message that waits was in no list, and is now
 */

#include <stddef.h>

enum trigger_word
{
  TRIGGER_NEW, TRIGGER_FLUSH, TRIGGER_SCAN,
  TRIGGER_DELETED, TRIGGER_HELD, TRIGGER_RELEASED, TRIGGER_REQUEUED, TRIGGER_RECORDED
};

/* Octets of a line, LF included: less than PIPE_BUF, so that lines never mix. */
#define TRIGGER_LINE_MAX 300

/* What a line says. */
typedef struct trigger_line
{
  enum trigger_word word;
  char argument[TRIGGER_LINE_MAX];   /* a string: an ID, a well-formed one; a NAME, any; "" */
  size_t len;
} trigger_line;

/* A line, its LF left out.  Whatever is none of those above means as much as "scan". */
extern void trigger_scan(trigger_line *read, char const *line, size_t len);

/* Is it the word for a deed, which goes to queue/deeds? */
extern int trigger_deed(enum trigger_word word);

/*
 * Do word and argument ("" for none) fit into a line, without control characters?  The word without
 * a space.
 */
extern int trigger_line_ok(char const *word, char const *argument);

/*
 * Write a hint and its argument ("" for none).  Never blocks, never raises SIGPIPE.
 * Returns 1; 0 when nobody reads or the pipe is full (nothing to worry about); -1 with errno,
 * EINVAL: not a line, or queue/trigger is no FIFO.
 */
extern int trigger_hint(int queue, enum trigger_word word, char const *argument);
/* The same, with a word that may be one of a qmgr to come. */
extern int trigger_hint_text(int queue, char const *word, char const *argument);

/*
 * The same, for who has many hints to give: the FIFO stays open.  The caller ignores SIGPIPE.
 *   *fd  -1 at first; closed at the end with trigger_close(), or by the process's end.  It is for
 *        one of the FIFOs: who tells of deeds, see trigger_deed(), has another one for them
 */
extern int trigger_say(int queue, int *fd, enum trigger_word word, char const *argument);
/* Where the caller does not ignore it. */
extern int trigger_say_nosignal(int queue, int *fd, enum trigger_word word,
                                char const *argument);
extern void trigger_close(int *fd);

/* Is a qmgr there?  1; 0 when nobody has the FIFO open for reading; -1 with errno. */
extern int trigger_listened(int queue);

/*
 * qmgr's end: makes the FIFO where it is missing, opens it for reading, non-blocking, so that
 * it never comes to its end.  Returns a descriptor, or -1 with errno.
 */
extern int trigger_open(int queue);
/* The same of queue/deeds. */
extern int trigger_open_deeds(int queue);

#endif
