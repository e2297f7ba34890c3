#ifndef FLUSH_TRIGGER_H
#define FLUSH_TRIGGER_H

/*
 * queue/trigger, a FIFO: hints to qmgr, a line each.  A hint may be lost: qmgr also looks into the
 * directories when it starts and once a minute.
 *
 *   new ID       a message is in new/
 *   flush NAME   asked/NAME was made
 *   scan         look everywhere now
 *
 * queue/deeds, a FIFO that only the queue's owner may write to: what operators and programs did to
 * messages, for qmgr's log.  Where no qmgr has made it yet, queue/trigger is written to.
 *
 *   deleted ID, held ID, released ID, requeued ID
 *                an operator did this to the message
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

/* A line that was read. */
typedef struct trigger_line
{
  enum trigger_word word;
  char argument[TRIGGER_LINE_MAX];   /* a string: a well-formed ID; any NAME; or "" */
  size_t len;
} trigger_line;

/* Read a line, without its LF.  A line that is none of the above is read as "scan". */
extern void trigger_scan(trigger_line *read, char const *line, size_t len);

/* Is this the word of a deed, which goes to queue/deeds? */
extern int trigger_deed(enum trigger_word word);

/*
 * Do word and argument ("" for none) make a line: short enough, no control characters, and no space
 * in the word?
 */
extern int trigger_line_ok(char const *word, char const *argument);

/*
 * Write a hint and its argument ("" for none).  Never blocks, never raises SIGPIPE.
 * Returns 1; 0 when nobody reads or the FIFO is full (the hint is lost, no error); -1 with errno,
 * EINVAL: not a line, or queue/trigger is no FIFO.
 */
extern int trigger_hint(int queue, enum trigger_word word, char const *argument);
/* The same with a word in text, which may be one that only a later version of qmgr knows. */
extern int trigger_hint_text(int queue, char const *word, char const *argument);

/*
 * The same for a caller with many hints: the FIFO stays open.  The caller ignores SIGPIPE.
 *   *fd  -1 at first; close it with trigger_close(), or by the process's end.  A descriptor is for
 *        one of the FIFOs: hints and deeds, see trigger_deed(), need one each
 */
extern int trigger_say(int queue, int *fd, enum trigger_word word, char const *argument);
/* The same where the caller does not ignore SIGPIPE. */
extern int trigger_say_nosignal(int queue, int *fd, enum trigger_word word,
                                char const *argument);
extern void trigger_close(int *fd);

/* Does a qmgr run?  1; 0 when nobody has the FIFO open for reading; -1 with errno. */
extern int trigger_listened(int queue);

/*
 * qmgr's end: make the FIFO where it is missing, and open it for reading, non-blocking, so that
 * reading never meets the end of file.  Returns a descriptor, or -1 with errno.
 */
extern int trigger_open(int queue);
/* The same for queue/deeds. */
extern int trigger_open_deeds(int queue);

#endif
