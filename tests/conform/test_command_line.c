/* SPDX-License-Identifier: MIT */
/* test_command_line.c - `acre run`: what it writes, and its exit status. */
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/test.h"

#define OUTPUT_MAX (64 * 1024)

static char output[OUTPUT_MAX];

static void find_command(char path[PATH_MAX])
{
	ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - 32);

	assert_true(n > 0);
	path[n] = '\0';
	snprintf(strrchr(path, '/'), sizeof "/../src/acre", "/../src/acre");
}

/* Runs `acre run` with these arguments of a shell; its exit status, and its output. */
static int acre_run_of(const char *arguments)
{
	char acre[PATH_MAX], command[PATH_MAX + 500];
	size_t n;
	FILE *f;

	find_command(acre);
	snprintf(command, sizeof command, "timeout 30 %s run %s", acre, arguments);
	f = popen(command, "r");
	assert_non_null(f);
	n = fread(output, 1, OUTPUT_MAX - 1, f);
	output[n] = '\0';
	return WEXITSTATUS(pclose(f));
}

TEST(the_programs_status_is_ours)
{
	assert_int_equal(acre_run_of("true"), 0);
	assert_int_equal(acre_run_of("-- sh -c 'exit 7'"), 7);
	assert_int_equal(acre_run_of("sh -c 'kill -SEGV $$'"), 128 + SIGSEGV);
}

TEST(bytes_go_through)
{
	assert_int_equal(acre_run_of("echo -n one two"), 0);
	assert_string_equal(output, "one two");
	assert_int_equal(acre_run_of("cat </proc/version"), 0);
	assert_text_has(output, "Linux");
}

TEST(lines_get_a_label)
{
	assert_int_equal(acre_run_of("--label=kid sh -c 'echo a; echo b' 2>&1"), 0);
	assert_string_equal(output, "[kid:out] a\n[kid:out] b\n");
	assert_int_equal(acre_run_of("--label=kid sh -c 'echo a >&2' 2>&1"), 0);
	assert_string_equal(output, "[kid:err] a\n");
}

TEST(a_deadline_is_124)
{
	assert_int_equal(acre_run_of("--deadline=0.05 sleep 1000"), 124);
	assert_int_equal(acre_run_of("--deadline=0.05 --linger=0.05 "
				     "bash -c 'trap \"\" TERM; exec sleep 1000'"),
			 124);
	assert_int_equal(acre_run_of("--deadline=100 sh -c 'exit 3'"), 3);
}

TEST(what_cannot_run_is_told_as_env_does)
{
	assert_int_equal(acre_run_of("no-such-program 2>&1"), 127);
	assert_text_has(output, "acre run: no-such-program: ");
	assert_int_equal(acre_run_of("/no/such/program 2>&1"), 127);
	assert_int_equal(acre_run_of("/proc/version 2>&1"), 126);
	assert_int_equal(acre_run_of("2>&1"), 125);
	assert_int_equal(acre_run_of("--deadline=0 true 2>&1"), 125);
	assert_int_equal(acre_run_of("--deadline=soon true 2>&1"), 125);
	assert_int_equal(acre_run_of("--no-such-option true 2>&1"), 125);
}

TEST(output_that_cannot_be_written_is_told)
{
	assert_int_equal(acre_run_of("echo a 2>&1 >/dev/full"), 125);
	assert_text_has(output,
			"acre run: echo: the stdout of command echo could not be ");
	assert_text_has(output, "no space left on device");
}

TEST(a_parent_that_ignores_sigchld_changes_nothing)
{
	char acre[PATH_MAX], line[PATH_MAX + 100];

	find_command(acre);
	snprintf(line, sizeof line,
		 "bash -c 'trap \"\" CHLD; exec %s run sh -c \"exit 7\"'", acre);
	assert_int_equal(acre_run_of(line), 7);
}

TEST(if_nobody_reads_it_ends_by_sigpipe)
{
	assert_int_equal(acre_run_of("sh -c 'yes; exit $?' | head -n 1"), 0);
	assert_string_equal(output, "y\n");
}

/* A command that is told by a pipe that the program runs, and is sent this. */
static int end_by(int sig)
{
	char acre[PATH_MAX], byte;
	int ends[2], status;
	pid_t pid;

	find_command(acre);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		dup2(ends[1], STDOUT_FILENO);
		execl(acre, "acre", "run", "sh", "-c", "echo; exec sleep 1000", NULL);
		_exit(99);
	}
	assert_true(pid > 0);
	close(ends[1]);
	assert_int_equal(read(ends[0], &byte, 1), 1);
	assert_int_equal(kill(pid, sig), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(read(ends[0], &byte, 1), 0); /* nobody has it any more */
	close(ends[0]);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

TEST(a_signal_to_us_ends_the_program)
{
	assert_int_equal(end_by(SIGINT), 130);
	assert_int_equal(end_by(SIGTERM), 143);
	assert_int_equal(end_by(SIGKILL), -SIGKILL);
}
