/* SPDX-License-Identifier: MIT */
/* timer.h - one callback at one instant of the loop's clock. */
#pragma once

#include "base/heap.h"

/* Zeroed, it is off. Owner: who embeds it, and stops it before its memory goes. The
 * callback runs on the loop's fiber. */
struct timer {
	struct heap_node node;
	void (*fn)(struct timer *t);
};

/* Sets or moves it; on this thread's loop. */
void timer_set(struct timer *t, int64_t at, void (*fn)(struct timer *t));
void timer_take_out(struct timer *t);

/* Idempotent. Most timers are those of scopes without a deadline, and off. */
static inline void timer_stop(struct timer *t)
{
	if (heap_is_linked(&t->node))
		timer_take_out(t);
}
