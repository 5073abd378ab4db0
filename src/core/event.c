/* SPDX-License-Identifier: MIT */
/* event.c - a flag that tasks wait for. */
#include "core/event.h"

#include "base/panic.h"
#include "base/util.h"

/*
 * Setting it ends the waits of all who wait at that moment: a reset right after it does
 * not call them back. Who waits for a condition therefore waits in a loop.
 */
struct event {
	struct list waits; /* of struct wait; empty while it is set */
	uint32_t magic;
	bool set;
};
_Static_assert(sizeof(struct event) <= sizeof(struct acre_event),
	       "the public event holds ours");

#define EVENT_MAGIC 0xace7e4u

static struct event *use(struct acre_event *event, const char *call)
{
	struct event *e = (struct event *)(void *)event;

	if (unlikely(e->magic != EVENT_MAGIC))
		BUG("%s: event %p was not initialised (task %s)", call, (void *)e,
		    acre_task_name());
	if (unlikely(!loop_this))
		BUG("%s: event %p is used by a thread without a loop", call, (void *)e);
	return e;
}

void acre_event_init(struct acre_event *event)
{
	struct event *e = (struct event *)(void *)event;

	*e = (struct event){ .magic = EVENT_MAGIC };
	list_init(&e->waits);
}

void acre_event_set(struct acre_event *event)
{
	struct event *e = use(event, "acre_event_set");
	struct list *node;

	e->set = true;
	while ((node = list_first(&e->waits))) {
		struct wait *w = list_entry(node, struct wait, node);

		if (unlikely(w->task->loop != loop_this))
			BUG("event %p: task %s waits for it on another thread", (void *)e,
			    w->task->name);
		unpark(w->task, (int)w->index);
	}
}

void acre_event_reset(struct acre_event *event)
{
	use(event, "acre_event_reset")->set = false;
}

bool acre_event_is_set(const struct acre_event *event)
{
	return ((const struct event *)(const void *)event)->set;
}

void event_link(struct acre_event *event, struct wait *w)
{
	list_push(&use(event, "acre_select")->waits, &w->node);
}

int event_wait(struct acre_event *event, enum wait_what what, const void *object)
{
	struct wait w = { .task = sched_task("acre_event_wait") };
	struct event *e = use(event, "acre_event_wait");
	int r = checkpoint(w.task);

	if (r < 0 || e->set)
		return r;
	list_push(&e->waits, &w.node);
	return park_on(what, object, &w, 1);
}

int acre_event_wait(struct acre_event *event)
{
	return event_wait(event, WAIT_EVENT, event);
}
