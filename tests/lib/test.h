/* SPDX-License-Identifier: MIT */
/* test.h - how a test is written, and what it may use. */
#pragma once

/*
 * A file of tests is a program: it includes this header, main() comes from tests/lib.
 *
 *	#include "lib/test.h"
 *
 *	TEST(a_list_gives_back_what_was_pushed)
 *	{
 *		struct list head;
 *
 *		list_init(&head);
 *		list_push(&head, &node);
 *
 *		assert_ptr_equal(list_pop(&head), &node);
 *	}
 *
 * The name is a sentence. The assertions are cmocka's. They work in every thread, task
 * and forked process of a test, because a failing one aborts its process where it
 * stands. For the same reason cmocka's skip() and its mocks do not work here.
 *
 * Each test runs in a process of its own: its own process group, stdin from /dev/null,
 * no signal blocked or ignored, umask 022, TMPDIR and XDG_RUNTIME_DIR below test_dir().
 * What it prints is kept and shown only if it fails. There is no set-up that tests
 * share.
 *
 * When the body has returned, the house must be clean: open fds, threads, mappings of
 * shared memory, live allocations, signal dispositions, signal mask and umask are those
 * of before (house.c); no child and no orphan is left, neither running nor as a zombie
 * (sweep.c); no socket file is in the test's directory. Anything else fails the test,
 * and is named. A test does not end by exit(), and a process that it forks does not
 * return from the body.
 *
 * No test sleeps to wait for something: there are test_wait_pidfd(), test_wait_file() and
 * the virtual clock.
 *
 * To debug a test that fails:
 *
 *	./test_x -v NAME                       shows all it printed, also when it passes
 *	ACRE_SEED=4711 ./test_x NAME           runs the schedule that failed; the last digit
 *					       chooses its kind, or ACRE_SCHEDULE=pct
 *	gdb --args ./test_x --no-fork NAME     stops where the assertion fails
 *	ulimit -c unlimited; ./test_x NAME     leaves a core of that place
 *
 * A test that hangs is ended after 60 s, or after ACRE_TEST_LIMIT seconds (0 = never),
 * and each of its processes is described: its threads, what they wait in, its fds. There
 * is no limit under a debugger or strace. `./test_x -h` tells the rest.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* The name that cmocka 1 has. To cmocka 2 it is deprecated, which says of which sign it is. */
#ifdef assert_int_in_range
#undef assert_in_range
#define assert_in_range assert_int_in_range
#endif

/* A test, which passes if its body returns and the house is clean. */
#define TEST(name) TEST_CASE_(name, NULL)

/*
 * A test that must fail, and with this text in what the fixture says about it (or, if its
 * process died, in what it printed last: an assertion, a sanitizer). Any other outcome is
 * a failure.
 */
#define TEST_FAILS(name, text) TEST_CASE_(name, text)

/*
 * Ends the test, which counts as skipped; the reason must say what is missing. To be
 * called before the test has started anything, in its own process.
 */
_Noreturn void test_skip(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* A directory for this test, removed after it with all that is in it. Also in actors. */
const char *test_dir(void);

/* The seed of this run, for whatever is to be random. Also in actors. */
uint64_t test_seed(void);

/* Said only if the test fails, or with -v. */
void test_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* This test may take so long; counts from here, 0 = for ever. */
void test_limit(int seconds);

/* Waits until the process has ended: 0, or -ETIMEDOUT. It is not reaped. */
int test_wait_pidfd(int pidfd, int seconds);

/* Waits until there is a file of that name. Its writer should rename it into place. */
bool test_wait_file(const char *path, int seconds);

/* The byte there, -1 where a read would kill us. Memory that nobody owns can be looked at. */
int test_peek(const void *address);

/* r >= 0; else the failure is printed with its story. */
#define assert_ok(r) test_assert_ok((r), #r, __FILE__, __LINE__)

/* r is a failure of this class (a positive errno value or ACRE_E...) and of no other. */
#define assert_class(r, class) \
	test_assert_class((r), (class), #r, #class, __FILE__, __LINE__)

/* The second string is part of the first one. */
#define assert_text_has(haystack, needle) \
	test_assert_text_has((haystack), (needle), __FILE__, __LINE__)

/* No fd from 3 on would be inherited by a program that this process executes now. */
#define assert_fds_close_on_exec() test_assert_fds_close_on_exec(__FILE__, __LINE__)

/*
 * How many of each there are in this process now, for what happens between two moments of a
 * test. With ACRE_TEST_DELTAS in the environment, and -v, each test tells it of its whole body.
 *
 *	struct test_census before = test_census();
 *	...
 *	test_tell_deltas("boot", &before);	boot: threads 1->2, fds 9->12, processes 0->1, ...
 *	assert_no_growth(&before);
 */
struct test_census {
	size_t threads, fds, processes, socket_files, shared_memories;
};

struct test_census test_census(void);
/* Said like a note. */
void test_tell_deltas(const char *label, const struct test_census *before);
/* There is no more of anything than there was. */
#define assert_no_growth(before) test_assert_no_growth((before), __FILE__, __LINE__)

/* Below: what the macros are made of. */

struct test_case {
	const char *name;
	const char *expected; /* part of the failure that must come; NULL: none may */
	int line;             /* the order of the tests is that of their lines */
	void (*body)(void);
};

/* The section holds pointers: compilers may pad structs in a section, not pointers. */
#define TEST_CASE_(id, text)                                                         \
	static void test_##id(void);                                                 \
	static const struct test_case test_case_##id = {                             \
		.name = #id, .expected = (text), .line = __LINE__, .body = test_##id \
	};                                                                           \
	__attribute__((section("acre_tests"), used))                                 \
	static const struct test_case *const test_entry_##id = &test_case_##id;      \
	static void test_##id(void)

void test_assert_ok(int r, const char *what, const char *file, int line);
void test_assert_class(int r, int class, const char *what, const char *name,
		       const char *file, int line);
void test_assert_text_has(const char *haystack, const char *needle, const char *file,
			  int line);
void test_assert_fds_close_on_exec(const char *file, int line);
void test_assert_no_growth(const struct test_census *before, const char *file, int line);
