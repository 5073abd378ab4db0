/* SPDX-License-Identifier: MIT */
/* test_backend_thread.c - actors that are threads: what they share with their process, and their ends. */
#include "conform/tree.h"

#include "base/sys.h"

static int spawn_thread(struct acre_nursery *n, struct acre_actor **ret)
{
	return acre_spawn(n, ret, .name = "thread", .backend = "thread");
}

/*
 * The spawner's answer and the end of the loop that it is for.
 */

ACRE_CONTEXT(makes_a_process, acre_nil, .kind = ACRE_ENDPOINT_ONESHOT)
{
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r)
		r = acre_spawn(&n, &a, .name = "process", .backend = "exec");
	return r < 0 ? r : acre_return(ctx, acre_int, .value = 1);
}

/* The last thing that its loop does is to read that letter. */
ACRE_CONTEXT(makes_none, acre_nil, .kind = ACRE_ENDPOINT_ONESHOT)
{
	struct acre_actor *a;
	int boot, r = 0;

	ACRE_NURSERY(n, r)
		boot = acre_spawn(&n, &a, .program = "/no/such/program");
	assert_class(boot, ACRE_EBOOT);
	return r < 0 ? r : acre_return(ctx, acre_int, .value = 1);
}

#define make_by(endpoint)                                                       \
	static int endpoint##_by_thread(void)                                   \
	{                                                                       \
		struct acre_actor *a;                                           \
		struct acre_int v = { 0 };                                      \
		int r = 0;                                                      \
                                                                                \
		ACRE_NURSERY(n, r) {                                            \
			r = spawn_thread(&n, &a);                               \
			if (r >= 0)                                             \
				r = acre_call(a, endpoint, &nil, acre_int, &v); \
		}                                                               \
		assert_int_equal(v.value, 1);                                   \
		return r;                                                       \
	}
make_by(makes_a_process) make_by(makes_none)

	TEST_TREE(threads_that_make_processes_come_and_go)
{
	int r = 0;

	for (int i = 0; r >= 0 && i < 5; i++) {
		r = makes_a_process_by_thread();
		if (r >= 0)
			r = makes_none_by_thread();
	}
	return r;
}
/*
 * What fails while one is made.
 */

static int spawn_and_call(void)
{
	struct acre_actor *a;
	struct acre_int v;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = spawn_thread(&n, &a);
		if (r >= 0)
			r = acre_call(a, ten, &nil, acre_int, &v);
	}
	return r;
}

TEST_TREE(a_thread_that_cannot_be_had_leaves_nothing)
{
	static const char *const calls[] = { "socketpair",    "fcntl",
					     "eventfd",	      "epoll_ctl",
					     "epoll_create1", "timerfd_create",
					     "mmap" };

	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
		for (uint64_t nth = 1; nth <= 12; nth++) {
			bool failed;
			int r;

			sys_use(&sys_fault);
			sys_fault_only(calls[i]);
			sys_fault_at(nth, ENOMEM, false);
			r = spawn_and_call();
			failed = sys_fault_calls() >= nth;
			sys_use(&sys_real);
			test_note("%s %d: %d", calls[i], (int)nth, r);
			assert_true(r >= 0 || failed);
			assert_int_equal(acre_children(NULL, 0), 0);
		}
	return spawn_and_call();
}
