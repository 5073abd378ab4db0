/* SPDX-License-Identifier: MIT */
/* test_sys_fault.c - the table that fails: where it is told to, and only as the kernel may. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/sys.h"
#include "base/util.h"
#include "lib/test.h"

static int openable(void)
{
	int fd = sys_openat(AT_FDCWD, "/dev/null", O_RDWR, 0);

	return fd < 0 ? fd : sys_close(fd);
}

TEST(without_a_fault_calls_are_real_and_counted)
{
	sys_use(&sys_fault);
	sys_fault_at(0, 0, false);

	assert_ok(openable());

	assert_int_equal(sys_fault_calls(), 2);
}

TEST(the_nth_call_fails_and_no_other)
{
	int null = sys_openat(AT_FDCWD, "/dev/null", O_RDWR, 0);

	sys_use(&sys_fault);
	sys_fault_at(3, EIO, false);
	for (int i = 1; i <= 5; i++)
		assert_int_equal(sys_write(null, "x", 1), i == 3 ? -EIO : 1);

	assert_int_equal(sys_fault_calls(), 5);
	assert_ok(sys_close(null));
}

TEST(all_calls_from_the_nth_on_fail_for_ever)
{
	sys_use(&sys_fault);
	sys_fault_at(3, EMFILE, true);

	assert_ok(openable());
	for (int i = 0; i < 3; i++)
		assert_int_equal(openable(), -EMFILE);
	sys_fault_at(0, 0, false);
	assert_ok(openable());
}

TEST(a_call_that_fails_is_not_made)
{
	int fd = sys_eventfd(0, EFD_NONBLOCK);
	uint64_t value = 1;

	sys_use(&sys_fault);
	sys_fault_at(1, EAGAIN, false);
	assert_int_equal(sys_write(fd, &value, sizeof value), -EAGAIN);

	assert_int_equal(sys_read(fd, &value, sizeof value), -EAGAIN);
	assert_ok(sys_close(fd));
}

TEST(a_fault_may_be_for_calls_of_one_name_only)
{
	sys_use(&sys_fault);
	sys_fault_only("eventfd");
	sys_fault_at(1, ENFILE, true);

	assert_ok(openable());
	assert_int_equal(sys_fault_calls(), 0);
	assert_int_equal(sys_eventfd(0, 0), -ENFILE);
	assert_int_equal(sys_fault_calls(), 1);

	sys_fault_only(NULL);
	assert_int_equal(openable(), -ENFILE);
}

TEST_FAILS(a_name_of_no_call_is_a_bug, "there is no such call")
{
	sys_fault_only("kill");
}

TEST_FAILS(an_interruption_for_ever_is_a_bug, "CHECK")
{
	sys_fault_at(1, EINTR, true);
}

TEST(an_interrupted_call_is_counted_twice_and_succeeds)
{
	sys_use(&sys_fault);
	sys_fault_at(1, EINTR, false);

	assert_ok(openable());

	assert_int_equal(sys_fault_calls(), 3);
}

TEST(calls_that_cannot_fail_do_not_and_are_not_counted)
{
	struct timespec now;

	sys_use(&sys_fault);
	sys_fault_at(1, EIO, true);

	assert_int_equal(sys_getpid(), getpid());
	assert_int_equal(sys_getppid(), getppid());
	assert_int_equal(sys_gettid(), gettid());
	assert_int_equal(sys_clock_gettime(CLOCK_MONOTONIC, &now), 0);
	assert_int_equal(sys_sigmask(SIG_BLOCK, NULL, NULL), 0);
	assert_int_equal(sys_close(-1), 0);
	assert_int_equal(sys_fault_calls(), 0);
}

TEST(a_close_that_fails_has_closed)
{
	int fd = sys_eventfd(0, 0);

	sys_use(&sys_fault);
	sys_fault_at(1, EIO, false);

	assert_int_equal(sys_close(fd), -EIO);

	assert_int_equal(fcntl(fd, F_GETFD), -1);
}

/* Two ends, made before calls are cut short. */
static void open_short(int ret[2], int domain, int type)
{
	assert_ok(sys_socketpair(domain, type, 0, ret));
	sys_use(&sys_fault);
	sys_fault_at(0, 0, false);
	sys_fault_short(true);
}

static void close_both(const int pair[2])
{
	assert_ok(sys_close(pair[0]));
	assert_ok(sys_close(pair[1]));
}

TEST(a_stream_moves_three_bytes_at_a_time)
{
	char got[16];
	int pair[2];

	open_short(pair, AF_UNIX, SOCK_STREAM);
	for (int i = 0; i < 2; i++)
		assert_int_equal(sys_write(pair[0], "abcdef", 6), 3);

	assert_int_equal(sys_read(pair[1], got, sizeof got), 3);
	assert_int_equal(sys_read(pair[1], got + 3, 2), 2);
	assert_memory_equal(got, "abcab", 5);
	sys_fault_short(false);
	assert_int_equal(sys_write(pair[0], "abcdef", 6), 6);
	close_both(pair);
}

TEST(a_gathered_stream_moves_three_bytes_whatever_its_parts)
{
	char text[] = "abcdef", x, y, rest[8] = "";
	struct iovec out[] = { { NULL, 0 }, { text, 1 }, { NULL, 0 }, { text + 1, 5 } };
	struct iovec in[] = { { &x, 1 }, { NULL, 0 }, { &y, 1 }, { rest, 6 } };
	int pair[2];

	open_short(pair, AF_UNIX, SOCK_STREAM);

	assert_int_equal(sys_writev(pair[0], out, 4), 3);
	assert_int_equal(sys_write(pair[0], "z", 1), 1);
	assert_int_equal(sys_readv(pair[1], in, 4), 3);

	assert_int_equal(x, 'a');
	assert_int_equal(y, 'b');
	assert_string_equal(rest, "c");
	assert_int_equal(in[3].iov_len, 6);
	close_both(pair);
}

TEST(a_message_of_a_stream_is_cut_and_its_header_stays_as_it_was)
{
	char text[] = "abcdef", got[8] = "";
	struct iovec out = { text, 6 }, in[] = { { got, 6 }, { got + 6, 1 } };
	struct msghdr sent = { .msg_iov = &out, .msg_iovlen = 1 };
	struct msghdr received = { .msg_iov = in, .msg_iovlen = 2 };
	int pair[2];

	open_short(pair, AF_UNIX, SOCK_STREAM);

	assert_int_equal(sys_sendmsg(pair[0], &sent, 0), 3);
	assert_int_equal(sys_write(pair[0], "z", 1), 1);
	assert_int_equal(sys_recvmsg(pair[1], &received, 0), 3);

	assert_string_equal(got, "abc");
	assert_ptr_equal(received.msg_iov, in);
	assert_int_equal(received.msg_iovlen, 2);
	assert_int_equal(in[0].iov_len, 6);
	close_both(pair);
}

TEST(a_datagram_and_an_event_are_not_cut)
{
	uint64_t value = 5;
	char got[16];
	int pair[2], fd = sys_eventfd(0, 0);

	open_short(pair, AF_UNIX, SOCK_SEQPACKET);

	assert_int_equal(sys_write(pair[0], "abcdef", 6), 6);
	assert_int_equal(sys_read(pair[1], got, sizeof got), 6);
	assert_int_equal(sys_write(fd, &value, sizeof value), 8);
	assert_int_equal(sys_read(fd, &value, sizeof value), 8);
	assert_ok(sys_close(fd));
	close_both(pair);
}

TEST(a_pipe_takes_a_small_record_in_one_piece)
{
	static const char big[PIPE_BUF + 1];
	char got[16];
	int ends[2];

	assert_ok(sys_pipe2(ends, 0));
	sys_use(&sys_fault);
	sys_fault_short(true);

	assert_int_equal(sys_write(ends[1], "abcdef", 6), 6);
	assert_int_equal(sys_read(ends[0], got, sizeof got), 3);
	assert_int_equal(sys_write(ends[1], big, sizeof big), 3);
	close_both(ends);
}

static int refuse_second_descriptor(const char *name, long first, long second)
{
	if (strcmp(name, "fcntl") == 0 && second == F_DUPFD_CLOEXEC && first == 1)
		return EMFILE;
	return strcmp(name, "eventfd") == 0 && second == EFD_NONBLOCK ? ENFILE : 0;
}

TEST(a_test_may_choose_by_name_and_arguments)
{
	sys_use(&sys_fault);
	sys_fault_choose(refuse_second_descriptor);

	assert_ok(openable());
	assert_int_equal(sys_eventfd(0, EFD_NONBLOCK), -ENFILE);
	assert_int_equal(sys_fcntl(1, F_DUPFD_CLOEXEC, 0), -EMFILE);
	assert_true(sys_fcntl(1, F_GETFD, 0) >= 0);

	sys_fault_choose(NULL);
	sys_fault_at(1, EIO, false);
	assert_int_equal(openable(), -EIO);
}
