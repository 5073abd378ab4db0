/* SPDX-License-Identifier: MIT */
/* test_command_end.c - how commands end, with all that they have started: case C113. */
#include "conform/commands.h"

#include <poll.h>

/* A number that a script writes to its stdout, its source. */
static int read_number(struct acre_command *c)
{
	char text[32] = "";
	size_t len = 0;
	ssize_t n;

	while (!strchr(text, '\n')) {
		n = acre_command_recv(c, ACRE_COMMAND_OUT, text + len,
				      sizeof text - 1 - len);
		assert_true(n > 0);
		len += (size_t)n;
	}
	return atoi(text);
}

static bool exists(int pid)
{
	return pid > 0 && kill(pid, 0) == 0;
}

/*
 * Failures.
 */

TEST_TREE(c113_a_status_is_a_failure_that_carries_stderr)
{
	struct acre_command_result res;
	int r = run_sh(&res, "echo fine; echo boom >&2; exit 3", .label = "kid");
	const struct acre_report *why = acre_why(r);
	char start[64];

	assert_class(r, ACRE_EDIED);
	snprintf(start, sizeof start, "command kid (pid %d) exited with status 3",
		 (int)why->pid);
	assert_string_equal(why->message, start);
	assert_int_equal(why->death->status, 3);
	assert_int_equal(why->death->signal, 0);
	assert_string_equal(why->death->last_words, "boom\n");
	assert_int_equal(res.death.status, 3);
	assert_string_equal(res.death.last_words, "boom\n");
	assert_string_equal(res.out.bytes, "fine\n");
	acre_command_result_free(&res);
	return 0;
}

TEST_TREE(c113_a_relayed_stderr_is_told_as_well)
{
	struct capture c;
	int r;

	capture_begin(&c, STDERR_FILENO, a_file());
	r = run_sh(NULL, "echo boom >&2; exit 3", .label = "kid",
		   .err = ACRE_COMMAND_RELAY);
	assert_captured(&c, "[kid:err] boom\n");
	assert_class(r, ACRE_EDIED);
	assert_string_equal(acre_why(r)->death->last_words, "boom\n");
	return 0;
}

TEST_TREE(a_signal_is_a_failure_with_its_name)
{
	int r = run_sh(NULL, "kill -KILL $$", .flags = ACRE_COMMAND_ANY_STATUS);

	assert_class(r, ACRE_EDIED);
	assert_int_equal(acre_why(r)->death->signal, SIGKILL);
	assert_false(acre_why(r)->death->hard_kill);
	assert_text_has(acre_why(r)->message, "signal 9 (SIGKILL)");
	return 0;
}

TEST_TREE(any_status_can_be_welcome)
{
	struct acre_command_result res;
	int r = run_sh(&res, "exit 7", .flags = ACRE_COMMAND_ANY_STATUS);

	assert_int_equal(res.death.status, 7);
	acre_command_result_free(&res);
	return r;
}

TEST_TREE(the_last_4_kib_of_stderr_are_told)
{
	int r = run_sh(NULL, "printf 'x%9999d' 7 >&2; exit 1");
	const char *words = acre_why(r)->death->last_words;

	assert_class(r, ACRE_EDIED);
	assert_int_equal(strlen(words), 4096);
	assert_int_equal(words[4095], '7');
	return 0;
}

ACRE_CONTEXT(runs_a_command, acre_nil, .kind = ACRE_ENDPOINT_ONESHOT)
{
	return run_sh(NULL, "echo boom >&2; exit 3", .label = "kid");
}

TEST_ACTOR(c113_the_failure_travels)
{
	int r = acre_call(a, runs_a_command, &nil, acre_nil, NULL);

	assert_remote(r, ACRE_EDIED);
	assert_text_has(acre_why(r)->message, "command kid");
	assert_string_equal(acre_why(r)->death->last_words, "boom\n");
	return 0;
}

/*
 * Its block.
 */

TEST_TREE(c113_the_block_waits_for_it_and_nothing_is_left)
{
	struct acre_death death = { .status = -1 };
	struct acre_command *c;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = start_sh(&n, &c, "read x; exit 0");
		assert_int_equal(acre_nursery_n(&n), 1);
	}
	ACRE_NURSERY(n, r) {
		r = start_sh(&n, &c, "exit 0");
		if (r >= 0)
			r = acre_command_wait(c, &death);
		assert_false(exists(acre_command_pid(c)));
	}
	assert_int_equal(death.status, 0);
	return r;
}

TEST_TREE(its_failure_cancels_the_others)
{
	struct acre_command *c;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = start_sh(&n, &c, "exec sleep 1000");
		if (r >= 0)
			r = start_sh(&n, &c, "exit 1");
	}
	assert_class(r, ACRE_EDIED);
	assert_int_equal(acre_count(r), 1);
	return 0;
}

TEST_TREE(who_serves_is_ended_with_the_block)
{
	struct acre_command *c;
	int r = 0;

	ACRE_NURSERY(n, r)
		r = start_sh(&n, &c, "exec sleep 1000", .flags = ACRE_COMMAND_SERVES);
	return r;
}

TEST_TREE(in_a_cancelled_block_nothing_starts)
{
	struct acre_command *c = NULL;
	int r = 0;

	ACRE_NURSERY(n, r) {
		acre_nursery_cancel(&n);
		r = start_sh(&n, &c, "exit 0");
	}
	assert_int_equal(r, 0);
	assert_null(c);
	return 0;
}

TEST_TREE(c113_a_deadline_ends_it)
{
	struct acre_command_result res;
	int r = 0;

	ACRE_WITHIN(acre_ms(50), r)
		r = run_sh(&res, "echo begun; exec sleep 1000");
	assert_class(r, ETIMEDOUT);
	assert_int_equal(res.death.signal, SIGTERM);
	assert_false(res.death.hard_kill);
	acre_command_result_free(&res);
	return 0;
}

/* After its body, so the join is what the deadline ends. */
TEST_TREE(a_deadline_in_the_join_is_no_success)
{
	struct acre_command *c;
	int r = 0;

	ACRE_WITHIN(acre_ms(50), r)
		ACRE_NURSERY(n, r)
			r = start_sh(&n, &c, "exec sleep 1000");
	assert_class(r, ETIMEDOUT);
	return 0;
}

/*
 * The ladder.
 */

static int cancel_when_ready(struct acre_command *c)
{
	assert_int_equal(read_number(c), 1);
	return acre_command_cancel(c);
}

#define ready_sh(nursery, ret, script, ...) \
	start_sh((nursery), (ret), script, .out = ACRE_COMMAND_SOURCE, ##__VA_ARGS__)

TEST_TREE(who_obeys_ends_as_it_likes)
{
	struct acre_death death;
	struct acre_command *c;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = ready_sh(&n, &c,
			     "trap 'echo bye >&2; exit 5' TERM; echo 1; "
			     "while :; do read x </dev/null; done",
			     .linger = acre_secs(SOON));
		if (r >= 0)
			r = cancel_when_ready(c);
		if (r >= 0)
			r = acre_command_wait(c, &death);
		assert_int_equal(death.status, 5);
		assert_string_equal(acre_command_output(c, ACRE_COMMAND_ERR).bytes,
				    "bye\n");
	}
	return r;
}

TEST_TREE(c113_who_does_not_obey_is_killed)
{
	struct acre_death death = { .signal = 0 };
	struct acre_command *c;
	int r = 0;

	ACRE_WITHIN(acre_secs(SOON), r)
		ACRE_NURSERY(n, r) {
			r = ready_sh(&n, &c, "trap '' TERM; echo 1; exec sleep 1000",
				     .linger = acre_ms(20));
			if (r >= 0)
				r = cancel_when_ready(c);
			if (r >= 0)
				r = acre_command_wait(c, &death);
		}
	assert_int_equal(death.signal, SIGKILL);
	assert_true(death.hard_kill);
	return r;
}

TEST_TREE(who_is_stopped_goes_on_and_ends)
{
	struct acre_death death = { .signal = 0 };
	struct acre_command *c;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = ready_sh(&n, &c, "echo 1; kill -STOP $$; exec sleep 1000",
			     .linger = acre_secs(SOON));
		if (r >= 0)
			r = cancel_when_ready(c);
		if (r >= 0)
			r = acre_command_wait(c, &death);
	}
	assert_int_equal(death.signal, SIGTERM);
	return r;
}

TEST_TREE(a_signal_can_be_sent)
{
	struct acre_death death = { .signal = 0 };
	struct acre_command *c;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = ready_sh(&n, &c,
			     "trap 'exit 9' USR1; echo 1; "
			     "while :; do read x </dev/null; done",
			     .flags = ACRE_COMMAND_ANY_STATUS);
		if (r < 0)
			break;
		assert_int_equal(read_number(c), 1);
		assert_ok(acre_command_signal(c, SIGUSR1));
		r = acre_command_wait(c, &death);
		assert_class(acre_command_signal(c, SIGUSR1), ESRCH);
	}
	assert_int_equal(death.status, 9);
	return r;
}

/*
 * What it has started.
 */

static int number_of_left(const char *script)
{
	struct acre_command_result res;
	int pid, r = run_sh(&res, script);

	pid = atoi(res.out.bytes);
	acre_command_result_free(&res);
	assert_ok(r);
	assert_true(pid > 1);
	return pid;
}

TEST_TREE(c113_its_process_group_ends_with_it)
{
	assert_false(exists(number_of_left("sleep 1000 & echo $!")));
	assert_false(exists(number_of_left("(trap '' TERM; sleep 1000 & echo $!)")));
	return 0;
}

#define DAEMON "(setsid sleep 1000 </dev/null >/dev/null 2>&1 & echo $!)\n"

TEST_TREE(c113_a_daemon_ends_with_it)
{
	assert_false(exists(number_of_left(DAEMON)));
	return 0;
}

TEST_TREE(c113_a_daemon_ends_with_a_killed_one)
{
	struct acre_command *c;
	int daemon = 0, r = 0;

	ACRE_NURSERY(n, r) {
		r = ready_sh(&n, &c, DAEMON "exec sleep 1000",
			     .flags = ACRE_COMMAND_SERVES);
		if (r < 0)
			break;
		daemon = read_number(c);
		assert_true(exists(daemon));
		assert_ok(acre_command_signal(c, SIGKILL));
		assert_ok(acre_command_wait(c, NULL));
		assert_false(exists(daemon));
	}
	assert_class(r, ACRE_EDIED);
	return 0;
}

/* Another one's end is a reason to sweep. */
TEST_TREE(what_it_leaves_while_it_runs_is_no_stranger)
{
	struct acre_command *c;
	int daemon = 0, r = 0;

	ACRE_NURSERY(n, r) {
		r = ready_sh(&n, &c, DAEMON "exec sleep 1000",
			     .flags = ACRE_COMMAND_SERVES);
		if (r < 0)
			break;
		daemon = read_number(c);
		for (int i = 0; r >= 0 && i < 3; i++)
			r = run_sh(NULL, "sleep 1000 & exit 0");
		assert_true(exists(daemon));
	}
	assert_false(exists(daemon));
	return r;
}

/* In a tree with actors there are sweeps at any time. */
TEST_TREE(c113_a_command_beside_actors_is_no_stranger)
{
	struct acre_command *c;
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = start_sh(&n, &c, "exec sleep 1000", .flags = ACRE_COMMAND_SERVES);
		for (int i = 0; r >= 0 && i < 3; i++) {
			r = acre_spawn(&n, &a, .name = "other");
			if (r >= 0)
				r = acre_actor_cancel(a);
		}
		if (r >= 0)
			assert_true(exists(acre_command_pid(c)));
	}
	return r;
}

ACRE_TASK(run_true, int *n)
{
	++*n;
	return acre_command_run(NULL, .argv = (const char *const[]){ "true", NULL });
}

TEST_TREE(many_run_at_the_same_time)
{
	int count = 0, r = 0;

	ACRE_NURSERY(n, r)
		for (int i = 0; r >= 0 && i < 50; i++)
			r = acre_go(&n, run_true, &count);
	assert_int_equal(count, 50);
	return r;
}
