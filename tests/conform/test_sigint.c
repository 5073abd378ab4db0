/* SPDX-License-Identifier: MIT */
/* test_sigint.c - interrupts of a real root, and of actors: cases C029, C030, promise G6. */
#include "conform/root.h"

/* Under acre_run() the result does; 0 if it is EINTR and nothing else. */
static int run_for_result(int (*body)(void))
{
	int r = tree_result(body, true);

	return !acre_is(r, EINTR) || acre_count(r) != 1;
}

static int interrupt_once(int (*run)(void))
{
	struct root root = root_start(run);
	acre_instant begun;
	int status;

	assert_int_equal(hear(&root), 1);
	begun = acre_now();
	root_interrupt(&root);
	status = root_end(&root);
	assert_true(seconds_since(begun) < 2); /* no wait for a hard kill */
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int sleep_with_children(int n_children)
{
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r) {
		for (int i = 0; i < n_children && r >= 0; i++)
			r = acre_spawn(&n, &a, .name = "sleeper");
		assert_ok(r);
		say(1);
		r = acre_sleep(acre_secs(3600));
	}
	return r;
}

static int one_idle_child(void)
{
	return sleep_with_children(1);
}

static int one_idle_child_main(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return sleep_with_children(1);
}

static int main_of_one_child(void)
{
	return run_main(one_idle_child_main);
}

static int result_of_one_child(void)
{
	return run_for_result(one_idle_child);
}

TEST(c029_sigint_simple)
{
	assert_int_equal(interrupt_once(main_of_one_child), INTERRUPTED);
	assert_int_equal(interrupt_once(result_of_one_child), 0);
}

ACRE_TASK(hold_three, int *unused)
{
	(void)unused;
	return sleep_with_children(3);
}

static int three_in_background(void)
{
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_go(&n, hold_three, &r);
		if (r >= 0)
			r = acre_sleep(acre_secs(3600));
	}
	return r;
}

static int three_in_background_main(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return three_in_background();
}

static int main_of_three(void)
{
	return run_main(three_in_background_main);
}

static int result_of_three(void)
{
	return run_for_result(three_in_background);
}

TEST(c030_sigint_nursery_in_another_task)
{
	assert_int_equal(interrupt_once(main_of_three), INTERRUPTED);
	assert_int_equal(interrupt_once(result_of_three), 0);
}

/*
 * The second interrupt ends the children without waiting for them, the third the root.
 */

/* Obeys nothing but SIGKILL. */
ACRE_CONTEXT(get_stuck, acre_nil)
{
	acre_ignore_result(acre_started(ctx, acre_nil));
	acre_ignore_result(acre_sleep(acre_ms(20))); /* what was said goes out */
	while (pause() < 0)
		;
	return 0;
}

/* Says when an interrupt has reached the tasks. */
ACRE_TASK(say_when_cancelled, int *unused)
{
	int r = acre_sleep(acre_secs(3600));

	(void)unused;
	say(2);
	return r;
}

static int hold_stuck_main(int argc, char **argv)
{
	struct acre_actor *a;
	int none = 0, r = 0;

	(void)argc;
	(void)argv;
	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "stuck", .linger = acre_secs(30));
		if (r >= 0)
			r = acre_go(&n, say_when_cancelled, &none);
		ACRE_OPEN(ctx, r, a, get_stuck, &nil) {
			say(1);
			r = acre_sleep(acre_secs(3600));
		}
	}
	return r;
}

static int main_of_stuck(void)
{
	return run_main(hold_stuck_main);
}

TEST(g6_a_second_interrupt_ends_the_children_at_once)
{
	struct root root;
	acre_instant begun;
	int status;

	needs_a_process("it is killed alone");
	root = root_start(main_of_stuck);
	assert_int_equal(hear(&root), 1);
	root_interrupt(&root);
	assert_int_equal(hear(&root), 2);
	begun = acre_now();
	root_interrupt(&root);
	status = root_end(&root);
	assert_true(seconds_since(begun) < 10); /* its patience is 30 s */
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), INTERRUPTED);
}

/* Holds on although its only child has ended. */
static int hold_on_main(int argc, char **argv)
{
	struct acre_actor *a;
	int none = 0, held = 0, r = 0;

	(void)argc;
	(void)argv;
	ACRE_NURSERY(n, r) {
		r = acre_go(&n, say_when_cancelled, &none);
		ACRE_SHIELD(acre_secs(3600), r) {
			ACRE_NURSERY(m, held) {
				held = acre_spawn(&m, &a, .name = "victim");
				say(1);
				if (held >= 0)
					held = acre_sleep(acre_secs(3600));
			}
			say(acre_is(held, ACRE_EDIED) ? 3 : 0);
			r = acre_sleep(acre_secs(3600));
		}
	}
	return r;
}

static int main_that_holds_on(void)
{
	return run_main(hold_on_main);
}

TEST(g6_a_third_interrupt_ends_the_root)
{
	struct root root;
	int status;

	adopt_orphans();
	root = root_start(main_that_holds_on);
	assert_int_equal(hear(&root), 1);
	root_interrupt(&root);
	assert_int_equal(hear(&root), 2);
	root_interrupt(&root);
	assert_int_equal(hear(&root), 3);
	root_interrupt(&root);
	status = root_end(&root);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGINT);
	reap_all();
}

/*
 * What SIGINT does to an actor is its mode.
 */

static void interrupt_actor(struct acre_actor *a)
{
	int pidfd = pidfd_open(acre_actor_pid(a), 0);

	assert_true(pidfd >= 0);
	assert_int_equal(pidfd_send_signal(pidfd, SIGINT, NULL, 0), 0);
	close(pidfd);
}

TEST_TREE(g6_an_interrupt_is_nothing_to_an_actor_whose_parent_decides)
{
	static const enum acre_sigint modes[] = { ACRE_SIGINT_PARENT,
						  ACRE_SIGINT_IGNORE };
	struct acre_actor *a;
	struct acre_int v;
	int r = 0;

	needs_a_process("it gets signals of its own");
	ACRE_NURSERY(n, r)
		for (size_t i = 0; i < sizeof modes / sizeof *modes && r >= 0; i++) {
			r = acre_spawn(&n, &a, .name = "deaf", .sigint = modes[i]);
			assert_ok(r);
			for (int k = 0; k < 4; k++) {
				interrupt_actor(a);
				assert_int_equal(acre_call(a, ten, &nil, acre_int, &v),
						 1);
			}
		}
	return r;
}

TEST_TREE(g6_an_interrupt_ends_an_actor_that_minds_it)
{
	struct acre_actor *a;
	int r = 0;

	needs_a_process("it gets signals of its own");
	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "minds", .sigint = ACRE_SIGINT_CANCEL);
		assert_ok(r);
		interrupt_actor(a);
		r = acre_actor_wait(a);
		assert_int_equal(r, 0);
		assert_int_equal(acre_children(NULL, 0), 0);
	}
	return r;
}
