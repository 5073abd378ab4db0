/* SPDX-License-Identifier: MIT */
/* test_crash.c - what a process says when its own fault kills it, and that it then dies of it. */
#include "core/crash.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/panic.h"
#include "base/sys.h"
#include "core/crash_text.h"
#include "lib/run.h"
#include "unit/overheard.h"

static char said[16384];

static int (*crash_of_test)(void *);

/* In a process of its own: catches crashes, and crashes in a task of a loop. */
static void crash_in_task(void)
{
	const struct acre_task_kind kind = { "careless", crash_of_test, __FILE__, __LINE__ };
	struct loop *loop = NULL;

	if (loop_open(&loop, &(const struct loop_options){ .seed = 0 }) < 0 ||
	    crash_catch() < 0)
		_exit(1);
	_exit(loop_run(loop, &kind, NULL) < 0);
}

/* Fills `said`; the signal that ended it. */
static int signal_of(int (*crash)(void *))
{
	int status;

#ifdef FIBER_ANNOTATED
	test_skip("the sanitizer has handlers of its own");
#endif
	crash_of_test = crash;
	status = overhear(crash_in_task, said, sizeof said);
	assert_true(WIFSIGNALED(status));
	return WTERMSIG(status);
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

/* The place is told, looked up by who prints it. */
static void assert_tells_line(int line)
{
	char *text = crash_text_looked_up(said), place[64];

	assert_non_null(text);
	test_note("%s", text);
	snprintf(place, sizeof place, "test_crash.c:%d\n", line);
	assert_text_has(text, place);
	free(text);
}

/* Overflows. */

static volatile int bottom = -1;

static int dig(int depth)
{
	volatile char room[100];

	room[0] = (char)depth;
	return depth == bottom ? 0 : dig(depth + 1) + room[0];
}

static int recurse(void *unused)
{
	(void)unused;
	return dig(0);
}

static int fill_an_array(void *unused)
{
	volatile char room[100 << 10];

	(void)unused;
	for (size_t i = sizeof room; i-- > 0;)
		room[i] = 1;
	return room[0] + room[sizeof room - 1];
}

static int clear_too_much(void *unused)
{
	char *here = __builtin_frame_address(0);
	char *volatile below = here - (100 << 10);

	(void)unused;
	memset(below, 0, 10 << 10);
	return *below;
}

static void assert_overflow_is_named(int (*crash)(void *))
{
	assert_int_equal(signal_of(crash), SIGSEGV);

	assert_text_has(said, "acre: stack overflow in task careless: 64 KiB used up; "
			      "give it a bigger stack (.stack_size)\n");
}

TEST(g19_an_overflow_by_recursion_is_named)
{
	assert_overflow_is_named(recurse);

	assert_true(count(said, "\n    #") > 20);
}

TEST(g19_an_overflow_by_a_big_array_is_named)
{
	assert_overflow_is_named(fill_an_array);
}

TEST(g19_an_overflow_by_a_library_function_is_named)
{
	assert_overflow_is_named(clear_too_much);
}

/* Other faults. */

static int *volatile nowhere;

enum { WRITE_LINE = __LINE__ + 5, ABORT_LINE = __LINE__ + 16 };

static int write_nowhere(void *unused)
{
	(void)unused;
	*nowhere = 1;
	return 0;
}

__attribute__((noinline)) static void give_up(void)
{
	abort();
}

static int give_up_deeper(void *unused)
{
	give_up();
	return unused != NULL;
}

TEST(a_null_pointer_is_told_with_its_task_and_place)
{
	assert_int_equal(signal_of(write_nowhere), SIGSEGV);

	assert_text_has(said, "acre: SIGSEGV at address 0x0 in task careless\n");
	assert_text_has(said, "    #0 test_crash+0x");
	assert_text_has(said, "    module test_crash is /");
	assert_tells_line(WRITE_LINE);
}

TEST(an_abort_is_told_with_who_called)
{
	assert_int_equal(signal_of(give_up_deeper), SIGABRT);

	assert_text_has(said, "acre: SIGABRT in task careless\n");
	assert_tells_line(ABORT_LINE);
}

enum { CALL_LINE = __LINE__ + 7 };

static int (*volatile no_function)(void);

static int call_nowhere(void *unused)
{
	(void)unused;
	return 1 + no_function();
}

TEST(a_call_of_nothing_is_told_with_its_caller)
{
	assert_int_equal(signal_of(call_nowhere), SIGSEGV);

	assert_text_has(said, "    #0 0x0\n");
	assert_tells_line(CALL_LINE);
}

enum { MEASURE_LINE = __LINE__ + 7 };

static size_t (*volatile measure)(const char *text) = strlen;

static int measure_nothing(void *unused)
{
	(void)unused;
	return (int)measure((char *)nowhere) + 1;
}

TEST(a_fault_in_libc_is_told_with_its_caller)
{
	assert_int_equal(signal_of(measure_nothing), SIGSEGV);

	assert_tells_line(MEASURE_LINE);
}

static int divide_by_nothing(void *unused)
{
	volatile int zero = 0;

	(void)unused;
	return raise(SIGFPE) / zero;
}

TEST(a_signal_that_was_raised_kills_too)
{
	assert_int_equal(signal_of(divide_by_nothing), SIGFPE);

	assert_text_has(said, "acre: SIGFPE in task careless\n");
}

static int touch_a_neighbours_guard(void *unused)
{
	void *other = stack_get(loop_this->current->pool);

	(void)unused;
	((volatile char *)other)[-1] = 1;
	return 0;
}

TEST(a_guard_of_another_stack_is_no_overflow)
{
	assert_int_equal(signal_of(touch_a_neighbours_guard), SIGSEGV);

	assert_text_has(said, "acre: SIGSEGV at address 0x");
}

static int make_a_bug(void *unused)
{
	(void)unused;
	trace(ACRE_EVENT_USER, 4711, 0);
	BUG("a mistake");
}

TEST(a_bug_tells_its_events_once_and_its_backtrace)
{
	assert_int_equal(signal_of(make_a_bug), SIGABRT);

	assert_text_has(said, "test_crash.c:");
	assert_text_has(said, ": a mistake\n");
	assert_text_has(said, "acre: SIGABRT in task careless\n");
	assert_int_equal(count(said, "USER a=4711"), 1);
}

static int make_an_event_and_crash(void *unused)
{
	trace(ACRE_EVENT_USER, 4711, 0);
	return write_nowhere(unused);
}

TEST(the_last_events_are_told)
{
	assert_int_equal(signal_of(make_an_event_and_crash), SIGSEGV);

	assert_int_equal(count(said, "USER a=4711"), 1);
}

static void crash_outside(struct deferred *d)
{
	(void)d;
	*nowhere = 1;
}

static int leave_a_crash_to_the_loop(void *unused)
{
	static struct deferred d;

	(void)unused;
	loop_defer(&d, crash_outside);
	return acre_sleep(acre_secs(60));
}

TEST(a_crash_on_the_loops_own_stack_is_told_with_its_place)
{
	assert_int_equal(signal_of(leave_a_crash_to_the_loop), SIGSEGV);

	assert_text_has(said, "acre: SIGSEGV at address 0x0 outside of a task\n");
	assert_text_has(said, "    #1 test_crash+0x");
}

static int crash_again(void *unused)
{
	(void)unused;
	loop_this->current = (struct task *)8; /* the handler stumbles over it */
	*nowhere = 1;
	return 0;
}

TEST(a_crash_while_telling_is_the_end)
{
	assert_int_equal(signal_of(crash_again), SIGSEGV);
}

/* What belongs to the program. */

static bool has_handler(int sig)
{
	struct sigaction act;

	assert_int_equal(sigaction(sig, NULL, &act), 0);
	return act.sa_handler != SIG_DFL;
}

TEST_TASK(a_loop_takes_no_signal)
{
#ifndef FIBER_ANNOTATED
	assert_false(has_handler(SIGSEGV));
#endif
	assert_false(has_handler(SIGABRT));
	return 0;
}

TEST(what_was_before_is_again_after_it)
{
	stack_t before, stack;

#ifdef FIBER_ANNOTATED
	test_skip("the sanitizer has handlers of its own");
#endif
	assert_int_equal(sigaltstack(NULL, &before), 0);

	assert_ok(crash_catch());

	assert_true(has_handler(SIGSEGV));
	assert_int_equal(sigaltstack(NULL, &stack), 0);
	assert_int_equal(stack.ss_flags, 0);
	crash_release();
	crash_release();
	assert_false(has_handler(SIGSEGV));
	assert_int_equal(sigaltstack(NULL, &stack), 0);
	assert_int_equal(stack.ss_flags, before.ss_flags);
}

TEST(without_the_stack_of_the_handler_nothing_is_caught)
{
#ifdef FIBER_ANNOTATED
	test_skip("the sanitizer has handlers of its own");
#endif
	sys_use(&sys_fault);
	sys_fault_only("sigaltstack");
	sys_fault_at(1, EPERM, false);

	assert_int_equal(crash_catch(), -EPERM);

	sys_use(&sys_real);
	assert_false(has_handler(SIGSEGV));
	crash_release();
}

static void handle(int sig)
{
	(void)sig;
}

TEST(a_handler_of_the_program_stays)
{
	struct sigaction mine = { .sa_handler = handle }, before, now;

#ifdef FIBER_ANNOTATED
	test_skip("the sanitizer has handlers of its own");
#endif
	assert_int_equal(sigaction(SIGFPE, &mine, &before), 0);

	assert_ok(crash_catch());

	assert_int_equal(sigaction(SIGFPE, NULL, &now), 0);
	assert_ptr_equal(now.sa_handler, handle);
	crash_release();
	assert_int_equal(sigaction(SIGFPE, NULL, &now), 0);
	assert_ptr_equal(now.sa_handler, handle);
	assert_int_equal(sigaction(SIGFPE, &before, NULL), 0);
}

TEST(a_handler_that_the_program_has_set_meanwhile_stays)
{
	struct sigaction mine = { .sa_handler = handle }, ours, now;
	static char stack[1 << 16];
	stack_t now_on, before, on = { .ss_sp = stack, .ss_size = sizeof stack };

#ifdef FIBER_ANNOTATED
	test_skip("the sanitizer has handlers of its own");
#endif
	assert_int_equal(sigaltstack(NULL, &before), 0);
	assert_ok(crash_catch());
	assert_int_equal(sigaction(SIGFPE, &mine, &ours), 0);
	assert_int_equal(sigaltstack(&on, NULL), 0);

	crash_release();

	assert_int_equal(sigaction(SIGFPE, NULL, &now), 0);
	assert_ptr_equal(now.sa_handler, handle);
	assert_int_equal(sigaltstack(NULL, &now_on), 0);
	assert_ptr_equal(now_on.ss_sp, stack);
	assert_false(has_handler(SIGSEGV)); /* that one is still ours */
	assert_int_equal(sigaltstack(&before, NULL), 0);
	assert_int_equal(sigaction(SIGFPE, &(struct sigaction){ .sa_handler = SIG_DFL },
				   NULL),
			 0);
}

static void (*taken_over)(int sig, siginfo_t *info, void *context);

static void chain(int sig, siginfo_t *info, void *context)
{
	taken_over(sig, info, context);
}

/* As those do that chain: the process ends of its signal, with what can be said. */
static int chain_and_crash(void *unused)
{
	struct sigaction mine = { .sa_sigaction = chain, .sa_flags = SA_SIGINFO }, ours;

	(void)unused;
	sigaction(SIGSEGV, &mine, &ours);
	taken_over = ours.sa_sigaction;
	crash_release();
	raise(SIGSEGV);
	return 0;
}

TEST(a_handler_that_was_taken_over_still_ends_the_process)
{
	assert_int_equal(signal_of(chain_and_crash), SIGSEGV);
	assert_text_has(said, "SIGSEGV");
}
