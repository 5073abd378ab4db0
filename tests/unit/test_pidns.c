/* SPDX-License-Identifier: MIT */
/* test_pidns.c - what a tree in a PID namespace is like from inside, and where none is to be had. */
#include "conform/tree.h"

#include <acre/command.h>

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "actor/dump.h"
#include "actor/proc.h"
#include "actor/runtime.h"
#include "base/sys.h"
#include "base/util.h"
#include "unit/forks.h"

#define NOBODY 65534

static int run_in_pidns(int (*fn)(void *arg), void *arg)
{
	static const char *const exposed[] = { "main", NULL };

	return acre_run(fn, arg,
			&(struct acre_run_options){ .expose = exposed,
						    .seed = test_seed(),
						    .contained = true,
						    .flags = ACRE_RUN_PID_NAMESPACE });
}

static int do_nothing(void *unused)
{
	(void)unused;
	return 0;
}

static void need_pidns(void)
{
	int r = run_in_pidns(do_nothing, NULL);

	if (r < 0 && acre_is(r, EOPNOTSUPP))
		test_skip("%s", acre_why(r)->message);
	assert_ok(r);
}

/*
 * From inside.
 */

#define VIEW(F)                                                                       \
	F(int64_t, pid)                                                               \
	F(int64_t, parent) F(int64_t, listed) F(int64_t, user) F(int64_t, privileged) \
		F(int64_t, below)
ACRE_MSG(view, VIEW)

static bool is_privileged(void)
{
	struct __user_cap_header_struct header = { .version =
							   _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct caps[_LINUX_CAPABILITY_U32S_3];

	assert_int_equal(syscall(SYS_capget, &header, caps), 0);
	return caps[0].effective || caps[0].permitted || caps[1].effective;
}

/* What /proc says of us, if it is ours. */
static pid_t own_listed(void)
{
	char text[32] = "";

	assert_true(readlink("/proc/self", text, sizeof text - 1) > 0);
	return (pid_t)atoi(text);
}

ACRE_CONTEXT(look, acre_nil, .kind = ACRE_ENDPOINT_ONESHOT)
{
	struct view below = { .pid = 0 };
	struct acre_actor *a;
	int r = 0;

	if (!strcmp(acre_self_name(), "upper")) {
		ACRE_NURSERY(n, r) {
			r = acre_spawn(&n, &a, .name = "lower");
			if (r >= 0)
				r = acre_call(a, look, &nil, view, &below);
		}
	}
	return r < 0 ? r
		     : acre_return(ctx, view, .pid = getpid(), .parent = getppid(),
				   .listed = own_listed(), .user = getuid(),
				   .privileged = is_privileged(), .below = below.parent);
}

static int see(void *backend)
{
	struct view v = { .pid = 0 };
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "upper", .backend = backend);
		assert_ok(r);
		assert_int_equal(acre_call(a, look, &nil, view, &v), 1);
		assert_int_equal(proc_parent(acre_actor_pid(a)), getpid());
		assert_int_equal(v.listed, v.pid);
		assert_int_equal(v.parent, 0);
		assert_int_equal(v.below, v.pid);
		assert_int_equal(v.user, getuid());
		assert_true(v.pid != acre_actor_pid(a));
		assert_true(getuid() == 0 || !v.privileged);
		/* our memory was lent to processes with other credentials */
		assert_int_equal(prctl(PR_GET_DUMPABLE), 1);
	}
	return r;
}

static void see_backends(void)
{
	char exec[] = "exec", forkserver[] = "forkserver", fork[] = "fork";

	assert_ok(run_in_pidns(see, exec));
	assert_ok(run_in_pidns(see, forkserver));
	if (!is_tsan()) /* no threads after a fork */
		assert_ok(run_in_pidns(see, fork));
}

TEST(actors_of_all_backends_are_in_it)
{
	need_pidns();
	see_backends();
}

/* In a process of its own, whose reports are printed. */
static int run_apart(void (*fn)(void))
{
	int status = 0;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		fn();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void be_nobody(void)
{
	assert_int_equal(setgroups(0, NULL), 0);
	assert_int_equal(setresgid(NOBODY, NOBODY, NOBODY), 0);
	assert_int_equal(setresuid(NOBODY, NOBODY, NOBODY), 0);
	assert_int_equal(prctl(PR_SET_DUMPABLE, 1), 0); /* as it is after exec */
}

static void see_as_nobody(void)
{
	int r;

	be_nobody();
	r = run_in_pidns(do_nothing, NULL);
	if (r < 0 && acre_is(r, EOPNOTSUPP)) {
		fprintf(stderr, "%s\n", acre_why(r)->message);
		_exit(77);
	}
	see_backends();
}

TEST(without_privileges_it_works_as_well)
{
	int status;

	if (geteuid() != 0)
		test_skip("only root can become somebody else");
	status = run_apart(see_as_nobody);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		test_skip("no namespaces for unprivileged users here");
	assert_int_equal(status, 0);
}

/*
 * From outside.
 */

ACRE_CONTEXT(keeps_lower, acre_nil)
{
	struct acre_actor *a;
	int r = acre_started(ctx, acre_nil);

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "lower");
		if (r >= 0)
			r = acre_send(ctx, acre_nil);
		if (r >= 0)
			r = acre_recv(ctx, acre_nil, &nil); /* none comes */
	}
	return r;
}

struct dump_job {
	pid_t pid;
	int fd;
};

static int dump_now(void *arg)
{
	struct dump_job *job = arg;
	char version[SNAP_VERSION_MAX];

	return dump_write_process(job->fd, job->pid, version);
}

/* The numbers in it are those of whoever reads: of the child, and of the loop's thread. */
static int dump_upper(void *unused)
{
	char text[1 << 14], expected[128];
	struct dump_job job;
	struct acre_actor *a;
	pid_t pid = 0;
	ssize_t n;
	int r = 0;

	(void)unused;
	ACRE_NURSERY(nursery, r) {
		r = acre_spawn(&nursery, &a, .name = "upper");
		assert_ok(r);
		ACRE_OPEN(ctx, r, a, keeps_lower, &nil) {
			assert_int_equal(acre_recv(ctx, acre_nil, &nil), 1);
			pid = acre_actor_pid(a);
			job = (struct dump_job){
				.pid = pid, .fd = memfd_create("dump", MFD_CLOEXEC)
			};
			assert_ok(acre_blocking(dump_now, &job));
			n = pread(job.fd, text, sizeof text - 1, 0);
			assert_true(n > 0);
			text[n] = '\0';
			close(job.fd);
			acre_nursery_cancel(&nursery);
		}
	}
	snprintf(expected, sizeof expected, "its thread %d runs no task", (int)pid);
	assert_non_null(strstr(text, expected));
	assert_non_null(strstr(text, "the loop of upper"));
	assert_non_null(strstr(text, "actor lower"));
	assert_non_null(strstr(text, "the loop of lower"));
	return 0;
}

TEST(a_dump_from_outside_finds_the_actors_in_it)
{
	need_pidns();
	assert_ok(run_in_pidns(dump_upper, NULL));
	report_thread_fini();
}

/*
 * Commands.
 */

#define run_sh(ret, script, ...)                                                       \
	acre_command_run((ret), .argv = ((const char *const[]){ "sh", "-c", (script), NULL }), \
			 ##__VA_ARGS__)

static void namespace_of(pid_t pid, char ret[64])
{
	char path[64];
	ssize_t n;

	snprintf(path, sizeof path, "/proc/%d/ns/pid", (int)pid);
	n = readlink(path, ret, 63);
	assert_true(n > 0);
	ret[n] = '\0';
}

/* What is left in the namespace belongs to its init. */
static bool something_is_left(void)
{
	pid_t init = runtime_this->containment.pidns.init.pid;
	char path[64];
	bool is_left;
	FILE *f;

	snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)init, (int)init);
	f = fopen(path, "re");
	assert_non_null(f);
	is_left = fgetc(f) != EOF;
	fclose(f);
	return is_left;
}

static int run_commands(void *unused)
{
	struct acre_command_result res;
	char there[64];

	(void)unused;
	namespace_of(runtime_this->containment.pidns.init.pid, there);
	assert_ok(run_sh(&res, "readlink /proc/self/ns/pid; pwd; kill -0 $$", .cwd = "/"));
	assert_int_equal(strncmp(res.out.bytes, there, strlen(there)), 0);
	assert_string_equal(res.out.bytes + strlen(there), "\n/\n");
	acre_command_result_free(&res);
	assert_ok(run_sh(&res, "(setsid sleep 1000 </dev/null >/dev/null 2>&1 & echo $!)"));
	assert_true(atoi(res.out.bytes) > 1);
	acre_command_result_free(&res);
	assert_false(something_is_left());
	assert_class(run_sh(NULL, "true", .cwd = "/nonexistent"), ENOENT);
	return 0;
}

TEST(a_command_is_in_it_and_leaves_nothing_there)
{
	need_pidns();
	assert_ok(run_in_pidns(run_commands, NULL));
	report_thread_fini();
}

static _Atomic bool no_pidfds, was_killed;

static int have_no_pidfds(const char *name, long first, long second)
{
	(void)first;
	(void)second;
	was_killed |= no_pidfds && !strcmp(name, "kill_group");
	return no_pidfds && !strcmp(name, "pidfd_open") ? EMFILE : 0;
}

static int start_unheld(void *unused)
{
	int r;

	(void)unused;
	no_pidfds = true;
	r = run_sh(NULL, "sleep 1000");
	no_pidfds = false;
	assert_class(r, EMFILE);
	assert_true(was_killed); /* not: left to the sweep after a second */
	return 0;
}

/* It runs by then, and has no link to be shut. */
TEST(a_command_that_cannot_be_held_is_killed)
{
	need_pidns();
	sys_use(&sys_fault);
	sys_fault_choose(have_no_pidfds);
	assert_ok(run_in_pidns(start_unheld, NULL));
	sys_fault_choose(NULL);
	sys_use(&sys_real);
	report_thread_fini();
}

/*
 * Where there is none.
 */

static void write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

/* A user namespace has limits of its own, and these are for it only. */
static void switch_off_namespaces(const char *limit)
{
	assert_int_equal(unshare(CLONE_NEWUSER), 0);
	write_text("/proc/self/setgroups", "deny");
	write_text("/proc/self/uid_map", "0 0 1");
	write_text("/proc/self/gid_map", "0 0 1");
	write_text(limit, "0");
}

static void assert_refused(const char *why)
{
	int r = run_in_pidns(do_nothing, NULL);

	assert_class(r, EOPNOTSUPP);
	test_note("%s", acre_why(r)->message);
	assert_non_null(strstr(acre_why(r)->message, why));
	report_thread_fini();
}

static void have_no_user_namespaces(void)
{
	switch_off_namespaces("/proc/sys/user/max_user_namespaces");
	assert_ok(sys_drop_capabilities()); /* unprivileged as well */
	assert_refused("user.max_user_namespaces");
}

static void have_no_pid_namespaces(void)
{
	switch_off_namespaces("/proc/sys/user/max_pid_namespaces");
	assert_refused("user.max_pid_namespaces");
}

TEST(where_namespaces_are_switched_off_the_reason_is_told)
{
	if (geteuid() != 0)
		test_skip("only root can map itself into a user namespace for sure");
	if (is_tsan())
		test_skip("ThreadSanitizer: unshare is for processes with one thread");
	assert_int_equal(run_apart(have_no_user_namespaces), 0);
	assert_int_equal(run_apart(have_no_pid_namespaces), 0);
}

static int forbid(const char *name, long first, long second)
{
	(void)first;
	(void)second;
	return strcmp(name, "clone3") ? 0 : EPERM;
}

/* By a system, or the seccomp filter of a container; and there is no cgroup either. */
TEST(where_namespaces_are_forbidden_the_reason_is_told)
{
	need_pidns();
	sys_use(&sys_fault);
	sys_fault_choose(forbid);
	assert_refused("this user may make no user namespace");
	sys_fault_choose(NULL);
	sys_use(&sys_real);
}

/* The fixture sees what is left. */
TEST(what_fails_on_the_way_leaves_nothing)
{
	static const char *const calls[] = {
		"socketpair", "clone3", "openat", "write",
		"read",	      "mount",	"prctl",  "sigaction"
	};
	char exec[] = "exec";

	need_pidns();
	for (size_t i = 0; i < ARRAY_N(calls); i++) {
		sys_use(&sys_fault);
		sys_fault_only(calls[i]);
		for (uint64_t nth = 1; nth <= 3; nth++) {
			int r;

			sys_fault_at(nth, ENOMEM, false);
			r = run_in_pidns(do_nothing, NULL);
			assert_true(r >= 0 || acre_is(r, EOPNOTSUPP) ||
				    acre_is(r, ENOMEM));
		}
		sys_fault_only(NULL);
		sys_use(&sys_real);
	}
	report_thread_fini();
	assert_ok(run_in_pidns(see, exec));
}

static int spawn_failing(void *backend)
{
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "none", .backend = backend);
	}
	return r;
}

static const char *failing;

static int fail_that(const char *name, long first, long second)
{
	(void)first;
	(void)second;
	return strcmp(name, failing) ? 0 : EACCES;
}

TEST(a_child_that_does_not_get_in_is_told)
{
	char exec[] = "exec", fork[] = "fork";
	static const char *const calls[] = { "setns", "unshare" };

	need_pidns();
	for (size_t i = 0; i < 2 * ARRAY_N(calls); i++) {
		int r;

		if (is_tsan() && i % 2)
			continue;
		failing = calls[i / 2];
		sys_use(&sys_fault);
		sys_fault_choose(fail_that);
		r = run_in_pidns(spawn_failing, i % 2 ? fork : exec);
		sys_fault_choose(NULL);
		sys_use(&sys_real);
		assert_true(acre_is(r, EACCES) || acre_is(r, ACRE_EBOOT));
		test_note("%s", acre_why(r)->message);
	}
	report_thread_fini();
}

static int spawn_after_init(void *backend)
{
	const struct pidref *init = &runtime_this->containment.pidns.init;

	assert_ok(pidref_signal(init, SIGKILL));
	assert_ok(test_wait_pidfd(init->fd, 10));
	return spawn_failing(backend);
}

TEST(without_its_init_nothing_is_started)
{
	char exec[] = "exec";
	int r;

	need_pidns();
	r = run_in_pidns(spawn_after_init, exec);
	assert_true(r < 0);
	test_note("%s", acre_why(r)->message);
	report_thread_fini();
}
