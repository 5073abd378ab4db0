/* SPDX-License-Identifier: MIT */
/* test_spawner.c - the thread that makes processes, and what they are born with. */
#include "unit/spawned.h"

#include <pthread.h>
#include <semaphore.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "core/report.h"
#include "unit/forks.h"

/* A body is a task, and the thread goes with it. */
#define TEST_SPAWN(name)                      \
	static int name##_spawn_body_(void);  \
	TEST_TASK(name)                       \
	{                                     \
		int r = name##_spawn_body_(); \
                                              \
		spawner_stop();               \
		return r;                     \
	}                                     \
	static int name##_spawn_body_(void)

/*
 * What a process is born with.
 */

TEST_SPAWN(a_process_dies_with_us_and_gains_no_privileges)
{
	char *found = look_at_a_child(STDERR_FILENO);

	assert_text_has(found, "pdeathsig 9\n");
	assert_text_has(found, "NoNewPrivs:\t1\n");
	assert_text_has(found, "group own\n");
	free(found);
	return 0;
}

TEST_SPAWN(a_process_has_the_declared_descriptors_and_no_other)
{
	int careless = open("/dev/zero", O_RDONLY); /* as a library does: no O_CLOEXEC */
	char *found;

	assert_true(careless >= 0);
	assert_int_equal(fcntl(careless, F_DUPFD, 500), 500);
	found = look_at_a_child(STDERR_FILENO);

	assert_text_has(found, "fds 4\n");
	assert_text_has(found, "stdin /dev/null\n");
	close(500);
	close(careless);
	free(found);
	return 0;
}

/* The thread that makes processes rests, and its lock is free in the child. */
TEST_SPAWN(s01_a_process_can_be_forked_beside_the_spawner)
{
	char *found = look_at_a_child(STDERR_FILENO);

	assert_string_equal(status_of(tell_fds, NULL, 0), "rc=3");
	free(found);
	return 0;
}

static void on_signal(int sig)
{
	(void)sig;
}

TEST_SPAWN(a_process_ignores_nothing_and_blocks_nothing)
{
	static const int ignored[] = { SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGCHLD };
	sigset_t usr2;
	char *found;

	for (size_t i = 0; i < ARRAY_N(ignored); i++)
		sigaction(ignored[i], &(struct sigaction){ .sa_handler = SIG_IGN }, NULL);
	sigaction(SIGUSR2, &(struct sigaction){ .sa_handler = on_signal }, NULL);
	sigemptyset(&usr2);
	sigaddset(&usr2, SIGUSR2);
	sigprocmask(SIG_BLOCK, &usr2, NULL);
	sigaction(SIGCHLD, &(struct sigaction){ .sa_handler = SIG_DFL }, NULL);
	found = look_at_a_child(STDERR_FILENO);

	assert_text_has(found, "SigBlk:\t0000000000000000\n");
	assert_text_has(found, "SigIgn:\t0000000000000000\n");
	sigprocmask(SIG_UNBLOCK, &usr2, NULL);
	for (size_t i = 0; i < ARRAY_N(ignored); i++)
		sigaction(ignored[i], &(struct sigaction){ .sa_handler = SIG_DFL }, NULL);
	sigaction(SIGUSR2, &(struct sigaction){ .sa_handler = SIG_DFL }, NULL);
	free(found);
	return 0;
}

TEST_SPAWN(our_own_dispositions_stay_as_they_are)
{
	struct sigaction now;
	char *found;

	sigaction(SIGUSR2, &(struct sigaction){ .sa_handler = on_signal }, NULL);
	found = look_at_a_child(STDERR_FILENO);

	sigaction(SIGUSR2, NULL, &now);
	assert_ptr_equal(now.sa_handler, on_signal);
	raise(SIGUSR2);
	sigaction(SIGUSR2, &(struct sigaction){ .sa_handler = SIG_DFL }, NULL);
	free(found);
	return 0;
}

/* The keyboard's ^C between the clone and the child's own process group. */
static int setpgid_after_an_interrupt(pid_t pid, pid_t group)
{
	syscall(SYS_tgkill, sys_real.getpid(), sys_real.gettid(), SIGINT);
	return sys_real.setpgid(pid, group);
}

TEST_SPAWN(an_interrupt_meant_for_us_does_not_end_a_newborn)
{
	struct sys_table table = sys_real;
	char *found;

	table.setpgid = setpgid_after_an_interrupt;
	sys_use(&table);
	found = look_at_a_child(STDERR_FILENO);
	sys_use(&sys_real);

	assert_text_has(found, "group own\n");
	free(found);
	return 0;
}

/* A daemon may have closed them, and then they are whatever was opened next. */
TEST_SPAWN(a_process_has_its_standard_descriptors_also_if_we_have_none)
{
	int saved[3];
	char *found;

	for (int fd = 0; fd < 3; fd++) {
		saved[fd] = fcntl(fd, F_DUPFD_CLOEXEC, 100);
		close(fd);
	}
	assert_int_equal(sys_openat(AT_FDCWD, "/dev/zero", O_RDWR, 0), 0);
	found = look_at_a_child(0); /* /dev/zero for its stderr */
	close(0);
	for (int fd = 0; fd < 3; fd++) {
		dup2(saved[fd], fd);
		close(saved[fd]);
	}

	assert_text_has(found, "fds 4\n");
	assert_text_has(found, "stdin /dev/null\n");
	assert_text_has(found, "stdout /dev/null\n");
	assert_text_has(found, "stderr /dev/zero\n");
	free(found);
	return 0;
}

TEST_SPAWN(a_process_has_our_environment)
{
	char *found;

	setenv("VAR", "a value", 1);
	found = look_at_a_child(STDERR_FILENO);

	assert_text_has(found, "VAR a value\n");
	unsetenv("VAR");
	free(found);
	return 0;
}

/*
 * The parent check (kernel-facts K3).
 */

static pid_t not_the_parent(void)
{
	return 1;
}

TEST_SPAWN(a_process_whose_parent_has_gone_does_not_start)
{
	struct sys_table table = sys_real;
	struct spawn_request q;
	int r;

	table.getppid = not_the_parent;
	sys_use(&table);
	r = spawn_own(&q, "--look", STDERR_FILENO, STDERR_FILENO);
	sys_use(&sys_real);

	assert_class(r, ESRCH);
	assert_string_equal(q.step, "tying its life to the parent's");
	return 0;
}

/*
 * Failures.
 */

TEST_SPAWN(a_program_that_is_not_there_is_told_with_step_and_errno)
{
	char *none[] = { NULL };
	struct spawn_request q = { .make = spawn_exec, .path = "/no/such/program",
				   .argv = none,
				   .env = none,
				   .stderr_fd = STDERR_FILENO };
	int r = spawner_make(&q);

	assert_class(r, ENOENT);
	assert_text_has(acre_why(r)->message, "/no/such/program");
	assert_string_equal(q.step, "exec");
	assert_int_equal(q.error, ENOENT);
	assert_int_equal(q.pid.fd, -1);
	return 0;
}

/* Until a call of that name does not fail any more, since there is no further one. */
static int fail_each(const char *call)
{
	bool failed = true;
	int n = 0;

	for (uint64_t nth = 1; failed; nth++) {
		struct spawn_request q;
		int r;

		sys_use(&sys_fault);
		sys_fault_only(call);
		sys_fault_at(nth, EMFILE, false);
		r = spawn_own(&q, "--look", STDERR_FILENO, STDERR_FILENO);
		failed = sys_fault_calls() >= nth;
		sys_use(&sys_real);
		if (failed)
			assert_class(r, EMFILE);
		else
			assert_ok(r);
		if (r >= 0)
			end_of(&q);
		n += failed;
	}
	test_note("%s fails in %d places", call, n);
	return n;
}

TEST_SPAWN(whichever_call_fails_is_told_and_nothing_is_left)
{
	assert_int_equal(fail_each("spawn"), 1);
	assert_int_equal(fail_each("openat"), 1);
	assert_int_equal(fail_each("prctl"), 2);
	assert_int_equal(fail_each("setpgid"), 1);
	assert_int_equal(fail_each("dup3"), 4);
	assert_int_equal(fail_each("close_range"), 1);
	assert_int_equal(fail_each("execve"), 1);
	return 0;
}

static rlim_t address_space_used(void)
{
	FILE *f = fopen("/proc/self/statm", "re");
	unsigned long pages = 0;

	assert_non_null(f);
	assert_int_equal(fscanf(f, "%lu", &pages), 1);
	fclose(f);
	return (rlim_t)pages * 4096;
}

static void *hold_a_stack(void *until)
{
	sem_wait(until);
	return NULL;
}

/* Room for all but the stack of a thread, 8 MiB; one that libc may have kept is in use. */
TEST_SPAWN(without_a_thread_no_process_can_be_made)
{
	struct rlimit before, tight;
	struct spawn_request q;
	pthread_t holder;
	sem_t until;
	int r;

	sem_init(&until, 0, 0);
	assert_int_equal(pthread_create(&holder, NULL, hold_a_stack, &until), 0);
	assert_int_equal(getrlimit(RLIMIT_AS, &before), 0);
	tight = (struct rlimit){ address_space_used() + (4 << 20), before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_AS, &tight), 0);
	r = spawn_own(&q, "--look", STDERR_FILENO, STDERR_FILENO);
	assert_int_equal(setrlimit(RLIMIT_AS, &before), 0);
	sem_post(&until);
	assert_int_equal(pthread_join(holder, NULL), 0);
	sem_destroy(&until);
	assert_class(r, EAGAIN);
	assert_text_has(acre_why(r)->message, "the thread that makes processes");

	assert_ok(
		spawn_own(&q, "--look", STDERR_FILENO, STDERR_FILENO)); /* it can later */
	end_of(&q);
	return 0;
}

/*
 * The thread.
 */

TEST_SPAWN(processes_outlive_the_request_and_end_with_the_thread)
{
	char *argv[] = { (char[]){ "sleep" }, (char[]){ "1000" }, NULL };
	char *env[] = { NULL };
	struct spawn_request q = {
		.make = spawn_exec, .path = "/bin/sleep", .argv = argv, .env = env,
		.stderr_fd = STDERR_FILENO
	};

	assert_ok(spawner_make(&q));
	assert_false(pidref_is_dead(&q.pid));
	spawner_stop();

	assert_int_equal(end_of(&q).si_status, SIGKILL);
	return 0;
}

TEST_SPAWN(the_thread_can_start_and_stop_again_and_again)
{
	struct spawn_request q;

	for (int i = 0; i < 3; i++) {
		assert_ok(spawn_own(&q, "--look", STDERR_FILENO, STDERR_FILENO));
		end_of(&q);
		spawner_stop();
		spawner_stop();
	}
	return 0;
}

ACRE_TASK(spawn_one, int *n)
{
	struct spawn_request q;

	assert_ok(spawn_own(&q, "--look", STDERR_FILENO, STDERR_FILENO));
	(*n)++;
	end_of(&q);
	return 0;
}

TEST_SPAWN(tasks_may_ask_at_the_same_time)
{
	int n_spawned = 0, r = 0;

	ACRE_NURSERY(n, r)
		for (int i = 0; i < 20 && r >= 0; i++)
			r = acre_go(&n, spawn_one, &n_spawned);
	assert_int_equal(n_spawned, 20);
	return r;
}

/* Not cancellable: the process exists, and somebody must have it. */
TEST_SPAWN(who_is_cancelled_has_its_process_all_the_same)
{
	int n_spawned = 0, r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_go(&n, spawn_one, &n_spawned);
		while (r >= 0 && !loop_this->n_foreign)
			r = acre_yield();
		acre_nursery_cancel(&n);
	}
	assert_int_equal(n_spawned, 1);
	return r;
}

/* A child of fork has our memory, but not the thread. */
TEST_SPAWN(a_child_of_fork_makes_nothing_and_does_not_hang)
{
	struct spawn_request q;
	int status;
	pid_t pid;

	assert_ok(spawn_own(&q, "--look", STDERR_FILENO, STDERR_FILENO));
	end_of(&q);
	pid = fork();
	if (pid == 0) {
		int r = spawn_own(&q, "--look", STDERR_FILENO, STDERR_FILENO);

		spawner_stop();
		_exit(report_class(r) == ECHILD ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	return 0;
}
