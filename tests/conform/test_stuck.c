/* SPDX-License-Identifier: MIT */
/* test_stuck.c - a loop that a task blocks: who sees it, and interrupts that come meanwhile: promise G6. */
#include "conform/root.h"

#include <dirent.h>
#include <poll.h>
#include <stdio.h>

#include "core/loop.h"

#define FLOOD	     100000
#define HUMAN_MS     400 /* between two ^C of an impatient user, and more than one flood */
#define SEES_BY_S    1.5 /* promise: the watchdog reacts within that */
#define HANG_GUARD_S 20

/*
 * The root blocks its loop in a read() until the test lets it go on. What it and its
 * watchdog say on stderr is read by the test.
 */

static int lets_go[2], stderr_of_root[2];

static void block(void)
{
	char byte;

	say(1);
	assert_int_equal(read(lets_go[0], &byte, 1), 1);
}

static void let_go(void)
{
	assert_int_equal(write(lets_go[1], "", 1), 1);
}

static int run_with_stderr(int (*body)(int argc, char **argv))
{
	dup2(stderr_of_root[1], STDERR_FILENO);
	close(stderr_of_root[1]);
	return run_main(body);
}

static struct root stuck_root(int (*run)(void))
{
	struct root root;

	assert_int_equal(pipe2(lets_go, O_CLOEXEC), 0);
	assert_int_equal(pipe2(stderr_of_root, O_CLOEXEC), 0);
	root = root_start(run);
	close(lets_go[0]);
	close(stderr_of_root[1]);
	return root;
}

/* The next line that the root writes to stderr; "" at the end. */
static void hear_line(char *ret, size_t size)
{
	size_t len = 0;

	while (len + 1 < size && read(stderr_of_root[0], ret + len, 1) == 1 &&
	       ret[len] != '\n')
		len++;
	ret[len] = '\0';
	test_note("the root says: %s", ret);
}

static void assert_says(const char *what)
{
	char line[512];

	hear_line(line, sizeof line);
	assert_text_has(line, what);
}

static int end_of(struct root *root)
{
	int status = root_end(root);

	close(lets_go[1]);
	close(stderr_of_root[0]);
	return status;
}

/* How often the operating system has cancelled this actor. */
static int n_os_cancels(void)
{
	static struct acre_trace_event events[4096];
	size_t n = acre_trace_read(events, 4096);
	int count = 0;

	for (size_t i = 0; i < n; i++)
		count += events[i].kind == ACRE_EVENT_OS_CANCEL;
	return count;
}

/* The witness of an actor's end, while the loop of its parent is stuck. */
static const char *path_of_end(void)
{
	static char path[256];

	snprintf(path, sizeof path, "%s/ended", test_dir());
	return path;
}

static void tell_end(void *unused)
{
	(void)unused;
	close(open(path_of_end(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

ACRE_CONTEXT(tells_its_end, acre_nil, .kind = ACRE_ENDPOINT_ONESHOT)
{
	int r = acre_at_end(tell_end, NULL);

	return r < 0 ? r : acre_return(ctx, acre_nil);
}

/* A thread has no pidfd of its own. */
static void wait_for_end(int pidfd)
{
	assert_true(test_wait_file(path_of_end(), HANG_GUARD_S));
	if (!backend_is("thread"))
		assert_ok(test_wait_pidfd(pidfd, HANG_GUARD_S));
}

/* Says the child's pid, blocks, and at its end how many cancels came. */
static int hold_idle_main(int argc, char **argv)
{
	struct acre_actor *a;
	int r = 0;

	(void)argc;
	(void)argv;
	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "idle");
		assert_ok(r);
		assert_ok(acre_call(a, tells_its_end, &nil, acre_nil, &nil));
		say(acre_actor_pid(a));
		block();
		r = acre_sleep(acre_secs(3600));
	}
	say(n_os_cancels());
	return r;
}

static int root_with_idle_child(void)
{
	return run_with_stderr(hold_idle_main);
}

static int hear_pidfd(const struct root *root)
{
	int pidfd = pidfd_open(hear(root), 0);

	assert_true(pidfd >= 0);
	return pidfd;
}

static void assert_orderly(struct root *root, int n_cancels)
{
	int status;

	assert_int_equal(hear(root), n_cancels);
	status = end_of(root);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), INTERRUPTED);
}

TEST(g6_an_interrupt_of_a_stuck_loop_is_passed_on)
{
	struct root root;
	acre_instant begun;
	int child;

	root = stuck_root(root_with_idle_child);
	child = hear_pidfd(&root);
	assert_int_equal(hear(&root), 1);
	begun = acre_now();
	root_interrupt(&root);
	assert_says("passed on to its children: 1");
	test_note("seen after %.3f s", seconds_since(begun));
	assert_true(seconds_since(begun) < SEES_BY_S + 0.5); /* shared machine */
	wait_for_end(child);				     /* while the root is stuck */
	close(child);
	let_go();
	assert_orderly(&root, 1);
}

TEST(g6_it_is_said_which_task_blocks_the_loop)
{
	struct root root = stuck_root(root_with_idle_child);
	int child = hear_pidfd(&root);

	close(child);
	assert_int_equal(hear(&root), 1);
	root_interrupt(&root);
	assert_says("the loop of root has been blocked by task root for ");
	let_go();
	assert_orderly(&root, 1);
}

/* Obeys nothing but SIGKILL; a thread, which that does not reach, goes on when the root does. */
static volatile bool thread_goes_on;

ACRE_CONTEXT(get_stuck, acre_nil)
{
	acre_ignore_result(acre_started(ctx, acre_nil));
	acre_ignore_result(acre_sleep(acre_ms(20))); /* what was said goes out */
	while (!thread_goes_on)
		poll(NULL, 0, 10);
	return 0;
}

static int hold_stuck_main(int argc, char **argv)
{
	struct acre_actor *a;
	int r = 0;

	(void)argc;
	(void)argv;
	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "stuck", .linger = acre_secs(30));
		assert_ok(r);
		say(acre_actor_pid(a));
		ACRE_OPEN(ctx, r, a, get_stuck, &nil) {
			block();
			thread_goes_on = true;
			r = acre_sleep(acre_secs(3600));
		}
	}
	say(n_os_cancels());
	return r;
}

static int root_with_stuck_child(void)
{
	return run_with_stderr(hold_stuck_main);
}

/* A thread cannot be, and it is said. */
static void assert_stuck_child_killed(int pidfd)
{
	bool is_thread = backend_is("thread");

	assert_says(is_thread ? "actor stuck is a thread and cannot be killed"
			      : "killed actor stuck (pid ");
	assert_says(is_thread ? "killed its children: 0" : "killed its children: 1");
	if (!is_thread)
		assert_ok(test_wait_pidfd(pidfd, HANG_GUARD_S));
}

TEST(g6_the_second_and_third_interrupt_work_with_a_stuck_loop)
{
	struct root root;
	int child, status;

	adopt_orphans();
	root = stuck_root(root_with_stuck_child);
	child = hear_pidfd(&root);
	assert_int_equal(hear(&root), 1);
	root_interrupt(&root);
	assert_says("passed on to its children: 1");
	assert_int_equal(poll(NULL, 0, HUMAN_MS), 0);
	root_interrupt(&root);
	assert_stuck_child_killed(child);
	close(child);
	assert_int_equal(poll(NULL, 0, HUMAN_MS), 0);
	root_interrupt(&root);
	assert_says("ending");
	status = end_of(&root);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGINT);
	reap_all();
}

/* That it killed a child which did not obey is no failure: the user wanted that. */
TEST(g6_after_a_second_interrupt_the_loop_goes_on_to_its_end)
{
	struct root root;
	int child;

	root = stuck_root(root_with_stuck_child);
	child = hear_pidfd(&root);
	assert_int_equal(hear(&root), 1);
	root_interrupt(&root);
	assert_says("passed on to its children: 1");
	assert_int_equal(poll(NULL, 0, HUMAN_MS), 0);
	root_interrupt(&root);
	assert_stuck_child_killed(child);
	close(child);
	let_go();
	assert_orderly(&root, 1);
}

/* What a program starts that has no actors is its own: nothing sweeps. */
static int hold_nothing_main(int argc, char **argv)
{
	int is_subreaper = -1;

	(void)argc;
	(void)argv;
	assert_int_equal(prctl(PR_GET_CHILD_SUBREAPER, &is_subreaper), 0);
	say(is_subreaper);
	block();
	return 0;
}

static int root_without_children(void)
{
	return run_with_stderr(hold_nothing_main);
}

TEST(g6_the_third_interrupt_works_with_a_stuck_loop_without_children)
{
	struct root root = stuck_root(root_without_children);
	int status;

	assert_int_equal(hear(&root), false);
	assert_int_equal(hear(&root), 1);
	for (int i = 0; i < 2; i++) {
		root_interrupt(&root);
		assert_says("by task root for ");
		assert_int_equal(poll(NULL, 0, HUMAN_MS), 0);
	}
	root_interrupt(&root);
	assert_says("ending");
	status = end_of(&root);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGINT);
}

static void flood(const struct root *root, double at_least_s)
{
	acre_instant begun = acre_now();
	int n = 0;

	while (n < FLOOD || seconds_since(begun) < at_least_s) {
		root_interrupt(root);
		n++;
	}
	test_note("%d interrupts in %.3f s", n, seconds_since(begun));
}

static void flood_stuck(double seconds)
{
	struct root root = stuck_root(root_with_idle_child);
	int child = hear_pidfd(&root);

	assert_int_equal(hear(&root), 1);
	flood(&root, seconds);
	let_go();
	close(child);
	assert_orderly(&root, 1);
}

TEST(g6_a_hundred_thousand_interrupts_of_a_loop_stuck_for_a_second_are_one_cancel)
{
	flood_stuck(1);
}

/* The watchdog takes them by then. */
TEST(g6_a_longer_flood_is_one_cancel_too)
{
	flood_stuck(3);
}

/* No sleep: it waits until the watchdog has seen it. */
static void block_until_seen(void)
{
	for (int ms = 0; ms < HANG_GUARD_S * 1000; ms += 10) {
		if (atomic_load(&loop_this->mailbox.head))
			return;
		poll(NULL, 0, 10);
	}
	fail_msg("nobody has seen that the loop is stuck");
}

static bool blocked_by(uint32_t *ret_task, int64_t *ret_ns)
{
	static struct acre_trace_event events[4096];
	size_t n = acre_trace_read(events, 4096);

	for (size_t i = 0; i < n; i++)
		if (events[i].kind == ACRE_EVENT_LOOP_BLOCKED) {
			*ret_task = (uint32_t)events[i].a;
			*ret_ns = (int64_t)events[i].b;
			return true;
		}
	return false;
}

ACRE_TASK(block_loop, uint32_t *ret_id)
{
	*ret_id = loop_this->current->id;
	block_until_seen();
	return 0;
}

TEST_TREE(a_task_that_blocks_the_loop_is_traced)
{
	struct acre_actor *a;
	uint32_t blocker = 0, traced = 0;
	int64_t ns = 0;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "idle"); /* with it comes the watchdog */
		assert_ok(r);
		assert_ok(acre_go(&n, block_loop, &blocker));
		while (!blocked_by(&traced, &ns))
			assert_ok(acre_sleep(acre_ms(1)));
	}
	assert_int_equal(traced, blocker);
	assert_true(ns >= 1000000000);
	return r;
}

/*
 * kernel-facts K48: who waits does not look at the clock.
 */

static unsigned long switches_of(pid_t pid)
{
	char path[320], line[128];
	unsigned long sum = 0, n;
	struct dirent *e;
	DIR *dir;
	FILE *f;

	snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
	dir = opendir(path);
	assert_non_null(dir);
	while ((e = readdir(dir))) {
		snprintf(path, sizeof path, "/proc/%d/task/%s/status", (int)pid,
			 e->d_name);
		f = e->d_name[0] == '.' ? NULL : fopen(path, "re");
		while (f && fgets(line, sizeof line, f))
			if (sscanf(line, "voluntary_ctxt_switches: %lu", &n) == 1)
				sum += n;
		if (f)
			fclose(f);
	}
	closedir(dir);
	return sum;
}

/* In all of two seconds, of which the first is for what is left from before. */
static void assert_sleeps(pid_t pid)
{
	unsigned long before;

	for (int i = 0; i < 20; i++) { /* hang guard: a machine that is busy */
		before = switches_of(pid);
		poll(NULL, 0, 2000);
		if (switches_of(pid) == before)
			return;
	}
	fail_msg("process %d wakes up again and again", (int)pid);
}

static int hold_idle_and_wait_main(int argc, char **argv)
{
	struct acre_actor *a;
	int r = 0;

	(void)argc;
	(void)argv;
	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "idle");
		assert_ok(r);
		say(acre_actor_pid(a));
		r = acre_sleep(acre_secs(3600));
	}
	return r;
}

static int idle_root(void)
{
	return run_main(hold_idle_and_wait_main);
}

TEST(k48_an_idle_tree_makes_no_wakeups)
{
	struct root root;
	pid_t child;

#ifdef FIBER_TSAN
	test_skip("ThreadSanitizer has a thread of its own, which wakes up");
#endif
	root = root_start(idle_root);
	child = hear(&root);
	assert_sleeps(root.pid);
	assert_sleeps(child);
	root_interrupt(&root);
	assert_int_equal(WEXITSTATUS(root_end(&root)), INTERRUPTED);
}

/* It is at work for longer than a stuck loop may be, and goes round all the time. */
TEST_TREE(a_busy_loop_is_not_stuck)
{
	acre_instant begun = acre_now();
	struct acre_actor *a;
	uint32_t task;
	int64_t ns;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "idle");
		while (r >= 0 && seconds_since(begun) < 2)
			r = acre_yield();
	}
	assert_false(blocked_by(&task, &ns));
	return r;
}
