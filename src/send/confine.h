#ifndef SEND_CONFINE_H
#define SEND_CONFINE_H

/*
 * What smtp-send can no longer do once it is about to talk to strangers: a list of the system calls
 * it needs, which the kernel keeps it to (seccomp(2)), and whatever code runs in its place.
 *
 * A message's descriptor is open for reading and appending, for its journal's sake, and the kernel
 * knows no such thing as a descriptor that can only append: whoever holds one makes it an ordinary
 * one by fcntl(2).  Behind this list the file can be read and appended to, and nothing else: its
 * octets cannot be changed, cut off, punched out, mapped, or locked; no file can be opened, no
 * other program run, no process signalled or looked into, no descriptor handed to anybody but the
 * other end of descriptor 0.
 *
 * What is still left to whoever takes the process over: to read all of a message that was handed
 * over, its other recipients too, and to append to it what is not true.
 *
 * Connections, the resolver's questions (not its files: see host_resolver_open) and memory are as
 * before.
 */

/*
 * From here on for this process, for good; no privilege is needed.  Descriptors it will want are
 * open before.  1, or 0 with errno: EINVAL or ENOSYS where the kernel has no such filters, or where
 * the numbers of this machine's calls are not known here.
 */
extern int confine(void);

#endif
