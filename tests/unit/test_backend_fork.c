/* SPDX-License-Identifier: MIT */
/* test_backend_fork.c - actors that are forked from us: what fails while one is made. */
#include "conform/tree.h"

#include "base/sys.h"
#include "unit/forks.h"

/* ThreadSanitizer ends a child of a process with threads that starts one. */
#define TEST_FORKING(name)                                                     \
	static int name##_body_(void);                                         \
	TEST(name)                                                             \
	{                                                                      \
		if (is_tsan())                                                 \
			test_skip("ThreadSanitizer: no threads after a fork"); \
		assert_ok(tree_result(name##_body_, false));                   \
		report_thread_fini();                                          \
	}                                                                      \
	static int name##_body_(void)

static int spawn_and_call(void)
{
	struct acre_actor *a;
	struct acre_int v;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "forked", .backend = "fork");
		if (r >= 0)
			r = acre_call(a, ten, &nil, acre_int, &v);
	}
	return r;
}

static int spawn_while_one_fails(const char *call, uint64_t nth)
{
	int r;

	sys_use(&sys_fault);
	sys_fault_only(call);
	sys_fault_at(nth, EMFILE, false);
	r = spawn_and_call();
	sys_use(&sys_real);
	test_note("%s %d: %d", call, (int)nth, r);
	assert_int_equal(acre_children(NULL, 0), 0);
	return r;
}

/* A child counts on from where its parent was. */
TEST_FORKING(a_fork_that_fails_somewhere_leaves_nothing)
{
	static const char *const calls[] = { "socketpair",   "pipe2",	   "openat",
					     "fork_process", "pidfd_open", "fcntl",
					     "dup3" };

	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
		for (uint64_t nth = 1; nth <= 12; nth++)
			acre_ignore_result(spawn_while_one_fails(calls[i], nth));
	return spawn_and_call();
}

/* Its descriptors are those of the child by then, and the link is one of them. */
TEST_FORKING(a_forked_child_that_cannot_begin_says_why_to_the_end)
{
	static const struct {
		const char *call, *step;
	} steps[] = {
		{ "prctl", "tying its life to the parent's" },
		{ "setpgid", "making its process group" },
		{ "sigmask", "resetting its signals" },
		{ "dup3", "placing its descriptors" },
		{ "close_range", "placing its descriptors" },
	};

	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		int r = spawn_while_one_fails(steps[i].call, 1);

		if (!acre_has(r, ACRE_EBOOT)) /* one of the parent's own */
			continue;
		assert_non_null(acre_why(r)->death);
		test_note("%s: %s", steps[i].call, acre_why(r)->death->last_words);
		assert_text_has(acre_why(r)->death->last_words, steps[i].step);
		assert_text_has(acre_why(r)->death->last_words, "EMFILE");
	}
	return 0;
}
