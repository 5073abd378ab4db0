/* SPDX-License-Identifier: MIT */
/* snap_read.c - loops, tasks and children of a process, copied out of its memory. */
/*
 * Lists may be torn, where a thread could not be stopped or the process is broken. So each walk
 * has a bound, each pointer is only ever given to the kernel (peek.h), and no number that is
 * read is used before it was compared with its limit.
 */
#include <string.h>

#include "actor/runtime.h"
#include "actor/snap.h"
#include "base/util.h"
#include "core/debug.h"

#define TASKS_MAX    200000 /* that are copied of a loop */
#define TASKS_MORE   8	    /* than there should be: shows that a list goes on */
#define CHILDREN_MAX 4096
#define STACK_MAX    ((size_t)16 << 10) /* copied of a parked task's: dozens of frames */

/* A walk through a list in another process: the nodes, one after the other. */
struct walk {
	const struct peek *p;
	uintptr_t head, at;
	size_t left;
};

static uintptr_t walk_next(struct walk *w)
{
	struct list node;

	if (w->left-- == 0 || !peek_all(w->p, w->at, &node, sizeof node) || !node.next ||
	    (uintptr_t)node.next == w->head)
		return 0;
	w->at = (uintptr_t)node.next;
	return w->at;
}

static struct walk walk_list(const struct snap *s, uintptr_t head, size_t max)
{
	return (struct walk){
		.p = &s->memory, .head = head, .at = head, .left = max + 1
	};
}

/* Scopes. */

static void read_scope(const struct snap *s, const struct scope *from,
		       struct snap_scope *to)
{
	struct nursery n;

	to->is_nursery = from->nursery != NULL;
	to->is_covered = from->covered;
	to->reason = (enum acre_reason)from->reason;
	to->deadline = from->deadline;
	to->shield_until = from->shield_until;
	to->line = from->line;
	peek_text(&s->memory, (uintptr_t)from->file, to->file, sizeof to->file);
	if (!to->is_nursery ||
	    !peek_all(&s->memory, (uintptr_t)from->nursery, &n, sizeof n))
		return;
	to->n_tasks = n.n_tasks;
	to->n_others = n.n_others;
}

/* From the innermost one outwards to the task's own outermost one, its base. */
static void read_scopes(struct snap *s, const struct task *from, struct snap_task *to)
{
	uintptr_t base = to->at + offsetof(struct task, base),
		  at = (uintptr_t)from->scope;
	struct scope scope;

	to->scopes = snap_room(s, SNAP_SCOPES_MAX * sizeof *to->scopes);
	if (!to->scopes)
		return;
	while (to->n_scopes < SNAP_SCOPES_MAX &&
	       peek_all(&s->memory, at, &scope, sizeof scope)) {
		read_scope(s, &scope, &to->scopes[to->n_scopes++]);
		if (at == base)
			break;
		at = (uintptr_t)scope.outer;
	}
	s->used -= (SNAP_SCOPES_MAX - to->n_scopes) * sizeof *to->scopes;
}

/* Tasks. */

static void read_stack(struct snap *s, const struct fiber *f, struct unwind_stack *to)
{
	uintptr_t low = (uintptr_t)f->low, high = low + f->size, sp = f->regs.sp;
	uint8_t *bytes;
	ssize_t len;
	size_t max;

	to->place.pc = f->regs.pc;
	to->place.regs[FREEZE_SP] = sp;
	to->place.regs[FREEZE_FP] = f->regs.fp;
	to->place.known = UINT64_C(1) << FREEZE_SP | UINT64_C(1) << FREEZE_FP;
#if defined(__x86_64__)
	to->place.regs[FREEZE_REGS - 1] = f->regs.pc;
	to->place.known |= UINT64_C(1) << (FREEZE_REGS - 1);
#endif
	to->at = sp;
	if (sp < low || sp >= high)
		return;
	max = size_min(high - sp, STACK_MAX);
	bytes = snap_room(s, max);
	if (!bytes)
		return;
	len = s->memory.read(&s->memory, sp, bytes, max);
	to->bytes = bytes;
	to->len = len > 0 ? (size_t)len : 0;
}

/* The task in whose nursery it is: its base scope lies in that task's. */
static uintptr_t read_owner(const struct snap *s, const struct task *t)
{
	struct scope outer;

	if (!peek_all(&s->memory, (uintptr_t)t->base.outer, &outer, sizeof outer))
		return 0;
	return (uintptr_t)outer.task;
}

static void read_kind(const struct snap *s, const struct task *from, struct snap_task *to)
{
	struct acre_task_kind kind;

	if (!peek_all(&s->memory, (uintptr_t)from->kind, &kind, sizeof kind))
		return;
	peek_text(&s->memory, (uintptr_t)kind.file, to->file, sizeof to->file);
	to->line = kind.line;
}

static struct snap_task *read_task(struct snap *s, const struct loop *loop, uintptr_t at)
{
	struct snap_task *to = snap_room(s, sizeof *to);
	struct scope innermost;
	struct task t;

	if (!to || !peek_all(&s->memory, at, &t, sizeof t) || t.state > TASK_ENDED) {
		snap_problem(s, "a list of tasks is torn");
		return NULL;
	}
	to->at = at;
	to->id = t.id;
	to->state = t.state;
	to->what = t.what;
	to->object = (uintptr_t)t.object;
	to->is_current = at == (uintptr_t)loop->current;
	to->called_from = (uintptr_t)t.called_from;
	to->owner = read_owner(s, &t);
	peek_text(&s->memory, (uintptr_t)t.name, to->name, sizeof to->name);
	read_kind(s, &t, to);
	if (peek_all(&s->memory, (uintptr_t)t.scope, &innermost, sizeof innermost))
		to->is_cancelled = innermost.covered;
	read_scopes(s, &t, to);
	if (!to->is_current)
		read_stack(s, &t.fiber, &to->stack);
	if (to->state == TASK_PARKED)
		snap_describe(s, to);
	return to;
}

static void read_tasks(struct snap *s, const struct loop *from, uintptr_t at,
		       struct snap_loop *to)
{
	size_t max = size_min(from->n_tasks, TASKS_MAX);
	struct walk w = walk_list(s, at + offsetof(struct loop, tasks), max + TASKS_MORE);
	struct snap_task **last = &to->tasks;
	uintptr_t node;
	size_t n = 0;

	while ((node = walk_next(&w))) {
		*last = read_task(s, from, node - offsetof(struct task, all));
		if (!*last)
			return;
		last = &(*last)->next;
		n++;
	}
	if (n != from->n_tasks)
		snap_problem(s, "the list of tasks is not as long as it should be");
}

/* The newest ones, oldest first. The slot that is written next is left alone (trace.c). */
static void read_events(const struct snap *s, const struct trace *t, struct snap_loop *to)
{
	size_t n = size_min(SNAP_EVENTS, size_min(t->n, TRACE_N - 1));
	uintptr_t ring = (uintptr_t)t->ring, at;

	for (size_t i = n; ring && i > 0; i--) {
		at = ring + (t->n - i) % TRACE_N * sizeof *to->events;
		if (!peek_all(&s->memory, at, &to->events[to->n_events],
			      sizeof *to->events))
			return;
		to->n_events++;
	}
}

/* The actor. */

static struct snap_child *read_child(struct snap *s, uintptr_t at)
{
	struct snap_child *to = snap_room(s, sizeof *to);
	struct acre_actor a;

	if (!to || !peek_all(&s->memory, at, &a, sizeof a)) {
		snap_problem(s, "a list of children is torn");
		return NULL;
	}
	memcpy(to->name, a.name, sizeof to->name - 1);
	memcpy(to->uuid, a.uuid, sizeof to->uuid - 1);
	to->pid = a.life.pid.pid;
	to->pidfd = a.life.pid.fd;
	to->state = a.life.state;
	to->link_lost = a.link_lost;
	return to;
}

static void read_actor(struct snap *s, uintptr_t at, struct snap_loop *to)
{
	struct snap_child **last = &to->children;
	struct runtime rt;
	struct walk w;
	uintptr_t node;

	if (!peek_all(&s->memory, at, &rt, sizeof rt)) {
		snap_problem(s, "an actor cannot be read");
		return;
	}
	to->has_actor = true;
	to->is_root = rt.is_root;
	memcpy(to->name, rt.name, sizeof to->name - 1);
	memcpy(to->uuid, rt.uuid, sizeof to->uuid - 1);
	w = walk_list(s, at + offsetof(struct runtime, children), CHILDREN_MAX);
	while ((node = walk_next(&w))) {
		*last = read_child(s, node - offsetof(struct acre_actor, node));
		if (!*last)
			return;
		last = &(*last)->next;
	}
}

static struct snap_loop *read_loop(struct snap *s, uintptr_t at)
{
	struct snap_loop *to = snap_room(s, sizeof *to);
	struct loop *from = snap_room(s, sizeof *from); /* too big for the stack */

	if (!to || !from || !peek_all(&s->memory, at, from, sizeof *from)) {
		snap_problem(s, "a loop cannot be read");
		return NULL;
	}
	to->tid = from->tid;
	to->has_status = peek_all(&s->memory, (uintptr_t)from->status, &to->status,
				  sizeof to->status);
	read_tasks(s, from, at, to);
	read_events(s, &from->trace, to);
	if (from->actor)
		read_actor(s, (uintptr_t)from->actor, to);
	return to;
}

void snap_read(struct snap *s)
{
	struct walk w = walk_list(s, s->root + offsetof(struct debug_root, loops),
				  DEBUG_LOOPS_MAX);
	struct snap_loop **last = &s->loops;
	uintptr_t node;

	if (!peek_all(&s->memory, s->root + offsetof(struct debug_root, n_left),
		      &s->n_left, sizeof s->n_left))
		s->n_left = 0;
	while ((node = walk_next(&w))) {
		*last = read_loop(s, node - offsetof(struct loop, debug));
		if (!*last)
			return;
		last = &(*last)->next;
	}
}
