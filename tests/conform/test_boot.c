/* SPDX-License-Identifier: MIT */
/* test_boot.c - booting, the root, calls and one-shots: cases C001 to C018. */
#include "conform/tree.h"

#include <sys/stat.h>

ACRE_CONTEXT(word, acre_nil, .kind = ACRE_ENDPOINT_ONESHOT)
{
	return acre_return(ctx, acre_text, .value = "Dang that's beautiful");
}

ACRE_CONTEXT(nothing, acre_nil, .kind = ACRE_ENDPOINT_ONESHOT)
{
	return 0;
}

ACRE_CONTEXT(stream_only, acre_nil, .kind = ACRE_ENDPOINT_STREAM)
{
	return acre_send(ctx, acre_int, .value = 1);
}

TEST_TREE(c001_value_back)
{
	struct acre_actor *a, *children[4];
	struct acre_int v = { 0 };
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "ten");
		assert_ok(r);
		assert_int_equal(acre_children(children, 4), 1);
		assert_ptr_equal(children[0], a);
		assert_string_equal(acre_actor_name(a), "ten");
		assert_true(acre_actor_is_connected(a));
		r = acre_call(a, ten, &nil, acre_int, &v);
	}
	assert_ok(r);
	assert_int_equal(v.value, 10);
	assert_int_equal(acre_children(children, 4), 0);
	return 0;
}

TEST_TREE(c002_two_calls_one_actor)
{
	struct acre_actor *frank;
	struct acre_text t;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &frank, .name = "frank");
		for (int i = 0; i < 2 && r >= 0; i++) {
			r = acre_call(frank, word, &nil, acre_text, &t);
			assert_int_equal(r, 1);
			assert_string_equal(t.value, "Dang that's beautiful");
		}
		assert_int_equal(acre_actor_cancel(frank), 0);
		assert_false(acre_actor_is_connected(frank));
		assert_int_equal(acre_nursery_n(&n), 0);
	}
	return r;
}

TEST_TREE(c003_string_and_none)
{
	struct acre_text t = { NULL };
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_oneshot(word, &nil, acre_text, &t, .nursery = &n);
		assert_int_equal(r, 1);
		assert_int_equal(acre_oneshot(nothing, &nil, acre_nil, &nil,
					      .nursery = &n),
				 0);
	}
	assert_string_equal(t.value,
			    "Dang that's beautiful"); /* it outlives actor and nursery */
	free((void *)(uintptr_t)t.value);
	return 0;
}

TEST(c005_no_runtime)
{
	struct acre_actor *a = NULL;

	assert_class(acre_find(&a, "nobody"), ACRE_ENORUNTIME);
	assert_null(a);
	report_thread_fini();
}

ACRE_CONTEXT(open_a_second_root, acre_nil, .kind = ACRE_ENDPOINT_ONESHOT)
{
	return tree_result(NULL, false);
}

TEST_TREE(c007_single_root)
{
	struct acre_actor *a;
	int r = 0;

	assert_class(tree_result(NULL, false), EALREADY);
	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "child");
		assert_ok(r);
		r = acre_call(a, open_a_second_root, &nil, acre_nil, &nil);
		assert_remote(r, EALREADY);
		r = 0;
	}
	return r;
}

static int names_itself(void)
{
	assert_string_equal(acre_self_name(), "root");
	assert_null(acre_parent());
	return acre_expose("main");
}

TEST(c008_runtime_state_reset)
{
	for (int i = 0; i < 2; i++) {
		assert_ok(tree_result(names_itself, true));
		assert_string_equal(acre_self_name(), "");
		assert_int_equal(acre_children(NULL, 0), 0);
	}
	report_thread_fini();
}

static int ten_pauses(void)
{
	acre_instant begun = acre_now();
	int r = 0;

	for (int i = 0; i < 10 && r >= 0; i++)
		r = acre_sleep(acre_ms(100));
	assert_true(seconds_since(begun) >= 1.0);
	return r;
}

TEST(c009_local_task_in_an_actor)
{
	assert_ok(tree_result(ten_pauses, false));
}

static int spawn_with_module(const char *module)
{
	struct acre_actor *a = NULL;
	int spawned = 0, r = 0;

	ACRE_NURSERY(n, r)
		spawned = acre_spawn(&n, &a, .name = "moduled", .module = module);
	assert_ok(
		r); /* the spawn's failure is the spawn's alone, and the nursery closes */
	assert_null(a);
	return spawned;
}

TEST_TREE(c014_boot_failure_is_typed)
{
	char broken[4096];
	char *story;
	FILE *f;
	int r = spawn_with_module("/nonexistent/module.so");

	assert_true(acre_has(r, ACRE_EBOOT));
	story = acre_story(r);
	assert_text_has(story, "module.so");
	free(story);

	snprintf(broken, sizeof broken, "%s/broken.so", test_dir());
	f = fopen(broken, "w");
	assert_non_null(f);
	fputs("no shared object\n", f);
	fclose(f);
	assert_true(acre_has(spawn_with_module(broken), ACRE_EBOOT));
	return 0;
}

TEST_TREE(c014_boot_failure_before_the_handshake)
{
	struct acre_actor *a = NULL;
	acre_instant begun = acre_now();
	int spawned = 0, r = 0;

	ACRE_NURSERY(n, r) { /* another program, which ends at once and says why */
		spawned = acre_spawn(&n, &a, .program = "/bin/false");
		assert_true(acre_has(spawned, ACRE_EBOOT));
		assert_int_equal(acre_why(spawned)->death->status, 1);
		spawned = acre_spawn(&n, &a, .program = "/nonexistent/program");
		assert_true(spawned < 0);
		assert_text_has(acre_why(spawned)->message, "/nonexistent/program");
	}
	assert_ok(r);
	assert_true(seconds_since(begun) < 5);
	return 0;
}

struct shot {
	struct acre_int value;
};

ACRE_TASK(shoot, struct shot *shot)
{
	int r = acre_oneshot(ten, &nil, acre_int, &shot->value);

	return r < 0 ? r : 0;
}

TEST_TREE(c016_one_shot_calls)
{
	struct shot shots[3] = { { { 0 } } };
	struct acre_actor *a;
	struct acre_int v = { 0 };
	int r = acre_oneshot(ten, &nil, acre_int, &v); /* in a private tree */

	assert_int_equal(r, 1);
	assert_int_equal(v.value, 10);
	r = 0;
	ACRE_NURSERY(n, r) {
		r = acre_oneshot(ten, &nil, acre_int, &v, .nursery = &n);
		assert_int_equal(r, 1);
		assert_int_equal(acre_children(NULL, 0), 0); /* reaped already */
		r = acre_spawn(&n, &a, .name = "survivor");
		assert_ok(r);
		assert_int_equal(acre_oneshot(ten, &nil, acre_int, &v, .actor = a), 1);
		assert_true(acre_actor_is_connected(a));
		assert_class(acre_oneshot(ten, &nil, acre_int, &v, .actor = a,
					  .nursery = &n),
			     EINVAL);
		assert_class(acre_oneshot(stream_only, &nil, acre_int, &v, .nursery = &n),
			     ACRE_ETYPE);
		assert_class(acre_call(a, stream_only, &nil, acre_int, &v), ACRE_ETYPE);
		assert_int_equal(acre_children(NULL, 0), 1);
	}
	assert_ok(r);
	r = 0;
	ACRE_NURSERY(tasks, r)
		for (int i = 0; i < 3 && r >= 0; i++)
			r = acre_go(&tasks, shoot, &shots[i]);
	for (int i = 0; i < 3; i++)
		assert_int_equal(shots[i].value.value, 10);
	return r;
}

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

static int child_calls_root(void)
{
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "caller");
		assert_ok(r);
		assert_remote(acre_call(a, call_parent,
					&(struct acre_text){ "short_sleep" }, acre_nil,
					&nil),
			      ACRE_ENOTEXPOSED);
		assert_ok(acre_expose("main"));
		assert_ok(acre_call(a, call_parent, &(struct acre_text){ "short_sleep" },
				    acre_nil, &nil));
		assert_remote(acre_call(a, call_parent,
					&(struct acre_text){ "long_sleep" }, acre_nil,
					&nil),
			      ACRE_ENOENDPOINT);
	}
	return r;
}

static int run_without_exposing(void *unused)
{
	(void)unused;
	return child_calls_root();
}

TEST(c017_not_exposed)
{
	assert_ok(acre_run(run_without_exposing, NULL, NULL));
	report_thread_fini();
}

#define OTHER(F) F(const char *, surprise)
ACRE_MSG(other, OTHER)

TEST_TREE(c018_bad_arguments)
{
	struct acre_context *c = NULL;
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "strict");
		assert_ok(r);
		r = acre_open_named(&c, a, "main", "fails_with_assert", other_msg_(),
				    &(struct other){ "unexpected" });
		assert_remote(r, ACRE_ETYPE);
		assert_text_has(acre_why(r)->message,
				"value"); /* the field that did not come */
		assert_null(c);
		r = 0;
	}
	return r;
}
