/* SPDX-License-Identifier: MIT */
/* test_admission.c - who is let in at a listener, and what strangers may cost: promise G23, cases C085 to C088. */
#include "conform/found.h"
#include "conform/unix_at.h"

#include <poll.h>
#include <pwd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "actor/runtime.h"
#include "wire/msg.h"

/*
 * A caller here is a bare socket, so that it can be as rude as it likes.
 */

static const char *own_path(void)
{
	static char address[1][ACRE_ADDRESS_SIZE];

	assert_int_equal(acre_self_addresses(address, 1), 1);
	return address[0] + strlen("/unix");
}

static int dial_bare(void)
{
	struct sockaddr_un to;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	to = unix_at(own_path());
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
	return fd;
}

static void send_bytes(int fd, const void *bytes, size_t len)
{
	assert_int_equal(send(fd, bytes, len, MSG_NOSIGNAL), (ssize_t)len);
}

/* False: the other side has closed already. */
static bool try_send_aid(int fd, const char *uuid, bool is_probe)
{
	struct msg m = { .kind = MSG_AID };
	struct buf out;
	bool is_sent;

	m.aid = (struct msg_aid){ .uid = { slice_of("rude"), slice_of(uuid) },
				  .pid = 1,
				  .is_probe = is_probe,
				  .acre_version = 1 };
	buf_init(&out, 4096);
	assert_int_equal(msg_write(&out, &m), 0);
	is_sent = send(fd, buf_bytes(&out), buf_len(&out), MSG_NOSIGNAL) > 0;
	buf_fini(&out);
	return is_sent;
}

static void send_aid(int fd, const char *uuid, bool is_probe)
{
	assert_true(try_send_aid(fd, uuid, is_probe));
}

/* Everything until the other side closes; how many bytes that was. */
static size_t read_to_end(int fd)
{
	char bytes[4096];
	size_t len = 0;
	ssize_t n;

	do {
		assert_true(acre_wait_fd(fd, POLLIN) > 0);
		n = read(fd, bytes, sizeof bytes);
		if (n > 0)
			len += (size_t)n;
	} while (n > 0);
	close(fd);
	return len;
}

static size_t n_peers(void)
{
	struct acre_actor *a;
	size_t n = 0;

	list_for_each(a, &runtime_this->strangers, node)
		n++;
	return n;
}

static void await_no_peers(void)
{
	while (n_peers()) /* bound: their links have ended */
		assert_ok(acre_yield());
}

/*
 * Probes.
 */

TEST_FOUND(c088_probe_leaves_no_trace)
{
	int fd = dial_bare();

	send_aid(fd, "4d1e6f3a-0000-4000-8000-000000000001", true);
	assert_true(read_to_end(fd) > 64); /* our Aid, and the end */
	await_no_peers();
	assert_int_equal(runtime_this->server.n_unadmitted, 0);
	return 0;
}

static struct acre_actor *await_caller(void)
{
	while (!n_peers()) /* bound: it has connected */
		assert_ok(acre_yield());
	return list_entry(list_first(&runtime_this->strangers), struct acre_actor, node);
}

/* Until it takes no more: what is said next stays with us. */
static void fill_socket(int fd)
{
	static const char junk[4096];

	while (send(fd, junk, sizeof junk, MSG_NOSIGNAL | MSG_DONTWAIT) > 0)
		;
}

/* It reads nothing, so our answer cannot go out; its link ends all the same. */
TEST_FOUND(c086_probe_close_is_bounded)
{
	int fd = dial_bare();

	fill_socket(await_caller()->link.fd);
	send_aid(fd, "4d1e6f3a-0000-4000-8000-000000000008", true);
	await_no_peers(); /* bound: PEER_GOODBYE_NS */
	assert_int_equal(runtime_this->server.n_unadmitted, 0);
	close(fd);
	return 0;
}

/* Introduces itself, as no registrar, and never ends its link. */
static void be_an_actor(int listener)
{
	int fd = accept(listener, NULL, NULL);

	if (try_send_aid(fd, "4d1e6f3a-0000-4000-8000-000000000009", false))
		for (;;)
			pause(); /* bound: the test kills it */
	_exit(1);
}

static int not_reached(void *unused)
{
	(void)unused;
	fail_msg("the root has begun");
	return 0;
}

/* The probe's own end of it: nobody waits for the other one. */
TEST(c086_probe_close_is_bounded_for_who_probes)
{
	char address[ACRE_ADDRESS_SIZE];
	const char *const registrars[] = { address, NULL };
	const char *path = address + strlen("/unix");
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un to;
	pid_t other;
	int r;

	snprintf(address, sizeof address, "/unix%s/other.sock", test_dir());
	to = unix_at(path);
	assert_int_equal(bind(fd, (struct sockaddr *)&to, sizeof to), 0);
	assert_int_equal(listen(fd, 1), 0);
	other = fork();
	assert_true(other >= 0);
	if (other == 0)
		be_an_actor(fd);
	r = acre_run(not_reached, NULL,
		     &(struct acre_run_options){ .transports = "uds",
						 .registrars = registrars });
	assert_class(r, EADDRINUSE);
	assert_int_equal(kill(other, SIGKILL), 0);
	assert_int_equal(waitpid(other, NULL, 0), other);
	close(fd);
	report_thread_fini();
	assert_int_equal(unlink(path), 0);
}

/*
 * What is answered to whom.
 */

TEST_FOUND(c074_silent_client)
{
	int fd = dial_bare();

	assert_int_equal(read_to_end(fd), 0); /* after HELLO_MS */
	await_no_peers();
	return 0;
}

TEST_FOUND(g23_a_hello_has_a_limit)
{
	uint32_t lengths[] = { wire_limits_default.hello + 1, 0x7fffffff };

	for (size_t i = 0; i < 2; i++) {
		int fd = dial_bare();

		send_bytes(fd, &lengths[i], 4);
		assert_int_equal(read_to_end(fd), 0);
	}
	await_no_peers();
	return 0;
}

TEST_FOUND(c073_another_frame_first_is_no_hello)
{
	static const char stop[] = "\x15\0\0\0\x82\xa8msg_type\xa4Stop\xa3"
				   "cid\xa1x";
	int fd = dial_bare();

	send_bytes(fd, stop, sizeof stop - 1);
	assert_int_equal(read_to_end(fd), 0);
	await_no_peers();
	return 0;
}

TEST_FOUND(g23_callers_without_a_hello_are_few)
{
	int fds[64];
	size_t admitted;

	for (size_t i = 0; i < 64; i++)
		fds[i] = dial_bare();
	while (runtime_this->server.n_unadmitted < wire_limits_default.unadmitted)
		assert_ok(acre_yield());
	for (size_t i = wire_limits_default.unadmitted; i < 64; i++)
		assert_int_equal(read_to_end(fds[i]), 0); /* at once */
	admitted = n_peers();
	for (size_t i = 0; i < wire_limits_default.unadmitted; i++)
		close(fds[i]);
	assert_int_equal(admitted, wire_limits_default.unadmitted);
	await_no_peers();
	assert_int_equal(runtime_this->server.n_unadmitted, 0);
	return 0;
}

/* A whole dialogue, and then one more Aid. */
TEST_FOUND(a_caller_introduces_itself_once)
{
	int fd = dial_bare();

	send_aid(fd, "4d1e6f3a-0000-4000-8000-000000000002", false);
	while (!n_peers() || runtime_this->server.n_unadmitted)
		assert_ok(acre_yield());
	send_aid(fd, "4d1e6f3a-0000-4000-8000-000000000002", false);
	assert_true(read_to_end(fd) > 64);
	await_no_peers();
	return 0;
}

/*
 * C073: what is no protocol at all, before the Aid and after it.
 */

static void assert_dropped(const char *bytes, size_t len)
{
	int fd = dial_bare();

	send_bytes(fd, bytes, len);
	shutdown(fd, SHUT_WR);
	assert_int_equal(read_to_end(fd), 0);
	await_no_peers();
}

TEST_FOUND(c073_garbage_on_the_port)
{
	static const char http[] = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
	static const char no_msgpack[] = "\x02\0\0\0\xc1\xc1";
	static const char array[] = "\x04\0\0\0\x93\x01\x02\x03";
	static const char unknown[] = "\x13\0\0\0\x82\xa8msg_type\xa5Hello\xa1v\x01";
	static const char cut[] = "\x62\0\0\0\x86\xa8msg_type\xa3"
				  "Aid";
	static const char empty[] = "\0\0\0\0";
	int well = dial_bare();

	send_aid(well, "4d1e6f3a-0000-4000-8000-000000000004", false);
	while (!n_peers() || runtime_this->server.n_unadmitted)
		assert_ok(acre_yield());
	close(well);
	await_no_peers();
	assert_dropped(http, sizeof http - 1);
	assert_dropped(no_msgpack, sizeof no_msgpack - 1);
	assert_dropped(array, sizeof array - 1);
	assert_dropped(unknown, sizeof unknown - 1);
	assert_dropped(cut, sizeof cut - 1);
	assert_dropped(empty, sizeof empty - 1);
	assert_int_equal(runtime_this->server.n_unadmitted, 0);
	return 0;
}

/*
 * C019, C021: a caller that goes at once, and one that says it is another.
 */

static int n_runs;

ACRE_CONTEXT(count_runs, acre_nil, .kind = ACRE_ENDPOINT_ONESHOT)
{
	n_runs++;
	return 0;
}

static void send_start(int fd, const char *uuid, const char *ns, const char *func,
		       const char *cid)
{
	struct msg m = { .kind = MSG_START, .cid = slice_of(cid) };
	struct buf out;

	m.start = (struct msg_start){ .ns = slice_of(ns),
				      .func = slice_of(func),
				      .kwargs = { "\x80", 1 },
				      .uid = { slice_of("rude"), slice_of(uuid) },
				      .remaining_us = -1 };
	buf_init(&out, 4096);
	assert_int_equal(msg_write(&out, &m), 0);
	send_bytes(fd, buf_bytes(&out), buf_len(&out));
	buf_fini(&out);
}

TEST_FOUND(c019_caller_vanishes_before_ack)
{
	static const char uuid[] = "4d1e6f3a-0000-4000-8000-000000000005";
	int fd = dial_bare();

	n_runs = 0;
	send_aid(fd, uuid, false);
	send_start(fd, uuid, "main", "count_runs", "a-cid");
	close(fd);
	while (!n_runs) /* bound: the Start lies in the socket */
		assert_ok(acre_yield());
	await_no_peers();
	assert_int_equal(n_runs, 1);
	return 0;
}

ACRE_CONTEXT(sleep_for_caller, acre_nil)
{
	n_runs++;
	return acre_sleep(acre_secs(3600));
}

/* The Start and what ends the link come in one read: the task has yet to begin then, and nobody
 * else would ever cancel it. */
TEST_FOUND(c019_what_a_vanished_caller_has_started_is_cancelled)
{
	static const char uuid[] = "4d1e6f3a-0000-4000-8000-000000000007";
	int fd = dial_bare();

	n_runs = 0;
	send_aid(fd, uuid, false);
	send_start(fd, uuid, "main", "sleep_for_caller", "a-cid");
	send_bytes(fd, "\x02\0\0\0\xc1\xc1", 6);
	close(fd);
	while (!n_runs) /* bound: the Start lies in the socket */
		assert_ok(acre_yield());
	await_no_peers();
	return 0;
}

static void forge(const char *ns, const char *func)
{
	int fd = dial_bare();

	send_aid(fd, "4d1e6f3a-0000-4000-8000-000000000006", false);
	send_start(fd, "4d1e6f3a-0000-4000-8000-00000000000f", ns, func, "a-cid");
	assert_true(read_to_end(fd) > 64); /* our Aid, an Error, the end */
	await_no_peers();
}

TEST_FOUND(c021_forged_caller)
{
	n_runs = 0;
	forge("main", "count_runs");
	forge("self", "cancel");
	forge("self", "_cancel_task");
	forge("self", "register_actor");
	assert_int_equal(n_runs, 0);
	assert_ok(acre_sleep(acre_ms(1))); /* nobody has cancelled us */
	return 0;
}

/* Another uid gets no further than accept: the socket's mode keeps it out, and where it does not,
 * its credentials. */
static int try_as_nobody(const char *path)
{
	struct sockaddr_un to;
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		int fd = socket(AF_UNIX, SOCK_STREAM, 0);
		char byte;

		if (setresuid(65534, 65534, 65534) < 0)
			_exit(99);
		to = unix_at(path);
		if (connect(fd, (struct sockaddr *)&to, sizeof to) < 0)
			_exit(1);
		try_send_aid(fd, "4d1e6f3a-0000-4000-8000-000000000003", false);
		_exit(read(fd, &byte, 1) > 0 ? 3 : 2);
	}
	while (waitpid(pid, &status, WNOHANG) == 0)
		assert_ok(acre_yield());
	return WEXITSTATUS(status);
}

TEST_FOUND(g23_another_user_is_not_let_in)
{
	char folder[ACRE_ADDRESS_SIZE], *slash;

	if (geteuid() != 0)
		return 0; /* nobody else to be */
	snprintf(folder, sizeof folder, "%s", own_path());
	assert_int_equal(try_as_nobody(own_path()), 1);
	/* were the modes wrong, all the way down */
	slash = folder + strlen(folder);
	while (slash > folder) {
		chmod(folder, 0777);
		while (*slash != '/' && slash > folder)
			slash--;
		*slash = '\0';
	}
	assert_int_equal(try_as_nobody(own_path()), 2);
	return 0;
}
