/* SPDX-License-Identifier: MIT */
/* test_hang.c - hangs that tell of themselves: acre_dump_on_hang(), SIGUSR1, `acre dump`. */
#include "conform/stuck.h"

#include <sys/wait.h>
#include <unistd.h>

/* A hang told while the loop is blocked; the program goes on. */

static struct acre_hang hang;

/* It begins in here, too, so that this frame is there however soon it is told. */
__attribute__((noinline)) static int block_until_told(const char *path)
{
	int r = acre_dump_on_hang(&hang, acre_ms(1), .path = path);

	while (r >= 0 && !acre_hang_path(&hang))
		sched_yield();
	return r;
}

static int blocked(void)
{
	const char *path = file_of_test("hang.txt");
	int r = block_until_told(path);

	if (r < 0)
		return r;
	assert_string_equal(acre_hang_path(&hang), path);
	assert_lines(text_of(path), "a hang was not closed in time",
		     "process *test_hang*", "    its thread * runs task 1 root",
		     "    task 1 root: runs",
		     "  thread * test_hang (*), the loop of root",
		     HAVE_LINES ? "        #* block_until_told *test_hang.c:*"
				: "        #0 *",
		     HAVE_LINES ? "        #* blocked *test_hang.c:*" : "        #1 *",
		     "end of dump");
	return acre_hang_close(&hang, acre_yield());
}

TEST(s33_a_hang_is_told_while_the_loop_is_blocked)
{
	assert_ok(tree_result(blocked, false));
	report_thread_fini();
}

TEST(s33_what_is_closed_in_time_is_not_told)
{
	const char *path = file_of_test("hang.txt");

	assert_ok(acre_dump_on_hang(&hang, acre_secs(3600), .path = path));
	assert_int_equal(acre_hang_close(&hang, -EPIPE), -EPIPE);
	assert_string_equal(text_of(path), "");
	assert_int_equal(acre_hang_close(&hang, 7), 7);
}

TEST(s33_many_hangs_are_told_each_in_its_file)
{
	struct acre_hang hangs[4];
	char name[16];

	for (int i = 0; i < 4; i++) {
		snprintf(name, sizeof name, "hang%d", i);
		assert_ok(acre_dump_on_hang(&hangs[i], acre_ms(4 - i),
					    .path = file_of_test(name)));
	}
	for (int i = 0; i < 4; i++) {
		while (!acre_hang_path(&hangs[i]))
			sched_yield();
		assert_lines(text_of(acre_hang_path(&hangs[i])), "process *",
			     "end of dump");
	}
	for (int i = 0; i < 4; i++)
		assert_int_equal(acre_hang_close(&hangs[i], 0), 0);
}

TEST(s33_unknown_options_are_refused)
{
	assert_class(acre_dump_on_hang(&hang, acre_ms(1), .flags = 1), EINVAL);
	assert_class(acre_dump_on_hang(&hang, acre_ms(1), .reserved = { 0, 1 }), EINVAL);
	assert_int_equal(acre_hang_close(&hang, 0), 0);
	report_thread_fini();
}

static const char *usual_path(pid_t pid)
{
	static char path[512];

	snprintf(path, sizeof path, "%s/acre-%d.dump", getenv("XDG_RUNTIME_DIR"),
		 (int)pid);
	return path;
}

/* Somebody may have put a link where we would write. */
TEST(s33_a_link_in_the_usual_place_is_left_alone)
{
	const char *victim = file_of_test("victim");
	struct acre_hang later;

	close(open(victim, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	assert_int_equal(symlink(victim, usual_path(getpid())), 0);
	assert_ok(acre_dump_on_hang(&hang, acre_ns(0)));
	assert_ok(acre_dump_on_hang(&later, acre_ms(1), .path = file_of_test("later")));
	while (!acre_hang_path(&later)) /* they are told one after the other */
		sched_yield();
	assert_null(acre_hang_path(&hang));
	assert_string_equal(text_of(file_of_test("victim")), "");
	assert_int_equal(acre_hang_close(&hang, 0), 0);
	assert_int_equal(acre_hang_close(&later, 0), 0);
}

/* SIGUSR1. */

static const char *wait_for_dump(pid_t pid)
{
	const char *text;

	assert_true(test_wait_file(usual_path(pid), 30));
	do
		text = text_of(usual_path(pid));
	while (!strstr(text, "\nend of dump\n"));
	return text;
}

/* What the body does while an actor below it spins. */
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

static void signal_actor(struct acre_actor *a)
{
	pid_t pid = acre_actor_pid(a);

	kill(pid, SIGUSR1);
	assert_lines(wait_for_dump(pid), "SIGUSR1 asked for it",
		     head_of("spinner"),
		     "    its thread * runs task 2 spins",
		     HAVE_LINES ? "        #* busy_in_c* *stuck.h:*" : "        #0 *",
		     "end of dump");
	unlink(usual_path(pid));
	kill(pid, SIGUSR1); /* the first one has started what writes dumps */
	assert_lines(wait_for_dump(pid), "SIGUSR1 asked for it", "end of dump");
	assert_int_equal(state_of(loop_thread_of(a)), 'R');
}

static int signalled_actor(void)
{
	return with_spinning(signal_actor);
}

TEST(s33_sigusr1_makes_an_actor_tell_where_it_is_stuck)
{
	needs_a_process("it gets a signal of its own");
	assert_ok(tree_result(signalled_actor, false));
	report_thread_fini();
}

/* The root is blocked here itself. */
static void signal_root(struct acre_actor *a)
{
	const char *text;

	(void)a;
	kill(getpid(), SIGUSR1);
	text = wait_for_dump(getpid());
	assert_lines(text, "SIGUSR1 asked for it",
		     "process *test_hang*", "    its thread * runs task 1 root",
		     HAVE_LINES ? "        #* signal_root *test_hang.c:*"
				: "        #0 *",
		     "end of dump");
	assert_lines(text, head_of("spinner"), "    its thread * runs task 2 spins",
		     "end of dump");
}

static int signalled_root(void)
{
	return with_spinning(signal_root);
}

TEST(s33_sigusr1_makes_the_root_tell_of_the_whole_tree)
{
	assert_ok(tree_result(signalled_root, true));
	report_thread_fini();
}

/* The command. */

static char said[1 << 18];

/* Fills `said` with what it says on stdout and stderr; its exit status. */
static int run_shell(const char *command)
{
	FILE *f = popen(command, "re");
	size_t n;

	assert_non_null(f);
	n = fread(said, 1, sizeof said - 1, f);
	said[n] = '\0';
	return WEXITSTATUS(pclose(f));
}

static int run_command(const char *arguments)
{
	char self[512], command[1024];
	ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);

	assert_true(len > 0);
	self[len] = '\0';
	*strrchr(self, '/') = '\0';
	snprintf(command, sizeof command, "%s/../src/acre %s 2>&1", self, arguments);
	return run_shell(command);
}

static void dump_by_command(struct acre_actor *a)
{
	char arguments[64];

	snprintf(arguments, sizeof arguments, "dump %d", (int)acre_actor_pid(a));
	assert_int_equal(run_command(arguments), 0);
	assert_lines(said, head_of("spinner"),
		     "    its thread * runs task 2 spins",
		     HAVE_LINES ? "        #* busy_in_c* *stuck.h:*" : "        #0 *",
		     "end of dump");
}

static int commanded(void)
{
	return with_spinning(dump_by_command);
}

TEST(g11_the_command_tells_a_process_that_hangs)
{
	assert_ok(tree_result(commanded, false));
	report_thread_fini();
}

TEST(g11_the_command_fails_in_one_clear_line)
{
	char arguments[64], expected[128];
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	snprintf(arguments, sizeof arguments, "dump %d", (int)pid);
	snprintf(expected, sizeof expected,
		 "acre dump: there is no process %d: `acre ls` tells of some\n",
		 (int)pid);
	assert_int_equal(run_command(arguments), 1);
	assert_string_equal(said, expected);

	assert_int_equal(run_command("dump 1x"), 2);
	assert_text_has(said, "expected the number of one process, not 1x");
	assert_int_equal(run_command("dmp 1"), 2);
	assert_text_has(said, "acre: there is no verb dmp: `acre --help` lists them\n");
}

static void list_by_gdb(struct acre_actor *a)
{
	char command[256];

	snprintf(command, sizeof command,
		 "gdb -q -batch -p %d -x tools/gdb/acre.py -ex 'acre tasks' -ex 'acre bt "
		 "1' "
		 "-ex 'acre bt 2' -ex 'thread apply all bt 2' 2>&1",
		 (int)acre_actor_pid(a));
	assert_int_equal(run_shell(command), 0);
	assert_lines(said, "  task 1 actor: *0x*", "  task 2 spins: runs",
		     "task 1 actor: *0x*", "#* child_main (*", "task 2 spins: runs",
		     "  it runs: see bt in thread *", "#* *busy_in_c (*");
	assert_int_equal(state_of(loop_thread_of(a)), 'R');
}

static int listed(void)
{
	return with_spinning(list_by_gdb);
}

TEST(gdb_lists_tasks_and_tells_their_stacks)
{
	needs_a_process("gdb looks at one loop of a process");
	if (run_shell("gdb --version") != 0)
		test_skip("there is no gdb");
	assert_ok(tree_result(listed, false));
	report_thread_fini();
}

/* The runner tells of a test that hangs what a dump tells, before it ends it. */
static int hangs(void)
{
	test_limit(1);
	return busy_in_c();
}

TEST_FAILS(s35_a_test_that_hangs_is_told_by_its_tasks, "runs task 1 root")
{
	acre_ignore_result(tree_result(hangs, false));
}
