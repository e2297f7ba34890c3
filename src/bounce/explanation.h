#ifndef BOUNCE_EXPLANATION_H
#define BOUNCE_EXPLANATION_H

/* The part of a notice that is for people: the explanation of RFC 3464, in plain words. */

#include "bounce/notice.h"

extern void explanation_put(notice *n);

#endif
