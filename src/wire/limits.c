/* SPDX-License-Identifier: MIT */
/* limits.c - the tables behind limits.h. */
#include "wire/limits.h"

#include <string.h>

#include "base/panic.h"

const struct wire_limits wire_limits_default = {
#define AS_DEFAULT(number, name, value, unit, reason) .name = (value),
	WIRE_LIMITS(AS_DEFAULT)
#undef AS_DEFAULT
};

const struct wire_limit_row wire_limit_rows[N_WIRE_LIMIT] = {
#define AS_ROW(number, name, value, unit, reason)                                        \
	[WIRE_LIMIT_##number] = {                                                        \
		#name, unit, reason, offsetof(struct wire_limits, name)                  \
	},
	WIRE_LIMITS(AS_ROW)
#undef AS_ROW
};

_Static_assert(sizeof(struct wire_limits) == N_WIRE_LIMIT * sizeof(uint32_t),
	       "all limits are of one type");

uint32_t wire_limit_value(const struct wire_limits *limits, enum wire_limit number)
{
	uint32_t value;

	CHECK(number < N_WIRE_LIMIT);
	memcpy(&value, (const char *)limits + wire_limit_rows[number].offset,
	       sizeof value);
	return value;
}

void wire_limit_set(struct wire_limits *limits, enum wire_limit number, uint32_t value)
{
	CHECK(number < N_WIRE_LIMIT);
	memcpy((char *)limits + wire_limit_rows[number].offset, &value, sizeof value);
}
