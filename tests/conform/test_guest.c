/* SPDX-License-Identifier: MIT */
/* test_guest.c - actors that run Python: calls, results, exceptions, sources good and bad. */
#include "conform/guest.h"

#include <stdio.h>

TEST_PYTHON(s24_a_plain_function_is_called_and_answers)
{
	struct acre_actor *a;
	struct acre_value got;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = spawn_source(&n, &a,
				 "def hello():\n"
				 "    return 'hello from subint-forkserver child'\n"
				 "def add(a, b):\n"
				 "    return a + b\n"
				 "def _hidden():\n"
				 "    return 1\n");
		assert_ok(r);
		assert_true(acre_actor_pid(a) != getpid());
		assert_int_equal(call_pair(a, "add", 40, 2, &got), 1);
		assert_int_equal(integer_of(got), 42);
		assert_int_equal(call_guest(a, "hello", &got), 1);
		assert_class(call_guest(a, "_hidden", NULL), ACRE_ENOENDPOINT);
		r = 0;
	}
	return r;
}

TEST_PYTHON(an_async_function_is_a_task_of_asyncio)
{
	struct acre_actor *a;
	struct acre_value got;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = spawn_source(&n, &a,
				 "import asyncio\n"
				 "async def slow(a, b):\n"
				 "    await asyncio.sleep(0.01)\n"
				 "    return a * b\n"
				 "async def both(a, b):\n"
				 "    return sum(await asyncio.gather(slow(a, b), slow(b, a)))\n");
		assert_ok(r);
		assert_int_equal(call_pair(a, "both", 6, 7, &got), 1);
		assert_int_equal(integer_of(got), 84);
		r = 0;
	}
	return r;
}

/* Two calls that need each other: neither holds up the loop. */
struct asker {
	struct acre_actor *actor;
	const char *name;
	int64_t got;
};

ACRE_TASK(ask_guest, struct asker *asker)
{
	struct acre_value got;
	int r = call_guest(asker->actor, asker->name, &got);

	if (r > 0)
		asker->got = integer_of(got);
	return r < 0 ? r : 0;
}

TEST_PYTHON(calls_of_async_functions_run_at_the_same_time)
{
	struct asker askers[] = { { .name = "waits" }, { .name = "wakes" } };
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = spawn_source(&n, &a,
				 "import asyncio\n"
				 "event = asyncio.Event()\n"
				 "async def waits():\n"
				 "    await event.wait()\n"
				 "    return 1\n"
				 "async def wakes():\n"
				 "    event.set()\n"
				 "    return 2\n");
		assert_ok(r);
		ACRE_NURSERY(inner, r)
			for (int i = 0; i < 2 && r >= 0; i++) {
				askers[i].actor = a;
				r = acre_go(&inner, ask_guest, &askers[i]);
			}
	}
	assert_int_equal(askers[0].got, 1);
	assert_int_equal(askers[1].got, 2);
	return r;
}

TEST_PYTHON(an_exception_arrives_with_type_text_and_traceback)
{
	struct acre_actor *a;
	int failed, r = 0;

	ACRE_NURSERY(n, r) {
		r = spawn_source(&n, &a,
				 "def plain():\n"
				 "    raise KeyError('no such key')\n"
				 "async def later():\n"
				 "    plain()\n"
				 "class Bad(Exception):\n"
				 "    def __str__(self):\n"
				 "        raise RuntimeError('in str')\n"
				 "def bad():\n"
				 "    raise Bad\n"
				 "def leaves():\n"
				 "    raise SystemExit(3)\n"
				 "def unfit():\n"
				 "    return object()\n"
				 "async def gives_up():\n"
				 "    import asyncio\n"
				 "    raise asyncio.CancelledError('by myself')\n");
		assert_ok(r);
		failed = call_guest(a, "plain", NULL);
		assert_remote(failed, ACRE_EGUEST);
		assert_string_equal(acre_why(failed)->name, "KeyError");
		assert_string_equal(acre_why(failed)->message, "'no such key'");
		assert_text_has(acre_why(failed)->trace, "File \"<guest>\", line 2, in plain");
		assert_null(strstr(acre_why(failed)->trace, "guest.py"));
		assert_string_equal(acre_why(failed)->actor, "guest");
		failed = call_guest(a, "later", NULL);
		assert_remote(failed, ACRE_EGUEST);
		assert_text_has(acre_why(failed)->trace, "line 4, in later");
		failed = call_guest(a, "bad", NULL);
		assert_text_has(acre_why(failed)->message, "<exception str() failed>");
		assert_string_equal(acre_why(failed)->name, "main.Bad");
		failed = call_guest(a, "leaves", NULL);
		assert_remote(failed, ACRE_EGUEST);
		assert_string_equal(acre_why(failed)->name, "SystemExit");
		assert_string_equal(acre_why(failed)->message, "3");
		failed = call_guest(a, "unfit", NULL);
		assert_remote(failed, ACRE_ETYPE);
		assert_text_has(acre_why(failed)->message, "type object does not travel");
		failed = call_guest(a, "gives_up", NULL);
		assert_remote(failed, ACRE_EGUESTCANCEL);
		failed = call_pair(a, "plain", 1, 2, NULL);
		assert_remote(failed, ACRE_EGUEST);
		assert_text_has(acre_why(failed)->message,
				"plain() got an unexpected keyword argument");
		assert_string_equal(acre_why(failed)->name, "TypeError");
		assert_ok(call_guest(a, "unfit", NULL) == 0 ? -1 : 0); /* it still serves */
		r = 0;
	}
	return r;
}

TEST_PYTHON(a_source_may_be_a_file_which_finds_what_lies_beside_it)
{
	char path[4096];
	const struct acre_guest guest = { .file = path };
	struct acre_actor *a;
	struct acre_value got;
	int r = 0;

	write_file("helps.py", "answer = 42\n");
	write_file("serves.py", "from helps import answer\n"
				"def ask():\n"
				"    return answer\n");
	snprintf(path, sizeof path, "%s/serves.py", test_dir());
	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .backend = "subint_forkserver", .guest = &guest);
		assert_ok(r);
		assert_int_equal(call_guest(a, "ask", &got), 1);
		assert_int_equal(integer_of(got), 42);
		r = 0;
	}
	return r;
}

TEST_PYTHON(a_source_may_be_a_module_or_one_function_of_it)
{
	const struct acre_guest all = { .module = "inside.serves" },
				one = { .module = "inside.serves:ask" };
	struct acre_value nothing = { NULL, 0 }, got;
	struct acre_actor *a, *b;
	char path[4096];
	int r = 0;

	snprintf(path, sizeof path, "%s/inside", test_dir());
	assert_int_equal(mkdir(path, 0755), 0);
	write_file("inside/serves.py", "def ask():\n"
				       "    return 1\n"
				       "def other():\n"
				       "    return 2\n");
	setenv("PYTHONPATH", test_dir(), 1);
	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .backend = "subint_forkserver", .guest = &all);
		assert_ok(r);
		r = acre_spawn(&n, &b, .backend = "subint_forkserver", .guest = &one);
		assert_ok(r);
		assert_int_equal(acre_call_named(a, "inside.serves", "other", nothing, &got),
				 1);
		assert_int_equal(integer_of(got), 2);
		assert_int_equal(acre_call_named(b, "inside.serves", "ask", nothing, &got), 1);
		assert_int_equal(integer_of(got), 1);
		assert_class(acre_call_named(b, "inside.serves", "other", nothing, &got),
			     ACRE_ENOENDPOINT);
		r = 0;
	}
	return r;
}

/* source, its exception, a part of the text */
#define BAD_SOURCES(B)                                                          \
	B("def f(:\n", "SyntaxError", "")                                       \
	B("import there_is_no_such", "ModuleNotFoundError", "No module named ") \
	B("raise ValueError('at load')", "ValueError", "at load")               \
	B("raise SystemExit", "SystemExit", "")                                 \
	B("def ten(): pass", "RuntimeError", "main.ten cannot be exposed")      \
	B("__all__ = ['nothing']", "AttributeError", "module 'main' has no attribute")

TEST_PYTHON(a_source_that_cannot_be_loaded_fails_the_boot_with_the_exception)
{
	static const struct {
		const char *source, *name, *text;
	} bad[] = {
#define AS_BAD(source, name, text) { source, name, text },
		BAD_SOURCES(AS_BAD)
	};
	struct acre_actor *a = NULL;
	int r = 0;

	ACRE_NURSERY(n, r)
		for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
			int boot = spawn_source(&n, &a, bad[i].source);

			assert_class(boot, ACRE_EBOOT);
			assert_true(acre_has(boot, ACRE_EGUEST));
			assert_int_equal(acre_why(boot)->n_members, 1);
			assert_string_equal(acre_why(boot)->members[0]->name, bad[i].name);
			assert_text_has(acre_why(boot)->members[0]->message, bad[i].text);
			assert_null(a);
		}
	return r;
}

TEST_PYTHON(a_guest_that_is_none_is_refused)
{
	const struct acre_guest none = { .source = NULL },
				two = { .source = "", .file = "x" }, good = { .source = "" };
	static char large[(1 << 20) + 2];
	struct acre_actor *a;
	int r = 0;

	memset(large, '\n', sizeof large - 1);
	ACRE_NURSERY(n, r) {
		assert_class(acre_spawn(&n, &a, .backend = "subint_forkserver", .guest = &none),
			     EINVAL);
		assert_class(acre_spawn(&n, &a, .backend = "subint_forkserver", .guest = &two),
			     EINVAL);
		r = spawn_source(&n, &a,
				 large); /* a text that travels has 1 MiB at most */
		assert_class(r, EMSGSIZE);
		r = acre_spawn(&n, &a, .backend = "exec", .guest = &good);
		assert_class(r, EINVAL);
		assert_text_has(acre_why(r)->message, "subint_forkserver and subint do");
		r = 0;
	}
	return r;
}

/* Its C endpoints are there as in any actor, with or without a source. */
TEST_PYTHON(an_actor_with_an_idle_python_serves_its_endpoints_in_c)
{
	struct acre_actor *a;
	struct acre_int v;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .backend = "subint_forkserver");
		assert_ok(r);
		assert_int_equal(acre_call(a, ten, &nil, acre_int, &v), 1);
		assert_int_equal(v.value, 10);
		r = 0;
	}
	return r;
}

/* What it says last is not lost. */
TEST_PYTHON(what_a_guest_has_started_itself_ends_in_order)
{
	struct acre_actor *a;
	char path[4096], source[8192];
	int r = 0;

	snprintf(path, sizeof path, "%s/said", test_dir());
	snprintf(source, sizeof source,
		 "import asyncio\n"
		 "async def background():\n"
		 "    try:\n"
		 "        await asyncio.sleep(3600)\n"
		 "    finally:\n"
		 "        open('%s', 'w').write('ended')\n"
		 "async def begins():\n"
		 "    global task\n"
		 "    task = asyncio.create_task(background())\n"
		 "    await asyncio.sleep(0)\n",
		 path);
	ACRE_NURSERY(n, r) {
		r = spawn_source(&n, &a, source);
		assert_ok(r);
		assert_int_equal(call_guest(a, "begins", NULL), 0);
	}
	assert_true(test_wait_file(path, 5));
	return r;
}
