/* SPDX-License-Identifier: MIT */
/* test_runner.c - what the runner of the tests prints and returns. */
/*
 * This program runs itself again, for its test `material`, which does what the
 * environment says and nothing otherwise. It is linked without the library, because it
 * defines what the fixture takes from there.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/test.h"

#define PATIENCE      20 /* seconds for what takes milliseconds, on a loaded machine */
#define ACTORS_STATUS 7

int acre_boot_if_actor(int argc, char **argv);

int acre_boot_if_actor(int argc, char **argv)
{
	if (argc < 2 || strcmp(argv[1], "--be-an-actor") != 0)
		return 0;
	printf("an actor\n");
	exit(ACTORS_STATUS);
}

static void wait_for_ever(void)
{
	for (;;)
		pause();
}

static void make_file(const char *dir, const char *name)
{
	char path[4096];
	int fd;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_int_not_equal(fd, -1);
	close(fd);
}

/* This program, run again. */

struct output {
	int status; /* as of waitpid() */
	char text[65536];
};

static pid_t spawn_self(int *ret_output, char *const argv[])
{
	static char self[4096];
	posix_spawn_file_actions_t actions;
	ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
	int fds[2];
	pid_t pid;

	assert_true(len > 0);
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, fds[1], 1);
	posix_spawn_file_actions_adddup2(&actions, fds[1], 2);
	assert_int_equal(posix_spawn(&pid, self, &actions, NULL, argv, environ), 0);
	posix_spawn_file_actions_destroy(&actions);
	close(fds[1]);
	*ret_output = fds[0];
	return pid;
}

static void collect(struct output *ret, pid_t pid, int fd)
{
	size_t len = 0;
	ssize_t n;

	while ((n = read(fd, ret->text + len, sizeof ret->text - 1 - len)) > 0)
		len += (size_t)n;
	ret->text[len] = '\0';
	close(fd);
	assert_int_equal(waitpid(pid, &ret->status, 0), pid);
	test_note("%s", ret->text);
}

static struct output *run_self(const char *role, ...)
{
	static struct output output;
	static char name[] = "./test_runner";
	char *argv[8] = { name };
	va_list args;
	pid_t pid;
	int n = 1, fd;

	setenv("FIXTURE_ROLE", role, 1);
	va_start(args, role);
	while ((argv[n] = va_arg(args, char *)))
		n++;
	va_end(args);
	pid = spawn_self(&fd, argv);
	collect(&output, pid, fd);
	unsetenv("FIXTURE_ROLE");
	return &output;
}

static void assert_status(const struct output *output, int status)
{
	assert_true(WIFEXITED(output->status));
	assert_int_equal(WEXITSTATUS(output->status), status);
}

static void assert_last_line(const struct output *output, const char *line)
{
	size_t len = strlen(output->text), n = strlen(line);

	assert_true(len > n + 1 && output->text[len - 1] == '\n' &&
		    output->text[len - n - 2] == '\n');
	assert_memory_equal(output->text + len - n - 1, line, n);
}

TEST(material)
{
	const char *role = getenv("FIXTURE_ROLE");

	if (!role)
		return;
	printf("the role is %s, the seed is %llu\n", role,
	       (unsigned long long)test_seed());
	if (strcmp(role, "fail") == 0)
		assert_string_equal("this", "that");
	if (strcmp(role, "skip") == 0)
		test_skip("it is to be skipped");
	if (strcmp(role, "stdin") == 0)
		assert_int_equal(read(0, &(char){ 0 }, 1), 0);
	if (strcmp(role, "leave") == 0 && fork() == 0)
		wait_for_ever();
	if (strcmp(role, "wait") == 0) {
		if (fork() > 0)
			make_file(getenv("FIXTURE_DIR"), "there");
		wait_for_ever();
	}
}

/* Passes if it is told to, where it is to fail. */
TEST_FAILS(material_to_fail, "0x1 != 0x2")
{
	const char *role = getenv("FIXTURE_ROLE");

	if (role && strcmp(role, "fail otherwise") == 0)
		assert_int_equal(3, 4);
	if (!role || strcmp(role, "pass") != 0)
		assert_int_equal(1, 2);
}

/* What the runner prints and returns. */

TEST(the_last_line_counts_and_the_status_is_0_if_all_passed)
{
	const struct output *output = run_self("pass", "material", NULL);

	assert_status(output, 0);
	assert_text_has(output->text, "\nok       material (");
	assert_last_line(output, "1 passed, 0 failed, 0 skipped");
	assert_null(strstr(output->text, "the role is"));
}

TEST(a_failure_shows_what_was_printed_and_the_command_that_repeats_it)
{
	const struct output *output;

	setenv("ACRE_SEED", "4711", 1);
	unsetenv("ACRE_SCHEDULE");
	output = run_self("fail", "material", NULL);

	assert_status(output, 1);
	assert_text_has(output->text, "\nFAILED   material (");
	assert_text_has(output->text,
			"ACRE_SEED=4711 ACRE_SCHEDULE=pct ./test_runner material\n");
	assert_text_has(output->text, "  | the role is fail, the seed is 4711\n");
	assert_text_has(output->text, "\"this\" != \"that\"");
	assert_last_line(output, "0 passed, 1 failed, 0 skipped");
}

TEST(the_status_is_77_if_all_were_skipped)
{
	const struct output *output = run_self("skip", "material", NULL);

	assert_status(output, 77);
	assert_text_has(output->text, "\nskipped  material (it is to be skipped) (");
	assert_last_line(output, "0 passed, 0 failed, 1 skipped");
}

TEST(verbose_shows_what_a_passing_test_prints)
{
	const struct output *output = run_self("pass", "-v", "material", NULL);

	assert_status(output, 0);
	assert_text_has(output->text, "  | the role is pass");
}

TEST(a_test_that_is_to_fail_fails_if_it_passes)
{
	const struct output *output = run_self("pass", "material_to_fail", NULL);

	assert_status(output, 1);
	assert_text_has(output->text, "passed, but was to fail with \"0x1 != 0x2\"");
}

TEST(a_test_that_is_to_fail_fails_if_it_fails_otherwise)
{
	const struct output *output =
		run_self("fail otherwise", "material_to_fail", NULL);

	assert_status(output, 1);
	assert_text_has(output->text, "failed, but was to fail with \"0x1 != 0x2\"");
	assert_text_has(output->text, "0x3 != 0x4");
}

TEST(each_test_runs_under_as_many_seeds_as_asked_for)
{
	const struct output *output;

	setenv("ACRE_SEED", "100", 1);
	output = run_self("pass", "-v", "--seeds", "3", "material", NULL);

	assert_status(output, 0);
	assert_text_has(output->text, "1 tests, seed 100 to 102\n");
	assert_text_has(output->text, "the seed is 100\n");
	assert_text_has(output->text, "the seed is 101\n");
	assert_text_has(output->text, "the seed is 102\n");
	assert_null(strstr(output->text, "the seed is 103\n"));
	assert_last_line(output, "1 passed, 0 failed, 0 skipped");
}

TEST(the_seeds_go_through_all_schedules)
{
	static const struct {
		const char *line;
		int n;
	} shares[] = { { ", shuffle\n", 5 },
		       { ", pct\n", 3 },
		       { ", lifo\n", 1 },
		       { ", fifo\n", 1 } };
	const struct output *output;

	setenv("ACRE_SEED", "100", 1);
	unsetenv("ACRE_SCHEDULE");
	output = run_self("pass", "-v", "--seeds", "10", "material", NULL);

	assert_status(output, 0);
	for (size_t i = 0; i < sizeof shares / sizeof *shares; i++) {
		const char *at = output->text;
		int n = 0;

		for (; (at = strstr(at, shares[i].line)); at++)
			n++;
		assert_int_equal(n, shares[i].n);
	}
}

TEST(one_schedule_can_be_asked_for)
{
	const struct output *output;

	setenv("ACRE_SEED", "100", 1);
	setenv("ACRE_SCHEDULE", "lifo", 1);
	output = run_self("fail", "material", NULL);

	assert_text_has(output->text, "ACRE_SEED=100 ACRE_SCHEDULE=lifo ./test_runner");
	setenv("ACRE_SCHEDULE", "any", 1);
	assert_status(run_self("pass", "material", NULL), 1);
}

TEST(the_list_has_the_names_in_the_order_of_the_file_and_runs_nothing)
{
	const struct output *output = run_self("fail", "-l", NULL);
	const char *material = strstr(output->text, "material\nmaterial_to_fail\n");
	const char *actor =
		strstr(output->text, "an_actor_is_booted_before_anything_else\n");

	assert_status(output, 0);
	assert_ptr_equal(material, output->text);
	assert_true(actor > material);
}

TEST(a_name_selects_one_test_and_a_part_or_a_glob_all_that_match)
{
	const struct output *output;

	output = run_self("pass", "-l", "material", NULL);
	assert_string_equal(output->text, "material\n");
	output = run_self("pass", "-l", "materia", NULL);
	assert_string_equal(output->text, "material\nmaterial_to_fail\n");
	output = run_self("pass", "-l", "*_to_fail", "*_[i]s_checked_*", NULL);
	assert_string_equal(
		output->text,
		"material_to_fail\nthe_house_is_checked_without_a_process_too\n");
}

TEST(a_pattern_without_a_match_is_a_failure)
{
	const struct output *output = run_self("pass", "material", "no_such_test", NULL);

	assert_status(output, 1);
	assert_text_has(output->text, "no test is called no_such_test");
}

TEST(wrong_numbers_are_refused)
{
	assert_status(run_self("pass", "--seeds", "many", NULL), 1);
	assert_status(run_self("pass", "--seeds", "0", NULL), 1);
	setenv("ACRE_SEED", "any", 1);
	assert_status(run_self("pass", "material", NULL), 1);
}

TEST(a_test_can_run_without_a_process_of_its_own)
{
	const struct output *output = run_self("pass", "--no-fork", "material", NULL);

	assert_status(output, 0);
	assert_text_has(output->text, "the role is pass");
	assert_last_line(output, "ok material");

	assert_status(run_self("skip", "--no-fork", "material", NULL), 77);
	output = run_self("fail", "--no-fork", "material", NULL);
	assert_true(WIFSIGNALED(output->status));
	assert_int_equal(WTERMSIG(output->status), SIGABRT);
}

TEST(the_house_is_checked_without_a_process_too)
{
	const struct output *output = run_self("leave", "--no-fork", "material", NULL);

	assert_status(output, 1);
	assert_text_has(output->text, "left: child running");
}

TEST(closed_standard_fds_do_not_confuse_the_runner)
{
	const struct output *output;

	close(0);
	output = run_self("stdin", "material", NULL);
	assert_int_equal(open("/dev/null", O_RDONLY), 0); /* for the house */

	assert_status(output, 0);
}

TEST(an_actor_is_booted_before_anything_else)
{
	const struct output *output = run_self("pass", "--be-an-actor", NULL);

	assert_status(output, ACTORS_STATUS);
	assert_string_equal(output->text, "an actor\n");
}

/* Starts this program with a test that waits, and waits for that. */
static pid_t start_waiting_test(int *ret_output)
{
	static char name[] = "./test_runner", test[] = "material";
	char *const argv[] = { name, test, NULL };
	char path[4096];
	pid_t pid;

	setenv("FIXTURE_ROLE", "wait", 1);
	setenv("FIXTURE_DIR", test_dir(), 1);
	pid = spawn_self(ret_output, argv);
	snprintf(path, sizeof path, "%s/there", test_dir());
	assert_true(test_wait_file(path, PATIENCE));
	return pid;
}

TEST(an_interrupted_runner_ends_its_test_and_then_itself)
{
	static struct output output;
	pid_t runner;
	int fd;

	runner = start_waiting_test(&fd);
	assert_int_equal(kill(runner, SIGINT), 0);
	collect(&output, runner, fd);

	assert_true(WIFSIGNALED(output.status));
	assert_int_equal(WTERMSIG(output.status), SIGINT);
	assert_text_has(output.text, "interrupted by signal 2");
	assert_text_has(output.text,
			"left: orphan running"); /* the child that the test had */
}
