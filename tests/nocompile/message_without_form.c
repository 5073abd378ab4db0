/* SPDX-License-Identifier: MIT */
/* message_without_form.c - a message holds another one as if it were a number. */
/* expect: not compatible with any|controlling expression type */
#include "common.h"

#ifdef FIXED
#define SPAN(F) F(range, bounds, message)
#else
#define SPAN(F) F(struct range, bounds)
#endif
ACRE_MSG(span, SPAN)

uint32_t length(const struct span *span);

uint32_t length(const struct span *span)
{
	return span->bounds.hi - span->bounds.lo;
}
