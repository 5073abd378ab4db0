/* SPDX-License-Identifier: MIT */
/* test_cli_selftest.c - `acre selftest`: the scenarios of the reference, rows S06 to S09, and more. */
#include "conform/cli.h"

#include "conform/python.h"

/* Each test runs the command: there is no Python in this process. */

#define BANNER "============================================================\n"

#define assert_passes(scenario)                                                     \
	do {                                                                        \
		assert_int_equal(acre("selftest --scenario " scenario), 0);         \
		assert_text_has(out, BANNER scenario "\n" BANNER "[PASS] " scenario \
						     ": expected ");                \
	} while (0)

TEST_PYTHON(s06_control_subint_thread_fork)
{
	assert_passes("control_subint_thread_fork");
	assert_text_has(err, "Fatal Python error");
	assert_text_has(err, "not main interpreter");
	return 0;
}

TEST_PYTHON(s07_main_thread_fork)
{
	assert_passes("main_thread_fork");
	assert_text_has(out, "observed rc=0\n");
	return 0;
}

TEST_PYTHON(s08_worker_thread_fork)
{
	assert_passes("worker_thread_fork");
	assert_text_has(out, "observed rc=0\n");
	return 0;
}

TEST_PYTHON(s09_full_architecture)
{
	assert_passes("full_architecture");
	assert_text_has(out, "observed rc=0\n");
	return 0;
}

TEST_PYTHON(s09_full_architecture_shared_gil)
{
	assert_passes("full_architecture_shared_gil");
	assert_text_has(out, "observed rc=0\n");
	return 0;
}

TEST_PYTHON(s09_full_architecture_own_gil)
{
	assert_passes("full_architecture_own_gil");
	if (strstr(out, "observed rc=5\n"))
		assert_text_has(err, "they are from 3.13 on");
	return 0;
}

TEST_PYTHON(s10_fork_from_guest)
{
	assert_passes("fork_from_guest");
	assert_text_has(out, "observed rc=0\n");
	assert_null(strstr(err, "Fatal Python error"));
	return 0;
}

TEST_PYTHON(s11_refused_subint_thread_fork)
{
	assert_passes("refused_subint_thread_fork");
	assert_null(strstr(err, "Fatal Python error"));
	return 0;
}

TEST_PYTHON(s09_all_of_them)
{
	assert_int_equal(acre("selftest | grep -c '^.PASS'"), 0);
	assert_string_equal(out, "8\n");
	return 0;
}

TEST_PYTHON(selftest_lists_its_scenarios)
{
	assert_int_equal(acre("selftest --help"), 0);
	assert_text_has(out, "\n  control_subint_thread_fork\n");
	assert_text_has(out, "\n  fork_from_guest\n");
	return 0;
}

/* An event loop of this text, in the place of Python's. */
static void bring_asyncio(const char *text)
{
	char path[4096];
	FILE *f;

	snprintf(path, sizeof path, "%s/asyncio.py", test_dir());
	f = fopen(path, "we");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	snprintf(path, sizeof path, "%s/trio.py", test_dir());
	f = fopen(path, "we");
	assert_non_null(f);
	fputs("raise ImportError\n", f);
	fclose(f);
	setenv("PYTHONPATH", test_dir(), 1);
}

TEST_PYTHON(s09_another_outcome_is_status_1)
{
	bring_asyncio("raise RuntimeError('not today')\n");
	assert_int_equal(acre("selftest --scenario full_architecture"), 1);
	assert_text_has(out, "[FAIL] full_architecture: expected rc=0 of ");
	assert_text_has(out, "; observed rc=4: its source has raised\n");
	assert_text_has(err, "RuntimeError: not today");
	return 0;
}

TEST_PYTHON(s09_a_hang_is_status_1_and_has_an_end)
{
	bring_asyncio("while True: pass\n");
	assert_int_equal(acre("selftest --scenario full_architecture --limit 1"), 1);
	assert_text_has(out, "[FAIL] ");
	assert_text_has(out, "observed rc=3: its thread did not come back\n");
	return 0;
}

TEST_PYTHON(s05_what_cannot_be_tried_is_status_2)
{
	setenv("ACRE_PYTHON_PLUGIN", "/nowhere", 1);
	assert_int_equal(acre("selftest --scenario control_subint_thread_fork"), 2);
	assert_text_has(out,
			"[SETUP] control_subint_thread_fork: this build holds no Python");
	assert_int_equal(acre("selftest --scenario main_thread_fork"), 2);
	assert_int_equal(acre("selftest --scenario full_architecture"), 2);
	assert_int_equal(acre("selftest"), 2);
	return 0;
}

TEST_PYTHON(selftest_called_wrongly_is_status_2)
{
	assert_int_equal(acre("selftest --scenario telepathy"), 2);
	assert_text_has(err, "there is no scenario telepathy");
	assert_int_equal(acre("selftest --limit 0"), 2);
	assert_int_equal(acre("selftest main_thread_fork"), 2);
	return 0;
}
