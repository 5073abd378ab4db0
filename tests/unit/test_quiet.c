/* SPDX-License-Identifier: MIT */
/* test_quiet.c - writing for others: without waiting, and without a signal if nobody reads. */
#include "base/quiet.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/test.h"

static char page[QUIET_WRITE_MOST * 2];

TEST(a_piece_is_written_at_once)
{
	char came[sizeof page];
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	memset(page, 'x', sizeof page);

	assert_int_equal(quiet_write(ends[1], page, 5), 5);
	assert_int_equal(quiet_write(ends[1], page, sizeof page), QUIET_WRITE_MOST);

	assert_int_equal(read(ends[0], came, sizeof came), 5 + QUIET_WRITE_MOST);
	close(ends[0]);
	close(ends[1]);
}

TEST(what_would_wait_is_not_written)
{
	ssize_t n = 0;
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);

	for (int i = 0; n >= 0 && i < 1000; i++)
		n = quiet_write(ends[1], page, sizeof page);

	assert_int_equal(n, -EAGAIN);
	close(ends[0]);
	close(ends[1]);
}

TEST(if_nobody_reads_there_is_no_signal)
{
	sigset_t pending;
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	close(ends[0]);

	assert_int_equal(quiet_write(ends[1], page, 1), -EPIPE);

	sigpending(&pending);
	assert_false(sigismember(&pending, SIGPIPE));
	close(ends[1]);
}

TEST(who_blocks_the_signal_finds_it_pending)
{
	sigset_t sigpipe, pending;
	int ends[2], sig;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	close(ends[0]);
	sigemptyset(&sigpipe);
	sigaddset(&sigpipe, SIGPIPE);
	sigprocmask(SIG_BLOCK, &sigpipe, NULL);

	assert_int_equal(quiet_write(ends[1], page, 1), -EPIPE);

	sigpending(&pending);
	assert_true(sigismember(&pending, SIGPIPE));
	assert_int_equal(sigwait(&sigpipe, &sig), 0);
	sigprocmask(SIG_UNBLOCK, &sigpipe, NULL);
	close(ends[1]);
}

TEST(a_file_takes_all)
{
	int fd = memfd_create("file", MFD_CLOEXEC);

	assert_true(fd >= 0);
	for (int i = 0; i < 100; i++)
		assert_int_equal(quiet_write(fd, page, sizeof page), QUIET_WRITE_MOST);
	close(fd);
}

TEST(what_is_not_open_is_said)
{
	assert_int_equal(quiet_write(1000, page, 1), -EBADF);
}
