/* SPDX-License-Identifier: MIT */
/* test_tty.c - a tree on a terminal: who gets ^C, and who may read: promise G7. */
#include "conform/terminal.h"

#include <stdio.h>

/* How often this actor was interrupted, told to a file when it ends. */
static void tell_interrupts(void *unused)
{
	char path[512], new_path[520];
	int count = count_interrupts();
	FILE *f;

	(void)unused;
	snprintf(path, sizeof path, "%s/interrupts.%d", test_dir(), (int)getpid());
	snprintf(new_path, sizeof new_path, "%s.new", path);
	f = fopen(new_path, "we");
	fprintf(f, "%d\n", count);
	fclose(f);
	rename(new_path, path);
}

static int told_interrupts(pid_t pid)
{
	char path[512];
	int count = -1;
	FILE *f;

	snprintf(path, sizeof path, "%s/interrupts.%d", test_dir(), (int)pid);
	f = fopen(path, "re");
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%d", &count), 1);
	fclose(f);
	return count;
}

#define SIGHT(F) F(uint32_t, reads_tty) F(uint32_t, own_group) F(uint32_t, holds_tty)
ACRE_MSG(sight, SIGHT)

ACRE_CONTEXT(look_at_tty, acre_nil, .kind = ACRE_ENDPOINT_ONESHOT)
{
	pid_t holder = 0;
	int r = acre_at_end(tell_interrupts, NULL), fd = open("/dev/tty", O_RDWR);

	if (r < 0)
		return r;
	assert_true(fd >= 0); /* it has one, as all of its session */
	holder = tcgetpgrp(fd);
	close(fd);
	return acre_return(ctx, sight, .reads_tty = (uint32_t)isatty(STDIN_FILENO),
			   .own_group = getpgid(0) == getpid(),
			   .holds_tty = holder == getpgid(0));
}

static int hold_two_main(int argc, char **argv)
{
	struct acre_actor *a;
	struct sight sight;
	int r = 0;

	(void)argc;
	(void)argv;
	ACRE_NURSERY(n, r) {
		for (int i = 0; i < 2 && r >= 0; i++) {
			r = acre_spawn(&n, &a, .name = "child",
				       .sigint = ACRE_SIGINT_CANCEL);
			assert_ok(r);
			say(acre_actor_pid(a));
			assert_int_equal(acre_call(a, look_at_tty, &nil, sight, &sight),
					 1);
			assert_int_equal(sight.reads_tty, false);
			assert_int_equal(sight.own_group, true);
			assert_int_equal(sight.holds_tty, false);
		}
		say(1);
		r = acre_sleep(acre_secs(3600));
	}
	return r;
}

static int main_on_terminal(void)
{
	return run_on_terminal(hold_two_main);
}

TEST(g7_one_ctrl_c_is_one_cancel_and_the_roots)
{
	struct root root;
	pid_t children[2];
	int status;

	needs_a_process("its process group is looked at");
	root = start_on_terminal(main_on_terminal);
	for (int i = 0; i < 2; i++)
		children[i] = hear(&root);
	assert_int_equal(hear(&root), 1);
	assert_int_equal(tcgetpgrp(master), root.pid);
	assert_int_equal(write(master, CTRL_C, 1), 1);
	status = root_end(&root);

	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), INTERRUPTED);
	for (int i = 0; i < 2; i++)
		assert_int_equal(told_interrupts(children[i]), 0);
	close(master);
	close(slave);
}

/* The terminal hangs up: the tree goes with its root. */
TEST(a_terminal_that_goes_away_takes_the_tree_along)
{
	struct root root;
	int pidfds[2], status;

	needs_a_process("it outlives the process of its root for a moment");
	adopt_orphans();
	actors_are_killed();
	root = start_on_terminal(main_on_terminal);
	for (int i = 0; i < 2; i++) {
		pidfds[i] = pidfd_open(hear(&root), 0);
		assert_true(pidfds[i] >= 0);
	}
	assert_int_equal(hear(&root), 1);
	close(slave);
	close(master);
	status = root_end(&root);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGHUP);
	for (int i = 0; i < 2; i++) {
		assert_ok(test_wait_pidfd(pidfds[i], 10));
		close(pidfds[i]);
	}
	reap_all();
}
