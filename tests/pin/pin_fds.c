/* SPDX-License-Identifier: MIT */
/* pin_fds.c - which descriptors go along into a program that is executed while threads open some. */
/*
 * kernel-facts K40, and the promise G16 that rests on it. Two threads make descriptors and
 * close them; meanwhile a shell is executed again and again, which counts what it was born with.
 * Facts are relied on: a failure here is a failure of ours. A hazard is worked around: its
 * test passes also when it is gone, and says so.
 */
#include "unit/spawned.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { EXECS = 100, EXECS_OF_OURS = 400, MAKERS = 2 };

/* Ends with the number of its descriptors. */
#define COUNT "set -- /proc/self/fd/*; exit $#"

struct makers {
	pthread_t threads[MAKERS];
	int (*make)(void);
	_Atomic bool stop;
};

static void *make_and_close(void *arg)
{
	struct makers *m = arg;

	while (!atomic_load(&m->stop)) {
		int fd = m->make();

		if (fd >= 0)
			close(fd);
	}
	return NULL;
}

static void makers_start(struct makers *m, int (*make)(void))
{
	m->make = make;
	atomic_store(&m->stop, false);
	for (int i = 0; i < MAKERS; i++)
		assert_int_equal(pthread_create(&m->threads[i], NULL, make_and_close, m),
				 0);
}

static void makers_stop(struct makers *m)
{
	atomic_store(&m->stop, true);
	for (int i = 0; i < MAKERS; i++)
		assert_int_equal(pthread_join(m->threads[i], NULL), 0);
}

/* Ways to make one. */

static int make_then_mark(void)
{
	int fd = open("/dev/zero", O_RDONLY);

	fcntl(fd, F_SETFD, FD_CLOEXEC);
	return fd;
}

static int make_marked(void)
{
	return sys_openat(AT_FDCWD, "/dev/zero", O_RDONLY, 0);
}

static int make_carelessly(void)
{
	return open("/dev/zero", O_RDONLY);
}

/* How many descriptors a shell has that is executed by plain means. */
static int count(bool close_all)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (close_all)
			syscall(SYS_close_range, 3U, ~0U, 0U);
		execl("/bin/sh", "sh", "-c", COUNT, (char *)NULL);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) >= 3);
	return WEXITSTATUS(status);
}

static int execs_with_strays(int (*make)(void), bool close_all)
{
	int usual = count(true), n = 0;
	struct makers m;

	makers_start(&m, make);
	for (int i = 0; i < EXECS; i++)
		n += count(close_all) > usual;
	makers_stop(&m);
	return n;
}

/* A hazard: four of five programs when it was found. */
TEST(a_descriptor_that_is_marked_late_goes_along)
{
	int n = execs_with_strays(make_then_mark, false);

	test_note("%d of %d programs got a stray descriptor", n, EXECS);
	if (n == 0)
		test_note("gone: none did");
}

TEST(cloexec_at_birth)
{
	assert_int_equal(execs_with_strays(make_marked, false), 0);
}

TEST(close_range_in_child)
{
	assert_int_equal(execs_with_strays(make_carelessly, true), 0);
}

/* G16: what we make ourselves, and what the program's libraries make. */

static int make_as_a_program_does(void)
{
	static _Atomic unsigned n;

	return atomic_fetch_add(&n, 1) % 2 ? make_marked() : make_carelessly();
}

static int count_in_one_of_ours(void)
{
	char *argv[] = { (char[]){ "sh" }, (char[]){ "-c" }, (char[]){ COUNT }, NULL };
	char *env[] = { NULL };
	struct spawn_request q = {
		.make = spawn_exec, .path = "/bin/sh", .argv = argv, .env = env,
		.stderr_fd = STDERR_FILENO
	};

	assert_ok(spawner_make(&q));
	return end_of(&q).si_status;
}

TEST_TASK(no_stray_descriptor_in_any_child_of_ours)
{
	int usual = count(true), n = 0;
	struct makers m;

	makers_start(&m, make_as_a_program_does);
	for (int i = 0; i < EXECS_OF_OURS; i++)
		n += count_in_one_of_ours() > usual;
	makers_stop(&m);
	spawner_stop();

	assert_int_equal(n, 0);
	return 0;
}
