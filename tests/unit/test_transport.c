/* SPDX-License-Identifier: MIT */
/* test_transport.c - what every transport must do: one suite, all rows. */
#include "unit/links.h"
#include "unit/transports.h"

#include "wire/transport.h"

enum row { UDS, TCP4, TCP6, INHERITED, N_ROW };

static const char *const row_names[] = { "uds", "tcp over IPv4", "tcp over IPv6",
					 "inherited" };

/* A place to listen at that nobody has used. */
static struct address place_of(enum row row)
{
	static unsigned n;
	char file[32];

	snprintf(file, sizeof file, "place/a@%u.sock", ++n);
	return row == UDS    ? uds_at(file)
	       : row == TCP4 ? address_at("/ip4/127.0.0.1/tcp/0")
			     : address_at("/ip6/::1/tcp/0");
}

/* Not every machine has IPv6. */
static bool is_here(enum row row)
{
	struct address a;
	struct listener l;

	test_note("%s", row_names[row]);
	if (row != TCP6)
		return true;
	a = place_of(row);
	if (transport_listen(&l, &a, &transport_options_default) < 0)
		return false;
	transport_unlisten(&l);
	return true;
}

/* All rows, or those at which one can listen. */
#define each_row(row)                                        \
	for (enum row row = (enum row)0; row < N_ROW; row++) \
		if (is_here(row))
#define each_listening_row(row) each_row(row) if (row != INHERITED)

struct pair {
	struct listener listener;
	int a, b; /* `a` has dialled */
};

static struct listener listen_at(struct address a)
{
	struct listener l;

	assert_ok(transport_listen(&l, &a, &transport_options_default));
	return l;
}

static void connect_pair(struct pair *p, enum row row)
{
	struct address inherited[2] = { { .kind = ADDRESS_INHERITED },
					{ .kind = ADDRESS_INHERITED } };
	int fds[2];

	*p = (struct pair){ .a = -1, .b = -1 };
	if (row == INHERITED) {
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
		inherited[0].fd = fds[0];
		inherited[1].fd = fds[1];
		assert_ok(dial_whole(&p->a, &inherited[0]));
		assert_ok(dial_whole(&p->b, &inherited[1]));
		return;
	}
	p->listener = listen_at(place_of(row));
	assert_ok(dial_whole(&p->a, &p->listener.address));
	p->b = accept_one(&p->listener);
}

static void close_pair(struct pair *p)
{
	if (p->a >= 0)
		close(p->a);
	if (p->b >= 0)
		close(p->b);
	transport_unlisten(&p->listener);
}

TEST_TASK(what_connects_neither_blocks_nor_is_inherited)
{
	struct pair p;

	each_row(row)
	{
		connect_pair(&p, row);
		assert_true(fcntl(p.a, F_GETFL) & O_NONBLOCK);
		assert_true(fcntl(p.b, F_GETFL) & O_NONBLOCK);
		assert_fds_close_on_exec();
		close_pair(&p);
	}
	return 0;
}

TEST_TASK(what_is_written_byte_by_byte_comes_in_order_both_ways)
{
	static const char text[] = "the quick brown fox";
	struct pair p;

	each_row(row)
	{
		connect_pair(&p, row);
		for (size_t i = 0; text[i]; i++) {
			const char one[2] = { text[i] };

			write_text(p.a, one);
			assert_comes(p.b, one);
			write_text(p.b, one);
		}
		assert_comes(p.a, text);
		close_pair(&p);
	}
	return 0;
}

TEST_TASK(a_half_close_ends_one_direction)
{
	struct pair p;

	each_row(row)
	{
		connect_pair(&p, row);
		write_text(p.a, "last words");
		assert_int_equal(shutdown(p.a, SHUT_WR), 0);
		assert_comes(p.b, "last words");
		assert_int_equal(end_of(p.b), 0);
		write_text(p.b, "answer");
		assert_comes(p.a, "answer");
		close_pair(&p);
	}
	return 0;
}

TEST_TASK(a_peer_that_was_killed_is_an_end)
{
	struct pair p;
	pid_t pid;

	each_row(row)
	{
		connect_pair(&p, row);
		pid = fork();
		assert_true(pid >= 0);
		if (pid == 0)
			for (;;)
				pause();
		close(p.b);
		p.b = -1;
		kill_and_reap(pid);
		assert_int_equal(end_of(p.a), 0);
		close_pair(&p);
	}
	return 0;
}

TEST_TASK(a_peer_that_dies_with_bytes_unread_is_a_broken_end)
{
	struct pair p;

	each_row(row)
	{
		connect_pair(&p, row);
		write_text(p.a, "unread");
		assert_true(is_ready(p.b, POLLIN));
		close(p.b);
		p.b = -1;
		assert_int_equal(end_of(p.a), ECONNRESET);
		close_pair(&p);
	}
	return 0;
}

TEST_TASK(where_nobody_listens_any_more_a_dial_is_refused)
{
	struct listener l;
	struct address a;
	int fd = -1, r;

	each_listening_row(row)
	{
		l = listen_at(place_of(row));
		a = l.address;
		transport_unlisten(&l);
		r = dial_whole(&fd, &a);
		assert_class(r, row == UDS ? ENOENT : ECONNREFUSED);
	}
	return 0;
}

/* Fills it; returns how many have dialled. */
static size_t fill(const struct address *a, int *fds, size_t max, int *ret_last)
{
	size_t n = 0;

	while (n < max) {
		*ret_last = transport_dial(&fds[n], a, &transport_options_default);
		if (*ret_last < 0)
			return n;
		if (*ret_last == 1 &&
		    poll(&(struct pollfd){ fds[n], POLLOUT, 0 }, 1, 100) == 0)
			return n + 1;
		assert_int_equal(transport_dialled(fds[n], a), 0);
		n++;
	}
	return n;
}

TEST_TASK(a_full_backlog_holds_up_who_dials_until_somebody_was_accepted)
{
	enum { MANY = 8 };
	struct transport_options few = transport_options_default;
	struct address a;
	struct listener l;
	int fds[MANY], accepted[MANY];
	int last = 0, more = -1;
	size_t n;

	few.backlog = 1;
	each_listening_row(row)
	{
		a = place_of(row);
		assert_ok(transport_listen(&l, &a, &few));
		n = fill(&l.address, fds, MANY, &last);
		assert_true(n < MANY);
		if (row == UDS) { /* told at once; accepting one makes room */
			assert_class(last, EAGAIN);
			accepted[0] = accept_one(&l);
			assert_ok(dial_whole(&more, &l.address));
			fds[n++] = more;
		} else { /* under way, until accepting makes room: TCP tries again */
			assert_int_equal(last, 1);
			accepted[0] = accept_one(&l);
			assert_true(is_ready(fds[n - 1], POLLOUT));
			assert_int_equal(transport_dialled(fds[n - 1], &l.address), 0);
		}
		for (size_t i = 1; i < n; i++)
			accepted[i] = accept_one(&l);
		for (size_t i = 0; i < n; i++) {
			close(fds[i]);
			close(accepted[i]);
		}
		transport_unlisten(&l);
	}
	return 0;
}

/* Listens in a process of its own, which tells the address and then runs `after`. */
static pid_t start_listener(struct address at, struct address *ret, void (*after)(void))
{
	int pipe_fds[2];
	struct listener l;
	pid_t pid;

	assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (transport_listen(&l, &at, &transport_options_default) < 0)
			_exit(1);
		if (write(pipe_fds[1], &l.address, sizeof l.address) < 0)
			_exit(2);
		after();
		_exit(3);
	}
	assert_int_equal(read(pipe_fds[0], ret, sizeof *ret), sizeof *ret);
	close(pipe_fds[0]);
	close(pipe_fds[1]);
	return pid;
}

static void be_stopped(void)
{
	raise(SIGSTOP);
}

static void stay(void)
{
	for (;;)
		pause();
}

TEST_TASK(a_listener_that_is_stopped_is_reached_and_silent_until_it_dies)
{
	struct address a;
	int fd = -1, status, end;
	char byte;
	pid_t pid;

	each_listening_row(row)
	{
		pid = start_listener(place_of(row), &a, be_stopped);
		assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
		assert_true(WIFSTOPPED(status));
		assert_ok(dial_whole(&fd, &a));
		write_text(fd, "hello");
		assert_int_equal(read(fd, &byte, 1), -1);
		assert_int_equal(errno, EAGAIN);
		kill_and_reap(pid);
		if (row == UDS)
			assert_int_equal(unlink(a.path), 0);
		end = end_of(fd);
		assert_true(end == 0 || end == ECONNRESET);
		close(fd);
	}
	return 0;
}

TEST_TASK(c095_a_second_listener_is_refused_and_the_first_goes_on)
{
	struct listener first, second = { .fd = -7 };
	int a = -1, b, r;

	each_listening_row(row)
	{
		first = listen_at(place_of(row));
		for (int i = 0; i < 3; i++) {
			r = transport_listen(&second, &first.address,
					     &transport_options_default);
			assert_class(r, EADDRINUSE);
			assert_text_has(acre_why(r)->message,
					"somebody else listens there");
			assert_int_equal(second.fd, -7);
		}
		/* who has looked for life is a stranger that goes at once */
		assert_ok(dial_whole(&a, &first.address));
		b = accept_one(&first);
		if (row == UDS)
			for (int i = 1; i < 4; i++) {
				assert_int_equal(end_of(b), 0);
				close(b);
				b = accept_one(&first);
			}
		write_text(a, "still here");
		assert_comes(b, "still here");
		close(a);
		close(b);
		transport_unlisten(&first);
	}
	return 0;
}

TEST_TASK(the_place_of_a_listener_that_was_killed_is_taken_over)
{
	struct address a;
	struct listener l;
	int fd = -1, b;
	pid_t pid;

	each_listening_row(row)
	{
		pid = start_listener(place_of(row), &a, stay);
		assert_ok(dial_whole(&fd, &a));
		kill_and_reap(pid);
		close(fd);
		if (row == UDS)
			assert_class(dial_whole(&fd, &a), ECONNREFUSED);
		assert_ok(transport_listen(&l, &a, &transport_options_default));
		assert_true(address_is_equal(&l.address, &a));
		assert_ok(dial_whole(&fd, &a));
		b = accept_one(&l);
		close(fd);
		close(b);
		transport_unlisten(&l);
	}
	return 0;
}

TEST_TASK(nobody_to_accept_is_said_at_once)
{
	struct address peer;
	struct listener l;
	int fd = -7;

	each_listening_row(row)
	{
		l = listen_at(place_of(row));
		assert_int_equal(transport_accept(&l, &fd, &peer), -EAGAIN);
		assert_int_equal(fd, -7);
		transport_unlisten(&l);
		transport_unlisten(&l);
	}
	return 0;
}

TEST_TASK(the_kernel_says_who_is_at_the_other_end_or_that_it_does_not_know)
{
	struct transport_peer peer;
	struct pair p;

	each_row(row)
	{
		connect_pair(&p, row);
		for (int i = 0; i < 2; i++) {
			int r = transport_peer(i ? p.a : p.b, &peer);

			if (row == TCP4 || row == TCP6) {
				assert_class(r, EOPNOTSUPP);
				continue;
			}
			assert_ok(r);
			assert_int_equal(peer.pid, getpid());
			assert_int_equal(peer.uid, geteuid());
			assert_int_equal(peer.gid, getegid());
			assert_int_equal(peer.pidfd >= 0, sys_has(SYS_HAS_PEER_PIDFD));
			assert_fds_close_on_exec();
			if (peer.pidfd >= 0)
				close(peer.pidfd);
		}
		close_pair(&p);
	}
	return 0;
}

TEST_TASK(a_link_runs_over_it)
{
	struct pair p;
	struct end e;
	struct buf in;
	char text[256];

	each_row(row)
	{
		connect_pair(&p, row);
		e = (struct end){ .n_closed = 0 };
		assert_ok(link_open(&e.link, TAKE_FD(p.a), "peer", &end_ops,
				    &wire_limits_default));
		send_frame(&e, MSG_YIELD, "1", 1000);
		link_flush(&e.link);
		assert_true(is_ready(p.b, POLLIN));
		buf_init(&in, 1024 * 1024);
		while (buf_len(&in) < LENGTH_SIZE ||
		       buf_len(&in) < length_of(buf_bytes(&in)))
			read_all(p.b, &in);
		tell_frames(text, sizeof text, &in);
		assert_string_equal(text, "Yield:1 ");
		buf_fini(&in);

		write_frame(p.b, MSG_STOP, "2", 0);
		while (e.n_frames == 0) /* ended by the limit of a test */
			sched_yield_task();
		assert_string_equal(e.log, "Stop:2 ");
		close(TAKE_FD(p.b));
		while (e.n_closed == 0)
			sched_yield_task();
		assert_int_equal(e.class, ACRE_ECLOSED);
		close_end(&e, -1);
		close_pair(&p);
	}
	return 0;
}

/* All that is done to connect, once; a failure is whatever a call said. */
static void connect_or_fail(const struct address *at)
{
	struct address peer;
	struct listener l;
	int a, b;

	if (transport_listen(&l, at, &transport_options_default) < 0)
		return;
	if (dial_whole(&a, &l.address) >= 0) {
		if (transport_accept(&l, &b, &peer) >= 0)
			close(b);
		close(a);
	}
	transport_unlisten(&l);
}

/* What could not be removed, because that call was the one that failed, is in nobody's way. */
TEST_TASK(whatever_call_fails_the_house_is_clean_and_the_place_is_free)
{
	struct address at;
	struct listener l;
	uint64_t n;

	each_listening_row(row)
	{
		at = place_of(row);
		sys_use(&sys_fault);
		sys_fault_at(0, 0, false);
		connect_or_fail(&at);
		n = sys_fault_calls();
		assert_true(n > 10);
		for (uint64_t i = 1; i <= n; i++) {
			sys_fault_at(i, EIO, false);
			connect_or_fail(&at);
			sys_fault_at(0, 0, false);
			l = listen_at(at);
			transport_unlisten(&l);
		}
		sys_use(&sys_real);
	}
	return 0;
}

TEST_TASK(what_is_no_address_leads_nowhere)
{
	struct address none = { 0 };
	struct address inherited = { .kind = ADDRESS_INHERITED, .fd = 0 }; /* /dev/null */
	struct listener l;
	int fd = -1, r;

	assert_class(transport_dial(&fd, &none, &transport_options_default), EINVAL);
	r = transport_listen(&l, &none, &transport_options_default);
	assert_class(r, EOPNOTSUPP);
	r = transport_listen(&l, &inherited, &transport_options_default);
	assert_class(r, EOPNOTSUPP);
	r = transport_dial(&fd, &inherited, &transport_options_default);
	assert_class(r, ENOTSOCK);
	assert_text_has(acre_why(r)->message, "taking over inherited descriptor 0");
	assert_null(transport_of(&none));
	return 0;
}

TEST_TASK(a_row_is_found_by_its_name)
{
	each_row(row)
	{
		struct address a = row == INHERITED
					   ? (struct address){ .kind = ADDRESS_INHERITED }
					   : place_of(row);
		const struct transport *t = transport_of(&a);

		assert_ptr_equal(transport_named(t->name), t);
	}
	assert_null(transport_named("udp"));
	return 0;
}
