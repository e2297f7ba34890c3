#ifndef SEND_ACCOUNTFILE_H
#define SEND_ACCOUNTFILE_H

/*
 * Who we are, from a file that the command line names, which is no place for a password: USER and
 * PASSWORD, one word each, on a line; lines that are empty or begin with "#" do not count.
 */

#include "smtp/account.h"

/*
 * Read it, a pipe as well.  1; else it dies 100, after a line that says why: also where everybody
 * may read the file.
 */
extern int accountfile_read(smtp_account *account, char const *file);

#endif
