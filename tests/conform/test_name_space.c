/* SPDX-License-Identifier: MIT */
/* test_name_space.c - endpoints of one program that name their namespace lie there, and only there. */
#include "conform/tree.h"

#define ADDENDS(F) F(int64_t, a) F(int64_t, b)
ACRE_MSG(addends, ADDENDS)

ACRE_CONTEXT(add, addends, .kind = ACRE_ENDPOINT_ONESHOT, .name_space = "arithmetic")
{
	return acre_return(ctx, acre_int, .value = in->a + in->b);
}

/* Another one of that name, where those lie that name none. */
static int run_add_in_main(struct acre_context *ctx, const void *in)
{
	(void)in;
	return acre_return(ctx, acre_int, .value = -1);
}

ACRE_CONTEXT(exposes, acre_text, .kind = ACRE_ENDPOINT_ONESHOT)
{
	(void)ctx;
	return acre_expose(in->value);
}

static const struct addends forty_two = { 40, 2 };

static int named(struct acre_actor *a, const char *name_space, const char *name,
		 int64_t *ret)
{
	struct acre_context *ctx = NULL;
	struct acre_int got = { 0 };
	int r = acre_open_named(&ctx, a, name_space, name, addends_msg_(), &forty_two);

	if (r >= 0)
		r = acre_result(ctx, acre_int, &got);
	*ret = got.value;
	return acre_context_close(&ctx, r);
}

TEST_ACTOR(it_is_not_exposed_with_main)
{
	struct acre_int sum;
	int64_t unused;
	int r = acre_call(a, add, &forty_two, acre_int, &sum);

	assert_remote(r, ACRE_ENOTEXPOSED);
	r = named(a, "main", "add", &unused);
	assert_remote(r, ACRE_ENOENDPOINT);
	return 0;
}

TEST_ACTOR(an_actor_may_expose_it_later)
{
	struct acre_int sum = { 0 };
	int r = acre_call(a, exposes, (&(struct acre_text){ "geometry" }), acre_nil,
			  &nil);

	assert_remote(r, ENOENT);
	assert_ok(acre_call(a, exposes, (&(struct acre_text){ "arithmetic" }), acre_nil,
			    &nil));
	r = acre_call(a, add, &forty_two, acre_int, &sum);
	assert_int_equal(sum.value, 42);
	return r;
}

TEST_TREE(who_is_spawned_with_it_exposes_it_alone)
{
	static const char *const exposed[] = { "arithmetic", NULL };
	struct acre_int sum = { 0 };
	struct acre_actor *a;
	int64_t by_name = 0;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .expose = exposed);
		assert_ok(r);
		assert_remote(acre_call(a, ten, &nil, acre_int, &sum), ACRE_ENOTEXPOSED);
		r = acre_call(a, add, &forty_two, acre_int, &sum);
		assert_ok(r);
		r = named(a, "arithmetic", "add", &by_name);
	}
	assert_int_equal(sum.value, 42);
	assert_int_equal(by_name, 42);
	return r;
}

TEST(its_name_is_taken_in_its_namespace_and_free_in_main)
{
	static struct acre_endpoint other = { .name = "add",
					      .run = run_add_in_main,
					      .in = addends_msg_ };

	assert_class(acre_endpoint_register(&add_endpoint_), EEXIST);
	assert_ok(acre_endpoint_register(&other));
	report_thread_fini();
}
