/* SPDX-License-Identifier: MIT */
/* test_fixture.c - the fixture finds what it is there to find. */
/*
 * Each thing that a test must not leave behind is left behind once, by a test that must
 * fail and say so. What the runner prints and returns is in test_runner.c.
 *
 * This program is linked without the library, because it defines what the fixture takes
 * from there.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/house.h"
#include "lib/test.h"

#define PATIENCE 20 /* seconds for what takes milliseconds, on a loaded machine */

/* What the fixture takes from the library. */
static uint64_t live_allocations;

uint64_t mem_live(void);

uint64_t mem_live(void)
{
	return live_allocations;
}

/* Processes and files. */

static void wait_for_ever(void)
{
	for (;;)
		pause();
}

static void end_at_once(void) {}

static pid_t fork_child(void (*fn)(void))
{
	pid_t pid = fork();

	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		fn();
		_exit(0);
	}
	return pid;
}

/* Leaves a zombie. */
static void wait_for_death(pid_t pid)
{
	siginfo_t end;

	assert_int_equal(waitid(P_PID, (id_t)pid, &end, WEXITED | WNOWAIT), 0);
}

static void wait_for_death_of_orphan(pid_t pid)
{
	int pidfd = pidfd_open(pid, 0);

	assert_int_not_equal(pidfd, -1);
	assert_ok(test_wait_pidfd(pidfd, PATIENCE));
	close(pidfd);
}

/* To be called first: valgrind 3.19 has no pidfds. */
static void need_pidfds(void)
{
	int pidfd = pidfd_open(getpid(), 0);

	if (pidfd < 0)
		test_skip("pidfd_open: %s", strerror(errno));
	close(pidfd);
}

static int reap(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

/* A process whose parent has died and been reaped, so that the runner is its parent. */
static pid_t fork_orphan(void (*fn)(void))
{
	pid_t parent, orphan;
	int report[2];

	assert_int_equal(pipe2(report, O_CLOEXEC), 0);
	parent = fork();
	if (parent == 0) {
		orphan = fork_child(fn);
		if (write(report[1], &orphan, sizeof orphan) != sizeof orphan)
			_exit(1);
		_exit(0);
	}
	assert_int_equal(read(report[0], &orphan, sizeof orphan), sizeof orphan);
	reap(parent);
	close(report[0]);
	close(report[1]);
	return orphan;
}

static void start_thread(void *(*fn)(void *))
{
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, fn, NULL), 0);
}

static const char *path_of(char *buf, size_t size, const char *name)
{
	assert_true(snprintf(buf, size, "%s/%s", test_dir(), name) < (int)size);
	return buf;
}

static void make_file(const char *path)
{
	int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	assert_int_not_equal(fd, -1);
	close(fd);
}

/* What a test finds. */

TEST(a_test_has_a_directory_of_its_own)
{
	char path[4096];
	struct stat st;

	assert_int_equal(stat(test_dir(), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_string_equal(getenv("TMPDIR"), test_dir());
	assert_string_equal(getenv("XDG_RUNTIME_DIR"), path_of(path, sizeof path, "run"));
	assert_int_equal(stat(path, &st), 0);

	/* What it leaves there is no fault. */
	make_file(path_of(path, sizeof path, "file"));
	assert_int_equal(mkdir(path_of(path, sizeof path, "directory"), 0700), 0);
	make_file(path_of(path, sizeof path, "directory/file"));
}

TEST(a_test_starts_with_default_signals_and_an_empty_stdin)
{
	struct sigaction action;
	sigset_t blocked, none;
	char byte;

	sigemptyset(&none);
	assert_int_equal(pthread_sigmask(SIG_SETMASK, NULL, &blocked), 0);
	assert_memory_equal(&blocked, &none, 8); /* the kernel's part of it: 64 signals */
	assert_int_equal(sigaction(SIGINT, NULL, &action), 0);
	assert_ptr_equal(action.sa_handler, SIG_DFL);

	assert_int_equal(read(0, &byte, 1), 0);
	assert_int_equal(getpgrp(), getpid());
}

TEST(a_test_starts_without_fds_that_a_program_would_inherit)
{
	assert_fds_close_on_exec();
}

static void *return_at_once(void *arg)
{
	return arg;
}

TEST(a_joined_thread_does_not_count)
{
	pthread_t thread;

	for (int i = 0; i < 100; i++) {
		assert_int_equal(pthread_create(&thread, NULL, return_at_once, NULL), 0);
		assert_int_equal(pthread_join(thread, NULL), 0);
	}
}

TEST(a_reaped_child_does_not_count)
{
	reap(fork_child(end_at_once));
}

TEST(an_orphan_that_was_killed_does_not_count)
{
	kill(fork_orphan(wait_for_ever), SIGKILL);
}

TEST(an_orphan_that_was_killed_and_is_dead_does_not_count)
{
	pid_t pid;

	need_pidfds();
	pid = fork_orphan(wait_for_ever);
	kill(pid, SIGKILL);
	wait_for_death_of_orphan(pid);
}

TEST(a_flood_of_output_does_not_block)
{
	static char line[65536];

	memset(line, 'x', sizeof line);
	for (int i = 0; i < 256; i++)
		assert_int_equal(write(1, line, sizeof line), sizeof line);
}

/* How a test may end. */

TEST_FAILS(an_assertion_that_does_not_hold, "0x1 != 0x2")
{
	assert_int_equal(1, 2);
}

static void *fail_in_thread(void *arg)
{
	assert_int_equal(1, 2);
	return arg;
}

TEST_FAILS(an_assertion_in_a_thread, "0x1 != 0x2")
{
	start_thread(fail_in_thread);
	wait_for_ever();
}

static void fail_in_child(void)
{
	assert_int_equal(1, 2);
}

TEST_FAILS(an_assertion_in_a_child_that_is_not_reaped,
	   "child not reaped, killed by signal 6")
{
	wait_for_death(fork_child(fail_in_child));
}

TEST_FAILS(a_crash, "ended by signal 11")
{
	signal(SIGSEGV, SIG_DFL); /* a sanitizer has its own way of saying it */
	raise(SIGSEGV);
}

TEST_FAILS(an_exit, "the process ended before the body, with status 0")
{
	exit(0);
}

TEST_FAILS(an_exit_that_takes_the_last_words_along, "last words")
{
	printf("last words");
	exit(1);
}

TEST_FAILS(a_skip_without_a_reason, "test_skip() without a reason")
{
	test_skip("%s", "");
}

TEST_FAILS(a_skip_of_cmocka, "the process ended before the body")
{
	skip();
}

static void skip_in_child(void)
{
	test_skip("in a child");
}

TEST_FAILS(a_skip_in_a_child, "test_skip() in process")
{
	reap(fork_child(skip_in_child));
}

TEST_FAILS(a_child_that_returns_from_the_body, "the body of the test returned in process")
{
	pid_t pid = fork();

	if (pid > 0)
		reap(pid);
}

/* The fd is open in the child only. */
TEST_FAILS(a_hang_is_explained_with_all_its_processes, "  fd 98: /dev/null")
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	dup3(null, 98, O_CLOEXEC);
	fork_child(wait_for_ever);
	close(98);
	test_limit(1);
	wait_for_ever();
}

static void *block_signals_and_spin(void *arg)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, NULL);
	for (;;)
		test_note("%s", "a flood");
	return arg;
}

TEST_FAILS(a_hang_that_takes_no_signal_and_floods, "hung: not over after 1 s")
{
	test_limit(1);
	block_signals_and_spin(NULL);
}

static void trace_the_test(void)
{
	if (ptrace(PTRACE_SEIZE, getppid(), NULL, NULL) < 0)
		_exit(1);
	poll(NULL, 0, 1500); /* longer than the limit of the test, which is the point */
}

TEST(a_test_in_a_debugger_has_no_time_limit)
{
	pid_t pid;

	prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
	test_limit(1);
	pid = fork_child(trace_the_test);
	if (reap(pid) != 0)
		test_skip("ptrace is not allowed here");
	test_limit(PATIENCE);
}

/* What a test must not leave behind, each once. */

TEST(each_difference_is_named_once)
{
	static struct text text;
	struct house before, after;
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	char *said;

	dup3(null, 20, O_CLOEXEC);
	dup3(null, 100, O_CLOEXEC);
	house_look(&before, test_dir());
	close(20);
	house_look(&after, test_dir());
	close(100);
	close(null);

	house_compare(&before, &after, &text);
	said = text_string(&text);
	assert_string_equal(said, "gone: fd 20: /dev/null\n");
	free(said);
	house_fini(&before);
	house_fini(&after);
}

TEST_FAILS(an_fd_left_open, "left: fd 99: /dev/null")
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	dup3(null, 99, O_CLOEXEC);
	close(null);
}

TEST_FAILS(an_fd_of_others_closed, "gone: fd 0: /dev/null")
{
	close(0);
}

TEST_FAILS(an_fd_that_is_something_else_now, "left: fd 0: /dev/zero")
{
	int zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);

	dup2(zero, 0);
	close(zero);
}

TEST_FAILS(all_fds_used_up, "left: fds that cannot be listed: Too many open files")
{
	int fd;

	do
		fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	while (fd >= 0);
}

static void *wait_in_thread(void *arg)
{
	pthread_setname_np(pthread_self(), "left thread");
	wait_for_ever();
	return arg;
}

TEST_FAILS(a_thread_left, "left: thread ")
{
	start_thread(wait_in_thread);
}

TEST_FAILS(a_child_left_running, "left: child running")
{
	fork_child(wait_for_ever);
}

static void end_soon(void)
{
	poll(NULL, 0, 20);
}

TEST_FAILS(a_child_that_would_end_soon, "left: child running")
{
	fork_child(end_soon);
}

TEST_FAILS(a_child_that_was_killed_only, "left: child not reaped, killed by signal 9")
{
	kill(fork_child(wait_for_ever), SIGKILL);
}

TEST_FAILS(a_zombie, "left: child not reaped, ended with status 0")
{
	wait_for_death(fork_child(end_at_once));
}

static void end_and_orphan(void)
{
	fork_child(wait_for_ever);
}

TEST_FAILS(a_child_of_a_zombie, "left: orphan running")
{
	wait_for_death(fork_child(end_and_orphan));
}

TEST_FAILS(an_orphan_left_running, "left: orphan running")
{
	fork_orphan(wait_for_ever);
}

TEST_FAILS(an_orphan_that_ended_by_itself, "left: orphan not reaped, ended with status 0")
{
	need_pidfds();
	wait_for_death_of_orphan(fork_orphan(end_at_once));
}

static pid_t orphan;

static void kill_the_orphan(void)
{
	kill(orphan, SIGKILL);
}

/* As actors end when their root does. It would pass for one that was killed in the test. */
TEST_FAILS(an_orphan_that_ends_with_the_test, "left: orphan running")
{
	orphan = fork_orphan(wait_for_ever);
	atexit(kill_the_orphan);
}

static void fork_in_the_end(void)
{
	fork_orphan(wait_for_ever);
}

TEST_FAILS(an_orphan_made_at_exit, "left: orphan running")
{
	atexit(fork_in_the_end);
}

TEST_FAILS(a_child_with_another_exit_signal, "left: child running")
{
	struct clone_args {
		uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack,
			stack_size, tls;
	} args = { .exit_signal = 0 }; /* wait() does not see it without __WALL */

	long pid = syscall(SYS_clone3, &args, sizeof args);

	if (pid < 0)
		test_skip("clone3: %s", strerror(errno));
	if (pid == 0)
		wait_for_ever();
}

TEST_FAILS(a_shared_mapping_left, "left: mapping of /memfd:page")
{
	int fd = memfd_create("page", MFD_CLOEXEC);

	assert_int_equal(ftruncate(fd, 4096), 0);
	mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
}

TEST_FAILS(a_mapping_of_dev_shm_left, "left: mapping of /dev/shm/acre-fixture")
{
	char name[64];
	int fd;

	snprintf(name, sizeof name, "/acre-fixture-%d", (int)getpid());
	fd = shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
	assert_int_not_equal(fd, -1);
	assert_int_equal(ftruncate(fd, 4096), 0);
	mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	shm_unlink(name);
	close(fd);
}

TEST_FAILS(a_socket_file_left, "left: socket file")
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	path_of(address.sun_path, sizeof address.sun_path, "run/socket");
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
	close(fd);
}

static void handle(int sig)
{
	(void)sig;
}

TEST_FAILS(a_signal_handler_left, "left: signal 10 (User defined signal 1) handled at")
{
	signal(SIGUSR1, handle);
}

TEST_FAILS(a_signal_left_ignored, "left: signal 13 (Broken pipe) ignored")
{
	signal(SIGPIPE, SIG_IGN);
}

TEST_FAILS(a_signal_left_blocked, "left: signal 12 (User defined signal 2) blocked")
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
}

TEST_FAILS(another_umask, "left: umask 077")
{
	umask(077);
}

TEST_FAILS(an_allocation_of_the_library_left, "left: 1 live allocations")
{
	live_allocations++;
}

int __lsan_do_recoverable_leak_check(void) __attribute__((weak));

TEST_FAILS(memory_left, "left: memory")
{
	char *volatile leaked;

	if (!__lsan_do_recoverable_leak_check)
		test_skip("LeakSanitizer is not linked");
	leaked = malloc(32);
	leaked = NULL;
	assert_null(leaked);
}

TEST_FAILS(undefined_behaviour, "signed integer overflow")
{
	volatile int number = 0x7fffffff;

	number++;
	test_skip("UBSan is not compiled in"); /* or it had ended the test */
}
