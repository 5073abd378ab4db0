/* SPDX-License-Identifier: MIT */
/* test_uds.c - UNIX sockets as files: whose they are, who may take their place, who removes. */
#define _GNU_SOURCE
#include "unit/transports.h"

#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>

static struct listener listen_at(const struct address *a)
{
	struct listener l;

	assert_ok(transport_listen(&l, a, &transport_options_default));
	return l;
}

static void assert_no_listener(const struct address *a, int class, const char *why)
{
	struct listener l;
	int r = transport_listen(&l, a, &transport_options_default);

	assert_class(r, class);
	assert_text_has(acre_why(r)->message, why);
}

static bool is_there(const struct address *a, const char *suffix)
{
	char path[256];
	struct stat st;

	snprintf(path, sizeof path, "%s%s", a->path, suffix);
	return lstat(path, &st) == 0;
}

TEST_TASK(the_file_is_closed_to_others_and_goes_with_its_listener)
{
	struct address a = uds_at("x.sock");
	struct listener l;
	struct stat st;

	umask(0);
	l = listen_at(&a);
	umask(022);
	assert_int_equal(lstat(a.path, &st), 0);
	assert_true(S_ISSOCK(st.st_mode));
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_false(is_there(&a, ".lock"));
	transport_unlisten(&l);
	assert_false(is_there(&a, ""));
	return 0;
}

/* bind() without listen(), or with and without a life afterwards. */
static int bind_bare(const struct address *a, int type)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	memcpy(un.sun_path, a->path, sizeof a->path);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&un, sizeof un), 0);
	return fd;
}

TEST_TASK(a_file_without_a_listener_is_taken_over)
{
	struct address a = uds_at("x.sock");
	struct listener l;

	close(bind_bare(&a, SOCK_STREAM));
	assert_true(is_there(&a, ""));
	l = listen_at(&a);
	transport_unlisten(&l);
	return 0;
}

TEST_TASK(what_is_no_stream_socket_of_ours_stays_as_it_is)
{
	struct address a = uds_at("x.sock");
	int fd = open(a.path, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);

	write_text(fd, "precious");
	close(fd);
	assert_no_listener(&a, EEXIST, "there is a file that is no socket");
	assert_true(is_there(&a, ""));
	assert_int_equal(unlink(a.path), 0);

	assert_int_equal(symlink("/no/such/file", a.path), 0);
	assert_no_listener(&a, EEXIST, "there is a file that is no socket");
	assert_int_equal(unlink(a.path), 0);

	fd = bind_bare(&a, SOCK_DGRAM);
	assert_no_listener(&a, EADDRINUSE, "somebody else listens there");
	assert_true(is_there(&a, ""));
	close(fd);
	assert_int_equal(unlink(a.path), 0);
	return 0;
}

TEST_TASK(a_listener_whose_backlog_is_full_is_alive)
{
	struct transport_options few = transport_options_default;
	struct address a = uds_at("x.sock");
	struct listener l;
	int fds[8], r = 0;
	size_t n = 0;

	few.backlog = 1;
	assert_ok(transport_listen(&l, &a, &few));
	while (r >= 0 && n < ARRAY_N(fds)) {
		r = transport_dial(&fds[n], &a, &few);
		n += r >= 0;
	}
	assert_class(r, EAGAIN);
	assert_no_listener(&a, EADDRINUSE, "somebody else listens there");
	while (n > 0)
		close(fds[--n]);
	transport_unlisten(&l);
	return 0;
}

/* Between bind() and listen() a socket looks dead; the lock says that it is being born. */
TEST_TASK(who_is_about_to_listen_is_not_taken_over)
{
	struct address a = uds_at("x.sock"), lock = uds_at("x.sock.lock");
	int fd = open(lock.path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	int bound = bind_bare(&a, SOCK_STREAM);
	struct listener l;

	assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
	assert_no_listener(&a, EADDRINUSE, "somebody else listens there");
	assert_true(is_there(&a, ""));
	assert_true(is_there(&a, ".lock"));

	/* it dies, and leaves both files */
	close(bound);
	close(fd);
	l = listen_at(&a);
	assert_false(is_there(&a, ".lock"));
	transport_unlisten(&l);
	return 0;
}

static int unlink_lock(const char *name, long first, long second)
{
	static int n;
	char path[256];

	(void)first, (void)second;
	snprintf(path, sizeof path, "%s/x.sock.lock", test_dir());
	if (strcmp(name, "flock") == 0 && n++ < 3)
		unlink(path); /* as who had it before does, just before it lets go */
	return 0;
}

TEST_TASK(a_lock_that_is_of_the_past_is_none)
{
	struct address a = uds_at("x.sock");
	struct listener l;

	sys_use(&sys_fault);
	sys_fault_choose(unlink_lock);
	l = listen_at(&a);
	sys_fault_choose(NULL);
	sys_use(&sys_real);
	assert_false(is_there(&a, ".lock"));
	transport_unlisten(&l);
	return 0;
}

TEST_TASK(of_many_that_begin_at_once_one_listens)
{
	enum { CHILDREN = 8 };
	struct address a = uds_at("x.sock");
	struct listener l;
	int go[2], said[2], fd = -1, n = 0;
	char word;

	close(bind_bare(&a, SOCK_STREAM)); /* a stale one, to be removed once */
	assert_int_equal(pipe2(go, O_CLOEXEC), 0);
	assert_int_equal(pipe2(said, O_CLOEXEC), 0);
	for (int i = 0; i < CHILDREN; i++) {
		pid_t pid = fork();

		assert_true(pid >= 0);
		if (pid > 0)
			continue;
		close(go[1]);
		acre_ignore(read(go[0], &word, 1)); /* all at the end of the pipe */
		word = transport_listen(&l, &a, &transport_options_default) < 0 ? 'n'
										: 'y';
		acre_ignore(write(said[1], &word, 1));
		if (word == 'y') { /* until the one comes that says something */
			do {
				fd = accept_one(&l);
				assert_true(is_ready(fd, POLLIN));
			} while (read(fd, &word, 1) != 1);
			transport_unlisten(&l);
		}
		_exit(0);
	}
	close(go[0]);
	close(go[1]);
	for (int i = 0; i < CHILDREN; i++) {
		assert_int_equal(read(said[0], &word, 1), 1);
		n += word == 'y';
	}
	assert_int_equal(n, 1);
	assert_ok(dial_whole(&fd, &a));
	write_text(fd, "!");
	while (waitpid(-1, NULL, 0) > 0)
		;
	close(fd);
	close(said[0]);
	close(said[1]);
	assert_false(is_there(&a, ""));
	return 0;
}

TEST_TASK(a_child_of_fork_leaves_the_file_to_its_parent)
{
	struct address a = uds_at("x.sock");
	struct listener l = listen_at(&a);
	int status, fd = -1;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		transport_unlisten(&l);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_ok(dial_whole(&fd, &a));
	close(fd);
	transport_unlisten(&l);
	return 0;
}

TEST_TASK(only_its_own_file_is_removed)
{
	struct address a = uds_at("x.sock");
	struct listener l = listen_at(&a);
	int fd = -1;

	assert_int_equal(unlink(a.path), 0);
	fd = bind_bare(&a, SOCK_STREAM);
	transport_unlisten(&l);
	assert_true(is_there(&a, ""));
	close(fd);
	assert_int_equal(unlink(a.path), 0);
	return 0;
}

TEST_TASK(who_dials_has_no_address)
{
	struct address a = uds_at("x.sock"), peer = { .kind = ADDRESS_TCP4 };
	struct listener l = listen_at(&a);
	int fd = -1, accepted;

	assert_ok(dial_whole(&fd, &a));
	assert_ok(transport_accept(&l, &accepted, &peer));
	assert_int_equal(peer.kind, ADDRESS_NONE);
	close(fd);
	close(accepted);
	transport_unlisten(&l);
	return 0;
}

TEST_TASK(the_longest_path_is_dialled_and_listened_at)
{
	char text[256];
	struct address a;
	struct listener l;
	int fd = -1, used;

	used = snprintf(text, sizeof text, "/unix%s/", test_dir());
	memset(text + used, 'x', (size_t)(5 + ADDRESS_PATH_MAX - used));
	text[5 + ADDRESS_PATH_MAX] = '\0';
	a = address_at(text);
	l = listen_at(&a);
	assert_ok(dial_whole(&fd, &a));
	close(fd);
	transport_unlisten(&l);
	return 0;
}
