/* SPDX-License-Identifier: MIT */
/* test_python.c - the Python plug-in: absent, broken, loaded, and what it finds out. */
#include "conform/tree.h"

#include <stdio.h>
#include <sys/wait.h>

#include "conform/python.h"

static const char *const backends[] = { "subint", "subint_fork", "subint_forkserver" };

TEST(without_the_plugin_each_backend_says_that_this_build_has_no_guests)
{
	const struct backend *unused;

	setenv("ACRE_PYTHON_PLUGIN", "/nowhere/" PYTHON_PLUGIN, 1);
	for (size_t i = 0; i < sizeof backends / sizeof *backends; i++) {
		int r = backend_find(&unused, backends[i]);

		assert_class(r, EOPNOTSUPP);
		assert_text_has(acre_why(r)->message, backends[i]);
		assert_text_has(acre_why(r)->message,
				"cannot be had: this build holds no Python guests "
				"(there is no /nowhere/" PYTHON_PLUGIN ")");
	}
	report_thread_fini();
}

/* A process of its own, which the plug-in and its Python never leave. Its status. */
static int in_child(int (*body)(void))
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(body());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static const char *bad_plugin;

static int load_bad(void)
{
	const struct python_plugin *plugin;
	int r;

	setenv("ACRE_PYTHON_PLUGIN", bad_plugin, 1);
	r = python_load(&plugin);
	assert_class(r, EOPNOTSUPP);
	test_note("%s", acre_why(r)->message);
	return 0;
}

TEST(what_is_no_plugin_is_refused_with_the_reason)
{
	char path[4096];
	FILE *f;

	snprintf(path, sizeof path, "%s/text.so", test_dir());
	f = fopen(path, "we");
	assert_non_null(f);
	fputs("not an object\n", f);
	fclose(f);
	bad_plugin = path;
	assert_int_equal(in_child(load_bad), 0);
	bad_plugin = "/nowhere";
	assert_int_equal(in_child(load_bad), 0);
	snprintf(path, sizeof path, "/lib/x86_64-linux-gnu/libc.so.6");
	bad_plugin = path; /* an object, and not ours */
	assert_int_equal(in_child(load_bad), 0);
}

static int probe(void)
{
	const struct python_plugin *plugin;
	struct python_probe found;
	int major = 0, minor = 0;

	assert_ok(python_load(&plugin));
	assert_int_equal(sscanf(plugin->python(), "%d.%d", &major, &minor), 2);
	assert_true(major > 3 || minor >= 11);
	assert_ok(plugin->probe(&found));
	for (int i = 0; i < N_PYTHON_ABILITIES; i++)
		test_note("%d: %d %s", i, found.can[i], found.why_not[i]);
	assert_true(found.can[PYTHON_FORKS]);
	assert_true(found.can[PYTHON_SHARES_GIL]);
	assert_true(found.can[PYTHON_FORKS_FROM_GUEST]);
	assert_int_equal(found.can[PYTHON_OWN_GIL], minor >= 13);
	assert_int_equal(found.why_not[PYTHON_OWN_GIL][0] == '\0', minor >= 13);
	return 0;
}

TEST(s05_what_python_can_do_is_found_out_by_doing_it)
{
	use_python();
	assert_int_equal(in_child(probe), 0);
}

/* A crash in a child of the probe is an answer. */
static int probe_without_asyncio(void)
{
	const struct python_plugin *plugin;
	struct python_probe found;
	char path[4096];
	FILE *f;

	snprintf(path, sizeof path, "%s/asyncio.py", test_dir());
	f = fopen(path, "we");
	fputs("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n", f);
	fclose(f);
	setenv("PYTHONPATH", test_dir(), 1);
	assert_ok(python_load(&plugin));
	assert_ok(plugin->probe(&found));
	assert_false(found.can[PYTHON_FORKS]);
	assert_text_has(found.why_not[PYTHON_FORKS], "signal 9");
	return 0;
}

TEST(s05_a_python_that_crashes_when_it_is_used_is_told_as_such)
{
	use_python();
	assert_int_equal(in_child(probe_without_asyncio), 0);
}

/* Where no guest lives there is nothing of Python. */
static bool maps_python(void)
{
	FILE *f = fopen("/proc/self/maps", "re");
	char line[4096];
	bool found = false;

	assert_non_null(f);
	while (fgets(line, sizeof line, f))
		found = found || strstr(line, "libpython");
	fclose(f);
	return found;
}

TEST(looking_for_the_plugin_loads_nothing)
{
	use_python();
	assert_null(python_why_not());
	assert_false(maps_python());
}
