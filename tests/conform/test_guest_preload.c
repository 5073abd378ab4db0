/* SPDX-License-Identifier: MIT */
/* test_guest_preload.c - modules that are there before a guest is, and one that runs as `-m` does. */
#include "conform/guest.h"

#include <poll.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "lib/proc.h"

static int spawn_with(struct acre_nursery *n, struct acre_actor **ret, const char *source,
		      const char *const *preload)
{
	const struct acre_guest guest = { .source = source, .preload = preload };

	*ret = NULL;
	return acre_spawn(n, ret, .name = "guest", .backend = "subint_forkserver",
			  .guest = &guest);
}

static bool truth_of(struct acre_value value)
{
	struct acre_part part;

	assert_int_equal(acre_value_next(&value, &part), 1);
	assert_int_equal(part.type, ACRE_PART_BOOL);
	return part.boolean;
}

static const char *text_of(struct acre_value value)
{
	static char text[256];
	struct acre_part part;

	assert_int_equal(acre_value_next(&value, &part), 1);
	assert_int_equal(part.type, ACRE_PART_TEXT);
	snprintf(text, sizeof text, "%.*s", (int)part.bytes.len,
		 (const char *)part.bytes.data);
	return text;
}

static const char tells[] = "import sys\n"
			    "was_there = 'counted' in sys.modules\n"
			    "def has():\n"
			    "    return int(was_there and 'decimal' in sys.modules)\n";

/* Each import of it makes a file longer. */
static void write_counted(void)
{
	char source[4300];

	snprintf(source, sizeof source,
		 "open('%s/count', 'a').write('x')\nprint('once')\n", test_dir());
	write_file("counted.py", source);
	setenv("PYTHONPATH", test_dir(), 1);
}

static long count_imports(void)
{
	char path[4096];
	struct stat st;

	snprintf(path, sizeof path, "%s/count", test_dir());
	assert_int_equal(stat(path, &st), 0);
	return (long)st.st_size;
}

TEST_PYTHON(preloaded_modules_are_imported_once_for_all_guests)
{
	const char *const both[] = { "decimal", "counted", NULL };
	struct acre_actor *a;
	struct acre_value got;
	int r = 0;

	write_counted();
	ACRE_NURSERY(n, r) {
		for (int i = 0; i < 3; i++) {
			assert_ok(spawn_with(&n, &a, tells, both));
			assert_int_equal(call_guest(a, "has", &got), 1);
			assert_int_equal(integer_of(got), 1);
		}
		assert_int_equal(count_imports(), 1);
		assert_ok(spawn_with(&n, &a, tells, NULL)); /* these have another one */
		assert_int_equal(call_guest(a, "has", &got), 1);
		assert_int_equal(integer_of(got), 0);
	}
	return r;
}

/* They are forks of one process that has imported `random` already. */
TEST_PYTHON(random_numbers_are_each_guests_own)
{
	const char *const preload[] = { "random", NULL };
	struct acre_actor *a;
	struct acre_value got;
	int64_t drawn[2];
	int r = 0;

	ACRE_NURSERY(n, r)
		for (int i = 0; i < 2; i++) {
			assert_ok(spawn_with(&n, &a,
					     "import random\n"
					     "def draw():\n"
					     "    return random.getrandbits(62)\n",
					     preload));
			assert_int_equal(call_guest(a, "draw", &got), 1);
			drawn[i] = integer_of(got);
		}
	assert_true(drawn[0] != drawn[1]);
	return r;
}

/* module, its exception, a part of its traceback */
#define BAD_MODULES(B)                                                  \
	B("there_is_no_such", "ModuleNotFoundError", "No module named") \
	B("raises", "ValueError", "line 2, in <module>")                \
	B("misspelt", "SyntaxError", "misspelt.py\", line 1")           \
	B("leaves", "SystemExit", "leaves.py")                          \
	B("counted.inner", "ModuleNotFoundError", "is not a package")   \
	B("\xff", "UnicodeDecodeError", "utf-8")

TEST_PYTHON(a_module_that_cannot_be_preloaded_fails_the_spawn_by_name)
{
	static const struct {
		const char *module, *name, *trace;
	} bad[] = {
#define AS_BAD(module, name, trace) { module, name, trace },
		BAD_MODULES(AS_BAD)
	};
	const char *preload[] = { "decimal", NULL, NULL };
	struct acre_actor *a;
	int r = 0;

	write_counted();
	write_file("raises.py", "\nraise ValueError('at import')\n");
	write_file("misspelt.py", "def f(:\n");
	write_file("leaves.py", "raise SystemExit(3)\n");
	ACRE_NURSERY(n, r)
		/* twice: more than there may be at a time, for none of these is kept */
		for (size_t i = 0; i < 2 * sizeof bad / sizeof *bad; i++) {
			size_t k = i % (sizeof bad / sizeof *bad);
			const struct acre_report *cause;
			int boot;

			preload[1] = bad[k].module;
			boot = spawn_with(&n, &a, "", preload);
			assert_class(boot, ACRE_EBOOT);
			assert_true(acre_has(boot, ACRE_EGUEST));
			assert_int_equal(acre_why(boot)->n_members, 1);
			cause = acre_why(boot)->members[0];
			assert_string_equal(cause->name, bad[k].name);
			assert_text_has(cause->trace, bad[k].trace);
			assert_text_has(cause->notes->text, bad[k].module);
			assert_null(a);
		}
	return r;
}

TEST_PYTHON(a_preloaded_module_that_starts_a_thread_fails_the_spawn)
{
	const char *const preload[] = { "starts", NULL };
	struct acre_actor *a;
	int boot, r = 0;

	write_file("starts.py", "import threading, time\n"
				"threading.Thread(target=time.sleep, args=(3600,),\n"
				"                 daemon=True).start()\n");
	setenv("PYTHONPATH", test_dir(), 1);
	ACRE_NURSERY(n, r) {
		boot = spawn_with(&n, &a, "", preload);
		assert_class(boot, ACRE_EBOOT);
		assert_true(acre_has(boot, EPERM));
		assert_text_has(acre_why(boot)->message, "has started thread");
	}
	return r;
}

/* The oldest. What it has forked are our children, and live on. */
static void kill_a_forkserver(void)
{
	pid_t pids[64];
	size_t n = proc_children(getpid(), pids, 64);
	struct proc p;

	for (size_t i = 0; i < n; i++)
		if (proc_look(&p, pids[i]) && strstr(p.what, "_forkserver ")) {
			struct pollfd ended = { .fd = (int)syscall(SYS_pidfd_open, pids[i], 0),
						.events = POLLIN };

			assert_int_equal(kill(pids[i], SIGKILL), 0);
			assert_int_equal(poll(&ended, 1, -1), 1); /* bound: SIGKILL */
			close(ended.fd);
			return;
		}
	fail_msg("there is no forkserver");
}

/* As long a list as it takes, of one name. */
TEST_PYTHON(so_many_lists_of_modules_can_be_preloaded_and_no_more)
{
	const char *preload[ACRE_GUEST_PRELOADS_MAX + 2] = { NULL };
	struct acre_actor *a;
	int boot, r = 0;

	ACRE_NURSERY(n, r) {
		for (int i = 0; i < ACRE_GUEST_PRELOADS_MAX; i++) {
			preload[i] = "json";
			assert_ok(spawn_with(&n, &a, "", preload));
		}
		preload[ACRE_GUEST_PRELOADS_MAX] = "json";
		boot = spawn_with(&n, &a, "", preload);
		assert_class(boot, ACRE_EBOOT);
		assert_true(acre_has(boot, EMFILE));
		assert_text_has(acre_why(boot)->message, "8 lists of modules to preload");
		kill_a_forkserver();
		assert_ok(spawn_with(&n, &a, "", preload)); /* it has left its place */
		preload[2] = NULL;
		assert_ok(spawn_with(&n, &a, "", preload)); /* that one is there */
		assert_ok(acre_spawn(&n, &a, .backend = "forkserver"));
	}
	return r;
}

TEST_PYTHON(what_cannot_be_a_module_is_not_preloaded)
{
	static char longest[1025];
	const char *bad[] = { "", "json,decimal", longest };
	struct acre_actor *a;
	int r = 0;

	memset(longest, 'x', sizeof longest - 1);
	ACRE_NURSERY(n, r)
		for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
			const char *const preload[] = { bad[i], NULL };

			assert_class(spawn_with(&n, &a, "", preload), EINVAL);
		}
	return r;
}

/* Its children have a forkserver of their own, and it is what it says. */
TEST_PYTHON(a_guest_starts_guests_with_modules_and_as_programs)
{
	struct acre_actor *a;
	struct acre_value got;
	int r = 0;

	write_counted();
	write_file("program.py", "def ask():\n"
				 "    return (__name__ == '__main__') + 1\n");
	ACRE_NURSERY(n, r) {
		assert_ok(spawn_source(
			&n, &a,
			"import acre, sys\n"
			"was_there = 'counted' in sys.modules\n"
			"def has():\n"
			"    return int(was_there)\n"
			"async def go():\n"
			"    async with acre.open_nursery() as n:\n"
			"        both = ['decimal', 'counted']\n"
			"        a = await n.start_actor('a', preload=both)\n"
			"        b = await n.start_actor('b', main='program')\n"
			"        return [await a.call('has'), has(),\n"
			"                await b.call('ask')] == [1, 0, 2]\n"
			"async def bad():\n"
			"    async with acre.open_nursery() as n:\n"
			"        try:\n"
			"            await n.start_actor('a', preload=['nowhere'])\n"
			"        except acre.Error as e:\n"
			"            return f'{e.cls} {e.__cause__.name}'\n"));
		assert_int_equal(call_guest(a, "go", &got), 1);
		assert_true(truth_of(got));
		assert_int_equal(count_imports(), 1);
		assert_int_equal(call_guest(a, "bad", &got), 1);
		assert_string_equal(text_of(got), "ACRE_EBOOT ModuleNotFoundError");
	}
	return r;
}

static int spawn_main(struct acre_nursery *n, struct acre_actor **ret, const char *name)
{
	const struct acre_guest guest = { .main = name };

	return acre_spawn(n, ret, .name = "guest", .backend = "subint_forkserver",
			  .guest = &guest);
}

TEST_PYTHON(a_source_may_be_a_module_that_is_run_as_a_program)
{
	char path[4096];
	struct acre_actor *a;
	struct acre_value got;
	int boot, r = 0;

	snprintf(path, sizeof path, "%s/packed", test_dir());
	assert_int_equal(mkdir(path, 0755), 0);
	write_file("program.py", "def ask():\n"
				 "    return asked\n"
				 "if __name__ == '__main__':\n"
				 "    import __main__\n"
				 "    __main__.asked = 1\n");
	write_file("packed/__init__.py", "");
	write_file("packed/__main__.py", "from . import inner\n"
					 "def ask():\n"
					 "    return inner.two\n");
	write_file("packed/inner.py", "two = 2\n");
	setenv("PYTHONPATH", test_dir(), 1);
	ACRE_NURSERY(n, r) {
		assert_ok(spawn_main(&n, &a, "program"));
		assert_int_equal(call_guest(a, "ask", &got), 1);
		assert_int_equal(integer_of(got), 1);
		assert_ok(spawn_main(&n, &a, "packed"));
		assert_int_equal(call_guest(a, "ask", &got), 1);
		assert_int_equal(integer_of(got), 2);
		boot = spawn_main(&n, &a, "packed.nothing");
		assert_class(boot, ACRE_EBOOT);
		assert_true(acre_has(boot, ACRE_EGUEST));
	}
	return r;
}
