/* SPDX-License-Identifier: MIT */
/* guest_ops.c - what a guest may ask for, by name. */
#include <string.h>

#include "actor/guest_ask.h"
#include "base/util.h"

#define AS_OP(op_name, op_kind) \
	{ .name = #op_name, .run = guest_op_##op_name, .kind = GUEST_OP_##op_kind },

static const struct guest_op ops[] = { GUEST_OPS(AS_OP) };

const struct guest_op *guest_op_named(const char *name)
{
	for (size_t i = 0; i < ARRAY_N(ops); i++)
		if (!strcmp(ops[i].name, name))
			return &ops[i];
	return NULL;
}
