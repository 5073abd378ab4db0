/* SPDX-License-Identifier: MIT */
/* test_backend.c - the names of the backends, and actors that fail to be made. */
#include "conform/tree.h"

#include <sys/stat.h>

#include "actor/backend.h"
#include "actor/runtime.h"
#include "base/sys.h"

/*
 * Names.
 */

/* name or alias, what it means; NULL is the default: row S12 of the reference */
#define NAMES(N)                             \
	N(NULL, "exec")                      \
	N("exec", "exec")                    \
	N("trio", "exec")                    \
	N("mp_spawn", "exec")                \
	N("forkserver", "forkserver")        \
	N("mp_forkserver", "forkserver")     \
	N("fork", "fork")                    \
	N("fork_from_worker_thread", "fork") \
	N("main_thread_forkserver", "fork")  \
	N("thread", "thread")                \
	N("subint", "subint")                \
	N("subint_fork", "subint_fork")      \
	N("subint_forkserver", "subint_forkserver")

static const struct {
	const char *name, *means;
} names[] = {
#define AS_NAME(name, means) { name, means },
	NAMES(AS_NAME)
};

/* What cannot be had here is refused by the name that it means. */
TEST(s12_a_backend_is_found_by_its_name_and_by_the_references)
{
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		const struct backend *b = NULL;
		int r = backend_find(&b, names[i].name);

		if (r >= 0) {
			assert_string_equal(b->name, names[i].means);
			assert_non_null(b->make);
			assert_null(b->why_not);
			continue;
		}
		assert_class(r, EOPNOTSUPP);
		assert_text_has(acre_why(r)->message, names[i].means);
		assert_text_has(acre_why(r)->message, " cannot be had: ");
		assert_null(b);
	}
	report_thread_fini();
}

/* Of a tree by the environment. */
static const char *tree_is_made_by;

static int find_out(void)
{
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "made");
		assert_ok(r);
		tree_is_made_by = runtime_this->backend->name;
		assert_int_equal(acre_actor_pid(a) == getpid(),
				 !strcmp(tree_is_made_by, "thread"));
	}
	return r;
}

TEST(s12_a_tree_is_made_as_the_environment_says)
{
	for (size_t i = 1; i < sizeof names / sizeof *names; i++) {
		const struct backend *unused;
		int expected = backend_find(&unused, names[i].name), r;

		setenv("ACRE_SPAWN_METHOD", names[i].name, 1);
		tree_is_made_by = NULL;
		r = tree_result(find_out, false);
		if (expected >= 0) {
			assert_ok(r);
			assert_string_equal(tree_is_made_by, names[i].means);
		} else {
			assert_class(r, EOPNOTSUPP);
			assert_null(tree_is_made_by);
		}
	}
	setenv("ACRE_SPAWN_METHOD", "", 1);
	assert_ok(tree_result(find_out, false));
	assert_string_equal(tree_is_made_by, "exec");
	setenv("ACRE_SPAWN_METHOD", "telepathy", 1);
	assert_class(tree_result(find_out, false), EINVAL);
	report_thread_fini();
}

TEST(s12_an_unknown_name_is_refused_with_the_choices)
{
	const struct backend *b = NULL;
	int r = backend_find(&b, "telepathy");

	assert_class(r, EINVAL);
	assert_null(b);
	assert_text_has(acre_why(r)->message, "telepathy");
#define IS_NAMED(id, name, text) assert_text_has(acre_why(r)->message, " " name);
	ACRE_BACKENDS(IS_NAMED)
	assert_text_has(acre_why(r)->message, "the choices are exec forkserver ");
	assert_text_has(acre_why(r)->message, "(not to be had in this build: ");
	assert_text_has(acre_why(r)->message, "subint subint_fork subint_forkserver)");
	report_thread_fini();
}

/*
 * Boots that fail: a value with step and errno, or with how it died, and at once.
 */

static int boot_of(struct acre_nursery *n, const char *program)
{
	struct acre_actor *a = NULL;
	int r = acre_spawn(n, &a, .name = "newborn", .program = program);

	assert_class(r, ACRE_EBOOT);
	assert_null(a);
	assert_non_null(acre_why(r)->death);
	return r;
}

TEST_TREE(a_program_that_is_not_there_fails_to_boot_with_its_name)
{
	int boot, r = 0;

	ACRE_NURSERY(n, r) {
		boot = boot_of(&n, "/no/such/program");
		assert_true(acre_has(boot, ACRE_EBOOT));
		assert_string_equal(acre_why(boot)->death->step, "exec");
		assert_int_equal(acre_why(boot)->death->error, ENOENT);
		assert_text_has(acre_why(boot)->message, "newborn");
		assert_text_has(acre_why(boot)->message, "/no/such/program");
		assert_int_equal(acre_why(boot)->n_members, 1);
		assert_int_equal(acre_why(boot)->members[0]->code, ENOENT);

		boot = boot_of(&n, "no-such-program");
		assert_string_equal(acre_why(boot)->death->step, "finding its program");
		assert_text_has(acre_why(boot)->message, "no-such-program");

		boot = boot_of(&n, "/etc/passwd");
		assert_int_equal(acre_why(boot)->death->error, EACCES);
	}
	return r; /* none of it is the nursery's */
}

TEST_TREE(a_program_that_ends_by_itself_fails_to_boot_with_its_status)
{
	int boot, r = 0;

	ACRE_NURSERY(n, r) {
		boot = boot_of(&n, "true");
		assert_int_equal(acre_why(boot)->death->status, 0);
		assert_null(acre_why(boot)->death->step);
		boot = boot_of(&n, "false");
		assert_int_equal(acre_why(boot)->death->status, 1);
		boot = boot_of(&n, "cat"); /* which knows no --acre-actor */
		assert_text_has(acre_why(boot)->death->last_words, "--acre-actor");
	}
	return r;
}

/* A program of the given text, which the kernel starts by its first line. */
static char *script(const char *text)
{
	char *path = malloc(4096);
	FILE *f;

	snprintf(path, 4096, "%s/script", test_dir());
	f = fopen(path, "we");
	assert_non_null(f);
	fprintf(f, "#!/bin/sh\n%s\n", text);
	fclose(f);
	assert_int_equal(chmod(path, 0755), 0);
	return path;
}

TEST_TREE(a_program_that_kills_itself_fails_to_boot_with_the_signal)
{
	char *path = script("kill -ABRT $$");
	int boot, r = 0;

	ACRE_NURSERY(n, r) {
		boot = boot_of(&n, path);
		assert_int_equal(acre_why(boot)->death->signal, SIGABRT);
		assert_false(acre_why(boot)->death->hard_kill);
	}
	free(path);
	return r;
}

TEST_TREE(a_program_that_is_no_actor_fails_to_boot_with_a_hint)
{
	int r = 0;

	ACRE_NURSERY(n, r)
		assert_text_has(
			acre_why(boot_of(&n, "/bin/true"))->message,
			"exited with status 0 before it was ready: a program without "
			"ACRE_MAIN has to call acre_boot() in main()");
	return r;
}

/* It has closed its link and lives on. */
TEST_TREE(a_program_that_leaves_its_link_fails_to_boot_soon)
{
	char *path = script("exec 3<&-; exec sleep 1000");
	acre_instant begun = acre_now();
	int boot, r = 0;

	ACRE_NURSERY(n, r) {
		boot = boot_of(&n, path);
		assert_string_equal(acre_why(boot)->death->step, "keeping its link");
		assert_true(acre_why(boot)->death->hard_kill);
	}
	assert_true(seconds_since(begun) < 5); /* the boot's own limit is 10 */
	free(path);
	return r;
}

/* C038: the newborn is gone when the cancelled spawn returns. */
TEST_TREE(c038_cancel_during_spawn)
{
	char *path = script("trap '' TERM; exec sleep 1000");
	struct acre_actor *a = NULL;
	acre_instant begun = acre_now();
	int r = 0;

	ACRE_WITHIN(acre_ms(50), r)
		ACRE_NURSERY(n, r) {
			r = acre_spawn(&n, &a, .program = path);
			assert_class(r, ECANCELED);
			assert_int_equal(acre_children(NULL, 0), 0);
		}
	assert_class(r, ETIMEDOUT);
	assert_true(seconds_since(begun) < 1);
	free(path);
	return 0;
}

/*
 * Whatever call fails on the way, the house is clean.
 */

static int spawn_and_call(void)
{
	struct acre_actor *a;
	struct acre_int v;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "ten");
		if (r >= 0)
			r = acre_call(a, ten, &nil, acre_int, &v);
	}
	return r;
}

/* The nth call of that name from now, but for those of a sweep, which comes when it likes.
 * The table is chosen while there is one thread. */
static const char *_Atomic fails = "nothing";
static _Atomic uint64_t n_calls, fails_at;

static int fail_nth(const char *name, long first, long second)
{
	(void)first;
	if (strcmp(name, fails) != 0)
		return 0;
	if (!strcmp(name, "openat") &&
	    !strncmp((const char *)second, "/proc/self/task", 15))
		return 0;
	return ++n_calls == fails_at ? EMFILE : 0;
}

static int fail_everywhere(void)
{
	static const char *const calls[] = { "socketpair", "pipe2", "spawn",
					     "openat",	   "fcntl", "close_range",
					     "execve" };

	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
		bool told = false;

		for (uint64_t nth = 1; nth <= 3; nth++) {
			bool failed;
			int r;

			n_calls = 0;
			fails_at = nth;
			fails = calls[i];
			r = spawn_and_call();
			fails = "nothing";
			failed = n_calls >= nth;
			test_note("%s %d: %d", calls[i], (int)nth, r);
			assert_true(r >= 0 || failed);
			told |= r < 0 && acre_has(r, EMFILE);
			assert_int_equal(acre_children(NULL, 0), 0);
		}
		assert_true(told);
	}
	assert_ok(spawn_and_call());
	return 0;
}

static int fail_to_list_threads(const char *name, long first, long second)
{
	(void)first;
	return !strcmp(name, "openat") && !strcmp((const char *)second, "/proc/self/task")
		       ? ENOENT
		       : 0;
}

static int fork_without_proc(void)
{
	struct acre_actor *a;
	int r = 0, failed = 0;

	ACRE_NURSERY(n, r)
		failed = acre_spawn(&n, &a, .name = "forked", .backend = "fork");
	assert_true(acre_has(failed, ENOENT));
	assert_text_has(acre_why(failed)->message, "/proc/self/task could not be read");
	return r;
}

TEST(a_fork_where_threads_cannot_be_listed_says_so)
{
	use_backend("fork");
	sys_fault_choose(fail_to_list_threads);
	sys_use(&sys_fault);
	assert_ok(tree_result(fork_without_proc, false));
	sys_use(&sys_real);
	sys_fault_choose(NULL);
	report_thread_fini();
}

TEST(a_descriptor_too_few_is_a_failure_and_nothing_is_left)
{
	sys_fault_choose(fail_nth);
	sys_use(&sys_fault);
	assert_ok(tree_result(fail_everywhere, false));
	sys_use(&sys_real);
	sys_fault_choose(NULL);
	report_thread_fini();
}
