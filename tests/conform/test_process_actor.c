/* SPDX-License-Identifier: MIT */
/* test_process_actor.c - what of an actor the rest of the machine sees: cases C011, C013, C020, C152 to C154. */
#include "conform/tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "actor/dump.h"
#include "actor/snap.h"
#include "core/loop.h"

static const char *const backends[] = { "exec", "forkserver", "fork" };

/* The last one is not in every build. */
static size_t n_backends(void)
{
	size_t n = sizeof backends / sizeof *backends;
	const char *why;

	return backend_is_there(backends[n - 1], &why) ? n : n - 1;
}

/*
 * C011: what an actor has promised to do at its end, it does.
 */

static const char *lock_file(void)
{
	static _Thread_local char path[512]; /* an actor may be a thread */

	snprintf(path, sizeof path, "%s/lock", test_dir());
	return path;
}

static void unlink_file(void *unused)
{
	(void)unused;
	unlink(lock_file());
}

#define HOLD(F) F(bool, fails)
ACRE_MSG(hold_file, HOLD)

ACRE_CONTEXT(hold_a_file, hold_file)
{
	int r = acre_at_end(unlink_file, NULL);

	close(open(lock_file(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	if (r >= 0)
		r = acre_started(ctx, acre_nil);
	if (r >= 0 && in->fails)
		return acre_fail(T_ASSERT, "assert 0");
	return r < 0 ? r : acre_sleep(acre_secs(3600));
}

static int hold_a_file_at(const char *backend, bool fails)
{
	struct acre_actor *a;
	int r = 0;

	ACRE_WITHIN(fails ? acre_secs(30) : acre_secs(1), r)
		ACRE_NURSERY(n, r) {
			r = acre_spawn(&n, &a, .name = "holder", .backend = backend);
			if (r >= 0)
				ACRE_OPEN(ctx, r, a, hold_a_file,
					  &(struct hold_file){ fails })
					if ((r = acre_first(ctx, acre_nil, &nil)) >= 0) {
						assert_int_equal(access(lock_file(),
									F_OK),
								 0);
						r = acre_sleep(acre_secs(3600));
					}
		}
	return r;
}

static void hold_files_at(const char *backend)
{
	assert_remote(hold_a_file_at(backend, true), T_ASSERT);
	assert_int_equal(access(lock_file(), F_OK), -1);
	assert_class(hold_a_file_at(backend, false), ETIMEDOUT);
	assert_int_equal(access(lock_file(), F_OK), -1);
}

TEST_TREE(c011_actor_lifetime_cleanup)
{
	for (size_t i = 0; i < n_backends(); i++)
		hold_files_at(backends[i]);
	hold_files_at("thread");
	return 0;
}

/*
 * C013: who it is.
 */

static void read_proc(pid_t pid, const char *name, char *ret, size_t size)
{
	char path[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	n = read(fd, ret, size - 1);
	ret[n > 0 ? n : 0] = '\0';
	close(fd);
}

/* What tells acre's processes from others: they can be dumped. */
struct look {
	pid_t pid;
	int r;
};

static void *look(void *arg)
{
	struct look *l = arg;
	char version[SNAP_VERSION_MAX];
	int null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

	l->r = dump_write_process(null_fd, l->pid, version);
	close(null_fd);
	return NULL;
}

/* On a stack of its own: a task's is too small. */
static bool is_of_acre(pid_t pid)
{
	struct look l = { .pid = pid };
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, look, &l), 0);
	pthread_join(thread, NULL);
	return l.r >= 0;
}

static pid_t start_sleep(void)
{
	char name[64] = "";
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execl("/bin/sleep", "sleep", "3600", NULL);
		_exit(1);
	}
	while (strcmp(name, "sleep\n") != 0)
		read_proc(pid, "comm", name, sizeof name);
	return pid;
}

/* Whether this kernel lets a process say where its arguments lie. */
static bool can_show_titles(void)
{
	unsigned int size;

	return prctl(PR_SET_MM, PR_SET_MM_MAP_SIZE, &size, 0, 0) == 0;
}

/* What a forked one writes into its title is not its program's argv. */
ACRE_CONTEXT(tell_argument, acre_nil, .kind = ACRE_ENDPOINT_ONESHOT)
{
	return acre_return(ctx, acre_int,
			   .value =
				   strstr(program_invocation_name, "_subactor[") != NULL);
}

TEST_TREE_OF(a_forked_actor_has_the_arguments_of_its_program, "fork")
{
	struct acre_int v = { -1 };
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "boss");
		if (r >= 0)
			r = acre_call(a, tell_argument, &nil, acre_int, &v);
	}
	assert_int_equal(v.value, false);
	return r;
}

TEST_TREE(c013_process_title)
{
	char text[512];
	pid_t sleeps = start_sleep();
	struct acre_actor *a;
	int r = 0;

	for (size_t i = 0; i < n_backends() && r >= 0; i++)
		ACRE_NURSERY(n, r) {
			r = acre_spawn(&n, &a, .name = "boss", .backend = backends[i]);
			assert_ok(r);
			read_proc(acre_actor_pid(a), "comm", text, sizeof text);
			assert_string_equal(text, "_subactor[boss@\n");
			if (strcmp(backends[i], "fork") != 0 || can_show_titles()) {
				read_proc(acre_actor_pid(a), "cmdline", text,
					  sizeof text);
				assert_int_equal(strncmp(text, "_subactor[boss@", 15), 0);
				assert_string_equal(text + strlen(text) + 1,
						    "--acre-actor");
			}
			assert_true(is_of_acre(acre_actor_pid(a)));
		}
	assert_false(is_of_acre(sleeps));
	kill(sleeps, SIGKILL);
	assert_int_equal(waitpid(sleeps, NULL, 0), sleeps);
	return r;
}

/*
 * What it costs: one thread beside its loop's, whatever else it might need one day.
 */

static void names_of_ours(pid_t pid, char ret[256])
{
	char path[64], name[64];
	struct dirent *entry;
	size_t len = 0;
	DIR *dir;

	snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
	dir = opendir(path);
	assert_non_null(dir);
	*ret = '\0';
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof path, "task/%.20s/comm", entry->d_name);
		read_proc(pid, path, name, sizeof name);
		if (!strncmp(name, "acre-", 5) && len < 192)
			len += (size_t)snprintf(ret + len, 256 - len, "%s", name);
	}
	closedir(dir);
}

TEST_TREE(an_actor_has_one_thread_beside_its_loop)
{
	struct acre_int v = { 0 };
	struct acre_actor *a;
	char names[256];
	int r = 0;

	for (size_t i = 0; i < n_backends() && r >= 0; i++)
		ACRE_NURSERY(n, r) {
			r = acre_spawn(&n, &a, .name = "idle", .backend = backends[i]);
			if (r >= 0)
				r = acre_call(a, ten, &nil, acre_int, &v);
			assert_ok(r);
			do /* bound: the test's limit; a thread names itself */
				names_of_ours(acre_actor_pid(a), names);
			while (!*names);
			assert_string_equal(names, "acre-watchdog\n");
		}
	return r;
}

/*
 * C020: answers for a peer that has died. The one that is called here is the root, whose peers
 * are its actors.
 */

static struct acre_event *peer_is_gone;
static int n_ended;

enum { FAIL_LATE, SEND_ON, SIT_IDLE, N_SERVES };

#define SERVE(F) F(uint32_t, how)
ACRE_MSG(serve, SERVE)

ACRE_CONTEXT(serve_the_dying, serve)
{
	int r = acre_started(ctx, acre_nil);

	if (r >= 0 && in->how == FAIL_LATE)
		ACRE_SHIELD(acre_secs(10), r)
			r = acre_event_wait(peer_is_gone);
	if (r >= 0 && in->how == FAIL_LATE)
		r = acre_fail(T_RUNTIME, "nobody hears this");
	for (int64_t i = 0; r >= 0 && in->how == SEND_ON; i++)
		r = acre_send(ctx, acre_int, .value = i);
	if (r >= 0)
		r = acre_sleep(acre_secs(3600));
	n_ended++;
	return r;
}

ACRE_CONTEXT(call_and_die, serve)
{
	int r = 0;

	ACRE_OPEN(up, r, acre_parent(), serve_the_dying, in)
		if ((r = acre_first(up, acre_nil, &nil)) >= 0)
			raise(SIGKILL);
	(void)ctx;
	return r;
}

TEST_TREE(c020_error_reply_to_a_dead_peer)
{
	struct acre_actor *a, *other;
	struct acre_event gone;
	struct acre_int v;
	/* a thread that dies of a signal takes its process along */
	const char *dying = backend_is("thread") ? "exec" : NULL;
	int called, r = 0;

	peer_is_gone = &gone;
	for (uint32_t how = 0; how < N_SERVES; how++) {
		acre_event_init(&gone);
		called = 0;
		ACRE_NURSERY(outer, r) {
			r = acre_spawn(&outer, &other, .name = "other");
			assert_ok(r);
			ACRE_NURSERY(n, called) {
				called = acre_spawn(&n, &a, .name = "dying",
						    .backend = dying);
				assert_ok(called);
				called =
					acre_call(a, call_and_die, &(struct serve){ how },
						  acre_nil, &nil);
			}
			assert_true(acre_has(called, ACRE_EDIED));
			acre_event_set(&gone);
			while (r >= 0 &&
			       n_ended <= (int)how) /* bound: the test's limit */
				r = acre_yield();
			assert_ok(r);
			assert_int_equal(acre_call(other, ten, &nil, acre_int, &v), 1);
			assert_int_equal(v.value, 10); /* this one is up */
		}
		assert_int_equal(acre_children(NULL, 0), 0);
	}
	peer_is_gone = NULL;
	return r;
}

/*
 * C152: how long an actor takes to boot. The shortest of some, for the machine is shared.
 */

#define BOOTS 30

static double shortest_boot_ms(const char *backend)
{
	double shortest = 1e9, ms;
	struct acre_actor *a;
	acre_instant begun;
	int r = 0;

	ACRE_NURSERY(n, r)
		for (int i = 0; i < BOOTS && r >= 0; i++) {
			begun = acre_now();
			r = acre_spawn(&n, &a, .name = "boots", .backend = backend);
			ms = seconds_since(begun) * 1e3;
			if (ms < shortest)
				shortest = ms;
		}
	assert_ok(r);
	test_note("%s: %.2f ms", backend, shortest);
	return shortest;
}

/* Ten times what the case names: it is to find what takes an age, on any machine and in any
 * build; how fast a boot is stands in bench/bench_actor.c. */
TEST_TREE(c152_import_boot_latency)
{
	static const double most_ms[] = { 100, 50, 50 };

	for (size_t i = 0; i < n_backends(); i++)
		assert_true(shortest_boot_ms(backends[i]) < most_ms[i]);
	return 0;
}

/*
 * C153: a child that prints more than a pipe holds, while it ends.
 */

#define FLOOD (256 * 1024) /* bytes: a pipe holds 64 KiB */

ACRE_CONTEXT(print_at_the_end, acre_nil)
{
	static const char bytes[FLOOD];
	int r = acre_started(ctx, acre_nil);

	if (r >= 0)
		r = acre_sleep(acre_secs(3600));
	acre_ignore_result((int)write(STDOUT_FILENO, bytes, sizeof bytes));
	return r;
}

struct printer {
	struct acre_actor *actor;
};

ACRE_TASK(hold_printer, struct printer *p)
{
	int r = 0;

	ACRE_OPEN(ctx, r, p->actor, print_at_the_end, &nil) {
		r = acre_first(ctx, acre_nil, &nil);
		if (r >= 0)
			r = acre_ready(NULL);
		if (r >= 0)
			r = acre_sleep(acre_secs(3600));
	}
	return r;
}

/* One of each backend; how long they take to end. */
static double end_printers(void)
{
	struct printer printers[sizeof backends / sizeof *backends];
	acre_instant begun = acre_now();
	void *none;
	int r = 0;

	ACRE_NURSERY(n, r) {
		for (size_t i = 0; i < n_backends() && r >= 0; i++) {
			r = acre_spawn(&n, &printers[i].actor, .name = "printer",
				       .backend = backends[i]);
			if (r >= 0)
				r = acre_go_ready(&n, hold_printer, &printers[i], &none);
		}
		assert_ok(r);
		begun = acre_now();
		acre_nursery_cancel(&n);
	}
	acre_ignore_result(r); /* it may be told that they were too slow */
	assert_int_equal(acre_children(NULL, 0), 0);
	return seconds_since(begun);
}

TEST_TREE(c153_stdout_flood)
{
	const double patience = 3; /* in all */
	int unread[2], was = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	double took;

	actors_are_killed();
	assert_int_equal(pipe2(unread, O_CLOEXEC), 0);
	assert_int_equal(dup2(unread[1], STDOUT_FILENO), STDOUT_FILENO);
	took = end_printers();
	assert_int_equal(dup2(was, STDOUT_FILENO), STDOUT_FILENO);
	test_note("%.2f s", took);
	assert_true(took < patience + 0.5); /* shared machine */
	close(was);
	close(unread[0]);
	close(unread[1]);
	return 0;
}

/*
 * C154: what wakes a loop and has nobody at its other end any more does not keep it awake.
 */

#define TURNS_MAX 50 /* in 0.2 s; a loop that spins makes 100,000 */

static uint32_t turns_in(acre_span span)
{
	uint64_t before = atomic_load(&loop_this->status->n_turns);

	assert_ok(acre_sleep(span));
	return (uint32_t)(atomic_load(&loop_this->status->n_turns) - before);
}

ACRE_CONTEXT(shut_and_live, acre_nil)
{
	const int link_fd = 3; /* actor/birth.h */

	(void)ctx;
	shutdown(link_fd, SHUT_RDWR);
	while (pause() < 0)
		;
	return 0;
}

/* The actor lives on without its link until the ladder has ended it. */
static uint32_t turns_beside_a_cut_link(void)
{
	uint32_t turns = UINT32_MAX;
	struct acre_actor *a;
	int called, r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "cut", .backend = "exec");
		assert_ok(r);
		ACRE_SHIELD(acre_secs(10), r) {
			called = acre_call(a, shut_and_live, &nil, acre_nil, &nil);
			assert_class(called, ACRE_ECLOSED);
			turns = turns_in(acre_ms(200));
		}
	}
	return turns;
}

/* A descriptor that a task waits for, with more to come than what it waits for. */
static uint32_t turns_beside_a_closed_pipe(void)
{
	int ends[2];
	uint32_t turns;

	assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	close(ends[1]);
	assert_true(acre_wait_fd(ends[0], POLLIN) > 0);
	turns = turns_in(acre_ms(200));
	close(ends[0]);
	return turns;
}

TEST_TREE(c154_broken_wakeups)
{
	uint32_t link, pipe;

	actors_are_killed();
	link = turns_beside_a_cut_link();
	pipe = turns_beside_a_closed_pipe();
	test_note("%u turns beside a cut link, %u beside a closed pipe", link, pipe);
	assert_true(link < TURNS_MAX);
	assert_true(pipe < TURNS_MAX);
	return 0;
}
