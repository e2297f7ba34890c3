#ifndef TESTS_UNIT_CHECK_H
#define TESTS_UNIT_CHECK_H

/*
 * For the unit tests: each is a program of its own that calls CHECK() once or more for
 * each thing it tests, and CHECK_END() at the end of main.  One line of output per check:
 * "ok NAME", or "not ok NAME: FILE:LINE: CONDITION".
 */

#include <stdio.h>
#include <stdlib.h>

static unsigned int check_failures;

/* A name may be the very input of a case: controls, and what may not be UTF-8, are shown as \ooo. */
static inline void check_name(char const *name)
{
  for (; *name; name++)
    if (*name >= ' ' && *name <= '~') putchar(*name);
    else printf("\\%03o", (unsigned int)(unsigned char)*name);
}

static inline int check_case(char const *name, int good, char const *condition, char const *file, int line)
{
  fputs(good ? "ok " : "not ok ", stdout);
  check_name(name);
  if (good) putchar('\n');
  else {
    printf(": %s:%d: %s\n", file, line, condition);
    check_failures++;
  }
  fflush(stdout); /* a crash in the next check must not take this one's line along */
  return good;
}

/* Exits 1 when a check failed, so that main may end with "CHECK_END();" or "return CHECK_END();". */
static inline int check_end(void)
{
  if (check_failures) exit(1);
  return 0;
}

#define CHECK(name, condition) check_case((name), !!(condition), #condition, __FILE__, __LINE__)
#define CHECK_END() check_end()

#endif
