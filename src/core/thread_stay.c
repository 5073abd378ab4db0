/* SPDX-License-Identifier: MIT */
/* thread_stay.c - threads that must not end from within what the program runs on them. */
#include "core/thread_stay.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/types.h>

#include "base/fault.h"
#include "base/panic.h"
#include "base/sys.h"
#include "base/util.h"
#include "core/sched.h"

/*
 * libc calls the destructor of a key of thread-specific data when a thread ends, however it
 * does, main()'s included; not when the process exits. A thread that may end has no value.
 */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static int no_key; /* errno of its making */

static _Thread_local struct {
	const char *what; /* of the outermost pair */
	int depth;
	pid_t pid; /* a child of fork is not bound by what its parent's thread has said */
} here;

#define ENDED "a thread has ended by pthread_exit(), pthread_cancel() or a return: "

/* The task that was running, if there is one, is who has done it. */
static void ends_too_early(void *unused)
{
	const struct loop *loop = loop_this;
	char path[REPORT_PATH_MAX];

	(void)unused;
	if (here.pid != sys_getpid() || PLANTED(THREAD_GONE))
		return;
	if (!loop || !loop->current)
		BUG(ENDED "%s", here.what);
	task_path(loop->current, path, sizeof path);
	panic(loop->current->kind->file, loop->current->kind->line, "BUG",
	      ENDED "that of task %s, and so of all tasks of its loop", path);
}

static void make_key(void)
{
	no_key = pthread_key_create(&key, ends_too_early);
}

int thread_stay_begin(const char *what)
{
	pid_t pid = sys_getpid();

	if (here.pid != pid) {
		memset(&here, 0, sizeof here);
		here.pid = pid;
	}
	if (here.depth++)
		return 0;
	here.what = what;
	pthread_once(&once, make_key);
	return no_key ? -no_key : -pthread_setspecific(key, &here);
}

void thread_stay_end(void)
{
	if (--here.depth == 0 && !no_key)
		acre_ignore(-pthread_setspecific(key, NULL));
}
