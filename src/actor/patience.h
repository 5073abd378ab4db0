/* SPDX-License-Identifier: MIT */
/* patience.h - a wait with an end of its own: a timer that wakes a list of waits. */
#pragma once

#include "actor/context.h"
#include "base/clock.h"
#include "base/util.h"
#include "core/still.h"
#include "core/timer.h"

struct patience {
	struct timer timer;
	struct list *waits; /* borrowed */
	int64_t still;	    /* see still.h */
	bool over;
};

static inline void patience_lost_(struct timer *timer)
{
	struct patience *p = container_of(timer, struct patience, timer);
	int64_t more = still_more(&p->still);

	if (more > 0) {
		timer_set(timer, clock_now() + more, patience_lost_);
		return;
	}
	p->over = true;
	unpark_all(p->waits, 0);
}

static inline void patience_begin(struct patience *p, struct list *waits, int64_t span_ns)
{
	*p = (struct patience){ .waits = waits, .still = still_total() };
	timer_set(&p->timer, clock_now() + span_ns, patience_lost_);
}

/* What is told of somebody who was asked to end, and whom the wait has outlasted. */
static inline const char *patience_words(bool acked)
{
	return acked ? "acknowledged its cancel and did not end in time"
		     : "did not acknowledge its cancel in time";
}

static inline void patience_end(struct patience *p)
{
	timer_stop(&p->timer);
}
