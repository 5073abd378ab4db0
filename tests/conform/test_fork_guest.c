/* SPDX-License-Identifier: MIT */
/* test_fork_guest.c - Python code in a sub-interpreter forks, and the child lives: rows S10, S11. */
#include "conform/tree.h"

#include <pthread.h>
#include <stdio.h>
#include <sys/wait.h>

#include <acre/python.h>
#include <acre/value.h>

#include "conform/python.h"

/* For each test: the status of a child that was forked as `how` says. */
#define STATUS_OF(how)      \
	"import acre, os\n" \
	"pid = " how "\n"   \
	"result = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])\n"

static int64_t integer_of(struct acre_value value)
{
	struct acre_part part;

	assert_int_equal(acre_value_next(&value, &part), 1);
	assert_int_equal(part.type, ACRE_PART_INT);
	return part.integer;
}

static int64_t result_of(const char *source)
{
	struct acre_any got;
	int64_t result;
	int r = acre_run_subint_in_worker(source, &got, .limit = acre_secs(30));

	if (r < 0)
		acre_print(stderr, r);
	assert_int_equal(r, 1);
	result = integer_of(got.value);
	acre_msg_free(acre_any, &got);
	return result;
}

/* The interpreter that asked has seen an end of the child that is the child's own. */
TEST_PYTHON(s10_code_in_a_sub_interpreter_forks_and_the_child_runs_python)
{
	assert_int_equal(result_of(STATUS_OF("acre.fork('import sys; sys.exit(7)')")), 7);
	return 0;
}

TEST_PYTHON(s10_its_child_may_do_what_only_a_main_interpreter_may)
{
	assert_int_equal(
		result_of(STATUS_OF(
			"acre.fork('import asyncio, signal, subprocess, threading\\n'\n"
			"'signal.signal(signal.SIGTERM, signal.SIG_DFL)\\n'\n"
			"'t = threading.Thread(target=asyncio.run,'\n"
			"'                     args=(asyncio.sleep(0),))\\n'\n"
			"'t.start(); t.join()\\n'\n"
			"'asyncio.run(asyncio.sleep(.01))\\n'\n"
			"'subprocess.run([\"true\"], check=True)\\n')")),
		0);
	return 0;
}

/* Also within a running loop, of which the child has nothing. */
TEST_PYTHON(s10_a_running_event_loop_is_no_hindrance)
{
	assert_int_equal(
		result_of("import acre, asyncio, os\n"
			  "async def run():\n"
			  "    sleeper = asyncio.create_task(asyncio.sleep(3600))\n"
			  "    work = asyncio.to_thread(sum, range(10**6))\n"
			  "    pid = acre.fork('import asyncio\\n'\n"
			  "                    'asyncio.run(asyncio.sleep(.01))')\n"
			  "    await work\n"
			  "    sleeper.cancel()\n"
			  "    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])\n"
			  "result = asyncio.run(run())\n"),
		0);
	return 0;
}

/* how a source ends, its status */
#define ENDS(E)                          \
	E("pass", 0)                     \
	E("raise SystemExit", 0)         \
	E("raise SystemExit(True)", 1)   \
	E("raise SystemExit(\"no\")", 1) \
	E("raise ValueError(3)", 1)      \
	E("if 1", 1)                     \
	E("import os; os._exit(9)", 9)

TEST_PYTHON(s10_its_status_is_as_of_any_python)
{
#define AS_CHECK(source, status) \
	assert_int_equal(result_of(STATUS_OF("acre.fork('" source "')")), status);
	ENDS(AS_CHECK)
	return 0;
}

TEST_PYTHON(s10_its_child_has_no_descriptor_that_was_not_given)
{
	assert_int_equal(
		result_of("import acre, os\n"
			  "a, b = os.pipe()\n"
			  "c, d = os.pipe()\n"
			  "pid = acre.fork('import os\\n'\n"
			  "    'has = sorted(int(n) for n in "
			  "os.listdir(\"/proc/self/fd\")'\n"
			  "    '             if os.path.exists(\"/proc/self/fd/\" + "
			  "n))\\n'\n"
			  "    f'assert has == [0, 1, 2, {b}, {c}], has', fds=(c, b))\n"
			  "result = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])\n"),
		0);
	return 0;
}

TEST_PYTHON(s10_its_child_has_its_own_signals)
{
	assert_int_equal(
		result_of(STATUS_OF(
			"acre.fork('for line in open(\"/proc/self/status\"):\\n'\n"
			"'    name, _, value = line.partition(\":\")\\n'\n"
			"'    if name in (\"SigBlk\", \"SigIgn\", \"SigCgt\"):\\n'\n"
			"'        assert int(value, 16) & 0x7fffffff == 0, line\\n')")),
		0);
	return 0;
}

/* Nobody is left to wait for it. */
TEST_PYTHON(s10_its_child_dies_with_the_thread_that_forked_it)
{
	assert_int_equal(
		result_of("import acre, os, select, signal, threading\n"
			  "def fork():\n"
			  "    global pid\n"
			  "    pid = acre.fork('import time; time.sleep(3600)')\n"
			  "t = threading.Thread(target=fork)\n"
			  "t.start(); t.join()\n"
			  "result = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])\n"),
		-SIGKILL);
	return 0;
}

TEST_PYTHON(s11_a_plain_fork_is_refused_and_says_what_to_use)
{
	assert_int_equal(result_of("import multiprocessing, os, pty\n"
				   "context = multiprocessing.get_context('fork')\n"
				   "result = 0\n"
				   "for fork in os.fork, os.forkpty, pty.fork, \\\n"
				   "        context.Process(target=int).start:\n"
				   "    try:\n"
				   "        fork()\n"
				   "    except RuntimeError as e:\n"
				   "        assert 'acre.fork(source)' in str(e)\n"
				   "        result += 1\n"),
			 4);
	return 0;
}

TEST_PYTHON(s10_a_fork_of_what_is_no_source_is_an_exception)
{
	assert_int_equal(
		result_of("import acre\n"
			  "result = 0\n"
			  "for args, named in [((), {}), ((1,), {}), (('a\\0b',), {}),\n"
			  "        (('',), {'fds': [1]}), (('',), {'fds': (-1,)}),\n"
			  "        (('',), {'fds': ('x',)}), (('', (1,)), {})]:\n"
			  "    try:\n"
			  "        acre.fork(*args, **named)\n"
			  "    except (TypeError, ValueError):\n"
			  "        result += 1\n"),
		7);
	return 0;
}

/* Where interpreters have memory of their own, a child has none of it. */
TEST_PYTHON(s10_its_child_has_not_the_memory_of_the_interpreter_that_forked)
{
	static const char source[] =
		"import acre, os\n"
		"def resident():\n"
		"    with open('/proc/self/status') as f:\n"
		"        line, = [l for l in f if l.startswith('RssAnon:')]\n"
		"    return int(line.split()[1])\n"
		"little = resident()\n"
		"kept = [[i] for i in range(500_000)]\n"
		"much = resident()\n"
		"assert much - little > 30_000, (little, much)\n"
		"pid = acre.fork('import sys\\n'\n"
		"    'line, = [l for l in open(\"/proc/self/status\")'\n"
		"    '         if l.startswith(\"RssAnon:\")]\\n'\n"
		"    f'sys.exit(int(line.split()[1]) > {(little + much) / 2})')\n"
		"result = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])\n";
	struct acre_any got;
	int r = acre_run_subint_in_worker(source, &got, .gil = ACRE_GIL_OWN,
					  .limit = acre_secs(30));

	if (r < 0) {
		assert_class(r, EOPNOTSUPP);
		return 0;
	}
	assert_int_equal(integer_of(got.value), 0);
	acre_msg_free(acre_any, &got);
	return 0;
}

/*
 * Beside interpreters that are busy. All in one process, which has three threads more.
 */

/* 200 on 3.11, 1,000 from 3.14 on are what is promised. */
#define FORKS 10

static long n_forks(void)
{
	const char *given = getenv("ACRE_TEST_FORKS");

	return given ? atol(given) : FORKS;
}

/* Each lets the others run once a round: up to 3.12 one that does not starves them for ever
 * (python.md, 7). */
static const char *const busy[] = {
	"import importlib, sys, time\n"
	"while True:\n"
	"    for name in 'json', 'decimal', 'csv', 'zlib', 'struct', 'heapq', 'bisect':\n"
	"        sys.modules.pop(name, None)\n"
	"        sys.modules.pop('_' + name, None)\n"
	"        importlib.import_module(name)\n"
	"    time.sleep(0)\n",
	"import time\n"
	"while True:\n"
	"    sum(i * i for i in range(1000))\n"
	"    time.sleep(0)\n",
	"import gc, time\n"
	"while True:\n"
	"    kept = [{'a': [i] * 10, 'b': str(i) * 20} for i in range(500)]\n"
	"    kept.append(kept)\n"
	"    del kept\n"
	"    gc.collect(0)\n"
	"    time.sleep(0)\n",
};

/* A child that hangs is one that has not ended after 30 s. */
static const char forker[] =
	"import acre, os, select, signal\n"
	"source = '''\n"
	"import asyncio, json, threading, zlib\n"
	"async def main():\n"
	"    await asyncio.to_thread(json.dumps, [1] * 1000)\n"
	"asyncio.run(main())\n"
	"zlib.compress(b'x' * 10000)\n"
	"'''\n"
	"result = 0\n"
	"for i in range(%ld):\n"
	"    pid = acre.fork(source)\n"
	"    fd = os.pidfd_open(pid)\n"
	"    if not select.select([fd], [], [], 30)[0]:\n"
	"        os.kill(pid, signal.SIGKILL)\n"
	"        print('fork', i, 'hangs')\n"
	"    os.close(fd)\n"
	"    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])\n"
	"    result += code == 0\n"
	"    if code:\n"
	"        print('fork', i, 'ended with', code)\n";

static const struct python_plugin *plugin;
static enum acre_gil gil;

static void *run_busy(void *arg)
{
	struct python_source source = { .text = arg, .name = "<busy>", .gil = gil };
	int r = plugin->subint_run(&source, NULL); /* it goes on until its process ends */

	test_note("%s", acre_why(r)->trace);
	abort();
}

static void *run_forker(void *arg)
{
	struct python_source source = { .name = "<forker>", .gil = gil };
	struct acre_packer *result = acre_pack_new();
	static char text[sizeof forker + 32];
	struct acre_value at;
	struct acre_part part;
	long n = n_forks();
	int r;

	(void)arg;
	snprintf(text, sizeof text, forker, n);
	source.text = text;
	r = plugin->subint_run(&source, result);
	if (r < 0)
		acre_print(stderr, r);
	assert_ok(r);
	assert_ok(acre_pack_end(result, &at));
	assert_int_equal(acre_value_next(&at, &part), 1);
	assert_int_equal(part.integer, n);
	acre_pack_free(result);
	return NULL;
}

static void start_busy(void)
{
	pthread_t unused;

	for (size_t i = 0; i < ARRAY_N(busy); i++)
		assert_int_equal(pthread_create(&unused, NULL, run_busy,
						(void *)(uintptr_t)busy[i]),
				 0);
}

/* Where this Python has none with such a GIL, that is what it says. */
static bool has_gil(void)
{
	struct python_source nothing = { .text = "", .name = "", .gil = gil };
	struct acre_packer *unused = acre_pack_new();
	int r = plugin->subint_run(&nothing, unused);

	acre_pack_free(unused);
	if (r < 0)
		assert_class(r, EOPNOTSUPP);
	return r >= 0;
}

static void fork_beside_busy(enum acre_gil which)
{
	pthread_t thread;
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		gil = which;
		assert_ok(python_load(&plugin));
		assert_ok(plugin->subint_begin());
		if (has_gil()) {
			start_busy();
			pthread_create(&thread, NULL, run_forker, NULL);
			pthread_join(thread, NULL);
		}
		_exit(0);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

TEST(s10_every_fork_beside_three_busy_interpreters_lives)
{
	use_python();
	fork_beside_busy(ACRE_GIL_SHARED);
}

/* They run while one forks. */
TEST(s10_every_fork_beside_three_busy_interpreters_with_gils_of_their_own_lives)
{
	use_python();
	fork_beside_busy(ACRE_GIL_OWN);
}
