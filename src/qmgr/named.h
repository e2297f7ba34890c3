#ifndef QMGR_NAMED_H
#define QMGR_NAMED_H

/* Trees of what has a name: its first member is char *. */

extern void *named_find(void *const *root, char const *name);
/* 1, or 0 without memory. */
extern int named_add(void **root, void *named);
/* In the place of the one that has its name. */
extern void named_replace(void *const *root, void *named);
extern void named_take(void **root, void *named);

#endif
