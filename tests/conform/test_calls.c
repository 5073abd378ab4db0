/* SPDX-License-Identifier: MIT */
/* test_calls.c - one-shot calls, what may be called, and with what: cases C016 to C018. */
#include "conform/tree.h"

#include <sys/socket.h>

#include "actor/context.h"
#include "base/sys.h"

#define FD_LINK 3 /* in an actor: its link to the parent (actor/child.c) */

/*
 * C016: the call that makes its own actor.
 */

ACRE_CONTEXT(stream_only, acre_nil, .kind = ACRE_ENDPOINT_STREAM)
{
	return acre_send(ctx, acre_int, .value = 1);
}

TEST_TREE(c016_one_shot_calls)
{
	struct acre_actor *a;
	struct acre_int v = { 0 };
	int r = acre_oneshot(ten, &nil, acre_int, &v); /* in a private tree */

	assert_int_equal(r, 1);
	assert_int_equal(v.value, 10);
	assert_int_equal(acre_children(NULL, 0), 0);
	r = 0;
	ACRE_NURSERY(n, r) {
		assert_int_equal(acre_oneshot(ten, &nil, acre_int, &v, .nursery = &n), 1);
		assert_int_equal(acre_children(NULL, 0), 0); /* reaped already */
		r = acre_spawn(&n, &a, .name = "survivor");
		assert_ok(r);
		assert_int_equal(acre_oneshot(ten, &nil, acre_int, &v, .actor = a), 1);
		assert_true(acre_actor_is_connected(a));
		assert_class(acre_oneshot(ten, &nil, acre_int, &v, .actor = a,
					  .nursery = &n),
			     EINVAL);
		assert_int_equal(acre_children(NULL, 0), 1);
	}
	return r;
}

TEST_TREE(c016_a_wrong_kind_of_endpoint_is_refused_before_anything_is_spawned)
{
	struct acre_spawn_options nowhere = { .program = "/nonexistent/program" };
	struct acre_actor *a;
	struct acre_int v;
	int r = acre_oneshot(stream_only, &nil, acre_int, &v, .spawn = nowhere);

	assert_class(r, ACRE_ETYPE);
	r = acre_oneshot(ten, &nil, acre_int, &v, .spawn = nowhere);
	assert_class(r, ACRE_EBOOT); /* the control */
	r = 0;
	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "callee");
		assert_ok(r);
		assert_class(acre_call(a, stream_only, &nil, acre_int, &v), ACRE_ETYPE);
	}
	return r;
}

ACRE_CONTEXT(returns_twice, acre_nil, .kind = ACRE_ENDPOINT_ONESHOT)
{
	int r = acre_return(ctx, acre_int, .value = 1);

	assert_class(r < 0 ? r : acre_return(ctx, acre_int, .value = 2), EPROTO);
	return r;
}

TEST_TREE(a_call_has_one_result_the_first_that_is_given)
{
	struct acre_int v = { 0 };

	assert_int_equal(acre_oneshot(returns_twice, &nil, acre_int, &v), 1);
	assert_int_equal(v.value, 1);
	return 0;
}

/*
 * A call sends no items, and its callee is told.
 */

ACRE_CONTEXT(counts_what_comes, acre_nil)
{
	struct acre_int item;
	int64_t n = 0;
	int r;

	while ((r = acre_recv(ctx, acre_int, &item)) > 0)
		n++;
	for (int i = 0; i < 3 && r >= 0; i++) /* the other direction goes on */
		r = acre_send(ctx, acre_int, .value = i);
	return r < 0 ? r : acre_return(ctx, acre_int, .value = n);
}

static int call_by_name(struct acre_actor *a)
{
	const struct acre_value nothing = { NULL, 0 };
	struct acre_value ret;
	struct acre_part part;

	assert_int_equal(acre_call_named(a, "main", "counts_what_comes", nothing, &ret),
			 1);
	assert_int_equal(acre_value_next(&ret, &part), 1);
	assert_int_equal(part.integer, 0);
	return 0;
}

TEST_ACTOR(a_callee_that_reads_the_stream_of_a_call_sees_its_end)
{
	struct acre_int n = { -1 };

	assert_int_equal(acre_call(a, counts_what_comes, &nil, acre_int, &n), 1);
	assert_int_equal(n.value, 0);
	n.value = -1;
	assert_int_equal(acre_oneshot(counts_what_comes, &nil, acre_int, &n, .actor = a),
			 1);
	assert_int_equal(n.value, 0);
	return call_by_name(a);
}

/*
 * Texts of results: borrowed by the task that called.
 */

ACRE_CONTEXT(echo_text, acre_text, .kind = ACRE_ENDPOINT_ONESHOT)
{
	return acre_return(ctx, acre_text, .value = in->value);
}

#define N_CALLS 50

struct caller {
	struct acre_actor *actor;
	const char *word;
	struct caller *other;
	int n_called;
	struct acre_event called;
};

static int wait_for_call(struct caller *c, int n)
{
	int r = 0;

	while (c->n_called < n && r >= 0) {
		acre_event_init(&c->called);
		r = acre_event_wait(&c->called);
	}
	return r;
}

/* Reads its text after the other task has called the same actor. */
ACRE_TASK(call_by_turns, struct caller *c)
{
	struct acre_text ask = { c->word }, t;
	int r = 0;

	for (int i = 1; i <= N_CALLS && r >= 0; i++) {
		r = acre_call(c->actor, echo_text, &ask, acre_text, &t);
		assert_int_equal(r, 1);
		c->n_called = i;
		acre_event_set(&c->called);
		r = wait_for_call(c->other, i);
		assert_string_equal(t.value, c->word);
	}
	return r;
}

static int call_in_two_tasks(struct acre_actor *a)
{
	struct caller callers[2] = {
		{ .actor = a, .word = "first task", .other = &callers[1] },
		{ .actor = a, .word = "second task", .other = &callers[0] },
	};
	int r = 0;

	for (int i = 0; i < 2; i++)
		acre_event_init(&callers[i].called);
	ACRE_NURSERY(n, r)
		for (int i = 0; i < 2 && r >= 0; i++)
			r = acre_go(&n, call_by_turns, &callers[i]);
	return r;
}

TEST_TREE(two_tasks_call_one_actor_for_texts)
{
	struct acre_text mine;
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "echo");
		assert_ok(r);
		r = acre_call(a, echo_text, &(struct acre_text){ "mine" }, acre_text,
			      &mine);
		assert_int_equal(r, 1);
		r = call_in_two_tasks(a);
		assert_string_equal(mine.value, "mine");
		/* theirs went with them: one is left, of the one task that lives */
		assert_true(!list_is_empty(&a->kept_results));
		assert_ptr_equal(a->kept_results.next, a->kept_results.prev);
	}
	return r;
}

TEST_TREE(one_task_calls_two_actors_for_texts)
{
	struct acre_actor *a, *b;
	struct acre_text s, t;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "left");
		if (r >= 0)
			r = acre_spawn(&n, &b, .name = "right");
		assert_ok(r);
		r = acre_call(a, echo_text, &(struct acre_text){ "left" }, acre_text, &s);
		assert_int_equal(r, 1);
		for (int i = 0; i < 3; i++) {
			r = acre_call(b, echo_text, &(struct acre_text){ "right" },
				      acre_text, &t);
			assert_int_equal(r, 1);
		}
		assert_string_equal(s.value, "left");
		assert_string_equal(t.value, "right");
	}
	assert_true(list_is_empty(&task_this()->kept)); /* they went with the actors */
	return r;
}

struct shot {
	struct acre_int value;
};

ACRE_TASK(shoot, struct shot *shot)
{
	int r = acre_oneshot(ten, &nil, acre_int, &shot->value);

	return r < 0 ? r : 0;
}

TEST_TREE(c016_three_one_shots_at_once)
{
	struct shot shots[3] = { { { 0 } } };
	int r = 0;

	ACRE_NURSERY(n, r)
		for (int i = 0; i < 3 && r >= 0; i++)
			r = acre_go(&n, shoot, &shots[i]);
	for (int i = 0; i < 3; i++)
		assert_int_equal(shots[i].value.value, 10);
	return r;
}

TEST_TREE(c016_a_cancelled_one_shot_leaves_no_actor)
{
	int within = 0, r = 0;

	ACRE_NURSERY(n, r) {
		ACRE_WITHIN(acre_ms(100), within)
			within = acre_oneshot(sleeps_for_ever, &nil, acre_nil, &nil,
					      .nursery = &n);
		assert_class(within, ETIMEDOUT);
		assert_int_equal(acre_children(NULL, 0), 0);
	}
	return r;
}

/* From the next frame on this process does nothing any more, not even for a SIGTERM. */
static ssize_t read_and_hang(int fd, void *bytes, size_t len)
{
	char peeked;

	while (fd == FD_LINK && recv(fd, &peeked, 1, MSG_PEEK | MSG_DONTWAIT) > 0)
		pause();
	return sys_real.read(fd, bytes, len);
}

ACRE_CONTEXT(ten_and_no_ack, acre_nil, .kind = ACRE_ENDPOINT_ONESHOT)
{
	static struct sys_table deaf;

	deaf = *sys_used();
	deaf.read = read_and_hang;
	sys_use(&deaf);
	return acre_return(ctx, acre_int, .value = 10);
}

TEST_TREE(c016_no_ack_while_reaping)
{
	struct acre_spawn_options impatient = { .linger = acre_ms(100) };
	acre_instant begun = acre_now();
	struct acre_int v = { 0 };
	int r = 0;

	needs_a_process("it is deaf for ever, and killed alone");
	ACRE_NURSERY(n, r) {
		r = acre_oneshot(ten_and_no_ack, &nil, acre_int, &v, .nursery = &n,
				 .spawn = impatient);
		assert_int_equal(r, 1); /* the result had come, and is not lost */
		assert_int_equal(v.value, 10);
		assert_int_equal(acre_children(NULL, 0), 0); /* killed, and reaped */
	}
	assert_true(seconds_since(begun) >= 0.5); /* it had the time of an ack */
	assert_true(seconds_since(begun) < 5);
	return r;
}

/*
 * C017: only what an actor exposes can be called.
 */

ACRE_CONTEXT(short_sleep, acre_nil, .kind = ACRE_ENDPOINT_ONESHOT)
{
	return acre_sleep(acre_ms(1));
}

/* Calls back what its parent has, or has not. */
ACRE_CONTEXT(call_parent, acre_text, .kind = ACRE_ENDPOINT_ONESHOT)
{
	struct acre_context *back = NULL;
	int r = acre_open_named(&back, acre_parent(), "main", in->value, acre_nil_msg_(),
				&nil);

	return acre_context_close(&back, r);
}

static int root_without_endpoints(void *unused)
{
	struct acre_text sleep = { "short_sleep" }, none = { "no_such_endpoint" };
	struct acre_actor *a;
	int r = 0;

	(void)unused;
	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "caller");
		assert_ok(r);
		r = acre_call(a, call_parent, &sleep, acre_nil, &nil);
		assert_remote(r, ACRE_ENOTEXPOSED);
		assert_text_has(acre_why(r)->message, "is not exposed (none is)");
		assert_ok(acre_expose("main"));
		assert_ok(acre_call(a, call_parent, &sleep, acre_nil, &nil));
		r = acre_call(a, call_parent, &none, acre_nil, &nil);
		assert_remote(r, ACRE_ENOENDPOINT);
		assert_text_has(acre_why(r)->message, "no_such_endpoint");
		r = 0;
	}
	return r;
}

TEST(c017_not_exposed)
{
	use_backend(NULL);
	assert_ok(acre_run(root_without_endpoints, NULL, NULL));
	report_thread_fini();
}

/*
 * C018: arguments that the endpoint does not take.
 */

#define STRAY(F) F(const char *, surprise)
#define MORE(F)	 F(int64_t, value) F(const char *, surprise)
#define WRONG(F) F(const char *, value)
ACRE_MSG(stray, STRAY)
ACRE_MSG(more, MORE)
ACRE_MSG(wrong, WRONG)

static void refuses(struct acre_actor *a, const char *endpoint,
		    const struct acre_msg_kind *kind, const void *arg, const char *field)
{
	struct acre_context *ctx = NULL;
	int r = acre_open_named(&ctx, a, "main", endpoint, kind, arg);

	assert_remote(r, ACRE_ETYPE);
	assert_null(ctx);
	assert_text_has(acre_why(r)->message, field);
}

TEST_TREE(c018_bad_arguments)
{
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "strict");
		assert_ok(r);
		refuses(a, "fails_with_assert", stray_msg_(), &(struct stray){ "!" },
			"surprise");
		refuses(a, "fails_with_assert", more_msg_(), &(struct more){ 1, "!" },
			"surprise");
		refuses(a, "sleeps_for_ever", stray_msg_(), &(struct stray){ "!" },
			"surprise");
		refuses(a, "fails_with_assert", wrong_msg_(), &(struct wrong){ "ten" },
			"value");
		refuses(a, "fails_with_assert", acre_nil_msg_(), &nil, "value");
		assert_true(acre_actor_is_connected(a));
	}
	return r;
}

/*
 * Values that cannot travel: each way says which field, and why.
 */

#define TOO_LONG (1024 * 1024 + 1) /* bytes: one more than a text may have */

static char too_long[TOO_LONG + 1];

/* Before an actor that is a thread could read it. */
__attribute__((constructor)) static void fill_too_long(void)
{
	memset(too_long, 'a', TOO_LONG);
}

ACRE_CONTEXT(gives_back, acre_text)
{
	int r = acre_started(ctx, acre_text, .value = "a\xff");

	if (!acre_is(r, ACRE_ETYPE))
		return acre_fail(EPROTO, "%s was started", in->value);
	if (!strcmp(in->value, "bad"))
		return acre_return(ctx, acre_text, .value = "a\xff");
	return acre_return(ctx, acre_text, .value = too_long);
}

TEST_TREE(what_cannot_travel_is_told_with_the_reason)
{
	struct acre_text text = { "bad" }, back;
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "mirror");
		assert_ok(r);
		r = acre_call(a, gives_back, &text, acre_text, &back);
		assert_remote(r, ACRE_ETYPE);
		assert_text_has(acre_why(r)->message, "is not UTF-8 at byte 1");
		text.value = "long";
		r = acre_call(a, gives_back, &text, acre_text, &back);
		assert_remote(r, EMSGSIZE);
		assert_text_has(acre_why(r)->message, "has 1048577 bytes");
		text.value = too_long;
		r = acre_call(a, gives_back, &text, acre_text, &back);
		assert_class(r, EMSGSIZE);
		assert_text_has(acre_why(r)->message,
				"acre_text.value has 1048577 bytes, and 1048576 can");
		r = 0;
		ACRE_OPEN(ctx, r, a, gives_back, &(struct acre_text){ "bad" }) {
			r = acre_send(ctx, acre_text, .value = too_long);
			assert_class(r, EMSGSIZE);
			r = acre_send(ctx, acre_text, .value = "\xff");
			assert_class(r, ACRE_ETYPE);
			assert_text_has(acre_why(r)->message, "is not UTF-8 at byte 0");
		}
		r = 0;
	}
	return r;
}

/*
 * Stacks of endpoints: what a call needs, its endpoint says.
 */

#define DEEP (512 * 1024) /* bytes: eight times what a task has */

__attribute__((noinline)) static int use_stack(size_t n)
{
	volatile char bytes[DEEP];

	for (size_t i = 0; i < n; i += 1024) /* each page of it */
		bytes[i] = 1;
	return bytes[n - 1024];
}

ACRE_CONTEXT(goes_deep, acre_nil, .stack_size = 2 * DEEP)
{
	return acre_return(ctx, acre_int, .value = use_stack(DEEP));
}

ACRE_CONTEXT(goes_too_deep, acre_nil, .stack_size = SIZE_MAX)
{
	return 0;
}

TEST_TREE(an_endpoint_has_the_stack_it_asks_for)
{
	struct acre_actor *a;
	struct acre_int v = { 0 };
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "diver");
		assert_ok(r);
		assert_int_equal(acre_call(a, goes_deep, &nil, acre_int, &v), 1);
		assert_int_equal(v.value, 1);
		assert_remote(acre_call(a, goes_too_deep, &nil, acre_int, &v), EINVAL);
	}
	return r;
}

/*
 * Pointers that are NULL: a root has no parent, and an endpoint with fields wants its argument.
 */

ACRE_CONTEXT(takes_a_number, acre_int, .kind = ACRE_ENDPOINT_ONESHOT)
{
	return acre_return(ctx, acre_int, .value = in->value);
}

ACRE_CONTEXT(says_nothing, acre_nil, .kind = ACRE_ENDPOINT_ONESHOT)
{
	return 0;
}

TEST_TREE(null_is_refused_where_an_actor_or_an_argument_is_wanted)
{
	struct acre_actor *a;
	struct acre_int v;
	int r = 0;

	assert_class(acre_actor_cancel(acre_parent()), EINVAL);
	assert_class(acre_actor_wait(acre_parent()), EINVAL);
	ACRE_NURSERY(n, r) {
		assert_ok(acre_spawn(&n, &a, .name = "called"));
		r = acre_call(a, takes_a_number, NULL, acre_int, &v);
		assert_class(r, EINVAL);
		assert_text_has(acre_why(r)->message, "with NULL, not a struct acre_int");
		assert_int_equal(acre_call(a, ten, NULL, acre_int, &v), 1);
		assert_int_equal(acre_call(a, says_nothing, NULL, acre_nil, NULL), 0);
		r = acre_call(a, ten, NULL, acre_int, NULL);
		assert_class(r, EINVAL);
		assert_text_has(acre_why(r)->message, "cannot be read into NULL");
		r = 0;
	}
	return r;
}

/*
 * Names: what cannot be one is refused here, not by the actor that would have it.
 */

TEST_TREE(a_name_that_is_none_is_refused)
{
	struct acre_context *ctx = NULL;
	struct acre_actor *a, *found;
	int r = 0;

	assert_class(acre_find(&found, NULL), EINVAL);
	assert_class(acre_expose(NULL), EINVAL);
	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "a\xff");
		assert_class(r, EINVAL);
		assert_text_has(acre_why(r)->message, "not UTF-8 at byte 1");
		r = acre_spawn(&n, &a, .linger = acre_secs(-1));
		assert_class(r, EINVAL);
		assert_text_has(acre_why(r)->message, "linger of -1000000000 ns");
		r = acre_spawn(&n, &a, .name = "called");
		assert_ok(r);
		r = acre_open_named(&ctx, a, NULL, "ten", acre_nil_msg_(), &nil);
		assert_class(r, EINVAL);
		r = acre_open_named(&ctx, a, "main", NULL, acre_nil_msg_(), &nil);
		assert_class(r, EINVAL);
		r = 0;
	}
	return r;
}
