/* SPDX-License-Identifier: MIT */
/* test_topic.c - one generator, and to each subscriber the topics it asks for: case C115. */
#include "conform/tree.h"

#include <acre/topic.h>

#define READING(F) F(const char *, topic) F(int64_t, value)
ACRE_MSG(reading, READING)

static int n_running, n_begun; /* generators, in the actor that publishes */

/* Even and odd numbers, as fast as they are read. */
static int count(struct acre_publisher *p)
{
	int r = 0;

	n_begun++;
	assert_int_equal(++n_running, 1);
	for (int64_t i = 0; r >= 0; i++)
		r = acre_publish(p, reading, .topic = i % 2 ? "odd" : "even", .value = i);
	n_running--;
	return r;
}

static const struct acre_publication counting = { .run = count };

ACRE_CONTEXT(counts, acre_subscription)
{
	return acre_topic_serve(ctx, in, &counting);
}

static struct acre_subscription subscription(const char *topics)
{
	return (struct acre_subscription){ topics, "" };
}

/* Reads n items of this topic, one behind the other. */
static int read_only(struct acre_context *ctx, const char *topic, int64_t n)
{
	struct reading item;
	int64_t last = -1;
	int r = 1;

	for (int64_t i = 0; i < n && r > 0; i++) {
		r = acre_recv(ctx, reading, &item);
		if (r <= 0)
			return r < 0 ? r : acre_fail(T_VALUE, "the stream has ended");
		if (strcmp(item.topic, topic) != 0 ||
		    (item.value % 2 != 0) != !strcmp(topic, "odd") ||
		    (last >= 0 && item.value != last + 2))
			return acre_fail(T_VALUE, "%s %lld after %lld", item.topic,
					 (long long)item.value, (long long)last);
		last = item.value;
	}
	return r;
}

static int subscribe_at(struct acre_actor *publisher, const char *topic, int64_t n)
{
	struct acre_subscription in = subscription(topic);
	int r = 0;

	ACRE_OPEN(ctx, r, publisher, counts, &in)
		r = read_only(ctx, topic, n);
	return r;
}

#define ASKED(F) F(const char *, topic) F(int64_t, n)
ACRE_MSG(asked, ASKED)

ACRE_CONTEXT(subscribes, asked)
{
	return subscribe_at(acre_parent(), in->topic, in->n);
}

struct subscriber {
	struct acre_actor *actor;
	struct asked asked;
};

ACRE_TASK(call_subscriber, struct subscriber *s)
{
	return acre_call(s->actor, subscribes, &s->asked, acre_nil, &nil);
}

TEST_TREE(c115_each_sees_only_its_topic)
{
	struct subscriber subscribers[] = { { NULL, { "even", 500 } },
					    { NULL, { "odd", 500 } } };
	int r = 0;

	ACRE_NURSERY(n, r)
		for (int i = 0; i < 2 && r >= 0; i++) {
			r = acre_spawn(&n, &subscribers[i].actor);
			if (r >= 0)
				r = acre_go(&n, call_subscriber, &subscribers[i]);
		}
	return r;
}

static size_t n_listed(void)
{
	return acre_topic_list(&counting, NULL, NULL, 0);
}

static int wait_for_list(size_t n)
{
	int r = 0;

	while (r >= 0 && n_listed() != n) /* bound: the test's own */
		r = acre_sleep(acre_ms(1));
	return r;
}

/* Its callee will be gone, which is not the question here. */
ACRE_TASK(call_who_is_cancelled, struct subscriber *s)
{
	int r = call_subscriber(s);

	assert_true(r < 0);
	return 0;
}

TEST_TREE(c115_a_topic_is_listed_while_it_is_wanted)
{
	struct subscriber s = { NULL, { "even", INT64_MAX } };
	char names[2][ACRE_TOPIC_SIZE];
	acre_instant begun;
	int r = 0;

	assert_int_equal(n_listed(), 0);
	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &s.actor);
		assert_ok(r);
		assert_ok(acre_go(&n, call_who_is_cancelled, &s));
		assert_ok(wait_for_list(1));
		assert_int_equal(acre_topic_list(&counting, "", names, 2), 1);
		assert_string_equal(names[0], "even");
		begun = acre_now();
		r = acre_actor_cancel(s.actor);
		assert_ok(r);
		assert_ok(wait_for_list(0));
		assert_true(seconds_since(begun) < 2);
	}
	return r;
}

#define TASKS 5

struct crowd {
	int n_left;
};

ACRE_TASK(comes_and_goes, struct crowd *crowd)
{
	int r = 0;

	for (int i = 0; i < 10 && r >= 0; i++)
		r = subscribe_at(acre_parent(), i % 2 ? "odd" : "even", 10 + i);
	crowd->n_left++;
	return r;
}

ACRE_CONTEXT(come_and_go, acre_nil)
{
	struct crowd crowd = { 0 };
	int r = 0;

	ACRE_NURSERY(n, r)
		for (int i = 0; i < TASKS && r >= 0; i++)
			r = acre_go(&n, comes_and_goes, &crowd);
	return r < 0 ? r : acre_return(ctx, acre_int, .value = crowd.n_left);
}

/* The generator asserts that it is alone. */
TEST_TREE(c115_one_generator_for_tasks_that_come_and_go)
{
	struct acre_int left = { 0 };
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a);
		if (r >= 0)
			r = acre_call(a, come_and_go, &nil, acre_int, &left);
		if (r >= 0)
			r = wait_for_list(0);
	}
	assert_int_equal(left.value, TASKS);
	assert_true(n_begun >= 1);
	assert_int_equal(n_running, 0);
	return r;
}

/* Reads until the topic is this one, and then only such. */
static int read_until(struct acre_context *ctx, const char *topic, int n)
{
	struct reading item;
	int r = 1;

	do
		r = acre_recv(ctx, reading, &item);
	while (r > 0 && strcmp(item.topic, topic) != 0);
	return r > 0 ? read_only(ctx, topic, n) : r;
}

TEST_ACTOR(c115_topics_change_while_it_is_subscribed)
{
	struct acre_subscription in = subscription("even");
	struct reading item;
	int r = 0;

	ACRE_OPEN(ctx, r, a, counts, &in) {
		assert_int_equal(read_only(ctx, "even", 100), 1);
		assert_ok(acre_send(ctx, acre_topic_change, "odd,other", true));
		do /* both come now */
			assert_int_equal(acre_recv(ctx, reading, &item), 1);
		while (item.value % 2 == 0);
		assert_ok(acre_send(ctx, acre_topic_change, "even", false));
		for (int n_odd = 0; n_odd < 200;) { /* what was on its way still comes */
			assert_int_equal(acre_recv(ctx, reading, &item), 1);
			n_odd = item.value % 2 ? n_odd + 1 : 0;
		}
		assert_ok(acre_finish(ctx)); /* it still reads */
		r = read_until(ctx, "odd", 200);
	}
	return r;
}

/* It has no credit left when it goes, and the generator waits for it. */
TEST_ACTOR(c115_who_reads_nothing_and_leaves_holds_up_nobody)
{
	struct acre_subscription even = subscription("even"),
				 both = subscription("even,odd");
	int r = 0;

	ACRE_OPEN(reads, r, a, counts, &both) {
		struct acre_context *idle;
		struct reading item;

		assert_ok(acre_open(&idle, a, counts, &even));
		for (int i = 0; i < 100; i++)
			assert_int_equal(acre_recv(reads, reading, &item), 1);
		assert_ok(acre_context_close(&idle, 0));
		for (int i = 0; i < 1000; i++)
			assert_int_equal(acre_recv(reads, reading, &item), 1);
	}
	return r;
}

/*
 * Ends of generators.
 */

static int count_to_ten(struct acre_publisher *p)
{
	int r = 0;

	while (r >= 0 && !acre_topic_is_wanted(p, "start"))
		r = acre_yield();
	for (int64_t i = 0; i < 10 && r >= 0; i++)
		r = acre_publish(p, reading, .topic = "number", .value = i);
	return r;
}

static int count_and_fail(struct acre_publisher *p)
{
	int r = count_to_ten(p);

	return r < 0 ? r : acre_fail(T_VALUE, "after ten");
}

static const char *const names[] = { "well", "badly", NULL };
static int count_without_topic(struct acre_publisher *p)
{
	return acre_publish(p, acre_int, .value = 1);
}

static int count_no_topic(struct acre_publisher *p)
{
	return acre_publish(p, reading, .topic = "a,b", .value = 1);
}

static const struct acre_publication ending = { .run = count_to_ten };
static const struct acre_publication failing = { .run = count_and_fail };
static const struct acre_publication named = { .run = count, .tasks = names };
static const struct acre_publication nothing = { .run = NULL };
static const struct acre_publication untopical = { .run = count_without_topic };
static const struct acre_publication misnamed = { .run = count_no_topic };

ACRE_CONTEXT(ends, acre_subscription)
{
	return acre_topic_serve(ctx, in, &ending);
}

ACRE_CONTEXT(fails, acre_subscription)
{
	return acre_topic_serve(ctx, in, &failing);
}

ACRE_CONTEXT(has_names, acre_subscription)
{
	return acre_topic_serve(ctx, in, &named);
}

ACRE_CONTEXT(has_nothing, acre_subscription)
{
	return acre_topic_serve(ctx, in, &nothing);
}

ACRE_CONTEXT(has_no_topic, acre_subscription)
{
	return acre_topic_serve(ctx, in, &untopical);
}

ACRE_CONTEXT(has_wrong_topic, acre_subscription)
{
	return acre_topic_serve(ctx, in, &misnamed);
}

static int read_ten(struct acre_context *ctx)
{
	struct reading item;
	int n = 0, r;

	while ((r = acre_recv(ctx, reading, &item)) > 0)
		assert_int_equal(item.value, n++);
	assert_true(r < 0 || n == 10);
	return r;
}

/* Three, of whom the last one lets it begin when all are there. */
static int read_to_end(struct acre_actor *a, bool well)
{
	struct acre_subscription in = subscription("number");
	struct acre_context *ctx[3];

	for (int i = 0; i < 3; i++)
		assert_ok(well ? acre_open(&ctx[i], a, ends, &in)
			       : acre_open(&ctx[i], a, fails, &in));
	assert_ok(acre_send(ctx[2], acre_topic_change, "start", true));
	for (int i = 0; i < 3; i++) {
		int r = read_ten(ctx[i]);

		r = acre_context_close(&ctx[i], r);
		if (well)
			assert_ok(r);
		else
			assert_remote(r, T_VALUE);
	}
	return 0;
}

TEST_ACTOR(c115_the_end_of_the_generator_is_that_of_all_streams)
{
	int r = read_to_end(a, true);

	return r < 0 ? r : read_to_end(a, true); /* the next one begins anew */
}

TEST_ACTOR(c115_the_failure_of_the_generator_is_every_subscribers)
{
	int r = read_to_end(a, false);

	return r < 0 ? r : read_to_end(a, true); /* it did not fell the actor */
}

#define WRONG(a, endpoint, topics, task)                                           \
	assert_remote(acre_call((a), endpoint,                                     \
				(&(struct acre_subscription){ (topics), (task) }), \
				acre_nil, &nil),                                   \
		      ACRE_ETYPE)

TEST_ACTOR(c115_what_is_missing_is_told)
{
	struct acre_context *ctx;
	int r;

	WRONG(a, counts, "", "");
	WRONG(a, counts, "even,", "");
	WRONG(a, counts, "even", "a name");
	WRONG(a, has_names, "even", "");
	WRONG(a, has_names, "even", "other");
	WRONG(a, has_nothing, "even", "");
	WRONG(a, has_no_topic, "even", "");
	WRONG(a, has_wrong_topic, "even", "");
	r = acre_open_named(&ctx, a, "main", "counts", acre_nil_msg_(), &nil);
	assert_remote(r, ACRE_ETYPE); /* neither topics nor task */
	return 0;
}

/* Those of two names run side by side. */
TEST_ACTOR(c115_a_named_generator)
{
	struct acre_subscription in = { "even", "well" };
	int r = 0;

	ACRE_OPEN(ctx, r, a, has_names, &in)
		r = read_only(ctx, "even", 10);
	return r;
}
