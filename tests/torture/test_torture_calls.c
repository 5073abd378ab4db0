/* SPDX-License-Identifier: MIT */
/* test_torture_calls.c - the public calls that no other scenario has a use for. */
#include "torture/torture.h"

#include <string.h>

#include <acre/chan.h>
#include <acre/share.h>

#include "torture/endpoints.h"

static const int tree_may[] = { ACRE_EBOOT, ACRE_EDIED, ACRE_ECLOSED, 0 };

TORTURE(what_a_task_knows_of_itself)
{
	char path[64];
	int len = acre_task_path(path, sizeof path);

	assert_string_equal(acre_task_name(), "root");
	assert_int_equal(len, strlen(path));
	assert_string_equal(acre_self_name(), "root");
	assert_true(acre_deadline().ns > acre_now().ns);
	return 0;
}

TORTURE(names_and_numbers)
{
	assert_int_equal(acre_class_number("EDOM"), EDOM);
	assert_true(strlen(acre_class_text(EDOM)) > 0);
	assert_string_equal(acre_event_name(0xffff), acre_event_name(0xfffe));
	assert_true(strlen(acre_version()) > 0);
	return 0;
}

TORTURE(a_line_on_stderr)
{
	assert_string_equal(acre_log_level_name(acre_log_level()), "warning");
	acre_log(ACRE_LOG_WARNING, "%d lines, of which this is one", 2);
	return 0;
}

/* As bindings of another language make them, without the blocks. */
TORTURE(a_scope_by_hand, .virtual_clock = true)
{
	struct acre_scope scope;
	int r;

	acre_scope_open(&scope);
	acre_scope_shield(&scope, acre_secs(2));
	acre_scope_deadline(&scope, acre_after(acre_now(), acre_secs(1)));
	r = acre_sleep_until(acre_after(acre_now(), acre_ms(1)));
	if (r >= 0) {
		acre_scope_cancel(&scope);
		assert_int_equal(acre_scope_cancelled(&scope), ACRE_REASON_ASKED);
		r = acre_checkpoint();
		assert_int_equal(r, -ECANCELED);
	}
	return acre_scope_close(&scope, r);
}

ACRE_TASK(wait_for_it, struct acre_event *event)
{
	return acre_event_wait(event);
}

TORTURE(a_nursery_by_hand)
{
	struct acre_event event;
	struct acre_nursery n;
	int r;

	acre_event_init(&event);
	acre_event_set(&event);
	acre_event_reset(&event);
	assert_false(acre_event_is_set(&event));
	acre_nursery_open(&n);
	r = acre_go(&n, wait_for_it, &event);
	assert_true(r < 0 || acre_nursery_n(&n) == 1);
	assert_int_equal(acre_nursery_cancelled(&n), 0);
	acre_event_set(&event);
	return acre_nursery_close(&n, r);
}

TORTURE(a_channel_that_nobody_waits_for)
{
	struct acre_chan chan;
	int ring[1], item = 7, r;

	acre_chan_init(&chan, sizeof item, ring, 1);
	r = acre_chan_try_send(&chan, &item);
	assert_int_equal(r, 0);
	assert_int_equal(acre_chan_try_send(&chan, &item), -EAGAIN);
	assert_int_equal(acre_chan_n(&chan), 1);
	assert_int_equal(acre_chan_try_recv(&chan, &item), 1);
	assert_int_equal(acre_chan_try_recv(&chan, &item), -EAGAIN);
	return 0;
}

static int next_number(void *arg, void *item)
{
	(void)arg;
	*(int *)item = 1;
	return 1;
}

TORTURE(a_subscriber_that_counts)
{
	struct acre_broadcast *b = NULL;
	struct acre_subscriber *s = NULL;
	int r = acre_broadcast_open(&b, (struct acre_broadcast_options){
						.item_size = sizeof(int),
						.window = 4,
						.next = next_number });

	if (r >= 0)
		r = acre_subscribe(&s, b);
	if (r >= 0)
		assert_int_equal(acre_subscriber_n(s), 0);
	acre_unsubscribe(s);
	return acre_broadcast_close(&b, r);
}

/* It stays, so that only the first run has something to do. */
TORTURE(an_endpoint_at_run_time)
{
	static struct acre_endpoint late;
	static bool is_there;
	int r;

	late = square_endpoint_;
	late.name = "late";
	r = acre_endpoint_register(&late);
	if (is_there)
		assert_class(r, EEXIST);
	is_there |= r >= 0;
	return is_there ? 0 : r;
}

/* An actor and a context by hand, and all that is asked of them. */
static int talk(struct acre_actor *a)
{
	struct acre_context *ctx = NULL;
	struct acre_int item;
	int r = acre_open(&ctx, a, counts, &(struct acre_int){ 2 });

	if (r < 0)
		return r;
	assert_ptr_equal(acre_context_peer(ctx), a);
	assert_false(acre_outcome(ctx).cancel_called);
	r = acre_recv(ctx, acre_int, &item);
	assert_true(r < 0 || item.value == 1);
	return acre_context_close(&ctx, r);
}

TORTURE(a_context_by_hand, .may = tree_may)
{
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "callee");
		if (r >= 0) {
			assert_string_equal(acre_actor_name(a), "callee");
			assert_true(strlen(acre_actor_uuid(a)) > 0);
			assert_true(acre_actor_pid(a) > 0);
			assert_false(acre_actor_cancel_called(a));
			r = talk(a);
		}
	}
	return r;
}
