/* SPDX-License-Identifier: MIT */
/* module_dies.c - a module whose constructor ends the process that loads it. */
#include <stdio.h>
#include <stdlib.h>

__attribute__((constructor)) static void die(void)
{
	fputs("module_dies: its last words\n", stderr);
	abort();
}
