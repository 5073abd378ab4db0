/* SPDX-License-Identifier: MIT */
/* test_assert.c - assertions and waits beyond cmocka's. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/test.h"

#define PATIENCE 20 /* seconds for what takes milliseconds, on a loaded machine */

static void path_of(char *buf, size_t size, const char *name)
{
	assert_true(snprintf(buf, size, "%s/%s", test_dir(), name) < (int)size);
}

static void make_file(const char *name)
{
	char path[4096];
	int fd;

	path_of(path, sizeof path, name);
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_int_not_equal(fd, -1);
	close(fd);
}

static void reap(pid_t pid)
{
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

TEST(a_file_that_is_there_need_not_be_waited_for)
{
	char path[4096];

	make_file("file");

	path_of(path, sizeof path, "file");
	assert_true(test_wait_file(path, 0));
}

TEST(a_file_that_comes_is_waited_for)
{
	char path[4096];
	pid_t pid;

	pid = fork();
	if (pid == 0) {
		make_file("something else");
		make_file("file");
		_exit(0);
	}

	path_of(path, sizeof path, "file");
	assert_true(test_wait_file(path, PATIENCE));
	reap(pid);
}

TEST(a_file_that_does_not_come_ends_the_wait)
{
	char path[4096];

	path_of(path, sizeof path, "file");
	assert_false(test_wait_file(path, 0));
}

TEST(a_process_that_does_not_end_ends_the_wait)
{
	int pidfd = pidfd_open(getpid(), 0);
	pid_t pid;

	if (pidfd < 0)
		test_skip("pidfd_open: %s", strerror(errno)); /* valgrind 3.19 */
	close(pidfd);
	pid = fork();
	while (pid == 0)
		pause();
	pidfd = pidfd_open(pid, 0);
	assert_class(test_wait_pidfd(pidfd, 0), ETIMEDOUT);

	pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
	assert_ok(test_wait_pidfd(pidfd, PATIENCE));
	reap(pid);
	close(pidfd);
}

TEST(assertions_that_hold_go_on)
{
	assert_ok(0);
	assert_ok(7);
	assert_class(-EPIPE, EPIPE);
	assert_class(-(EPIPE | 5 << 12), EPIPE); /* with a ticket */
	assert_text_has("haystack with a needle", "needle");
}

TEST_FAILS(assert_ok_prints_the_failure, "-EPIPE is -32, class 32 (Broken pipe)")
{
	assert_ok(-EPIPE);
}

TEST_FAILS(assert_class_prints_both_classes,
	   "a failure of class ENOENT, but -EPIPE is -32")
{
	assert_class(-EPIPE, ENOENT);
}

TEST_FAILS(assert_class_refuses_success, "a failure of class ENOENT, but 0 is 0")
{
	assert_class(0, ENOENT);
}

TEST_FAILS(assert_text_has_prints_both_texts, "\"needle\" is not in \"hay\"")
{
	assert_text_has("hay", "needle");
}

TEST_FAILS(an_fd_that_a_program_would_inherit, "would be inherited: /dev/null")
{
	open("/dev/null", O_RDONLY);
	assert_fds_close_on_exec();
}
