#ifndef BOUNCE_REPORT_H
#define BOUNCE_REPORT_H

/* The part of a notice that is for programs: a delivery status (RFC 3464, RFC 6533). */

#include "bounce/notice.h"

extern void report_put(notice *n);

#endif
