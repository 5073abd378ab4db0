/* SPDX-License-Identifier: MIT */
/* guest_stuck.h - guests that hang on purpose, and say so before they do. */
#pragma once

#include "conform/guest.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/sys.h" /* glibc 2.43 has no guard in <sys/pidfd.h> */

/* Each guest says its number through a named pipe when it is where it is to hang. */

#define STUCK	     25
#define LADDER_S     3.0 /* an ack at once; SIGTERM after 1.4 s, SIGKILL after 3 */
#define BUSY_S	     3	 /* the stuck ones take the processors of all others, too */
#define HANG_GUARD_S 120

static inline const char *pipe_of_stuck(void)
{
	static _Thread_local char path[512];

	snprintf(path, sizeof path, "%s/stuck", test_dir());
	return path;
}

/* Each of the functions never ends by itself. */
static inline const char *source_of_stuck(void)
{
	static _Thread_local char source[2048];

	snprintf(
		source, sizeof source,
		"import os, struct, time\n"
		"def _tell():\n"
		"    if '" OUTLIVES_PARENT "' in os.environ:\n"
		"        import ctypes\n" /* PR_SET_PDEATHSIG, on the thread that has it */
		"        ctypes.CDLL(None).prctl(1, 0)\n"
		"    with open('%s', 'wb', buffering=0) as f:\n"
		"        f.write(struct.pack('i', os.getpid()))\n"
		"def computes():\n" /* and holds the lock */
		"    _tell()\n"
		"    sum(range(10**12))\n"
		"def spins():\n"
		"    _tell()\n"
		"    while True: pass\n"
		"def never_checks():\n"
		"    _tell()\n"
		"    while True:\n"
		"        try:\n"
		"            time.sleep(1)\n"
		"        except BaseException:\n"
		"            pass\n"
		"async def waits():\n"
		"    import asyncio\n"
		"    _tell()\n"
		"    await asyncio.sleep(3600)\n"
		"def fails():\n"
		"    raise ValueError('of this guest')\n"
		"def fails_late():\n"
		"    time.sleep(0.5)\n"
		"    raise ValueError('of this guest')\n",
		pipe_of_stuck());
	return source;
}

/* The end that hears of them; it has no end-of-file. */
static inline int hear_of_stuck(void)
{
	int fd;

	assert_int_equal(mkfifo(pipe_of_stuck(), 0600), 0);
	fd = open(pipe_of_stuck(), O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

/* Until so many are stuck; what they are by now can be waited for. */
static inline void await_stuck(int fd, int *pidfds, int n)
{
	for (int i = 0; i < n; i++) {
		pid_t pid;

		assert_int_equal(read(fd, &pid, sizeof pid), sizeof pid);
		pidfds[i] = sys_pidfd_open(pid, 0);
		assert_true(pidfds[i] >= 0);
	}
	close(fd);
}

static inline void assert_gone(const int *pidfds, int n, int within_s)
{
	for (int i = 0; i < n; i++) {
		assert_ok(test_wait_pidfd(pidfds[i], within_s));
		close(pidfds[i]);
	}
}

struct guest_job {
	struct acre_actor *actor;
	const char *function;
	int r;
};

ACRE_TASK(run_in_guest, struct guest_job *job)
{
	job->r = call_guest(job->actor, job->function, NULL);
	return job->r < 0 ? job->r : 0;
}

/* Spawns so many and has them get stuck, until this is cancelled. */
static inline int hold_guests(int n, const char *function)
{
	struct guest_job jobs[STUCK];
	int r = 0;

	ACRE_NURSERY(actors, r) {
		for (int i = 0; i < n && r >= 0; i++) {
			jobs[i] = (struct guest_job){ .function = function };
			r = spawn_source(&actors, &jobs[i].actor, source_of_stuck());
		}
		for (int i = 0; i < n && r >= 0; i++)
			r = acre_go(&actors, run_in_guest, &jobs[i]);
		if (r >= 0)
			r = acre_sleep(acre_secs(3600));
	}
	return r;
}
