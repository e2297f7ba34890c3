#ifndef QMGR_NAMES_H
#define QMGR_NAMES_H

/* Trees of what has a name: its first member is char *. */

extern void *names_find(void *const *root, char const *name);
/* 1, or 0 without memory. */
extern int names_add(void **root, void *named);
extern void names_take(void **root, void *named);

#endif
