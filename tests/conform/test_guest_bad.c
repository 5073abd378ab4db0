/* SPDX-License-Identifier: MIT */
/* test_guest_bad.c - guests that are given what is wrong: typed failures, nothing hangs or leaks. */
#include "conform/guest.h"

#include <sys/stat.h>

/* name, class, body, name of the failure ("": its class's), a part of its message */
#define BAD_FUNCTIONS(B)                                                                     \
	B(unfit, ACRE_ETYPE, "return object()", "", "TypeError: a value of type object")     \
	B(unfit_key, ACRE_ETYPE, "return {1: 2}", "", "keys of str, not int")                \
	B(unfit_inside, ACRE_ETYPE, "return [1, {'a': {2, 3}}]", "", "type set does not")    \
	B(too_great, ACRE_ETYPE, "return 2**64", "", "OverflowError: an int that travels")   \
	B(half_a_pair, ACRE_ETYPE, "return '\\ud800'", "", "UnicodeEncodeError: ")           \
	B(in_itself, ACRE_ETYPE, "a = []; a.append(a); return a", "", "RecursionError: ")    \
	B(too_large, EMSGSIZE, "return 'x' * (2 << 20)", "", "")                             \
	B(too_deep, EMSGSIZE, "a = []\n    for _ in range(200): a = [a]\n    return a", "", \
	  "")                                                                                \
	B(no_text, ACRE_EGUEST, "raise Mute", "main.Mute", "<exception str() failed>")       \
	B(mute_below, ACRE_EGUEST,                                                           \
	  "try:\n        raise Mute\n    except Mute as e:\n        raise KeyError(1) from e", \
	  "KeyError", "1")                                                                   \
	B(no_name, ACRE_EGUEST, "raise type('', (Exception,), {'__module__': 3})(5)", "",    \
	  "5")                                                                               \
	B(long_text, ACRE_EGUEST, "raise ValueError('x' * (20 << 20))", "ValueError", "xxx") \
	B(long_chain, ACRE_EGUEST,                                                           \
	  "e = None\n    for i in range(500):\n        n = ValueError(i); n.__cause__ = e; " \
	  "e = n\n    raise e",                                                              \
	  "ValueError", "499")                                                               \
	B(endless, ACRE_EGUEST, "return endless()", "RecursionError", "recursion")           \
	B(no_memory, ACRE_EGUEST, "return [0] * (1 << 61)", "MemoryError", "")               \
	B(leaves, ACRE_EGUEST, "raise SystemExit('bye')", "SystemExit", "bye")               \
	B(interrupts, ACRE_EGUEST, "raise KeyboardInterrupt", "KeyboardInterrupt", "")       \
	B(closes, ACRE_EGUEST, "raise GeneratorExit", "GeneratorExit", "")                   \
	B(wants_more, ACRE_EGUEST, "return in_need()", "TypeError", "in_need() missing 1")   \
	B(parses, ACRE_EGUEST, "exec('1 +')", "SyntaxError", "invalid syntax (<string>, li") \
	B(cancels, ACRE_EGUESTCANCEL, "raise asyncio.CancelledError('x')", "", "x")

static const char source_of_all[] = "import asyncio, gc, os\n"
				    "class Mute(Exception):\n"
				    "    def __str__(self): raise RuntimeError('in str')\n"
				    "    __repr__ = __str__\n"
				    "def in_need(more): pass\n"
				    "def held():\n"
				    "    gc.collect()\n"
				    "    return len(gc.get_objects())\n"
				    "def files():\n"
				    "    return len(os.listdir('/proc/self/fd'))\n"
#define AS_SOURCE(name, class, body, type, text) \
	"def " #name "():\n    " body "\n"       \
	"async def later_" #name "():\n"         \
	"    return " #name "()\n"
	BAD_FUNCTIONS(AS_SOURCE);

static const struct {
	const char *name, *later;
	int class;
	const char *type, *text;
} bad_functions[] = {
#define AS_BAD(name, class, body, type, text) { #name, "later_" #name, class, type, text },
	BAD_FUNCTIONS(AS_BAD)
};
#define N_BAD (sizeof bad_functions / sizeof *bad_functions)

static int64_t ask(struct acre_actor *a, const char *name)
{
	struct acre_value got;

	assert_int_equal(call_guest(a, name, &got), 1);
	return integer_of(got);
}

static void fails(struct acre_actor *a, size_t i, bool later)
{
	const char *name = later ? bad_functions[i].later : bad_functions[i].name;
	int r = call_guest(a, name, NULL);

	test_note("%s: %s: %s", name, acre_why(r)->name, acre_why(r)->message);
	assert_remote(r, bad_functions[i].class);
	if (*bad_functions[i].type)
		assert_string_equal(acre_why(r)->name, bad_functions[i].type);
	assert_text_has(acre_why(r)->message, bad_functions[i].text);
}

TEST_PYTHON(what_a_guest_may_do_wrong_is_a_typed_failure_and_it_serves_on)
{
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r) {
		assert_ok(spawn_source(&n, &a, source_of_all));
		for (size_t i = 0; i < N_BAD; i++) {
			fails(a, i, false);
			assert_true(ask(a, "files") > 3);
		}
	}
	return r;
}

TEST_PYTHON(what_a_coroutine_may_do_wrong_is_a_typed_failure_and_it_serves_on)
{
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r) {
		assert_ok(spawn_source(&n, &a, source_of_all));
		for (size_t i = 0; i < N_BAD; i++) {
			fails(a, i, true);
			assert_true(ask(a, "files") > 3);
		}
	}
	return r;
}

#define ROUNDS 5

/* Objects that Python's collector knows, and descriptors. A few come with caches. */
TEST_PYTHON(what_a_guest_does_wrong_leaks_nothing)
{
	struct acre_actor *a;
	int64_t held = 0, files = 0;
	int r = 0;

	ACRE_NURSERY(n, r) {
		assert_ok(spawn_source(&n, &a, source_of_all));
		for (int round = 0; round <= ROUNDS; round++) {
			for (size_t i = 0; i < N_BAD; i++) {
				fails(a, i, false);
				fails(a, i, true);
			}
			if (round == 0) {
				held = ask(a, "held");
				files = ask(a, "files");
			}
		}
		held = ask(a, "held") - held;
		test_note("%d more objects", (int)held);
		assert_true(held < (int64_t)N_BAD * ROUNDS / 2);
		assert_int_equal(ask(a, "files"), files);
	}
	return r;
}

TEST_PYTHON(an_argument_that_is_no_map_of_names_is_not_sent)
{
	struct acre_actor *a;
	struct acre_packer *p = acre_pack_new();
	struct acre_value arg, got;
	int failed, r = 0;

	ACRE_NURSERY(n, r) {
		assert_ok(spawn_source(&n, &a, source_of_all));
		acre_pack_int(p, 5);
		assert_ok(acre_pack_end(p, &arg));
		failed = acre_call_named(a, "main", "in_need", arg, &got);
		assert_class(failed, ACRE_ETYPE);
		assert_text_has(acre_why(failed)->message, "a map whose keys are texts");
		assert_true(ask(a, "files") > 3);
		r = 0;
	}
	acre_pack_free(p);
	return r;
}

/* The text of a file, the exception, a part of its traceback. */
#define BAD_FILES(B)                                                                  \
	B("x = 1\n\ndef f(:\n", "SyntaxError", "bad.py\", line 3")                    \
	B("x = '\xff\xfe'\n", "SyntaxError", "bad.py")                                    \
	B("\tx = 1\n", "IndentationError", "bad.py\", line 1")                        \
	B("def f():\n    raise ValueError('deep')\nf()\n", "ValueError", "line 2, in f") \
	B("import there_is_no_such\n", "ModuleNotFoundError", "bad.py\", line 1")     \
	B("class Mute(Exception):\n    def __str__(self): raise Mute\nraise Mute\n",  \
	  "main.Mute", "bad.py\", line 3")

/* Its spawn fails as a boot, and the cause is an exception of that type. */
static const struct acre_report *why_not_loaded(const struct acre_guest *guest,
						const char *type)
{
	const struct acre_report *why = NULL;
	struct acre_actor *a = NULL;
	int r = 0;

	ACRE_NURSERY(n, r) {
		int boot = acre_spawn(&n, &a, .name = "guest",
				      .backend = "subint_forkserver", .guest = guest);

		assert_class(boot, ACRE_EBOOT);
		assert_true(acre_has(boot, ACRE_EGUEST));
		assert_null(a);
		assert_int_equal(acre_why(boot)->n_members, 1);
		why = acre_why(boot)->members[0];
		test_note("%s: %s\n%s", why->name, why->message, why->trace);
		assert_null(strstr(why->trace, "guest.py"));
		assert_string_equal(why->name, type);
	}
	assert_ok(r);
	return why;
}

TEST_PYTHON(a_file_that_cannot_be_loaded_is_told_with_its_line)
{
	static const struct {
		const char *text, *name, *trace;
	} bad[] = {
#define AS_BAD_FILE(text, name, trace) { text, name, trace },
		BAD_FILES(AS_BAD_FILE)
	};
	char path[4096];

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		const struct acre_guest guest = { .file = path };

		snprintf(path, sizeof path, "%s/bad.py", test_dir());
		write_file("bad.py", bad[i].text);
		assert_text_has(why_not_loaded(&guest, bad[i].name)->trace, bad[i].trace);
	}
	return 0;
}

TEST_PYTHON(a_file_or_module_that_is_not_there_is_told_by_name)
{
	const struct acre_guest
		file = { .file = "/nowhere/at_all.py" },
		folder = { .file = "/" },
		module = { .module = "there_is_no_such" },
		inner = { .module = "json.there_is_no_such:f" },
		function = { .module = "json:there_is_no_such" },
		empty = { .module = "" }, program = { .main = "there_is_no_such" };

	assert_text_has(why_not_loaded(&file, "FileNotFoundError")->message, "at_all.py");
	why_not_loaded(&folder, "IsADirectoryError");
	assert_text_has(why_not_loaded(&module, "ModuleNotFoundError")->message,
			"'there_is_no_such'");
	why_not_loaded(&inner, "ModuleNotFoundError");
	why_not_loaded(&function, "AttributeError");
	why_not_loaded(&empty, "ValueError");
	assert_text_has(why_not_loaded(&program, "ModuleNotFoundError")->message,
			"'there_is_no_such'");
	return 0;
}

/* It ends its process instead of answering. */
TEST_PYTHON(a_source_that_ends_its_process_has_failed_to_boot)
{
	struct acre_actor *a = NULL;
	int r = 0;

	ACRE_NURSERY(n, r) {
		int boot = spawn_source(&n, &a, "import os, sys\n"
						"print('last words', file=sys.stderr)\n"
						"sys.stderr.flush()\n"
						"os._exit(3)\n");

		assert_class(boot, ACRE_EBOOT);
		assert_int_equal(acre_why(boot)->death->status, 3);
		assert_text_has(acre_why(boot)->death->last_words, "last words");
		boot = spawn_source(&n, &a, "import os\nos.kill(os.getpid(), 9)\n");
		assert_class(boot, ACRE_EBOOT);
		assert_int_equal(acre_why(boot)->death->signal, SIGKILL);
	}
	return r;
}

TEST_PYTHON(a_call_that_ends_its_process_is_a_death_and_no_hang)
{
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r) {
		assert_ok(spawn_source(&n, &a, "import os\n"
					       "def crashes():\n"
					       "    os.abort()\n"));
		assert_class(call_guest(a, "crashes", NULL), ACRE_ECLOSED);
	}
	assert_class(r, ACRE_EDIED);
	return 0;
}
