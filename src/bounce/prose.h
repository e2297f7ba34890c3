#ifndef BOUNCE_PROSE_H
#define BOUNCE_PROSE_H

/* The part of a notice that is for people. */

#include "bounce/notice.h"

extern void prose_put(notice *n);

#endif
