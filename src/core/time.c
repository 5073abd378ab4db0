/* SPDX-License-Identifier: MIT */
/* time.c - the clock and the sleep that users see. */
#include <acre/time.h>

#include "base/clock.h"
#include "base/util.h"
#include "core/loop.h"
#include "core/sched.h"

struct sleeper {
	struct timer timer;
	struct task *task;
};

static void wake(struct timer *timer)
{
	unpark(container_of(timer, struct sleeper, timer)->task, 0);
}

acre_instant acre_now(void)
{
	acre_instant t = { .ns = clock_now() };

	return t;
}

int acre_sleep_until(acre_instant instant)
{
	struct sleeper s = { .task = sched_task("acre_sleep") };
	int r = checkpoint(s.task);

	if (r < 0)
		return r;
	timer_set(&s.timer, instant.ns, wake);
	r = park(WAIT_SLEEP, NULL);
	timer_stop(&s.timer);
	return r;
}

int acre_sleep(acre_span span)
{
	return acre_sleep_until(acre_after(acre_now(), span));
}
