/* SPDX-License-Identifier: MIT */
/* test_crash_tree.c - an actor that its own fault killed, as the root tells of it: promise G9. */
#include "conform/root.h"

#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "base/util.h"
#include "core/fiber.h"

static int *volatile nowhere;

__attribute__((noinline)) static void write_nowhere(void)
{
	*nowhere = 1;
}

enum { CRASH_LINE = __LINE__ - 3, CALL_LINE = __LINE__ + 8 };

/* In an actor that many actors below this one. */
ACRE_CONTEXT(crash_below, acre_int, .kind = ACRE_ENDPOINT_ONESHOT)
{
	char name[16];

	if (in->value == 0) {
		write_nowhere();
		return acre_return(ctx, acre_nil);
	}
	snprintf(name, sizeof name, "level%d", (int)in->value);
	return acre_oneshot(crash_below, &(struct acre_int){ in->value - 1 }, acre_nil,
			    &nil, .spawn = { .name = name });
}

static int crash_three_deep(void)
{
	return acre_oneshot(crash_below, &(struct acre_int){ 2 }, acre_nil, &nil,
			    .spawn = { .name = "level3" });
}

static void skip_under_sanitizers(void)
{
#ifdef FIBER_ANNOTATED
	test_skip("the sanitizer has handlers of its own");
#endif
}

/* The story of the failure, kept until the next one. */
static const char *story_of(int r)
{
	static char story[32768];
	char *text = acre_story(r);

	assert_non_null(text);
	snprintf(story, sizeof story, "%s", text);
	free(text);
	test_note("%s", story);
	return story;
}

/* Stacks of the dead are printed with names where libdw is there to find them. */
static void assert_has_frames(const char *story)
{
#ifdef ACRE_HAVE_LIBDW
	static const int lines[] = { CRASH_LINE, CALL_LINE };
	char place[64];

	assert_text_has(story, "#0 write_nowhere ");
	for (size_t i = 0; i < ARRAY_N(lines); i++) {
		snprintf(place, sizeof place, "test_crash_tree.c:%d\n", lines[i]);
		assert_text_has(story, place);
	}
#else
	(void)story;
#endif
}

TEST(a_crash_three_actors_deep_is_told_with_file_and_line_at_the_root)
{
	const char *story;
	int r;

	needs_a_process("it crashes alone");
	skip_under_sanitizers();
	r = tree_result(crash_three_deep, false);
	assert_true(acre_has(r, ACRE_EDIED));
	story = story_of(r);

	assert_text_has(story, "was killed by signal 11 (SIGSEGV");
	assert_text_has(story, "acre: SIGSEGV at address 0x0 in task ");
	assert_has_frames(story);
	report_thread_fini();
}

static volatile int bottom = -1;

static int dig(int depth)
{
	volatile char room[100];

	room[0] = (char)depth;
	return depth == bottom ? 0 : dig(depth + 1) + room[0];
}

ACRE_CONTEXT(overflow, acre_nil, .kind = ACRE_ENDPOINT_ONESHOT)
{
	return acre_return(ctx, acre_int, .value = dig(0));
}

static int overflow_in_an_actor(void)
{
	struct acre_int never;

	return acre_oneshot(overflow, &nil, acre_int, &never,
			    .spawn = { .name = "digger" });
}

TEST(a_stack_overflow_in_an_actor_is_named_at_the_root)
{
	int r;

	needs_a_process("it crashes alone");
	skip_under_sanitizers();
	r = tree_result(overflow_in_an_actor, false);
	assert_true(acre_has(r, ACRE_EDIED));

	assert_text_has(story_of(r), "acre: stack overflow in task ");
	report_thread_fini();
}

/*
 * An endpoint that ends the thread it runs on: the process would live on, and its descriptor never
 * tell.
 */

ACRE_CONTEXT(leave_thread, acre_nil)
{
	acre_ignore_result(acre_started(ctx, acre_nil));
	pthread_exit(NULL);
}

#define TOLD_SOON acre_secs(20) /* hang guard: who waits would else wait for ever */

static int leave_in_actor(struct acre_actor *a)
{
	int r = 0;

	ACRE_WITHIN(TOLD_SOON, r)
		r = acre_call(a, leave_thread, &nil, acre_nil, &nil);
	return r;
}

static int leave_in_one(void)
{
	return tree_with_actor(leave_in_actor);
}

/* In a thread of the actor that is called. */
ACRE_CONTEXT(leave_in_thread_below, acre_nil, .kind = ACRE_ENDPOINT_ONESHOT)
{
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "thread", .backend = "thread");
		if (r >= 0)
			r = acre_call(a, leave_thread, &nil, acre_nil, &nil);
	}
	return r;
}

static int call_leave_below(struct acre_actor *a)
{
	int r = 0;

	ACRE_WITHIN(TOLD_SOON, r)
		r = acre_call(a, leave_in_thread_below, &nil, acre_nil, &nil);
	return r;
}

static int leave_below_one(void)
{
	return tree_with_actor(call_leave_below);
}

static void assert_thread_is_missed(int (*body)(void))
{
	int r;

	skip_under_sanitizers(); /* nor can a task's stack be left so there */
	r = tree_result(body, false);
	assert_true(acre_has(r, ACRE_EDIED));
	assert_text_has(story_of(r), "was killed by signal 6 (SIGABRT");
	assert_text_has(story_of(r), "a thread has ended by pthread_exit()");
	assert_text_has(story_of(r), "leave_thread");
	report_thread_fini();
}

TEST(g8_an_actor_whose_endpoint_ends_its_thread_has_died)
{
	needs_a_process("it takes its process along");
	assert_thread_is_missed(leave_in_one);
}

TEST(g8_so_has_the_process_of_a_thread_that_does)
{
	needs_a_process("it takes its process along");
	use_backend("exec");
	assert_thread_is_missed(leave_below_one);
}

/* A root that crashes before its main task begins: it joins its tree on a page of stack. */

static int never_runs(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return 0;
}

static int run_on_a_page(void)
{
	char name[] = "root", *argv[] = { name, NULL };

	dup2(says, STDERR_FILENO);
	return acre_main_(1, argv, never_runs,
			  &(struct acre_run_options){ .transports = "uds",
						      .stack_size = 1 });
}

TEST(a_crash_of_a_root_that_begins_is_told)
{
	struct root root;
	char said[4096];
	ssize_t n;

	skip_under_sanitizers();
	root = root_start(run_on_a_page);
	n = read(root.hears, said, sizeof said - 1);
	assert_true(n >= 0);
	said[n] = '\0';
	assert_int_equal(WTERMSIG(root_end(&root)), SIGSEGV);

	assert_text_has(said, "acre: stack overflow in task root: ");
}
