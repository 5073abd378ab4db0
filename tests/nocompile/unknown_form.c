/* SPDX-License-Identifier: MIT */
/* unknown_form.c - a field has a form that does not exist. */
/* expect: ACRE_(MEMBER|ROW)_lists */
#include "common.h"

#ifdef FIXED
#define BAG(F) F(uint32_t, things, list)
#else
#define BAG(F) F(uint32_t, things, lists)
#endif
ACRE_MSG(bag, BAG)
