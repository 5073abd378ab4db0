/* SPDX-License-Identifier: MIT */
/* module_unresolved.c - a module that does not load: what it calls is nowhere. */
void module_unresolved_calls_it(void);
void defined_nowhere(void);

void module_unresolved_calls_it(void)
{
	defined_nowhere();
}
