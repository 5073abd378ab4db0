/* SPDX-License-Identifier: MIT */
/* instant_for_span.c - an instant is given where a span is meant. */
/* expect: incompatible type */
#include "common.h"

int wait_until(acre_instant instant);

int wait_until(acre_instant instant)
{
#ifdef FIXED
	return acre_sleep(acre_between(acre_now(), instant));
#else
	return acre_sleep(instant);
#endif
}
