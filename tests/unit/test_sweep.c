/* SPDX-License-Identifier: MIT */
/* test_sweep.c - which children are strangers, and what becomes of them. */
#include "actor/sweep.h"

#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "actor/spawner.h"
#include "base/sys.h"
#include "base/util.h"
#include "core/child_table.h"
#include "lib/run.h"

#define GONE_WITHIN_S 5 /* hang guard */

static void be_subreaper(void)
{
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
}

static void wait_for_ever(void)
{
	for (;;)
		pause();
}

static int in_own_group(void)
{
	return setpgid(0, 0);
}

static int in_our_group(void)
{
	return 0;
}

static int in_own_session(void)
{
	return setsid() > 0 ? 0 : -1;
}

/* A child that is where `place` says, once this returns. */
static pid_t child_in(int (*place)(void))
{
	int said[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe(said), 0);
	pid = fork();
	if (pid == 0) {
		if (place() < 0)
			_exit(1);
		close(said[1]);
		wait_for_ever();
	}
	assert_true(pid > 0);
	close(said[1]);
	assert_int_equal(read(said[0], &byte, 1), 0);
	close(said[0]);
	return pid;
}

/* Each generation leaves the next one and ends; the last one stays. */
static void leave(int generations, int (*place)(void), int tell)
{
	pid_t pid;

	for (; generations; generations--) {
		if (place() < 0)
			_exit(1);
		pid = fork();
		if (pid)
			_exit(pid < 0);
	}
	pid = getpid();
	if (write(tell, &pid, sizeof pid) != sizeof pid)
		_exit(1);
	close(tell);
	wait_for_ever();
}

/* A process that its parent has left to us. */
static pid_t stranger(int generations, int (*place)(void))
{
	pid_t first, last;
	int said[2];

	assert_int_equal(pipe(said), 0);
	first = fork();
	if (first == 0)
		leave(generations, place, said[1]);
	assert_true(first > 0);
	close(said[1]);
	assert_int_equal(read(said[0], &last, sizeof last), sizeof last);
	close(said[0]);
	assert_int_equal(waitpid(first, NULL, 0), first);
	return last;
}

static void sweep_all(void)
{
	while (sweep() > 0) /* bound: SIGKILL */
		poll(NULL, 0, 1);
}

static void assert_swept(pid_t pid)
{
	int pidfd = pidfd_open(pid, 0);

	assert_true(pidfd >= 0);
	sweep_all();
	assert_ok(test_wait_pidfd(pidfd, GONE_WITHIN_S));
	assert_int_equal(waitpid(pid, NULL, WNOHANG), -1); /* reaped too */
	close(pidfd);
}

static void assert_spared(pid_t pid)
{
	sweep_all();
	assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

TEST(what_a_descendant_has_left_is_ended_and_reaped)
{
	be_subreaper();
	assert_swept(stranger(1, in_own_group));
	assert_swept(stranger(1, in_own_session));
}

/* Some of them come only when the sweep has ended what was between. */
TEST(what_strangers_leave_is_swept_too)
{
	pid_t all[3];

	be_subreaper();
	for (size_t i = 0; i < ARRAY_N(all); i++)
		all[i] = stranger(4, in_own_session);
	for (size_t i = 0; i < ARRAY_N(all); i++) {
		sweep_all();
		assert_int_equal(waitpid(all[i], NULL, WNOHANG), -1);
	}
}

TEST(a_stranger_that_has_ended_is_reaped)
{
	pid_t pid;
	int pidfd;

	be_subreaper();
	pid = stranger(1, in_own_group);
	pidfd = pidfd_open(pid, 0);
	kill(pid, SIGKILL);
	assert_ok(test_wait_pidfd(pidfd, GONE_WITHIN_S));
	close(pidfd);

	assert_true(sweep() > 0);
	assert_int_equal(waitpid(pid, NULL, WNOHANG), -1);
}

TEST(who_is_in_the_table_is_spared_until_it_is_taken_out)
{
	struct child_entry e;
	pid_t pid = child_in(in_own_group);
	int pidfd = pidfd_open(pid, 0);

	child_table_lock();
	child_table_add(&e, pid, pidfd, CHILD_PROGRAM);
	assert_true(child_table_has(pid));
	child_table_unlock();
	assert_true(child_table_has_programs());
	assert_spared(pid);

	child_table_remove(&e);
	child_table_remove(&e);
	assert_false(child_table_has_programs());
	close(pidfd);
	assert_swept(pid);
}

TEST(what_the_program_has_forked_itself_is_spared)
{
	pid_t pid = child_in(in_our_group);

	assert_spared(pid);
	end(pid);
}

/* system(3) and its kin wait for theirs, and would not find it. */
TEST(what_the_program_has_forked_and_not_reaped_yet_is_left_to_it)
{
	pid_t pid = fork();
	siginfo_t info;

	if (pid == 0)
		_exit(3);
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	sweep_all();
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* Its parent's children are none of its own, and its copies of their entries are dead. */
TEST(a_child_of_fork_has_an_empty_table)
{
	struct child_entry e;
	pid_t pid = child_in(in_own_group), copy;
	int pidfd = pidfd_open(pid, 0), status;

	child_table_lock(); /* as another thread may hold it at the fork */
	child_table_add(&e, pid, pidfd, CHILD_PROGRAM);
	copy = fork();
	if (copy == 0) {
		child_table_remove(&e);
		_exit(child_table_has_programs() || child_table_tell(SIGKILL));
	}
	child_table_unlock();
	assert_int_equal(waitpid(copy, &status, 0), copy);
	assert_int_equal(status, 0);
	assert_true(child_table_has_programs());
	child_table_remove(&e);
	close(pidfd);
	end(pid);
}

static sem_t made, swept;

static void *make_in_thread(void *ret)
{
	*(pid_t *)ret = child_in(in_own_group);
	sem_post(&made);
	sem_wait(&swept);
	return NULL;
}

/* kernel-facts K11: the list of the main thread does not have it. */
TEST(children_of_all_threads_are_seen)
{
	pthread_t thread;
	pid_t pid;

	sem_init(&made, 0, 0);
	sem_init(&swept, 0, 0);
	assert_int_equal(pthread_create(&thread, NULL, make_in_thread, &pid), 0);
	sem_wait(&made);
	assert_swept(pid);
	sem_post(&swept);
	pthread_join(thread, NULL);
}

TEST(who_is_told_is_all_but_helpers)
{
	struct child_entry actor, helper;
	pid_t a = child_in(in_own_group), b = child_in(in_own_group);
	int a_fd = pidfd_open(a, 0), b_fd = pidfd_open(b, 0);

	child_table_lock();
	child_table_add(&actor, a, a_fd, CHILD_ACTOR);
	child_table_add(&helper, b, b_fd, CHILD_HELPER);
	child_table_unlock();
	assert_int_equal(child_table_tell(SIGTERM), 1);
	assert_int_equal(waitpid(a, NULL, 0), a);
	assert_int_equal(waitpid(b, NULL, WNOHANG), 0);
	child_table_remove(&actor);
	child_table_remove(&helper);
	assert_true(actor.was_told);
	assert_false(helper.was_told);
	close(a_fd);
	close(b_fd);
	end(b);
}

/* Who has put it off is told at the end, once, if it is the last one. */
TEST(a_sweep_is_put_off_by_a_birth_and_made_up_for)
{
	pid_t pid;

	be_subreaper();
	pid = stranger(1, in_own_group);
	child_table_begin_birth();
	assert_int_equal(sweep(), 1);
	assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
	child_table_begin_birth();
	assert_false(child_table_end_birth());
	assert_true(child_table_end_birth());
	child_table_begin_birth();
	assert_false(child_table_end_birth());
	assert_swept(pid);
}

/*
 * kernel-facts K12: a sweep begins just when a child has been made.
 */

static sem_t sweep_begins, sweep_is_over;

static void *sweep_now(void *unused)
{
	(void)unused;
	sem_post(&sweep_begins);
	sweep();
	sem_post(&sweep_is_over);
	return NULL;
}

static pthread_t sweeper;

/* Returns when the sweep is over, or cannot be before the child is entered. */
static pid_t spawn_then_sweep(const struct sys_spawn_args *args, int (*child)(void *),
			      void *arg)
{
	pid_t pid = sys_real.spawn(args, child, arg);
	struct timespec end;

	assert_int_equal(pthread_create(&sweeper, NULL, sweep_now, NULL), 0);
	sem_wait(&sweep_begins);
	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += 1; /* the sweep waits for us: there is nothing else to wait for */
	sem_timedwait(&sweep_is_over, &end);
	return pid;
}

TEST_TASK(a_newborn_is_no_stranger)
{
	char name[] = "sleep", seconds[] = "1000";
	char *argv[] = { name, seconds, NULL }, *env[] = { NULL };
	struct sys_table table = sys_real;
	struct child_entry entry = { .pid = 0 };
	int status = 0;
	struct spawn_request q = { .make = spawn_exec,
				   .path = "/bin/sleep",
				   .argv = argv,
				   .env = env,
				   .stderr_fd = 2,
				   .entry = &entry };

	sem_init(&sweep_begins, 0, 0);
	sem_init(&sweep_is_over, 0, 0);
	table.spawn = spawn_then_sweep;
	sys_use(&table);
	assert_ok(spawner_make(&q));
	pthread_join(sweeper, NULL);
	sys_use(&sys_real);

	assert_int_equal(entry.pid, q.pid.pid);
	kill(q.pid.pid, SIGTERM); /* of no effect on whom the sweep has killed */
	assert_int_equal(waitpid(q.pid.pid, &status, 0), q.pid.pid);
	assert_int_equal(status, SIGTERM);
	child_table_remove(&entry);
	pidref_fini(&q.pid);
	spawner_stop();
	return 0;
}
