/* SPDX-License-Identifier: MIT */
/* test_last_words.c - a child's stderr: passed on, never in its way, and its end kept. */
#include "unit/lives.h"

#include <sys/prctl.h>

enum { FLOOD = 10 << 20 };

/* Our own stderr while a child's is passed on to it; put back by stderr_back(). */
static int stderr_before;

static void stderr_to(int fd)
{
	stderr_before = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 10);
	assert_true(stderr_before >= 0);
	assert_int_equal(dup2(fd, STDERR_FILENO), STDERR_FILENO);
	close(fd);
}

static void stderr_back(void)
{
	assert_int_equal(dup2(stderr_before, STDERR_FILENO), STDERR_FILENO);
	close(stderr_before);
}

static void say(const char *text)
{
	assert_int_equal(write(STDERR_FILENO, text, strlen(text)), strlen(text));
}

static void say_why(void)
{
	say("first\n");
	say("no such disk\n");
	_exit(3);
}

TEST_TASK(what_it_said_is_told_and_passed_on)
{
	struct child c;
	char passed[64] = "";
	int pipe[2];

	assert_ok(sys_pipe2(pipe, 0));
	stderr_to(pipe[1]);
	child_begin(&c, say_why);
	child_wait_gone(&c);
	stderr_back();

	assert_string_equal(c.life.death.last_words, "first\nno such disk\n");
	assert_true(read(pipe[0], passed, sizeof passed - 1) > 0);
	assert_string_equal(passed, "first\nno such disk\n");
	assert_ok(sys_close(pipe[0]));
	child_fini(&c);
	return 0;
}

static void say_nothing(void) {}

TEST_TASK(who_said_nothing_has_empty_last_words)
{
	struct child c;

	child_begin(&c, say_nothing);
	child_wait_gone(&c);

	assert_string_equal(c.life.death.last_words, "");
	child_fini(&c);
	return 0;
}

/* Lines of 16 bytes that are numbered, so that one can see which are left. */
static void flood(void)
{
	for (int i = 0; i < FLOOD / 16; i++) {
		char line[32];

		snprintf(line, sizeof line, "line %010d\n", i);
		say(line);
	}
}

/* Of a flood the last 4,096 bytes are kept, which end with the last line. */
static void check_tail(const char *words)
{
	char last[32];

	snprintf(last, sizeof last, "line %010d\n", FLOOD / 16 - 1);
	assert_int_equal(strlen(words), LAST_WORDS_MAX);
	assert_string_equal(words + LAST_WORDS_MAX - 16, last);
	snprintf(last, sizeof last, "line %010d\n", (FLOOD - LAST_WORDS_MAX) / 16);
	assert_memory_equal(words, last, 16);
}

/* kernel-facts K42: neither it nor we wait for a reader of our stderr. */
TEST_TASK(a_flood_that_nobody_reads_blocks_neither_it_nor_us)
{
	struct child c;
	int pipe[2];

	assert_ok(sys_pipe2(pipe, 0));
	stderr_to(pipe[1]);
	child_begin(&c, flood);
	child_wait_gone(&c);
	stderr_back();

	assert_int_equal(c.life.death.signal, 0);
	assert_int_equal(c.life.death.status, 0);
	check_tail(c.life.death.last_words);
	assert_ok(sys_close(pipe[0]));
	child_fini(&c);
	return 0;
}

TEST_TASK(a_stderr_whose_reader_is_gone_does_not_end_us)
{
	struct child c;
	sigset_t pending;
	int pipe[2];

	assert_ok(sys_pipe2(pipe, 0));
	assert_ok(sys_close(pipe[0]));
	stderr_to(pipe[1]);
	child_begin(&c, say_why);
	child_wait_gone(&c);
	stderr_back();

	assert_string_equal(c.life.death.last_words, "first\nno such disk\n");
	sigpending(&pending);
	assert_false(sigismember(&pending, SIGPIPE));
	child_fini(&c);
	return 0;
}

/* What is pending for a program that blocks SIGPIPE is its own. */
TEST_TASK(a_program_that_blocks_sigpipe_finds_it_pending)
{
	struct child c;
	sigset_t sigpipe, pending;
	int pipe[2];

	sigemptyset(&sigpipe);
	sigaddset(&sigpipe, SIGPIPE);
	sigprocmask(SIG_BLOCK, &sigpipe, NULL);
	assert_ok(sys_pipe2(pipe, 0));
	assert_ok(sys_close(pipe[0]));
	stderr_to(pipe[1]);
	child_begin(&c, say_why);
	child_wait_gone(&c);
	stderr_back();

	sigpending(&pending);
	assert_true(sigismember(&pending, SIGPIPE));
	assert_true(sigwaitinfo(&sigpipe, NULL) == SIGPIPE);
	sigprocmask(SIG_UNBLOCK, &sigpipe, NULL);
	child_fini(&c);
	return 0;
}

static int until_closed[2]; /* a pipe */

/* Leaves behind a process that holds the stderr, and ends. */
static void leave_a_holder(void)
{
	char byte;

	say("goodbye\n");
	close(until_closed[1]);
	if (fork() == 0)
		acre_ignore(read(until_closed[0], &byte, 1));
	_exit(0);
}

TEST_TASK(who_else_holds_its_stderr_is_not_waited_for)
{
	struct child c;

	assert_int_equal(pipe2(until_closed, O_CLOEXEC), 0);
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1),
			 0); /* the holder comes to us */
	child_begin(&c, leave_a_holder);
	child_wait_gone(&c);

	assert_string_equal(c.life.death.last_words, "goodbye\n");
	assert_int_equal(c.life.words.fd, -1);
	close(until_closed[0]);
	close(until_closed[1]);
	assert_true(waitpid(-1, NULL, 0) > 0);
	child_fini(&c);
	return 0;
}

TEST_TASK(a_child_without_a_stderr_of_its_own_has_no_last_words)
{
	struct child c;

	child_make(&c, (acre_span){ 0 }, say_nothing);
	assert_ok(sys_close(TAKE_FD(c.life.words.fd)));
	assert_ok(life_begin(&c.life));
	child_wait_gone(&c);

	assert_string_equal(c.life.death.last_words, "");
	child_fini(&c);
	return 0;
}
