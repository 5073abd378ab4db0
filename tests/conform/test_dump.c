/* SPDX-License-Identifier: MIT */
/* test_dump.c - processes that hang, read from outside and from within: promise G11. */
#include "conform/dumps.h"

#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "actor/peer.h"
#include "core/loop.h"
#include "core/status.h"

/* An actor that spins, told by `tell`, and then killed. */
static int with_spinning(void (*tell)(struct acre_actor *a))
{
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "spinner");
		if (r >= 0)
			ACRE_OPEN(ctx, r, a, spins, &nil) {
				wait_until_it_spins();
				tell(a);
				kill_stuck(a);
				r = acre_recv(ctx, acre_nil, &nil);
			}
	}
	assert_true(acre_has(r, ACRE_EDIED) || backend_is("thread"));
	return 0;
}

static void tell_spinner(struct acre_actor *a)
{
	assert_lines(text_of_dump(acre_actor_pid(a)), head_of("spinner"),
		     "  actor spinner *-*-*-*-*", "    its thread * runs task 2 spins",
		     "    it serves; its loop is at work, and turned *",
		     "    * turns, * looks at the clock, 2 tasks, *",
		     "    task 1 actor: serves *(root)", "      task 2 spins: runs",
		     "          last called acre from *",
		     "  thread * (R), the loop of spinner",
		     HAVE_LINES ? "        #* busy_in_c* *stuck.h:*" : "        #0 *",
		     backend_is("thread") ? "  fd 3 *" : "  fd 3 socket:*", "  event * task 0 TASK_START task=2 *",
		     "end of dump");
}

static int busy(void)
{
	return with_spinning(tell_spinner);
}

TEST(g11_a_task_stuck_in_c_is_told_with_file_and_line)
{
	assert_ok(tree_result(busy, false));
	report_thread_fini();
}

static void tell_stopped(struct acre_actor *a)
{
	pid_t pid = acre_actor_pid(a);

	kill(pid, SIGSTOP);
	wait_for_state(loop_thread_of(a), 'T');
	assert_lines(text_of_dump(pid), "    its thread * runs task 2 spins",
		     "  thread * (T), the loop of spinner",
		     HAVE_LINES ? "        #* busy_in_c* *stuck.h:*" : "        #0 *");
	assert_int_equal(state_of(loop_thread_of(a)), 'T');
	kill(pid, SIGCONT);
	wait_for_state(loop_thread_of(a), 'R');
}

/* A debugger has it: nobody else may stop its threads, but its memory is read. */
static void tell_traced(struct acre_actor *a)
{
	pid_t loop = loop_thread_of(a);

	assert_int_equal(ptrace(PTRACE_SEIZE, loop, NULL, NULL), 0);
	assert_lines(
		text_of_dump(acre_actor_pid(a)), "    its thread * runs task 2 spins",
		"    task 1 actor: serves *", "        #0 *",
		"  threads could not be stopped (is a debugger there, or a sandbox\\?)*",
		"  thread * (R), the loop of spinner", "  thread * acre-watchdog (S)",
		"        #0 *", "end of dump");
	assert_int_equal(ptrace(PTRACE_INTERRUPT, loop, NULL, NULL), 0);
	assert_int_equal(waitpid(loop, NULL, __WALL), loop);
	assert_int_equal(ptrace(PTRACE_DETACH, loop, NULL, NULL), 0);
	wait_for_state(loop, 'R');
}

static int traced(void)
{
	return with_spinning(tell_traced);
}

TEST(g11_what_cannot_be_stopped_is_told_as_far_as_it_can_be_read)
{
	needs_a_process("a debugger has it alone");
	assert_ok(tree_result(traced, false));
	report_thread_fini();
}

static int stopped(void)
{
	return with_spinning(tell_stopped);
}

TEST(g11_a_stopped_process_is_told_and_stays_stopped)
{
	needs_a_process("it is stopped alone");
	assert_ok(tree_result(stopped, false));
	report_thread_fini();
}

struct two {
	struct acre_lock a, b;
	struct acre_event done;
	int n_hold;
};

__attribute__((noinline)) static int hold_both(struct two *t, struct acre_lock *first,
					       struct acre_lock *second)
{
	int r = acre_lock_acquire(first);

	t->n_hold++;
	while (r >= 0 && t->n_hold < 2)
		r = acre_yield();
	if (r >= 0)
		r = acre_lock_acquire(second);
	acre_lock_release(first);
	return r;
}

ACRE_TASK(left, struct two *t)
{
	return hold_both(t, &t->a, &t->b);
}

ACRE_TASK(right, struct two *t)
{
	return hold_both(t, &t->b, &t->a);
}

/* Two tasks wait for each other; a third looks. */
static int deadlock(void)
{
	struct two t = { .n_hold = 0 };
	int r = 0;

	acre_lock_init(&t.a);
	acre_lock_init(&t.b);
	ACRE_WITHIN(acre_secs(60), r)
		ACRE_NURSERY(n, r) {
			r = acre_go(&n, left, &t);
			if (r >= 0)
				r = acre_go(&n, right, &t);
			for (int i = 0; r >= 0 && i < 10; i++)
				r = acre_yield();
			assert_lines(
				text_of_dump(0), "process *test_dump*",
				"  actor root *-*-*-*-*",
				"    task 1 root: waits for a helper thread*",
				"        in the nursery opened at *test_dump.c:*, holds "
				"2 "
				"tasks, 0 actors",
				"        in the scope opened at *test_dump.c:*, deadline "
				"in "
				"*",
				"        last called acre from *",
				"      task 2 left: waits for a lock * (held by task 3 "
				"right)",
				HAVE_LINES ? "          #* hold_both *test_dump.c:*"
					   : "          #*",
				"      task 3 right: waits for a lock * (held by task 2 "
				"left)",
				"end of dump");
			acre_nursery_cancel(&n);
		}
	return r;
}

TEST(g11_a_deadlock_names_who_holds_what)
{
	assert_ok(tree_result(deadlock, false));
	report_thread_fini();
}

/* A tree of three, the leaf of which spins and is stopped. */
static int tree_of_three(void)
{
	struct acre_actor *a;
	struct acre_int leaf = { 0 };
	pid_t pid;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "middle");
		if (r >= 0)
			ACRE_OPEN(ctx, r, a, waits_for_one_that_spins, &nil) {
				r = acre_recv(ctx, acre_int, &leaf);
				assert_int_equal(r, 1);
				pid = (pid_t)leaf.value;
				wait_until_it_spins();
				kill(pid, SIGSTOP);
				wait_for_state(pid, 'T');
				assert_lines(
					text_of_dump(0), "process *test_dump*",
					"  actor root *",
					"  child middle *-*-*-*-*: process *, SERVES",
					head_of("middle"),
					"  actor middle *",
					"      task 2 waits_for_one_that_spins: waits "
					"for an item "
					"of a stream * (spins in actor leaf)",
					"  child leaf *", head_of("leaf"),
					"    its thread * runs task 2 spins",
					"end of dump");
				kill(pid, SIGKILL);
				r = acre_recv(ctx, acre_int, &leaf);
			}
	}
	assert_true(acre_has(r, ACRE_EDIED));
	return 0;
}

TEST(g11_the_whole_tree_is_told_parent_first)
{
	needs_a_process("it is stopped and killed alone");
	assert_ok(tree_result(tree_of_three, false));
	report_thread_fini();
}

/* Whoever is looked at goes on as if nothing was. */

#define ITEMS 2000

ACRE_CONTEXT(counts, acre_nil)
{
	int r = acre_started(ctx, acre_nil);

	for (int i = 0; r >= 0 && i < ITEMS; i++)
		r = acre_send(ctx, acre_int, .value = i);
	return r;
}

static int looked_at(void)
{
	struct acre_int item;
	struct acre_actor *a;
	int expected = 0, r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "counter");
		if (r >= 0)
			ACRE_OPEN(ctx, r, a, counts, &nil) {
				while ((r = acre_recv(ctx, acre_int, &item)) > 0) {
					assert_int_equal(item.value, expected++);
					if (expected % (ITEMS / 10) == 1)
						text_of_dump(acre_actor_pid(a));
				}
			}
	}
	assert_int_equal(expected, ITEMS);
	return r;
}

TEST(g11_whoever_is_looked_at_goes_on)
{
	assert_ok(tree_result(looked_at, false));
	report_thread_fini();
}

/* The parent sees how a child is doing, without a word from it. */

static void watch_spinner(struct acre_actor *a)
{
	const struct status *s = a->status;
	char name[STATUS_NAME_MAX];
	uint64_t before;

	assert_int_equal(status_get(&s->state), STATUS_SERVES);
	assert_true(status_task_name(s, status_get(&s->task), name));
	assert_string_equal(name, "spins");
	assert_int_equal(status_get(&s->waits), 0);
	before = status_progress(s);
	text_of_dump(acre_actor_pid(a)); /* time enough for a loop that turns */
	assert_int_equal(status_progress(s), before);
}

static int watched(void)
{
	return with_spinning(watch_spinner);
}

TEST(s33_a_status_page_tells_of_a_blocked_loop)
{
	assert_ok(tree_result(watched, false));
	report_thread_fini();
}

static int idle(void)
{
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "idle");
		while (r >= 0 && !status_get(&a->status->waits))
			sched_yield();
		if (r >= 0) {
			assert_int_equal(status_get(&a->status->task), 0);
			assert_true(status_progress(a->status) > 0);
		}
	}
	return r;
}

TEST(s33_a_status_page_tells_of_an_idle_loop)
{
	assert_ok(tree_result(idle, false));
	report_thread_fini();
}

/* Memory that is broken: lists that end nowhere, or in themselves; texts that are none. */

ACRE_CONTEXT(breaks_its_memory, acre_int)
{
	struct loop *loop = loop_this;
	struct task *t = task_this();
	int r = acre_started(ctx, acre_nil);

	if (r >= 0)
		r = acre_sleep(acre_us(1));
	if (in->value == 0)
		t->all.next = &t->all; /* for ever this task */
	else if (in->value == 1)
		loop->tasks.next = (void *)8;
	else
		loop->trace.ring = (void *)8;
	t->name = (void *)16;
	t->kind = (void *)24;
	t->base.outer = (void *)32;
	t->object = (void *)40;
	if (in->value == 2)
		t->scope->outer = t->scope;
	busy_in_c();
	return r;
}

static const char *const problems[] = {
	"  not all could be read: the list of tasks is not as long as it should be",
	"  not all could be read: a list of tasks is torn",
	"    its thread * runs task 2 ",
};

static int broken(void)
{
	struct acre_int way = { 0 };
	struct acre_actor *a;
	int r = 0;

	for (; way.value < 3; way.value++) {
		unlink(file_of_test("spins"));
		r = 0;
		ACRE_NURSERY(n, r) {
			r = acre_spawn(&n, &a, .name = "broken");
			if (r >= 0)
				ACRE_OPEN(ctx, r, a, breaks_its_memory, &way) {
					wait_until_it_spins();
					assert_lines(text_of_dump(acre_actor_pid(a)),
						     "  actor broken *",
						     problems[way.value], "end of dump");
					kill_stuck(a);
					r = acre_recv(ctx, acre_nil, &nil);
				}
		}
		assert_true(acre_has(r, ACRE_EDIED));
	}
	return 0;
}

TEST(g11_broken_memory_is_told_as_far_as_it_can_be_read)
{
	needs_a_process("it is killed alone");
	assert_ok(tree_result(broken, false));
	report_thread_fini();
}

/* What cannot be read. */

static void assert_refused(pid_t pid, int error)
{
	char version[SNAP_VERSION_MAX];

	assert_int_equal(dump_write_process(STDOUT_FILENO, pid, version), error);
}

TEST(a_process_that_is_none_is_refused)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_refused(pid, -ESRCH);
}

TEST(a_process_without_acre_is_refused)
{
	char path[64];
	int gate[2], status;
	pid_t pid;

	assert_int_equal(pipe(gate), 0);
	pid = fork();
	if (pid == 0) {
		dup2(gate[0], STDIN_FILENO);
		close_range(3, ~0U, 0);
		execl("/bin/cat", "cat", NULL);
		_exit(1);
	}
	close(gate[0]);
	snprintf(path, sizeof path, "/proc/%d/comm", (int)pid);
	while (strcmp(text_of(path), "cat\n") != 0)
		sched_yield();
	assert_refused(pid, -ENOENT);
	close(gate[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
}

#define NOBODY 65534 /* the user of the kernel's own that owns nothing */

TEST(a_process_of_somebody_else_is_refused_as_such)
{
	char version[SNAP_VERSION_MAX];
	int status;
	pid_t pid;

	if (geteuid() != 0)
		test_skip("only root can become somebody else");
	pid = fork();
	if (pid == 0) {
		if (setresuid(NOBODY, NOBODY, NOBODY) < 0)
			_exit(2);
		_exit(dump_write_process(STDOUT_FILENO, getppid(), version) != -EPERM);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}
