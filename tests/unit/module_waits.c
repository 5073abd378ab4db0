/* SPDX-License-Identifier: MIT */
/* module_waits.c - a module whose constructor waits for the program, before the others run. */
#include <acre.h>

void program_lets_module_go_on(void); /* the program's */

__attribute__((constructor(101))) static void wait_for_program(void)
{
	program_lets_module_go_on();
}

ACRE_CONTEXT(waited, acre_nil, .kind = ACRE_ENDPOINT_ONESHOT)
{
	return acre_return(ctx, acre_int, .value = 1);
}
