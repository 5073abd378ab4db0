/* SPDX-License-Identifier: MIT */
/* test_panic.c - that a mistake stops the program, says where, and says it once. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/panic.h"
#include "base/util.h"
#include "unit/overheard.h"

static void assert_aborts(void (*fn)(void), char *text, size_t len)
{
	int status = overhear(fn, text, len);

	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
}

static int count(const char *text, const char *needle)
{
	int n = 0;

	while ((text = strstr(text, needle))) {
		text += strlen(needle);
		n++;
	}
	return n;
}

static void make_a_bug(void)
{
	BUG("%d of %s", 3, "them");
}

TEST(a_bug_says_what_and_where_and_aborts)
{
	char text[1024];

	assert_aborts(make_a_bug, text, sizeof text);

	assert_text_has(text, "acre: BUG at ");
	assert_text_has(text, "test_panic.c:");
	assert_text_has(text, ": 3 of them\n");
}

static void fail_a_check(void)
{
	CHECK(1 + 1 == 3);
}

TEST(a_failed_check_shows_its_expression_and_aborts)
{
	char text[1024];

	assert_aborts(fail_a_check, text, sizeof text);

	assert_text_has(text, "acre: CHECK at ");
	assert_text_has(text, ": 1 + 1 == 3\n");
}

TEST(a_check_that_holds_evaluates_its_expression_once)
{
	int n = 0;

	CHECK(++n);

	assert_int_equal(n, 1);
}

TEST(a_slow_check_is_for_debug_builds)
{
	int n = 0;

	CHECK_SLOW(++n);

#ifdef NDEBUG
	assert_int_equal(n, 0);
#else
	assert_int_equal(n, 1);
#endif
}

static void say_hello(int fd)
{
	acre_ignore(write(fd, "hook speaks\n", 12));
}

static void bug_with_hook(void)
{
	panic_hook_set(say_hello);
	make_a_bug();
}

static void bug_without_hook(void)
{
	panic_hook_set(say_hello);
	panic_hook_set(NULL);
	make_a_bug();
}

TEST(the_hook_is_called_once_after_the_message)
{
	char text[1024];

	assert_aborts(bug_with_hook, text, sizeof text);
	assert_text_has(text, "them\nhook speaks\n");
	assert_int_equal(count(text, "hook speaks"), 1);

	assert_aborts(bug_without_hook, text, sizeof text);
	assert_int_equal(count(text, "hook speaks"), 0);
}

static void fall_again(int fd)
{
	(void)fd;
	make_a_bug();
}

static void bug_with_broken_hook(void)
{
	panic_hook_set(fall_again);
	make_a_bug();
}

TEST(a_panic_in_the_hook_aborts_at_once)
{
	char text[1024];

	assert_aborts(bug_with_broken_hook, text, sizeof text);

	assert_int_equal(count(text, "BUG"), 1);
	assert_text_has(text, "panic inside the panic hook");
}

static pthread_barrier_t together;

static void *make_a_bug_together(void *unused)
{
	(void)unused;
	pthread_barrier_wait(&together);
	make_a_bug();
	return NULL;
}

static void bugs_in_two_threads(void)
{
	pthread_t other;

	pthread_barrier_init(&together, NULL, 2);
	pthread_create(&other, NULL, make_a_bug_together, NULL);
	make_a_bug_together(NULL);
}

TEST(of_two_threads_only_one_speaks)
{
	char text[4096];

	for (int i = 0; i < 20; i++) {
		assert_aborts(bugs_in_two_threads, text, sizeof text);
		assert_int_equal(count(text, "BUG"), 1);
	}
}

static void long_bug(void)
{
	char name[5000];

	memset(name, 'x', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	BUG("%s", name);
}

TEST(a_long_message_is_cut)
{
	char text[4096];

	assert_aborts(long_bug, text, sizeof text);

	assert_text_has(text, "xxx\n");
	assert_true(strlen(text) < 1024);
}
