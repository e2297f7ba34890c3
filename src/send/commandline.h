#ifndef SEND_COMMANDLINE_H
#define SEND_COMMANDLINE_H

/* A message from the command line instead of from qmgr: a descriptor and arguments. */

#include "send/outbox.h"

enum commandline_result
{
  COMMANDLINE_OK,
  COMMANDLINE_BAD_ADDRESS,  /* *what is the argument that is no mailbox */
  COMMANDLINE_BARE_CR,      /* a CR without LF: not allowed on the wire (RFC 5321 section 2.3.8) */
  COMMANDLINE_NUL,          /* a NUL */
  COMMANDLINE_ERROR         /* errno; *what is what failed: "unable to WHAT" */
};

/*
 * Make the message a job.  The message is copied to memory of the kernel (memfd_create(2)); lines
 * that end in LF alone get their CR, everything else stays as it is.
 *   sender      a mailbox, "" or "<>" for the null sender
 *   recipients  mailboxes; the array ends with NULL
 */
extern enum commandline_result commandline_take(outbox *w, int input, char const *sender,
                                                char const *const *recipients,
                                                char const **what);

#endif
