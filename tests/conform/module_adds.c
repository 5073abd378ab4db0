/* SPDX-License-Identifier: MIT */
/* module_adds.c - a module that loads: its endpoint belongs to the namespace module_adds. */
#include <acre.h>

#define ADDENDS(F) F(int64_t, a) F(int64_t, b)
ACRE_MSG(addends, ADDENDS)

ACRE_CONTEXT(add, addends, .kind = ACRE_ENDPOINT_ONESHOT)
{
	return acre_return(ctx, acre_int, .value = in->a + in->b);
}
