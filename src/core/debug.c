/* SPDX-License-Identifier: MIT */
/* debug.c - where a process is entered by who looks at it from outside. */
#include "core/debug.h"

#include <pthread.h>

#include <acre/actor.h>

#include "core/loop.h"

/* What is read of a task, of a scope, and of a loop. */
#define TASK_1		DEBUG_FIELD(1, struct task, fiber)
#define TASK_2		DEBUG_FIELD(TASK_1, struct task, what)
#define TASK_3		DEBUG_FIELD(TASK_2, struct task, base)
#define TASK_4		DEBUG_FIELD(TASK_3, struct task, all)
#define TASK_5		DEBUG_FIELD(TASK_4, struct task, name)
#define TASK_6		DEBUG_FIELD(TASK_5, struct task, called_from)
#define SCOPE_1		DEBUG_FIELD(TASK_6, struct scope, deadline)
#define SCOPE_2		DEBUG_FIELD(SCOPE_1, struct scope, covered)
#define LOOP_1		DEBUG_FIELD(SCOPE_2, struct loop, current)
#define LOOP_2		DEBUG_FIELD(LOOP_1, struct loop, tasks)
#define LOOP_3		DEBUG_FIELD(LOOP_2, struct loop, debug)
#define LOOP_4		DEBUG_FIELD(LOOP_3, struct loop, trace)
#define LOOP_5		DEBUG_FIELD(LOOP_4, struct loop, status)
#define STATUS_1	DEBUG_MIX(LOOP_5, sizeof(struct status))
#define ROOT_1		DEBUG_FIELD(STATUS_1, struct debug_root, n_left)
#define ROOT_2		DEBUG_FIELD(ROOT_1, struct debug_root, python)
#define LAYOUT		DEBUG_MIX(DEBUG_MIX(ROOT_2, N_WAIT), ACRE_N_EVENTS_)

#define TEXT_(n) #n
#define TEXT(n)	 TEXT_(n)
#define VERSION	 TEXT(ACRE_VERSION_MAJOR) "." TEXT(ACRE_VERSION_MINOR)

struct debug_root acre_debug_root __attribute__((used, visibility("hidden"))) = {
	.magic = DEBUG_MAGIC,
	.version = VERSION,
	.layout = LAYOUT,
	.loops = LIST_HEAD(acre_debug_root.loops),
};

/* Length of the name, length of what follows it, type; name; the distance from here. */
__asm__(".pushsection .note.acre, \"a\", %note\n"
	".balign 4\n"
	".long 5, 4, 1\n"
	".asciz \"acre\"\n"
	".balign 4\n"
	".long acre_debug_root - .\n"
	".popsection\n");

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void debug_add(struct loop *loop)
{
	pthread_mutex_lock(&lock);
	list_push(&acre_debug_root.loops, &loop->debug);
	pthread_mutex_unlock(&lock);
}

void debug_forget(void)
{
	pthread_mutex_init(&lock, NULL);
	list_init(&acre_debug_root.loops);
	atomic_store(&acre_debug_root.n_left, 0);
}

void debug_remove(struct loop *loop)
{
	pthread_mutex_lock(&lock);
	list_remove(&loop->debug);
	pthread_mutex_unlock(&lock);
}
