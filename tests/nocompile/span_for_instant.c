/* SPDX-License-Identifier: MIT */
/* span_for_instant.c - a span is given where an instant is meant. */
/* expect: incompatible type */
#include "common.h"

int wait_for(acre_span span);

int wait_for(acre_span span)
{
#ifdef FIXED
	return acre_sleep_until(acre_after(acre_now(), span));
#else
	return acre_sleep_until(span);
#endif
}
