/* SPDX-License-Identifier: MIT */
/* null_number.c - a number is to be NULL where it is not there. */
/* expect: not compatible with any|controlling expression type */
#include "common.h"

#ifdef FIXED
#define GUESS(F) F(uint32_t, number, optional)
#else
#define GUESS(F) F(uint32_t, number, or_null)
#endif
ACRE_MSG(guess, GUESS)
