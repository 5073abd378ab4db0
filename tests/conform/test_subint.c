/* SPDX-License-Identifier: MIT */
/* test_subint.c - acre_run_subint_in_worker(): values, exceptions, bad input, deadlines: row S02. */
#include "conform/tree.h"

#include <acre/python.h>
#include <acre/value.h>

#include "conform/python.h"

static int64_t integer_of(struct acre_value value)
{
	struct acre_part part;

	assert_int_equal(acre_value_next(&value, &part), 1);
	assert_int_equal(part.type, ACRE_PART_INT);
	return part.integer;
}

/* Why it fails, and that it does. */
static const struct acre_report *why_fails(const char *source, int class)
{
	struct acre_any got = { .value = { "untouched", 9 } };
	int r = acre_run_subint_in_worker(source, &got);

	assert_class(r, class);
	assert_int_equal(got.value.len, 9);
	test_note("%s\n%s", acre_why(r)->message, acre_why(r)->trace);
	return acre_why(r);
}

TEST_PYTHON(s02_a_value_comes_back)
{
	struct acre_any got;

	assert_int_equal(acre_run_subint_in_worker("result = sum(range(10))", &got), 1);
	assert_int_equal(integer_of(got.value), 45);
	acre_msg_free(acre_any, &got);
	assert_int_equal(acre_run_subint_in_worker("x = 1", &got), 0);
	assert_int_equal(acre_run_subint_in_worker("result = None", &got), 0);
	assert_int_equal(acre_run_subint_in_worker("", &got), 0);
	return 0;
}

TEST_PYTHON(s02_all_that_travels_comes_back_as_what_it_was)
{
	struct acre_any got;
	struct acre_value at, item;
	struct acre_part part;

	assert_int_equal(acre_run_subint_in_worker("result = {'a': [True, None, 1.5, "
						   "-2**63, 2**64-1, (b'\\0x', 'é')]}",
						   &got),
			 1);
	assert_int_equal(acre_value_get(got.value, "a", &at), 1);
	assert_int_equal(acre_value_next(&at, &part), 1);
	assert_int_equal(part.type, ACRE_PART_LIST);
	assert_int_equal(part.count, 6);
	assert_int_equal(acre_value_next(&at, &part), 1);
	assert_int_equal(part.type, ACRE_PART_BOOL);
	assert_int_equal(acre_value_next(&at, &part), 1);
	assert_int_equal(part.type, ACRE_PART_NIL);
	assert_int_equal(acre_value_next(&at, &part), 1);
	assert_true(part.type == ACRE_PART_FLOAT && part.real == 1.5);
	assert_int_equal(acre_value_skip(&at, &item), 1);
	assert_true(integer_of(item) == INT64_MIN);
	assert_int_equal(acre_value_next(&at, &part), 1);
	assert_true(part.type == ACRE_PART_NATURAL && part.natural == UINT64_MAX);
	assert_int_equal(acre_value_next(&at, &part), 1);
	assert_int_equal(acre_value_next(&at, &part), 1);
	assert_true(part.type == ACRE_PART_BYTES && part.bytes.len == 2);
	assert_int_equal(acre_value_next(&at, &part), 1);
	assert_true(part.type == ACRE_PART_TEXT && part.bytes.len == 2);
	acre_msg_free(acre_any, &got);
	return 0;
}

TEST_PYTHON(s02_an_exception_comes_back_with_type_text_and_traceback)
{
	const struct acre_report *why = why_fails("def deep():\n"
						  "    raise ValueError('no such key')\n"
						  "deep()\n",
						  ACRE_EGUEST);

	assert_string_equal(why->name, "ValueError");
	assert_string_equal(why->message, "no such key");
	assert_text_has(why->trace, "Traceback (most recent call last)");
	assert_text_has(why->trace, "File \"<subint>\", line 2, in deep");
	return 0;
}

/* source, class, name, a part of the message */
#define BAD_SOURCES(B)                                                                   \
	B("if 1\n", ACRE_EGUEST, "SyntaxError", "expected ':' (<subint>, line 1)")       \
	B("import there_is_no_such", ACRE_EGUEST, "ModuleNotFoundError",                 \
	  "No module named 'there_is_no_such'")                                          \
	B("class Bad(Exception):\n"                                                      \
	  "    def __str__(self): raise RuntimeError('in str')\n"                        \
	  "raise Bad\n",                                                                 \
	  ACRE_EGUEST, "Bad", "<exception str() failed>")                                \
	B("raise KeyboardInterrupt", ACRE_EGUEST, "KeyboardInterrupt", "")               \
	B("raise SystemExit(3)", ACRE_EGUEST, "SystemExit", "3")                         \
	B("import sys; sys.exit('bye')", ACRE_EGUEST, "SystemExit", "bye")               \
	B("raise ValueError('\\ud800')", ACRE_EGUEST, "ValueError", "\\ud800")           \
	B("import json; json.loads('x')", ACRE_EGUEST, "json.decoder.JSONDecodeError",   \
	  "Expecting value")                                                             \
	B("def f(): f()\nf()", ACRE_EGUEST, "RecursionError", "")                        \
	B("\xff", ACRE_EGUEST, "SyntaxError", "")                                        \
	B("result = object()", ACRE_ETYPE, "ACRE_ETYPE",                                 \
	  "TypeError: a value of type object does not travel")                           \
	B("result = {1: 2}", ACRE_ETYPE, "ACRE_ETYPE", "keys of str, not int")           \
	B("result = 2**64", ACRE_ETYPE, "ACRE_ETYPE",                                    \
	  "OverflowError: an int that travels is")                                       \
	B("result = '\\ud800'", ACRE_ETYPE, "ACRE_ETYPE", "UnicodeEncodeError: ")        \
	B("result = []\nresult.append(result)", ACRE_ETYPE, "ACRE_ETYPE",                \
	  "RecursionError: ")                                                            \
	B("result = 'x' * (2 << 20)", EMSGSIZE, "EMSGSIZE", "")

TEST_PYTHON(s02_bad_input_is_a_typed_failure)
{
	static const struct {
		const char *source;
		int class;
		const char *name, *text;
	} bad[] = {
#define AS_BAD(source, class, name, text) { source, class, name, text },
		BAD_SOURCES(AS_BAD)
	};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_text_has(why_fails(bad[i].source, bad[i].class)->message,
				bad[i].text);
	return 0;
}

/* A source that would go on for ever, in all the ways that a thread cannot be ended. */
static const char *const endless[] = {
	"while True: pass",
	"while True:\n    try:\n        while True: pass\n    except BaseException: pass",
	"import time; time.sleep(3600)",
	"import threading; threading.Lock().acquire(); l = threading.Lock(); "
	"l.acquire(); "
	"l.acquire()",
	"sum(range(10**12))",
	"import threading, time; threading.Thread(target=time.sleep, "
	"args=(3600,)).start(); "
	"time.sleep(3600)",
};

TEST_PYTHON(s02_a_deadline_comes_back_and_no_thread_or_process_is_left)
{
	struct test_census before;
	struct acre_any got;

	assert_int_equal(acre_run_subint_in_worker("", &got), 0);
	before = test_census();
	for (size_t i = 0; i < sizeof endless / sizeof *endless; i++) {
		int r = acre_run_subint_in_worker(endless[i], &got,
						  .limit = acre_ms(300));

		assert_class(r, ETIMEDOUT);
		assert_text_has(acre_why(r)->message, "had not ended after 300 ms");
	}
	assert_no_growth(&before);
	return 0;
}

TEST_PYTHON(s02_a_scope_around_it_is_a_deadline_as_well)
{
	struct acre_any got;
	int r = 0, inner = 0;

	ACRE_WITHIN(acre_ms(200), r)
		inner = r = acre_run_subint_in_worker(endless[2], &got);
	assert_class(inner, ECANCELED);
	assert_class(r, ETIMEDOUT);
	return 0;
}

/* What it leaves behind it does not wait for. */
TEST_PYTHON(s02_threads_that_a_source_does_not_join_end_with_it)
{
	struct acre_any got;

	assert_int_equal(
		acre_run_subint_in_worker(
			"import threading, time\n"
			"t = threading.Thread(target=time.sleep, args=(3600,))\n"
			"t.start()\n"
			"result = int(t.is_alive())\n",
			&got),
		1);
	assert_int_equal(integer_of(got.value), 1);
	acre_msg_free(acre_any, &got);
	return 0;
}

TEST_PYTHON(s02_a_source_that_kills_its_process_is_a_death)
{
	struct acre_any got;
	int r = acre_run_subint_in_worker(
		"import os, signal; os.kill(os.getpid(), signal.SIGKILL)", &got);

	assert_class(r, ACRE_EDIED);
	assert_int_equal(acre_why(r)->death->signal, SIGKILL);
	r = acre_run_subint_in_worker("import os; os._exit(7)", &got);
	assert_class(r, ACRE_EDIED);
	assert_int_equal(acre_why(r)->death->status, 7);
	r = acre_run_subint_in_worker("import os; os._exit(0)", &got);
	assert_class(r, ACRE_EDIED);
	return 0;
}

/* It is no main interpreter: what only that may do is refused there. */
TEST_PYTHON(s02_a_source_runs_beside_the_main_interpreter)
{
	const struct acre_report *why =
		why_fails("import signal; signal.signal(signal.SIGTERM, signal.SIG_DFL)",
			  ACRE_EGUEST);

	assert_string_equal(why->name, "ValueError");
	assert_text_has(why->message, "signal only works in main thread");
	return 0;
}

/* The signals of what a source starts are not blocked. */
TEST_PYTHON(s02_processes_of_a_source_get_their_signals)
{
	struct acre_any got;

	assert_int_equal(
		acre_run_subint_in_worker("import subprocess, signal\n"
					  "p = subprocess.Popen(['sleep', '3600'])\n"
					  "p.send_signal(signal.SIGINT)\n"
					  "result = p.wait()\n",
					  &got),
		1);
	assert_int_equal(integer_of(got.value), -SIGINT);
	acre_msg_free(acre_any, &got);
	return 0;
}

TEST_PYTHON(s02_the_gil_is_the_one_that_was_asked_for)
{
	struct acre_any got;
	int r = acre_run_subint_in_worker("result = 1", &got, .gil = ACRE_GIL_SHARED);

	assert_int_equal(r, 1);
	acre_msg_free(acre_any, &got);
	r = acre_run_subint_in_worker("import sys; result = sys.version_info[1]", &got,
				      .gil = ACRE_GIL_OWN);
	if (r >= 0) {
		assert_true(integer_of(got.value) >= 13);
		acre_msg_free(acre_any, &got);
	} else {
		assert_class(r, EOPNOTSUPP);
		assert_text_has(acre_why(r)->message, "from 3.13 on");
	}
	return 0;
}

TEST_PYTHON(s02_options_that_are_none_are_refused)
{
	struct acre_any got;

	assert_class(acre_run_subint_in_worker(NULL, &got), EINVAL);
	assert_class(acre_run_subint_in_worker("", &got, .gil = (enum acre_gil)9),
		     EINVAL);
	assert_class(acre_run_subint_in_worker("", &got, .limit = acre_ms(-1)), EINVAL);
	assert_class(acre_run_subint_in_worker("", &got, .flags = 2), EINVAL);
	assert_class(acre_run_subint_in_worker("", &got, .reserved = { 1 }), EINVAL);
	return 0;
}

static int run_without_plugin(void)
{
	struct acre_any got;

	assert_class(acre_run_subint_in_worker("", &got), EOPNOTSUPP);
	return 0;
}

TEST(s02_without_the_plugin_it_says_so)
{
	setenv("ACRE_PYTHON_PLUGIN", "/nowhere", 1);
	assert_ok(tree_result(run_without_plugin, false));
	report_thread_fini();
}
