/* SPDX-License-Identifier: MIT */
/* endpoints.h - what the actors of torture's scenarios can be called for. */
#pragma once

#include <acre.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

ACRE_CONTEXT(square, acre_int, .kind = ACRE_ENDPOINT_ONESHOT)
{
	return acre_return(ctx, acre_int, .value = in->value * in->value);
}

ACRE_CONTEXT(greets, acre_text, .kind = ACRE_ENDPOINT_ONESHOT)
{
	char text[64];

	snprintf(text, sizeof text, "hello %s", in->value);
	return acre_return(ctx, acre_text, .value = text);
}

ACRE_CONTEXT(fails, acre_nil)
{
	return acre_note(acre_fail(EDOM, "there"), "failing");
}

ACRE_CONTEXT(counts, acre_int)
{
	int r = acre_started(ctx, acre_int, .value = in->value);

	for (int64_t i = 1; r >= 0 && i <= in->value; i++)
		r = acre_send(ctx, acre_int, .value = i);
	return r < 0 ? r : acre_return(ctx, acre_int, .value = in->value);
}

ACRE_CONTEXT(adds_up, acre_nil)
{
	struct acre_int item, sum = { 0 };
	int r = acre_started(ctx, acre_nil);

	if (r >= 0)
		while ((r = acre_recv(ctx, acre_int, &item)) > 0)
			sum.value += item.value;
	return r < 0 ? r : acre_return(ctx, acre_int, .value = sum.value);
}

ACRE_CONTEXT(sleeps, acre_nil)
{
	int r = acre_started(ctx, acre_nil);

	return r < 0 ? r : acre_sleep(acre_secs(3600));
}

#define FD_LINK 3 /* of an actor, to its parent (actor/child.c) */

ACRE_CONTEXT(speaks_nonsense, acre_nil)
{
	static const char frame[] = { 3, 0, 0, 0, 'h', 'u', 'h' };
	ssize_t n = write(FD_LINK, frame, sizeof frame);

	return n == (ssize_t)sizeof frame ? acre_sleep(acre_secs(3600)) : -EIO;
}

ACRE_CONTEXT(dies, acre_nil)
{
	dprintf(STDERR_FILENO, "the last words\n");
	_exit(3);
}
