/* SPDX-License-Identifier: MIT */
/* dump.c - all that is to be known of a process that hangs, and of the actors below it. */
/*
 * A thread cannot stop the other threads of its own process: ptrace is for others. So a child is
 * made that borrows our memory (sys_spawn.c), stops them, copies what there is to see into a
 * mapping that we have laid out, lets them go, and ends. We stand still meanwhile. It runs a
 * few functions that take no lock and no memory, since a stopped thread may hold any lock.
 */
#include "actor/dump.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "actor/proc.h"
#include "base/fault.h"
#include "base/mem.h"
#include "base/pidref.h"
#include "base/sys.h"
#include "base/util.h"

#define LOOKER_STACK ((size_t)256 << 10) /* a dozen frames, the biggest some KiB */
#define ACTORS_MAX   10000 /* of a tree, so that torn memory ends somewhere */

struct look {
	struct snap *snap;
	pid_t skip;
	int r;
};

static int look_in_child(void *arg)
{
	struct look *l = arg;

	l->snap->memory.pid = sys_getpid(); /* one memory: our own may always be read */
	l->r = snap_take(l->snap, l->skip);
	return 0;
}

/* Where Yama is, a process is traced by its ancestors only, unless it says otherwise. */
static void allow_tracing(bool allowed)
{
#ifdef PR_SET_PTRACER
	acre_ignore(sys_prctl(PR_SET_PTRACER, allowed ? PR_SET_PTRACER_ANY : 0, 0, 0, 0));
#else
	(void)allowed;
#endif
}

static int look_at_self(struct snap *s)
{
	struct look look = { .snap = s, .skip = sys_gettid(), .r = -EFAULT };
	struct pidref child = PIDREF_NULL;
	struct sys_spawn_args args = {
		.flags = CLONE_CLEAR_SIGHAND,
		.stack = snap_room(s, LOOKER_STACK),
		.stack_len = LOOKER_STACK,
		.ret_pidfd = &child.fd,
	};
	sigset_t all, before;

	sigfillset(&all);
	sys_sigmask(SIG_SETMASK, &all, &before);
	allow_tracing(true);
	child.pid = sys_spawn(&args, look_in_child, &look);
	allow_tracing(false);
	sys_sigmask(SIG_SETMASK, &before, NULL);
	s->memory.pid = s->pid;
	if (child.pid < 0)
		return child.pid;
	acre_ignore(pidref_reap(&child, NULL, 0)); /* bound: it has ended */
	pidref_fini(&child);
	return look.r;
}

static void *look_in_thread(void *arg)
{
	struct look *l = arg;

	l->r = snap_take(l->snap, l->skip);
	return NULL;
}

/* On a thread that ends at once: whatever it still traces then goes on (freeze.h). Not in a
 * child, which is no ancestor of the process, as Yama wants it. */
static int look_at_other(struct snap *s)
{
	struct look look = { .snap = s };
	sigset_t all, before;
	pthread_t thread;
	int err;

	sigfillset(&all);
	sys_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(&thread, NULL, look_in_thread, &look); /* allowed: joined */
	sys_sigmask(SIG_SETMASK, &before, NULL);
	if (err)
		return -err;
	pthread_join(thread, NULL); /* bound: FREEZE_WAIT_MS, and what there is to copy */
	return look.r;
}

/* The processes that are still to be told, the next one last. */
struct place {
	pid_t pid, parent;
	char name[ACTOR_NAME_MAX];
};

struct todo {
	struct place *places; /* owned */
	size_t n, n_max, n_told;
};

static int todo_push(struct todo *t, const struct snap_child *c, pid_t parent)
{
	struct place *more;

	if (t->n == t->n_max) {
		more = mem_realloc(t->places, (t->n_max * 2 + 16) * sizeof *more);
		if (!more)
			return -ENOMEM;
		t->places = more;
		t->n_max = t->n_max * 2 + 16;
	}
	t->places[t->n].pid = c->pid;
	t->places[t->n].parent = parent;
	memcpy(t->places[t->n].name, c->name, sizeof c->name);
	t->n++;
	return 0;
}

static bool is_alive(const struct snap_child *c)
{
	return c->pid > 0 && c->state != LIFE_NONE && c->state != LIFE_GONE;
}

/* So that the first child is the last in the list. */
static int push_children(struct todo *t, const struct snap *s)
{
	size_t first = t->n;
	int r = 0;

	for (const struct snap_loop *l = s->loops; l; l = l->next)
		for (const struct snap_child *c = l->children; r >= 0 && c; c = c->next)
			if (is_alive(c))
				r = todo_push(t, c, s->pid);
	for (size_t a = first, b = t->n; a + 1 < b; a++, b--) {
		struct place swapped = t->places[a];

		t->places[a] = t->places[b - 1];
		t->places[b - 1] = swapped;
	}
	return r;
}

static int tell(int fd, pid_t pid, uintptr_t root, struct todo *todo)
{
	bool is_self = pid == sys_getpid();
	struct snap *s;
	int r = snap_new(&s, pid, root);

	if (r < 0)
		return r;
	r = is_self ? look_at_self(s) : look_at_other(s);
	if (r >= 0)
		r = dump_text(fd, s);
	if (r >= 0 && !PLANTED(DUMP_ENDS_EARLY))
		r = push_children(todo, s);
	snap_free(s);
	todo->n_told++;
	return r;
}

static const char *why_not(int r)
{
	switch (r) {
	case -ENOENT:
		return "acre has not begun in it, or has ended";
	case -EPROTO:
		return "it runs another version of acre";
	case -EPERM:
		return "its memory may not be read";
	case -ESRCH:
		return "it has ended";
	default:
		return "it cannot be read";
	}
}

static int tell_child(int fd, const struct place *child, struct todo *todo)
{
	char version[SNAP_VERSION_MAX];
	uintptr_t root;
	int r = -ESRCH;

	/* pids are reused; whoever has another parent is somebody else */
	if (proc_parent(child->pid) == child->parent)
		r = snap_find(child->pid, &root, version);
	if (r >= 0)
		r = tell(fd, child->pid, root, todo);
	if (r < 0)
		return dump_line(fd, "actor %s: process %d: %s", child->name,
				 (int)child->pid, why_not(r));
	return r;
}

static int tell_tree(int fd, pid_t pid, uintptr_t root)
{
	struct todo todo = { .n = 0 };
	int r = tell(fd, pid, root, &todo);

	while (r >= 0 && todo.n > 0 && todo.n_told < ACTORS_MAX) {
		struct place next = todo.places[--todo.n];

		r = tell_child(fd, &next, &todo);
	}
	mem_free(todo.places);
	return r < 0 ? r : dump_line(fd, "end of dump");
}

int dump_write(int fd)
{
	return tell_tree(fd, sys_getpid(), snap_own_root());
}

int dump_write_process(int fd, pid_t pid, char ret_version[SNAP_VERSION_MAX])
{
	uintptr_t root;
	int r = snap_find(pid, &root, ret_version);

	return r < 0 ? r : tell_tree(fd, pid, root);
}
