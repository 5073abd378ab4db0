/* SPDX-License-Identifier: MIT */
/* time.c - the clock and the sleep that users see. */
#include <acre/time.h>

#include "base/clock.h"
#include "base/util.h"
#include "core/loop.h"
#include "core/sched.h"

struct sleeper {
	struct timer timer;
	/* the one wait below, until the time is over or it is cancelled */
	struct list waits;
};

static void wake(struct timer *timer)
{
	unpark_all(&container_of(timer, struct sleeper, timer)->waits, 0);
}

acre_instant acre_now(void)
{
	acre_instant t = { .ns = clock_now() };

	return t;
}

static int sleep_until(struct task *t, acre_instant instant)
{
	struct wait w = { .task = t };
	struct sleeper s = { .timer = { .fn = NULL } };
	int r = checkpoint(w.task);

	if (r < 0)
		return r;
	list_init(&s.waits);
	list_push(&s.waits, &w.node);
	timer_set(&s.timer, instant.ns, wake);
	r = park_on(WAIT_SLEEP, &s.timer, &w, 1);
	timer_stop(&s.timer);
	return r;
}

int acre_sleep_until(acre_instant instant)
{
	return sleep_until(sched_task("acre_sleep_until"), instant);
}

int acre_sleep(acre_span span)
{
	return sleep_until(sched_task("acre_sleep"), acre_after(acre_now(), span));
}
