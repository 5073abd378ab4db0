/* SPDX-License-Identifier: MIT */
/* sums.h - an endpoint in C with which guests have a stream both ways. */
#pragma once

#include <acre/context.h>

/* Sums what comes up, and tells each sum. */
ACRE_CONTEXT(sums, acre_nil)
{
	struct acre_int item;
	int64_t sum = 0;
	int r = acre_started(ctx, acre_text, .value = "ready");

	(void)in;
	while (r >= 0 && (r = acre_recv(ctx, acre_int, &item)) > 0) {
		sum += item.value;
		r = acre_send(ctx, acre_int, .value = sum);
	}
	return r < 0 ? r : acre_return(ctx, acre_int, .value = sum);
}
