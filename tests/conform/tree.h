/* SPDX-License-Identifier: MIT */
/* tree.h - tests whose body is the root of a tree of process actors. */
#pragma once

/*
 *	TEST_TREE(c001_value_back)
 *	{
 *		...spawn, call...
 *		return r;
 *	}
 *
 * The body is the root task. The test's program is executed again for each actor, so its
 * ACRE_CONTEXTs are there in every one of them. Failures of the tests' own are classes T_...
 */

#define ACRE_ERRORS(E)                               \
	E(T_ASSERT, 0, "the test's own assertion failed")  \
	E(T_VALUE, 0, "the test's own bad value")          \
	E(T_RUNTIME, 0, "the test's own run-time failure") \
	E(T_NAME, 0, "the test's own unknown name")
#include <acre.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "conform/backend.h"
#include "lib/test.h"

int acre_boot_if_actor(int argc, char **argv);

/* In the environment of a root: its actors do not mind the death of their parents. */
#define OUTLIVES_PARENT "ACRE_TEST_OUTLIVES_PARENT"

extern bool child_outlives_parent; /* actor/runtime.h */

/* Where a test defines it: may be another kind of actor, with the descriptors of birth.h, and exit. */
__attribute__((weak)) void be_another_actor(const char *title);

int acre_boot_if_actor(int argc, char **argv)
{
	if (be_another_actor && argc == 2)
		be_another_actor(argv[0]);
	child_outlives_parent = getenv(OUTLIVES_PARENT);
	return acre_boot(argc, argv);
}

/* The endpoint has yet to ask for no death signal: that is each process's own. */
static inline void let_outlive_parents(void)
{
	setenv(OUTLIVES_PARENT, "1", 1);
	child_outlives_parent = true; /* a forked actor looks at nothing else */
}

struct tree_body {
	int (*run)(void);
};

static inline int tree_run_body(void *body)
{
	return ((struct tree_body *)body)->run();
}

/* The result of a body as the root task, filed with this thread's own home. */
static inline int tree_result(int (*run)(void), bool signals)
{
	static const char *const exposed[] = { "main", NULL };
	struct tree_body body = { run };

	return acre_run(tree_run_body, &body,
			&(struct acre_run_options){ .expose = exposed,
						    .seed = test_seed(),
						    .signals = signals });
}

void report_thread_fini(void); /* core/report.h: the stories of this thread */

#define TEST_TREE(name) TEST_TREE_OF(name, NULL)

/* With this backend, whatever the run's own is. */
#define TEST_TREE_OF(name, backend) TEST_TREE_AFTER(name, use_backend(backend))

/* What is to be done before the root begins. */
#define TEST_TREE_AFTER(name, preparation)                   \
	static int name##_body_(void);                       \
	TEST(name)                                           \
	{                                                    \
		preparation;                                 \
		assert_ok(tree_result(name##_body_, false)); \
		report_thread_fini();                        \
	}                                                    \
	static int name##_body_(void)

/* For a test in which actors are cancelled while they boot, and so may be killed while they
 * end: LeakSanitizer looks at an ending process from another one, which would be left. */
static inline void actors_are_killed(void)
{
	setenv("LSAN_OPTIONS", "detect_leaks=0", 1);
}

/* That a failure is of this class and came from another actor. */
#define assert_remote(r, class)                      \
	do {                                         \
		assert_class((r), (class));          \
		assert_true(acre_is((r), ACRE_EREMOTE)); \
	} while (0)

__attribute__((unused)) static struct acre_nil nil;

/* A result that a case does not care about. */
static inline void acre_ignore_result(int r)
{
	(void)r;
}

/* Endpoints that many cases use. */

ACRE_CONTEXT(ten, acre_nil, .kind = ACRE_ENDPOINT_ONESHOT)
{
	return acre_return(ctx, acre_int, .value = 10);
}

ACRE_CONTEXT(fails_with_assert, acre_int)
{
	int r = in->value ? acre_sleep(acre_ms(in->value)) : 0;

	return r < 0 ? r : acre_fail(T_ASSERT, "assert 0");
}

ACRE_CONTEXT(sleeps_for_ever, acre_nil)
{
	int r = acre_started(ctx, acre_nil);

	return r < 0 ? r : acre_sleep(acre_secs(3600));
}

/* A tree of the root and one actor, for a body that uses it. */
static inline int tree_with_actor(int (*body)(struct acre_actor *a))
{
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "callee");
		if (r >= 0)
			r = body(a);
	}
	return r;
}

#define TEST_ACTOR(name)                               \
	static int name##_with_(struct acre_actor *a); \
	TEST_TREE(name)                                \
	{                                              \
		return tree_with_actor(name##_with_);  \
	}                                              \
	static int name##_with_(struct acre_actor *a)

/* A process with threads stops one by one, so that has to be waited for. */
static inline void stop_actor(const struct acre_actor *a)
{
	pid_t pid = acre_actor_pid(a);
	siginfo_t info;

	kill(pid, SIGSTOP);
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WSTOPPED | WNOWAIT), 0);
}

static inline double seconds_since(acre_instant begun)
{
	return (double)acre_between(begun, acre_now()).ns / 1e9;
}
