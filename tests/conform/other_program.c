/* SPDX-License-Identifier: MIT */
/* other_program.c - a program that is no test, for actors with another image than their parent's. */
#include <acre.h>

ACRE_CONTEXT(which_image, acre_nil, .kind = ACRE_ENDPOINT_ONESHOT)
{
	return acre_return(ctx, acre_text, .value = "other_program");
}

/* Only ever an actor. */
int main(int argc, char **argv)
{
	return acre_boot(argc, argv) == 0;
}
