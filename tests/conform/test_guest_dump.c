/* SPDX-License-Identifier: MIT */
/* test_guest_dump.c - what a dump says of Python: each thread of each interpreter, also of one that hangs in C. */
#include "conform/guest_stuck.h"

#include "conform/dumps.h"

/* The lines of these functions stand in the tests below. */
static const char *source_of_sleepers(void)
{
	static char source[2048];

	snprintf(source, sizeof source,
		 "import asyncio, os, struct, threading, time\n" /* 1 */
		 "def _tell():\n"
		 "    with open('%s', 'wb', buffering=0) as f:\n"
		 "        f.write(struct.pack('i', os.getpid()))\n" /* 4 */
		 "def _inner():\n"
		 "    _tell()\n"
		 "    time.sleep(3600)\n" /* 7 */
		 "def sleeps():\n"
		 "    _inner()\n" /* 9 */
		 "class Worker:\n"
		 "    def computes(self):\n"
		 "        _tell()\n"
		 "        return sum(range(10**12))\n" /* 13 */
		 "def computes():\n"
		 "    Worker().computes()\n" /* 15 */
		 "async def _deep():\n"
		 "    _tell()\n"
		 "    await asyncio.sleep(3600)\n" /* 18 */
		 "async def waits():\n"
		 "    await _deep()\n" /* 20 */
		 "def has_threads():\n"
		 "    t = threading.Thread(target=_inner, daemon=True)\n" /* 22 */
		 "    t.start()\n"
		 "    t.join()\n" /* 24 */
		 "def turns():\n"
		 "    _tell()\n"
		 "    while True:\n" /* 27 */
		 "        x = [i for i in range(10)]\n",
		 pipe_of_stuck());
	return source;
}

ACRE_TASK(call_and_hang, struct guest_job *job)
{
	acre_ignore_result(
		call_guest(job->actor, job->function, NULL)); /* no answer but its end */
	return 0;
}

/* A guest that is where it hangs, and what a dump says of it. */
static int with_hanging(const char *function, void (*tell)(const char *text))
{
	struct guest_job job = { .function = function };
	int fd = hear_of_stuck(), pidfd, r = 0;

	actors_are_killed();
	ACRE_NURSERY(calls, r)
		ACRE_NURSERY(n, r) {
			assert_ok(spawn_source(&n, &job.actor, source_of_sleepers()));
			assert_ok(acre_go(&calls, call_and_hang, &job));
			while (poll(&(struct pollfd){ fd, POLLIN, 0 }, 1, 0) == 0)
				assert_ok(acre_sleep(acre_ms(1)));
			await_stuck(fd, &pidfd, 1);
			close(pidfd);
			/* from its word to the call that hangs it is not far */
			assert_ok(acre_sleep(acre_ms(50)));
			tell(text_of_dump(acre_actor_pid(job.actor)));
			assert_int_equal(kill(acre_actor_pid(job.actor), SIGKILL), 0);
			r = acre_sleep(acre_secs(3600));
		}
	assert_true(acre_has(r, ACRE_EDIED));
	return 0;
}

static void tell_sleeper(const char *text)
{
	assert_lines(text, "  thread *, the loop of guest*", "end of dump");
	assert_lines(text, "  thread * (S)",
		     "        in Python, interpreter 0:", "          #0 _inner <guest>:7",
		     "          #1 sleeps <guest>:9",
		     "          #2 _call_plain *_serve.py:*", "end of dump");
}

TEST_PYTHON(g11_a_guest_that_sleeps_is_told_with_file_and_line)
{
	return with_hanging("sleeps", tell_sleeper);
}

/* Nobody but who reads it from outside could tell of it: the lock is never let go. */
static void tell_computer(const char *text)
{
	assert_lines(text, "  thread * (R)", "        in Python, interpreter 0:",
		     "          #0 Worker.computes <guest>:13",
		     "          #1 computes <guest>:15",
		     "          #2 _call_plain *_serve.py:*", "end of dump");
}

TEST_PYTHON(g11_a_guest_that_holds_its_lock_is_told_with_file_and_line)
{
	return with_hanging("computes", tell_computer);
}

static void tell_spinner(const char *text)
{
	assert_lines(text, "  thread * (R)", "        in Python, interpreter 0:",
		     "          #* turns <guest>:2[78]", "end of dump");
}

TEST_PYTHON(g11_a_guest_that_spins_is_told_with_file_and_line)
{
	return with_hanging("turns", tell_spinner);
}

static void tell_threads(const char *text)
{
	assert_lines(text, "        in Python, interpreter 0:",
		     "          #* *.join *threading.py:*",
		     "          #* has_threads <guest>:24", "  thread *",
		     "        in Python, interpreter 0:", "          #0 _inner <guest>:7",
		     "          #1 Thread.run *threading.py:*", "end of dump");
}

TEST_PYTHON(g11_all_threads_of_a_guest_are_told)
{
	return with_hanging("has_threads", tell_threads);
}

/* Its loop waits; the task is told where it is. */
static void tell_waiter(const char *text)
{
	assert_lines(text, "        in Python, interpreter 0:",
		     "          #0 EpollSelector.select *selectors.py:*", "end of dump");
}

TEST_PYTHON(g11_a_guest_whose_loop_waits_is_told_with_file_and_line)
{
	return with_hanging("waits", tell_waiter);
}
