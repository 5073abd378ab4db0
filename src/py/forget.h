/* SPDX-License-Identifier: MIT */
/* forget.h - the interpreters beside the main one are forgotten, in a child of fork. */
#pragma once

#include <stdbool.h>

/* Whether that can be done with the Python that is loaded. */
bool forget_is_possible(void);

/* In a child of fork, before PyOS_AfterFork_Child(): from here on the main interpreter is the
 * only one. What the others had is left where it is, and never touched. */
void forget_interps(void);
