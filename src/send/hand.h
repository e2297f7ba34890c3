#ifndef SEND_HAND_H
#define SEND_HAND_H

/* A message given by hand instead of by qmgr: from a descriptor and arguments. */

#include "send/work.h"

enum hand_result
{
  HAND_OK,
  HAND_BAD_ADDRESS,  /* *what is the argument that is no mailbox */
  HAND_BARE_CR,      /* the message holds a CR without LF: not allowed on the wire (RFC 5321 section 2.3.8) */
  HAND_NUL,          /* a NUL */
  HAND_ERROR         /* errno; *what says at what */
};

/*
 * Make it a job.  The message is copied to memory of the kernel (memfd_create(2)), lines that
 * end in LF alone get their CR, everything else stays as it is.
 *   sender      a mailbox, "" or "<>" for the null sender
 *   recipients  mailboxes; the array ends with NULL
 */
extern enum hand_result hand_take(work *w, int input, char const *sender, char const *const *recipients,
                                  char const **what);

#endif
