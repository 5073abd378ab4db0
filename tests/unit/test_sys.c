/* SPDX-License-Identifier: MIT */
/* test_sys.c - the promises that sys.h makes about every call. */
#define _GNU_SOURCE
#include "base/sys.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/util.h"
#include "lib/test.h"

enum { MS = 1000000 };

TEST(a_failure_is_returned_as_minus_errno)
{
	char byte;

	errno = 0;
	assert_int_equal(sys_openat(AT_FDCWD, "/no/such/file", O_RDONLY, 0), -ENOENT);
	assert_int_equal(sys_read(-1, &byte, 1), -EBADF);
	assert_int_equal(sys_chdir("/dev/null"), -ENOTDIR);
	assert_int_equal(sys_pidfd_open(INT_MAX, 0), -ESRCH);
	assert_int_equal(sys_sigaltstack(&(stack_t){ .ss_size = 1 }, NULL), -ENOMEM);
	assert_int_equal(sys_sigmask(99, &(sigset_t){ 0 }, NULL), -EINVAL);
	assert_int_equal(sys_epoll_wait(-1, &(struct epoll_event){ 0 }, 1, 1), -EBADF);
}

static void assert_cloexec(int fd)
{
	assert_ok(fd);
	assert_int_equal(sys_fcntl(fd, F_GETFD, 0), FD_CLOEXEC);
	assert_ok(sys_close(fd));
}

TEST(descriptors_are_close_on_exec_from_birth)
{
	int pair[2];
	sigset_t none;

	sigemptyset(&none);
	assert_cloexec(sys_openat(AT_FDCWD, "/dev/null", O_RDONLY, 0));
	assert_cloexec(sys_eventfd(0, 0));
	assert_cloexec(sys_signalfd(-1, &none, 0));
	assert_cloexec(sys_timerfd_create(CLOCK_MONOTONIC, 0));
	assert_cloexec(sys_memfd_create("test", 0));
	assert_cloexec(sys_epoll_create1(0));
	assert_cloexec(sys_socket(AF_UNIX, SOCK_STREAM, 0));
	assert_cloexec(sys_pidfd_open(getpid(), 0));
	assert_cloexec(sys_fcntl(STDIN_FILENO, F_DUPFD, 0));
	assert_ok(sys_pipe2(pair, 0));
	assert_cloexec(pair[0]);
	assert_cloexec(pair[1]);
	assert_ok(sys_socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	assert_cloexec(pair[0]);
	assert_cloexec(pair[1]);
}

TEST(an_accepted_socket_is_close_on_exec)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	socklen_t len = sizeof addr;
	auto_close int listener = sys_socket(AF_UNIX, SOCK_STREAM, 0);
	auto_close int client = sys_socket(AF_UNIX, SOCK_STREAM, 0);

	/* An address of the family alone makes the kernel choose a name. */
	assert_ok(sys_bind(listener, (struct sockaddr *)&addr, sizeof addr.sun_family));
	assert_ok(sys_getsockname(listener, (struct sockaddr *)&addr, &len));
	assert_ok(sys_listen(listener, 1));
	assert_ok(sys_connect(client, (struct sockaddr *)&addr, len));

	assert_cloexec(sys_accept4(listener, NULL, NULL, 0));
}

/* A descriptor goes through a socket; what arrives is a new one. */
static int pass_on(int fd)
{
	char byte = 0, control[CMSG_SPACE(sizeof fd)];
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof control,
	};
	struct cmsghdr *header = CMSG_FIRSTHDR(&msg);
	int pair[2];

	memset(control, 0, sizeof control);
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof fd);
	memcpy(CMSG_DATA(header), &fd, sizeof fd);

	assert_ok(sys_socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	assert_int_equal(sys_sendmsg(pair[0], &msg, 0), 1);
	assert_int_equal(sys_recvmsg(pair[1], &msg, 0), 1);
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof fd);
	assert_ok(sys_close(pair[0]));
	assert_ok(sys_close(pair[1]));
	return fd;
}

TEST(a_received_descriptor_is_close_on_exec)
{
	assert_cloexec(pass_on(STDIN_FILENO));
}

TEST(dup3_makes_a_descriptor_that_a_program_inherits)
{
	int fd = sys_dup3(STDIN_FILENO, 100, 0);

	assert_int_equal(fd, 100);
	assert_int_equal(sys_fcntl(fd, F_GETFD, 0), 0);
	assert_ok(sys_close(fd));
}

TEST(closing_no_descriptor_does_nothing)
{
	assert_int_equal(sys_close(-1), 0);
}

TEST_FAILS(closing_what_is_not_open_is_a_bug, "is closed while it is not open")
{
	sys_close(1000);
}

TEST(a_closed_descriptor_is_gone)
{
	int fd = sys_eventfd(0, 0);

	assert_ok(sys_close(fd));
	assert_int_equal(fcntl(fd, F_GETFD), -1);
}

TEST(writing_to_a_socket_that_nobody_reads_raises_no_signal)
{
	char byte = 'x';
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	int pair[2];

	assert_ok(sys_socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	assert_ok(sys_close(pair[1]));

	assert_int_equal(sys_sendmsg(pair[0], &msg, 0), -EPIPE);
	assert_ok(sys_close(pair[0]));
}

TEST(an_interrupted_call_is_made_again)
{
	int fd = sys_eventfd(7, 0);
	uint64_t value = 0;

	sys_use(&sys_fault);
	sys_fault_at(1, EINTR, false);

	assert_int_equal(sys_read(fd, &value, sizeof value), sizeof value);
	assert_int_equal(value, 7);
	assert_int_equal(sys_fault_calls(), 2);
	sys_use(&sys_real);
	assert_ok(sys_close(fd));
}

/* A table in which each wait is interrupted after 30 ns of a virtual clock. */
static int64_t waits[10];
static int n_waits;

static int interrupted_wait(int64_t timeout_ns)
{
	waits[n_waits++] = timeout_ns;
	clock_advance(30);
	return n_waits < 5 ? -EINTR : 0;
}

static int interrupted_epoll_wait(int epoll_fd, struct epoll_event *ret, int n,
				  int64_t ns)
{
	(void)epoll_fd, (void)ret, (void)n;
	return interrupted_wait(ns);
}

static int interrupted_poll(struct pollfd *fds, nfds_t n, int64_t ns)
{
	(void)fds, (void)n;
	return interrupted_wait(ns);
}

static void use_interrupted_waits(void)
{
	static struct sys_table table;

	table = sys_real;
	table.epoll_wait = interrupted_epoll_wait;
	table.poll = interrupted_poll;
	clock_use_virtual(0);
	sys_use(&table);
	n_waits = 0;
}

static void assert_waits(const int64_t *expected)
{
	assert_int_equal(n_waits, 5);
	for (int i = 0; i < 5; i++)
		assert_int_equal(waits[i], expected[i]);
}

TEST(an_interrupted_wait_goes_on_for_the_rest_of_its_time)
{
	static const int64_t rests[] = { 100, 70, 40, 10, 0 };

	use_interrupted_waits();
	assert_int_equal(sys_epoll_wait(0, NULL, 0, 100), 0);
	assert_waits(rests);

	use_interrupted_waits();
	assert_int_equal(sys_poll(NULL, 0, 100), 0);
	assert_waits(rests);
}

TEST(an_interrupted_wait_for_ever_or_for_no_time_goes_on_so)
{
	use_interrupted_waits();
	sys_epoll_wait(0, NULL, 0, -1);
	assert_waits((const int64_t[]){ -1, -1, -1, -1, -1 });

	use_interrupted_waits();
	sys_poll(NULL, 0, 0);
	assert_waits((const int64_t[]){ 0, 0, 0, 0, 0 });
}

TEST(a_wait_until_the_end_of_time_is_no_overflow)
{
	use_interrupted_waits();
	clock_advance(1000);
	sys_poll(NULL, 0, INT64_MAX);

	assert_true(waits[0] == INT64_MAX);
	for (int i = 1; i < 5; i++)
		assert_true(waits[i] == INT64_MAX - 1000 - 30 * i);
}

/* None of them ends before its time. */
static void assert_epoll_wait_lasts(int epoll_fd, int64_t ns)
{
	struct epoll_event event;
	int64_t start = clock_now();

	assert_int_equal(sys_epoll_wait(epoll_fd, &event, 1, ns), 0);
	assert_true(clock_now() - start >= ns);
}

TEST(a_wait_lasts_as_long_as_it_was_asked_to)
{
	static const int64_t times[] = { 0, 1, 100, MS - 1, MS, MS + 1, 3 * MS };
	int epoll_fd = sys_epoll_create1(0);
	struct pollfd none = { .fd = -1 };
	int64_t start;

	for (size_t i = 0; i < ARRAY_N(times); i++) {
		sys_hide(SYS_HAS_EPOLL_PWAIT2, false);
		assert_epoll_wait_lasts(epoll_fd, times[i]);
		sys_hide(SYS_HAS_EPOLL_PWAIT2, true);
		assert_epoll_wait_lasts(epoll_fd, times[i]);
		start = clock_now();
		assert_int_equal(sys_poll(&none, 1, times[i]), 0);
		assert_true(clock_now() - start >= times[i]);
	}
	assert_ok(sys_close(epoll_fd));
}

TEST(a_wait_ends_when_something_is_ready)
{
	static const int64_t times[] = { -1, 0, 1, 10000LL * MS, INT64_MAX };
	struct epoll_event event = { .events = EPOLLIN, .data.u32 = 42 }, got;
	int epoll_fd = sys_epoll_create1(0), fd = sys_eventfd(1, 0);
	struct pollfd poll = { .fd = fd, .events = POLLIN };

	assert_ok(sys_epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event));
	for (size_t i = 0; i < 2 * ARRAY_N(times); i++) {
		sys_hide(SYS_HAS_EPOLL_PWAIT2, i % 2);
		assert_int_equal(sys_epoll_wait(epoll_fd, &got, 1, times[i / 2]), 1);
		assert_int_equal(got.data.u32, 42);
		assert_int_equal(sys_poll(&poll, 1, times[i / 2]), 1);
	}
	assert_ok(sys_close(fd));
	assert_ok(sys_close(epoll_fd));
}

TEST(memory_is_mapped_where_the_hint_says_or_elsewhere)
{
	void *at = NULL, *again;
	size_t len = 1 << 16;

	assert_ok(sys_mmap(&at, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			   -1, 0));
	assert_non_null(at);
	memset(at, 1, len);
	again = at;
	assert_ok(sys_mmap(&again, len, PROT_READ,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	assert_ptr_equal(again, at);
	assert_int_equal(*(char *)at, 0);
	assert_ok(sys_munmap(at, len));
}

TEST(a_mapping_that_fails_leaves_the_address_alone)
{
	void *at = &at;

	assert_int_equal(sys_mmap(&at, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
			 -EINVAL);
	assert_ptr_equal(at, &at);
}

TEST(files_are_made_found_and_removed)
{
	int dir = sys_openat(AT_FDCWD, test_dir(), O_RDONLY | O_DIRECTORY, 0);
	char link[8], entries[1024];
	struct stat st;
	int fd;

	assert_ok(sys_mkdirat(dir, "sub", 0700));
	fd = sys_openat(dir, "sub/file", O_RDWR | O_CREAT, 0600);
	assert_ok(sys_ftruncate(fd, 100));
	assert_ok(sys_fstat(fd, &st));
	assert_int_equal(st.st_size, 100);
	assert_ok(sys_fallocate(fd, 0, 0, 200));
	assert_ok(sys_fstat(fd, &st));
	assert_int_equal(st.st_size, 200);
	assert_ok(sys_close(fd));
	assert_ok(sys_fstatat(dir, "sub/file", &st, 0));
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(symlinkat("target", dir, "sub/link"), 0);
	assert_int_equal(sys_readlinkat(dir, "sub/link", link, sizeof link), 6);
	assert_memory_equal(link, "target", 6);
	assert_true(sys_getdents64(dir, entries, sizeof entries) > 0);

	assert_ok(sys_unlinkat(dir, "sub/link", 0));
	assert_ok(sys_unlinkat(dir, "sub/file", 0));
	assert_ok(sys_unlinkat(dir, "sub", AT_REMOVEDIR));
	assert_int_equal(sys_fstatat(dir, "sub", &st, 0), -ENOENT);
	assert_ok(sys_close(dir));
}

TEST(a_timer_fires)
{
	struct itimerspec soon = { .it_value.tv_nsec = 1 };
	int fd = sys_timerfd_create(CLOCK_MONOTONIC, 0);
	uint64_t expirations;

	assert_ok(sys_timerfd_settime(fd, 0, &soon, NULL));
	assert_int_equal(sys_read(fd, &expirations, sizeof expirations), 8);
	assert_int_equal(expirations, 1);
	assert_ok(sys_close(fd));
}
