/* SPDX-License-Identifier: MIT */
/* test_waitfd.c - waiting for descriptors: who is woken, by what, and what is left. */
#define _GNU_SOURCE
#include "lib/test.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/sys.h"
#include "lib/run.h"

enum { READ_END, WRITE_END };

/* A task that waits once, and what it got. */
struct waiter {
	int fd, events;
	int r; /* what acre_wait_fd() returned */
	bool has_ended;
};

ACRE_TASK(wait_once, struct waiter *w)
{
	w->r = acre_wait_fd(w->fd, w->events);
	w->has_ended = true;
	return w->r == -ECANCELED ? w->r : 0;
}

/* Starts a task and returns when it waits. */
static int start_waiter(struct acre_nursery *n, struct waiter *w, int fd, int events)
{
	int r;

	*w = (struct waiter){ .fd = fd, .events = events };
	r = acre_go(n, wait_once, w);
	test_settle();
	return r;
}

/* The loop polls now and then, although this task is always ready. */
static int yield_until_ended(const struct waiter *w)
{
	int r = 0;

	while (r >= 0 && !w->has_ended)
		r = acre_yield();
	return r;
}

static void make_pipe(int ret[2])
{
	assert_int_equal(pipe2(ret, O_CLOEXEC | O_NONBLOCK), 0);
}

static void make_sockets(int ret[2])
{
	const int type = SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK;

	assert_int_equal(socketpair(AF_UNIX, type, 0, ret), 0);
}

static void close_both(const int fds[2])
{
	close(fds[0]);
	close(fds[1]);
}

static void put_byte(int fd)
{
	assert_int_equal(write(fd, "x", 1), 1);
}

static void fill(int fd)
{
	static const char bytes[4096];

	while (write(fd, bytes, sizeof bytes) > 0)
		;
}

static void drain(int fd)
{
	char bytes[4096];

	while (read(fd, bytes, sizeof bytes) > 0)
		;
}

static void assert_nothing_is_watched(void)
{
	assert_int_equal(map_n(&loop_this->fds), 0);
}

TEST_TASK(a_reader_is_woken_by_what_is_written)
{
	struct waiter w;
	int fds[2];
	int r = 0;

	make_pipe(fds);
	ACRE_NURSERY(n, r) {
		r = start_waiter(&n, &w, fds[READ_END], POLLIN);
		assert_false(w.has_ended);
		put_byte(fds[WRITE_END]);
	}
	assert_int_equal(w.r, POLLIN);
	assert_nothing_is_watched();
	close_both(fds);
	return r;
}

TEST_TASK(what_is_ready_already_needs_no_second_party)
{
	int fds[2];

	make_pipe(fds);
	assert_int_equal(acre_wait_fd(fds[WRITE_END], POLLOUT), POLLOUT);
	put_byte(fds[WRITE_END]);
	assert_int_equal(acre_wait_fd(fds[READ_END], POLLIN | POLLOUT), POLLIN);

	assert_nothing_is_watched();
	close_both(fds);
	return 0;
}

TEST_TASK(several_readers_of_one_descriptor_are_all_woken)
{
	struct waiter w[3];
	int fds[2];
	int r = 0;

	make_pipe(fds);
	ACRE_NURSERY(n, r) {
		for (size_t i = 0; i < 3 && r >= 0; i++)
			r = start_waiter(&n, &w[i], fds[READ_END], POLLIN);
		put_byte(fds[WRITE_END]);
	}
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(w[i].r, POLLIN);
	assert_nothing_is_watched();
	close_both(fds);
	return r;
}

TEST_TASK(a_reader_and_a_writer_of_one_socket_wait_for_their_own_events)
{
	struct waiter reader, writer;
	int fds[2];
	int r = 0;

	make_sockets(fds);
	fill(fds[0]);
	ACRE_NURSERY(n, r) {
		r = start_waiter(&n, &reader, fds[0], POLLIN);
		if (r >= 0)
			r = start_waiter(&n, &writer, fds[0], POLLOUT);
		put_byte(fds[1]);
		if (r >= 0)
			r = yield_until_ended(&reader);
		assert_false(writer.has_ended);
		drain(fds[1]);
	}
	assert_int_equal(reader.r, POLLIN);
	assert_int_equal(writer.r, POLLOUT);
	assert_nothing_is_watched();
	close_both(fds);
	return r;
}

TEST_TASK(the_end_of_the_other_side_wakes_whatever_was_waited_for)
{
	int fds[2];

	make_pipe(fds);
	close(fds[WRITE_END]);
	assert_int_equal(acre_wait_fd(fds[READ_END], POLLIN), POLLHUP);
	assert_int_equal(acre_wait_fd(fds[READ_END], 0), POLLHUP);
	close(fds[READ_END]);

	make_pipe(fds);
	fill(fds[WRITE_END]);
	close(fds[READ_END]);
	assert_int_equal(acre_wait_fd(fds[WRITE_END], POLLOUT), POLLERR);
	close(fds[WRITE_END]);

	make_sockets(fds);
	shutdown(fds[1], SHUT_WR);
	assert_int_equal(acre_wait_fd(fds[0], POLLRDHUP), POLLRDHUP);
	close_both(fds);
	assert_nothing_is_watched();
	return 0;
}

TEST_TASK(a_cancelled_wait_leaves_no_interest)
{
	struct waiter w;
	int fds[2];
	int r = 0;

	make_pipe(fds);
	ACRE_NURSERY(n, r) {
		r = start_waiter(&n, &w, fds[READ_END], POLLIN);
		acre_nursery_cancel(&n);
	}
	assert_int_equal(w.r, -ECANCELED);
	assert_nothing_is_watched();
	close_both(fds);
	return r;
}

TEST_TASK(a_cancelled_task_does_not_even_look)
{
	struct acre_scope s;
	int fds[2];
	int r;

	make_pipe(fds);
	put_byte(fds[WRITE_END]);
	acre_scope_open(&s);
	acre_scope_cancel(&s);
	r = acre_wait_fd(fds[READ_END], POLLIN);
	assert_int_equal(r, -ECANCELED);
	assert_int_equal(acre_scope_close(&s, r), 0);

	assert_nothing_is_watched();
	close_both(fds);
	return 0;
}

TEST_TASK(cancelling_one_of_two_leaves_the_other_waiting)
{
	struct waiter cancelled, other;
	int fds[2];
	int r = 0;

	make_pipe(fds);
	ACRE_NURSERY(outer, r) {
		r = start_waiter(&outer, &other, fds[READ_END], POLLIN);
		ACRE_NURSERY(n, r) {
			r = start_waiter(&n, &cancelled, fds[READ_END], POLLIN | POLLPRI);
			acre_nursery_cancel(&n);
		}
		assert_false(other.has_ended);
		assert_int_equal(map_n(&loop_this->fds), 1);
		put_byte(fds[WRITE_END]);
	}
	assert_int_equal(cancelled.r, -ECANCELED);
	assert_int_equal(other.r, POLLIN);
	assert_nothing_is_watched();
	close_both(fds);
	return r;
}

/* The next switch goes to the loop's fiber, which polls, and not to the task that is
 * ready. */
static void make_poll_due(void)
{
	loop_this->switches = LOOP_POLL_SWITCHES;
	loop_this->looks = LOOP_POLL_LOOKS;
}

/* The wait is unlinked when it is cancelled, the task runs later; a poll comes in
 * between. */
TEST_TASK(an_event_between_the_cancel_and_the_task_is_nobody_s)
{
	struct waiter w;
	int fds[2];
	int r = 0;

	make_pipe(fds);
	put_byte(fds[WRITE_END]);
	ACRE_NURSERY(n, r) {
		r = start_waiter(&n, &w, fds[WRITE_END], POLLIN);
		acre_nursery_cancel(&n);
		close(fds[READ_END]); /* POLLERR, for which nobody needs to ask */
		make_poll_due();
	}
	assert_int_equal(w.r, -ECANCELED);
	assert_nothing_is_watched();
	close(fds[WRITE_END]);
	return r;
}

TEST_TASK(a_file_is_always_ready)
{
	char path[512];
	int fd;

	snprintf(path, sizeof path, "%s/file", test_dir());
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);

	assert_int_equal(acre_wait_fd(fd, POLLIN), POLLIN);
	assert_int_equal(acre_wait_fd(fd, POLLIN | POLLOUT), POLLIN | POLLOUT);
	assert_class(acre_wait_fd(fd, POLLPRI), EPERM); /* would never come */

	assert_nothing_is_watched();
	close(fd);
	return 0;
}

TEST_TASK(a_number_that_is_not_open_fails_and_is_named)
{
	int r = acre_wait_fd(1000, POLLIN);

	assert_class(r, EBADF);
	assert_text_has(acre_why(r)->message, "descriptor 1000");
	assert_class(acre_wait_fd(-1, POLLIN), EBADF);
	assert_nothing_is_watched();
	return 0;
}

TEST_TASK(events_that_poll_does_not_have_are_refused)
{
	int fds[2];

	make_pipe(fds);
	assert_class(acre_wait_fd(fds[READ_END], (int)EPOLLET), EINVAL);
	assert_class(acre_wait_fd(fds[READ_END], POLLIN | EPOLLONESHOT), EINVAL);

	assert_nothing_is_watched();
	close_both(fds);
	return 0;
}

TEST_TASK(a_number_that_is_closed_and_used_again_is_waited_for_anew)
{
	struct waiter w;
	int fds[2], number;
	int r = 0;

	make_pipe(fds);
	number = fds[READ_END];
	put_byte(fds[WRITE_END]);
	assert_int_equal(acre_wait_fd(number, POLLIN), POLLIN);
	close_both(fds);

	make_pipe(fds);
	assert_int_equal(fds[READ_END], number);
	ACRE_NURSERY(n, r) {
		r = start_waiter(&n, &w, number, POLLIN);
		assert_false(w.has_ended);
		put_byte(fds[WRITE_END]);
	}
	assert_int_equal(w.r, POLLIN);
	assert_nothing_is_watched();
	close_both(fds);
	return r;
}

TEST_TASK(a_wait_on_a_number_closed_under_it_ends_when_that_shows)
{
	struct waiter old, young;
	int fds[2];
	int r = 0;

	make_pipe(fds);
	ACRE_NURSERY(n, r) {
		r = start_waiter(&n, &old, fds[READ_END], POLLIN);
		close_both(fds);
		make_pipe(fds);
		if (r >= 0)
			r = start_waiter(&n, &young, fds[READ_END], POLLIN);
		put_byte(fds[WRITE_END]);
	}
	assert_class(old.r, EBADF);
	assert_int_equal(young.r, POLLIN);
	assert_nothing_is_watched();
	close_both(fds);
	return r;
}

TEST_TASK(without_memory_a_wait_fails)
{
	int fds[2];
	int r;

	make_pipe(fds);
	mem_fail_at(1, false);
	r = acre_wait_fd(fds[WRITE_END], POLLOUT);
	mem_fail_at(0, false);

	assert_class(r, ENOMEM);
	assert_nothing_is_watched();
	assert_int_equal(acre_wait_fd(fds[WRITE_END], POLLOUT), POLLOUT);
	close_both(fds);
	return 0;
}

TEST_TASK(a_full_epoll_set_fails_the_wait_and_no_other)
{
	struct waiter w;
	int fds[2];
	int r = 0;

	make_pipe(fds);
	ACRE_NURSERY(n, r) {
		r = start_waiter(&n, &w, fds[READ_END], POLLIN);
		sys_use(&sys_fault);
		sys_fault_only("epoll_ctl");
		sys_fault_at(1, ENOSPC, false);
		assert_class(acre_wait_fd(fds[WRITE_END], POLLOUT), ENOSPC);
		sys_fault_at(1, ENOMEM, false);
		assert_class(acre_wait_fd(fds[READ_END], POLLPRI), ENOMEM);
		sys_use(&sys_real);
		put_byte(fds[WRITE_END]);
	}
	assert_int_equal(w.r, POLLIN);
	assert_nothing_is_watched();
	close_both(fds);
	return r;
}
