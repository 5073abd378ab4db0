/* SPDX-License-Identifier: MIT */
/* test_rundir.c - the directories of sockets: made, corrected or refused; and the names. */
#include "wire/rundir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <acre/error.h>

#include "base/sys.h"
#include "lib/run.h"

/* A path below the test's own runtime directory, or below its directory. */
static const char *in(const char *dir, const char *name)
{
	static char paths[4][512]; /* the longest of ours has 300 */
	static unsigned n;
	char *path = paths[n++ % 4];

	snprintf(path, sizeof paths[0], "%s/%s", dir, name);
	return path;
}

static const char *runtime(void)
{
	return getenv("XDG_RUNTIME_DIR");
}

static unsigned mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(lstat(path, &st), 0);
	return st.st_mode & 07777;
}

static void assert_refused(int r, int class, const char *why)
{
	assert_class(r, class);
	assert_text_has(acre_why(r)->message, why);
}

static void make_file(const char *path)
{
	int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	close(fd);
}

TEST_TASK(c092_a_directory_is_made_for_us_alone)
{
	struct rundir d;

	umask(0);
	assert_ok(rundir_open(&d, "acre", NULL));
	umask(022);
	assert_string_equal(d.path, in(runtime(), "acre"));
	assert_int_equal(mode_of(d.path), 0700);
	rundir_close(&d);
	assert_int_equal(d.fd, -1);
	rundir_close(&d);

	assert_ok(rundir_open(&d, "acre", "tree-1"));
	assert_string_equal(d.path, in(runtime(), "acre/tree-1"));
	assert_int_equal(mode_of(d.path), 0700);
	rundir_remove(&d);
	assert_int_equal(access(in(runtime(), "acre/tree-1"), F_OK), -1);
	assert_int_equal(access(in(runtime(), "acre"), F_OK), 0);
	return 0;
}

TEST_TASK(a_directory_in_which_something_is_left_stays)
{
	struct rundir d;

	assert_ok(rundir_open(&d, "acre", "t"));
	make_file(in(d.path, "x"));
	rundir_remove(&d);

	assert_int_equal(access(in(runtime(), "acre/t/x"), F_OK), 0);
	return 0;
}

TEST_TASK(c092_the_mode_of_an_existing_one_is_corrected)
{
	static const mode_t modes[] = { 0755, 0777, 01777, 0500, 0770 };
	const char *path = in(runtime(), "acre");
	struct rundir d;

	assert_int_equal(mkdir(path, 0700), 0);
	for (size_t i = 0; i < ARRAY_N(modes); i++) {
		assert_int_equal(chmod(path, modes[i]), 0);
		assert_ok(rundir_open(&d, "acre", NULL));
		assert_int_equal(mode_of(path) & 0777, 0700);
		rundir_close(&d);
	}
	return 0;
}

TEST_TASK(c092_a_link_or_a_file_is_refused_and_nothing_changed)
{
	const char *elsewhere = in(test_dir(), "elsewhere");
	const char *path = in(runtime(), "acre");
	struct rundir d = { .fd = -7 };

	assert_int_equal(mkdir(elsewhere, 0755), 0);
	assert_int_equal(symlink(elsewhere, path), 0);
	assert_refused(rundir_open(&d, "acre", NULL), EPERM, "is a symbolic link");
	/* in the middle, too */
	assert_refused(rundir_open(&d, "acre", "tree"), EPERM, "is a symbolic link");
	assert_int_equal(mode_of(elsewhere), 0755);
	assert_int_equal(rmdir(elsewhere), 0); /* it is empty */

	assert_int_equal(unlink(path), 0);
	make_file(path);
	assert_refused(rundir_open(&d, "acre", NULL), EPERM, "is no directory");
	assert_int_equal(mode_of(path), 0644);
	assert_int_equal(d.fd, -7);
	return 0;
}

TEST_TASK(c092_a_foreign_directory_is_refused_and_nothing_changed)
{
	const char *path = in(runtime(), "acre");
	struct rundir d;

	if (geteuid() == 0) {
		assert_int_equal(mkdir(path, 0755), 0);
		assert_int_equal(chown(path, 65534, 65534), 0);
		assert_refused(rundir_open(&d, "acre", NULL), EPERM,
			       "belongs to uid 65534, and we are uid 0");
		assert_int_equal(mode_of(path), 0755);
	} else {
		setenv("XDG_RUNTIME_DIR", "/usr", 1);
		assert_refused(rundir_open(&d, "acre", NULL), EPERM, "belongs to uid 0");
	}
	return 0;
}

TEST_TASK(what_the_variable_names_is_looked_at_too)
{
	const char *linked = in(test_dir(), "link");
	struct rundir d;
	int r;

	assert_int_equal(chmod(runtime(), 0777), 0);
	r = rundir_open(&d, "acre", NULL);
	assert_refused(r, EPERM, "others may write to the directory");
	assert_text_has(acre_why(r)->notes->text, "using XDG_RUNTIME_DIR");
	assert_int_equal(mode_of(runtime()), 0777);
	assert_int_equal(chmod(runtime(), 0700), 0);

	assert_int_equal(symlink(runtime(), linked), 0);
	setenv("XDG_RUNTIME_DIR", linked, 1);
	assert_refused(rundir_open(&d, "acre", NULL), EPERM, "is a symbolic link");
	setenv("XDG_RUNTIME_DIR", in(test_dir(), "run/../run"), 1);
	assert_refused(rundir_open(&d, "acre", NULL), EINVAL, "use its own name");
	return 0;
}

/* /run/user/UID may be there or not on this machine: it is asked, too. */
TEST_TASK(without_the_variable_there_are_other_places)
{
	static const char *const useless[] = { "", "run", "/no/such/directory", NULL };
	char run_user[64], expected[256];
	struct rundir d;
	bool has_run_user;

	snprintf(run_user, sizeof run_user, "/run/user/%u", geteuid());
	has_run_user = access(run_user, F_OK) == 0;
	if (has_run_user)
		snprintf(expected, sizeof expected, "%s/acre-test-rundir", run_user);
	else
		snprintf(expected, sizeof expected, "%s/acre-test-rundir-%u",
			 getenv("TMPDIR"), geteuid());
	for (size_t i = 0; i < ARRAY_N(useless); i++) {
		if (useless[i])
			setenv("XDG_RUNTIME_DIR", useless[i], 1);
		else
			unsetenv("XDG_RUNTIME_DIR");
		assert_ok(rundir_open(&d, "acre-test-rundir", NULL));
		assert_string_equal(d.path, expected);
		assert_int_equal(mode_of(d.path), 0700);
		rundir_remove(&d);
	}
	if (!has_run_user) {
		setenv("TMPDIR", "/no/such/directory", 1);
		assert_refused(rundir_open(&d, "acre", NULL), ENOENT,
			       "there is no place for sockets");
	}
	return 0;
}

TEST_TASK(slashes_too_many_are_none)
{
	struct rundir d;
	char path[256];

	snprintf(path, sizeof path, "//%s///", runtime());
	setenv("XDG_RUNTIME_DIR", path, 1);
	assert_ok(rundir_open(&d, "acre", NULL));
	path[strlen(path) - 3] = '\0';
	assert_string_equal(d.path, in(path + 2, "acre"));
	rundir_close(&d);
	return 0;
}

TEST_TASK(a_program_or_tree_is_one_component)
{
	static const char *const wrong[] = { "",     ".",	"..", "a/b",
					     "../x", ".hidden", "-x", "\xc3\xa9" };
	struct rundir d;

	for (size_t i = 0; i < ARRAY_N(wrong); i++) {
		assert_refused(rundir_open(&d, wrong[i], NULL), EINVAL, "cannot be");
		assert_refused(rundir_open(&d, "acre", wrong[i]), EINVAL, "cannot be");
	}
	assert_int_equal(access(in(runtime(), "acre"), F_OK), -1);
	return 0;
}

static struct address at(const char *path)
{
	struct address a = { 0 };
	struct address_fault fault;

	if (address_of_path(&a, path, strlen(path), &fault) < 0)
		fail_msg("%s", fault.text);
	return a;
}

TEST_TASK(c094_a_missing_bind_directory_is_made)
{
	struct address a = at(in(test_dir(), "a/b/c/x.sock"));
	struct rundir d;

	assert_ok(rundir_open_of(&d, &a));
	assert_string_equal(d.path, in(test_dir(), "a/b/c"));
	assert_int_equal(mode_of(in(test_dir(), "a")), 0700);
	assert_int_equal(mode_of(in(test_dir(), "a/b/c")), 0700);
	rundir_close(&d);
	return 0;
}

TEST_TASK(a_bind_directory_that_is_there_is_never_changed)
{
	const char *path = in(test_dir(), "mine");
	struct address a = at(in(test_dir(), "mine/x.sock"));
	struct rundir d;

	assert_int_equal(mkdir(path, 0755), 0);
	assert_ok(rundir_open_of(&d, &a));
	rundir_close(&d);
	assert_int_equal(mode_of(path), 0755);

	assert_int_equal(chmod(path, 0775), 0);
	assert_refused(rundir_open_of(&d, &a), EPERM, "others may write");
	assert_int_equal(mode_of(path), 0775);

	a = at("/tmp/acre-test-rundir.sock");
	assert_class(rundir_open_of(&d, &a), EPERM);
	return 0;
}

TEST_TASK(what_lies_in_the_root_has_a_directory)
{
	struct address a = at("/x.sock");
	struct rundir d;
	int r = rundir_open_of(&d, &a);

	if (geteuid() == 0 && !(mode_of("/") & 022)) {
		assert_ok(r);
		assert_string_equal(d.path, "");
		assert_ok(rundir_socket(&d, "x", 1, &a));
		assert_string_equal(a.path, "/x@1.sock");
		rundir_close(&d);
	} else {
		assert_class(r, EPERM);
	}
	return 0;
}

TEST_TASK(a_path_too_long_for_a_socket_is_refused_before_anything_is_made)
{
	char name[ADDRESS_PATH_MAX + 1];
	struct rundir d;

	memset(name, 'x', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	assert_refused(rundir_open(&d, name, NULL), ENAMETOOLONG, "at most 107 bytes");
	assert_int_equal(access(in(runtime(), name), F_OK), -1);
	return 0;
}

/*
 * Names
 */

static struct address named(const char *dir, const char *name, uint64_t number)
{
	struct rundir d = { .fd = -1 };
	struct address a;

	snprintf(d.path, sizeof d.path, "%s", dir);
	assert_ok(rundir_socket(&d, name, number, &a));
	assert_true(strlen(a.path) <= ADDRESS_PATH_MAX);
	return a;
}

#define assert_named(name, number, expected) \
	assert_string_equal(named("/run/acre", (name), (number)).path, (expected))

TEST(c093_a_short_name_is_kept)
{
	assert_named("worker", 4242, "/run/acre/worker@4242.sock");
	assert_named("registry", 1616, "/run/acre/registry@1616.sock");
	assert_named("a.b-c_D9", 1, "/run/acre/a.b-c_D9@1.sock");
}

/* These must never change: another process looks there. */
TEST(c093_other_names_are_compacted_always_alike_with_the_same_suffix)
{
	assert_named("../../etc/passwd", 7,
		     "/run/acre/_._.._etc_passwd~e3825f653f5c8946@7.sock");
	assert_named("", 7, "/run/acre/~85121be21faf1ff2@7.sock");
	assert_named("m\xc3\xbcller", 7, "/run/acre/m__ller~bcf6cac8a66ec969@7.sock");
	assert_named("..", 7, "/run/acre/_.~8837db4f732416f4@7.sock");
	assert_named("a@b", 7, "/run/acre/a_b~bc626473c69b9f7c@7.sock");
}

TEST(c093_a_long_name_is_compacted_only_where_it_has_no_room)
{
	char name[128] = "";
	struct address kept, compacted;

	memset(name, 'n', ADDRESS_PATH_MAX - strlen("/run/acre/@7.sock"));
	kept = named("/run/acre", name, 7);
	assert_int_equal(strlen(kept.path), ADDRESS_PATH_MAX);
	assert_text_has(kept.path, name);

	compacted = named("/run/acre", name, 77);
	assert_text_has(compacted.path, "/run/acre/nnnnnnnnnnnnnnnnnnnnnnnn~");
	assert_text_has(compacted.path, "@77.sock");
}

TEST(names_that_differ_where_they_are_cut_differ)
{
	struct address a = named("/run/acre", "m\xc3\xbcller", 7);
	struct address b = named("/run/acre", "m\xc3\xb6ller", 7);

	assert_false(address_is_equal(&a, &b));
}

TEST_TASK(c093_without_room_the_failure_names_the_budget)
{
	struct rundir d = { .fd = -1 };
	struct address a;
	int r;

	memset(d.path, 'd', ADDRESS_PATH_MAX);
	d.path[0] = '/';
	d.path[ADDRESS_PATH_MAX - 1 - 24] = '\0'; /* 24 bytes behind the slash */
	assert_ok(rundir_socket(&d, "long-and-longer-and-longer", 7, &a));
	assert_int_equal(strlen(a.path), ADDRESS_PATH_MAX);

	assert_ok(rundir_socket(&d, "still-has-room", 77, &a));
	r = rundir_socket(&d, "long-and-longer-and-longer", 77, &a);
	assert_refused(r, ENAMETOOLONG,
		       "leaves 24 bytes of 107 for the name of a socket, which needs 25");
	memset(d.path, 'd', ADDRESS_PATH_MAX);
	r = rundir_socket(&d, "x", 1, &a);
	assert_refused(r, ENAMETOOLONG, "leaves 0 bytes of 107");
	return 0;
}

TEST_TASK(whatever_call_fails_the_house_is_clean)
{
	struct rundir d;
	uint64_t n;
	int r;

	sys_use(&sys_fault);
	sys_fault_at(0, 0, false);
	assert_ok(rundir_open(&d, "acre", "tree"));
	n = sys_fault_calls();
	rundir_close(&d);
	assert_true(n > 10);
	for (uint64_t i = 1; i <= n; i++) {
		sys_fault_at(i, EIO, false);
		r = rundir_open(&d, "acre", "tree");
		sys_fault_at(0, 0, false);
		if (r >= 0) /* a close that fails has closed */
			rundir_close(&d);
		else
			assert_class(r, EIO);
	}
	sys_use(&sys_real);
	return 0;
}

TEST(c149_a_directory_is_held_until_its_holder_is_gone)
{
	struct rundir d, other;

	assert_ok(rundir_open(&d, "p", "tree"));
	assert_ok(rundir_open(&other, "p", "tree"));
	assert_false(rundir_is_held(other.fd));

	assert_int_equal(rundir_hold(&d), 0);

	assert_true(rundir_is_held(other.fd));
	assert_int_equal(rundir_take(other.fd), -EAGAIN);
	rundir_close(&d);
	assert_false(rundir_is_held(other.fd));
	assert_int_equal(rundir_take(other.fd), 0);
	rundir_remove(&other);
}

TEST(what_is_removed_already_is_not_held)
{
	struct rundir d, other;

	assert_ok(rundir_open(&d, "p", "tree"));
	assert_ok(rundir_open(&other, "p", "tree"));
	rundir_remove(&other);
	assert_int_equal(rundir_hold(&d), -EAGAIN);
	rundir_close(&d);
}
