/* SPDX-License-Identifier: MIT */
/* test_cli_python.c - `acre python`: scripts as roots of trees. */
#include "conform/cli.h"

#include <signal.h>

#include "conform/python.h"

/* Each test writes a script and runs the command: there is no Python in this process. */

#define HEAD                                      \
	"import acre, asyncio, os, signal, sys\n" \
	"async def square(n):\n"                  \
	"    return n * n\n"                      \
	"async def greet(who):\n"                 \
	"    return f'{who} meets {__name__}'\n"  \
	"async def meets_root():\n"               \
	"    parent = await acre.parent()\n"      \
	"    return await parent.call(greet, who=__name__)\n"

#define MAIN "if __name__ == '__main__':\n"

/* `acre python` of a script of that text; the exit status. */
static int python(const char *text, const char *arguments)
{
	char path[PATH_MAX];
	FILE *f;

	snprintf(path, sizeof path, "%s/script.py", test_dir());
	f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
	return acre("python %s %s", path, arguments);
}

TEST_PYTHON(a_script_is_the_root_of_a_tree)
{
	assert_int_equal(python(HEAD "async def main():\n"
				     "    async with acre.open_nursery() as nursery:\n"
				     "        a = await nursery.start_actor('a')\n"
				     "        b = await nursery.start_actor('b')\n"
				     "        print(await a.call(square, n=3),\n"
				     "              await b.call(meets_root), "
				     "os.getpid() != a.pid)\n" MAIN
				     "    asyncio.run(main())\n"
				     "    print(sys.argv[1:])\n",
				"x -y"),
			 0);
	assert_string_equal(out, "9 main meets __main__ True\n['x', '-y']\n");
	assert_string_equal(err, "");
	return 0;
}

TEST_PYTHON(a_plain_script_needs_no_event_loop)
{
	assert_int_equal(python("import acre\n"
				"print(acre.block(acre.parent()))\n",
				""),
			 0);
	assert_string_equal(out, "None\n");
	return 0;
}

TEST_PYTHON(the_exit_status_is_that_of_the_script)
{
	assert_int_equal(python("import sys\nsys.exit(7)\n", ""), 7);
	assert_int_equal(python("import sys\nsys.exit('no luck')\n", ""), 1);
	assert_string_equal(err, "no luck\n");
	assert_int_equal(python("import atexit\natexit.register(print, 'bye')\n", ""), 0);
	assert_string_equal(out, "bye\n");
	assert_int_equal(python("def f():\n    raise ValueError('bad')\nf()\n", ""), 1);
	assert_text_has(err, "Traceback (most recent call last):\n  File \"");
	assert_text_has(err, "script.py\", line 2, in f\n");
	assert_text_has(err, "ValueError: bad\n");
	assert_int_equal(python("def f(:\n", ""), 1);
	assert_text_has(err, "SyntaxError");
	return 0;
}

TEST_PYTHON(an_interrupt_cancels_the_script_and_its_actors)
{
	assert_int_equal(python(HEAD "async def main():\n"
				     "    async with acre.open_nursery() as nursery:\n"
				     "        await nursery.start_actor('a')\n"
				     "        asyncio.get_running_loop().call_soon(\n"
				     "            os.kill, os.getpid(), signal.SIGINT)\n"
				     "        try:\n"
				     "            await asyncio.sleep(3600)\n"
				     "        finally:\n"
				     "            print('unwound')\n" MAIN
				     "    asyncio.run(main())\n",
				""),
			 130);
	assert_string_equal(out, "unwound\n");
	assert_string_equal(err, "");
	return 0;
}

TEST_PYTHON(an_interrupt_ends_a_script_that_computes)
{
	assert_int_equal(python("import asyncio, os, signal\n"
				"async def main():\n"
				"    os.kill(os.getpid(), signal.SIGINT)\n"
				"    while True: pass\n"
				"asyncio.run(main())\n",
				""),
			 130);
	assert_int_equal(python("import os, signal\n"
				"os.kill(os.getpid(), signal.SIGINT)\n"
				"while True: pass\n",
				""),
			 130);
	assert_int_equal(python("import os, signal, time\n"
				"os.kill(os.getpid(), signal.SIGTERM)\n"
				"time.sleep(3600)\n",
				""),
			 143);
	return 0;
}

TEST_PYTHON(what_a_script_has_started_dies_with_it)
{
	assert_int_equal(python(HEAD "async def main():\n"
				     "    async with acre.open_nursery() as nursery:\n"
				     "        a = await nursery.start_actor('a')\n"
				     "        print(a.pid, flush=True)\n"
				     "        os.kill(os.getpid(), signal.SIGKILL)\n" MAIN
				     "    asyncio.run(main())\n",
				"& wait $!"),
			 128 + SIGKILL);
	return 0;
}

TEST_PYTHON(what_cannot_begin_says_why)
{
	assert_int_equal(acre("python /nowhere/script.py"), 2);
	assert_text_has(err, "there is no script /nowhere/script.py");
	assert_int_equal(acre("python"), 2);
	assert_text_has(err, "expected a script");
	return 0;
}

TEST_PYTHON(s10_a_script_forks_actors_and_processes_of_its_own)
{
	assert_int_equal(python(HEAD
				"async def ppid():\n"
				"    return os.getppid()\n"
				"async def main():\n"
				"    async with acre.open_nursery() as nursery:\n"
				"        a = await nursery.start_actor('a', "
				"backend='subint_fork')\n"
				"        print(await a.call(square, n=3),\n"
				"              await a.call(meets_root),\n"
				"              await a.call(ppid) == os.getpid())\n"
				"    pid = acre.fork('import sys; sys.exit(3)')\n"
				"    print(os.waitstatus_to_exitcode(os.waitpid(pid, "
				"0)[1]))\n" MAIN "    asyncio.run(main())\n",
				""),
			 0);
	assert_string_equal(out, "9 main meets __main__ True\n3\n");
	assert_string_equal(err, "");
	return 0;
}
