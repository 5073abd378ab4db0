/* SPDX-License-Identifier: MIT */
/* ignored_result.c - the result of a call is ignored. */
/* expect: ignoring return value */
#include "common.h"

void pause_a_bit(void);

void pause_a_bit(void)
{
#ifdef FIXED
	int r = acre_sleep(acre_ms(1));

	(void)r;
#else
	acre_sleep(acre_ms(1));
#endif
}
