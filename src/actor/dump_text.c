/* SPDX-License-Identifier: MIT */
/* dump_text.c - what was seen of a process, as a text for people. */
/*
 *	process 4711: /usr/bin/scanner 1000
 *	  actor root 6b1e...
 *	    its thread 4711 runs no task
 *	    it serves; its loop waits, and turned 30.002 s ago
 *	    task 1 root: joins its nursery 0x7ffd... (1 tasks and 1 actors are left in it)
 *	        in the nursery opened at scanner.c:31, deadline in 4.205 s
 *	        last called acre from main_task scanner.c:40
 *	        #0 stop src/core/sched.c:118
 *	        #1 ...
 *	      task 2 collect: waits for an item of a stream 0x55... (primes in actor scanner)
 *	  thread 4711 scanner (S), the loop of actor root
 *	        #0 epoll_wait libc.so.6+108d43
 *	        in Python, interpreter 0:
 *	          #0 select /usr/lib/python3.11/selectors.py:468
 *	  fd 3 socket:[1234]
 *	  event 4711.000123 task 3 PARK task=3 reason=sleeps
 *	  child scanner 7c2f...: process 4712, SERVES
 *	  end of actor root
 *
 * Names may hold anything; what is no printable character is a '?' here.
 */
#include "actor/dump.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/sys.h"
#include "base/util.h"

#define LINE_SIZE   2048 /* a longer one is cut */
#define BUFFER_SIZE ((size_t)64 << 10)
#define FRAMES_MAX  100	 /* of a stack */
#define DEPTH_MAX   30	 /* that is shown by indentation */
#define FDS_MAX	    1000 /* that are listed */
#define CMD_MAX	    1000

struct text {
	int fd;
	int r; /* the first failure of writing */
	size_t n;
	struct snap *s;
	struct unwind *unwind;
	char buffer[BUFFER_SIZE];
};

static void flush(struct text *t)
{
	ssize_t len;

	for (size_t at = 0; t->r >= 0 && at < t->n; at += (size_t)len) {
		len = sys_write(t->fd, t->buffer + at, t->n - at);
		if (len <= 0) {
			t->r = len < 0 ? (int)len : -EIO;
			break;
		}
	}
	t->n = 0;
}

/* One line, clean. */
static void add_line(struct text *t, char *line)
{
	size_t len = strlen(line);

	for (size_t i = 0; i < len; i++)
		if (iscntrl((unsigned char)line[i]))
			line[i] = '?';
	if (t->n + len + 1 > sizeof t->buffer)
		flush(t);
	memcpy(t->buffer + t->n, line, len);
	t->buffer[t->n + len] = '\n';
	t->n += len + 1;
}

static void say(struct text *t, int depth, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void say(struct text *t, int depth, const char *fmt, ...)
{
	char line[LINE_SIZE];
	int indent = 2 * (depth < DEPTH_MAX ? depth : DEPTH_MAX);
	va_list args;

	memset(line, ' ', (size_t)indent);
	va_start(args, fmt);
	vsnprintf(line + indent, sizeof line - (size_t)indent, fmt, args);
	va_end(args);
	add_line(t, line);
}

int dump_line(int fd, const char *fmt, ...)
{
	struct text *t = mem_zalloc(sizeof *t);
	char line[LINE_SIZE];
	va_list args;
	int r;

	if (!t)
		return -ENOMEM;
	t->fd = fd;
	va_start(args, fmt);
	vsnprintf(line, sizeof line, fmt, args);
	va_end(args);
	add_line(t, line);
	flush(t);
	r = t->r;
	mem_free(t);
	return r;
}

static void say_stack(struct text *t, int depth, const struct unwind_stack *stack)
{
	uintptr_t pcs[FRAMES_MAX];
	size_t n = unwind_walk(t->unwind, stack, pcs, FRAMES_MAX);
	char name[512];

	for (size_t i = 0; i < n; i++) {
		unwind_name(t->unwind, pcs[i], i > 0, name, sizeof name);
		say(t, depth, "#%zu %s", i, name);
	}
}

/* Tasks. */

/* ", deadline in 4.205 s", or how long it is over. */
static void add_span(char *to, size_t size, const char *what, int64_t at)
{
	double s = (double)(at - clock_now()) / 1e9;
	size_t len = strlen(to);

	if (at != ACRE_NEVER_NS_)
		snprintf(to + len, size - len,
			 s >= 0 ? ", %s in %.3f s" : ", %s over %.3f s ago", what,
			 s >= 0 ? s : -s);
}

static void say_scope(struct text *t, int depth, const struct snap_scope *scope)
{
	char more[256] = "";
	size_t len;

	add_span(more, sizeof more, "deadline", scope->deadline);
	if (scope->shield_until)
		add_span(more, sizeof more, "shield ends", scope->shield_until);
	len = strlen(more);
	if (scope->reason)
		snprintf(more + len, sizeof more - len, ", cancelled: %s",
			 scope->reason < ACRE_N_REASONS_ ? reason_word(scope->reason)
							 : "?");
	else if (scope->is_covered)
		snprintf(more + len, sizeof more - len, ", cancelled from outside");
	len = strlen(more);
	if (scope->is_nursery)
		snprintf(more + len, sizeof more - len, ", holds %zu tasks, %zu actors",
			 scope->n_tasks, scope->n_others);
	say(t, depth, "in the %s opened at %s:%d%s",
	    scope->is_nursery ? "nursery" : "scope", scope->file, scope->line, more);
}

static void say_waits(struct text *t, int depth, const struct snap_task *task)
{
	const char *cancelled = task->is_cancelled ? ", cancelled" : "";
	static const char *const states[] = {
		[TASK_NEW] = "is new",	 [TASK_READY] = "is ready",  [TASK_RUNS] = "runs",
		[TASK_PARKED] = "waits", [TASK_ENDED] = "has ended",
	};

	if (task->state != TASK_PARKED)
		say(t, depth, "task %u %s: %s%s", task->id, task->name,
		    states[task->state], cancelled);
	else if (!task->object)
		say(t, depth, "task %u %s: %s%s", task->id, task->name,
		    wait_word(task->what), cancelled);
	else
		say(t, depth, "task %u %s: %s %#jx%s%s%s%s", task->id, task->name,
		    wait_word(task->what), (uintmax_t)task->object,
		    *task->about ? " (" : "", task->about, *task->about ? ")" : "",
		    cancelled);
}

static void say_task(struct text *t, int depth, const struct snap_task *task)
{
	const struct snap_scope *base;
	char name[512], more[128] = "";

	say_waits(t, depth, task);
	depth += 2;
	for (size_t i = 0; i + 1 < task->n_scopes; i++)
		say_scope(t, depth, &task->scopes[i]);
	if (task->n_scopes > 0) {
		base = &task->scopes[task->n_scopes - 1];
		add_span(more, sizeof more, "deadline", base->deadline);
		say(t, depth, "is the task of %s:%d%s", task->file, task->line, more);
	}
	if (task->called_from) {
		unwind_name(t->unwind, task->called_from, true, name, sizeof name);
		say(t, depth, "last called acre from %s", name);
	}
	if (!task->is_current)
		say_stack(t, depth, &task->stack);
}

/* Tasks in order of birth: who owns another one is older. So the tree is told by going from
 * each task to its first child, to its next sibling, or back up; without recursion. */
struct node {
	const struct snap_task *task;
	size_t parent, first, last, next; /* indices; 0: none. Node 0 holds the roots */
};

/* Siblings often come one after the other, so `hint`, the last answer, is asked first. */
static size_t find_owner(const struct node *nodes, size_t n, uintptr_t owner, size_t hint)
{
	if (hint && nodes[hint].task->at == owner)
		return hint;
	for (size_t i = n; owner && i-- > 1;)
		if (nodes[i].task->at == owner)
			return i;
	return 0;
}

static void make_tree(struct node *nodes, const struct snap_loop *l)
{
	size_t n = 1, owner = 0;

	for (const struct snap_task *task = l->tasks; task; task = task->next, n++) {
		struct node *parent;

		owner = find_owner(nodes, n, task->owner, owner);
		parent = &nodes[owner];
		nodes[n] = (struct node){ .task = task, .parent = owner };
		if (parent->last)
			nodes[parent->last].next = n;
		else
			parent->first = n;
		parent->last = n;
	}
}

static void say_tree(struct text *t, int depth, const struct node *nodes)
{
	size_t at = nodes[0].first;

	while (at) {
		say_task(t, depth, nodes[at].task);
		if (nodes[at].first) {
			at = nodes[at].first;
			depth++;
			continue;
		}
		while (at && !nodes[at].next) {
			at = nodes[at].parent;
			depth--;
		}
		at = at ? nodes[at].next : 0;
	}
}

static void say_tasks(struct text *t, const struct snap_loop *l)
{
	struct node *nodes;
	size_t n = 1;

	for (const struct snap_task *task = l->tasks; task; task = task->next)
		n++;
	nodes = mem_zalloc(n * sizeof *nodes);
	if (!nodes) {
		say(t, 2, "no memory to tell of %zu tasks", n - 1);
		return;
	}
	make_tree(nodes, l);
	say_tree(t, 2, nodes);
	mem_free(nodes);
}

/* Loops and threads. */

static void say_status(struct text *t, const struct status *s)
{
	char turned[48] = "has not turned yet";

	if (s->turned_at)
		snprintf(turned, sizeof turned, "turned %.3f s ago",
			 (double)(clock_now() - s->turned_at) / 1e9);
	say(t, 2, "it %s; its loop %s, and %s", status_state_text(status_get(&s->state)),
	    status_get(&s->waits) ? "waits" : "is at work", turned);
	say(t, 2,
	    "%ju turns, %ju looks at the clock, %u tasks, %u timers, %u actors, %ju "
	    "frames in, %ju "
	    "out",
	    (uintmax_t)s->n_turns, (uintmax_t)s->n_looks, s->n_tasks, s->n_timers,
	    s->n_actors, (uintmax_t)s->n_frames_in, (uintmax_t)s->n_frames_out);
}

static void say_loop(struct text *t, const struct snap_loop *l)
{
	const struct snap_task *runs = l->tasks;

	if (l->has_actor)
		say(t, 1, "actor %s %s", l->name, l->uuid);
	else
		say(t, 1, "loop without an actor");
	while (runs && !runs->is_current)
		runs = runs->next;
	if (runs)
		say(t, 2, "its thread %d runs task %u %s", (int)l->tid, runs->id,
		    runs->name);
	else
		say(t, 2, "its thread %d runs no task", (int)l->tid);
	if (l->has_status)
		say_status(t, &l->status);
	say_tasks(t, l);
}

static const struct snap_loop *loop_of(const struct snap *s, pid_t tid)
{
	const struct snap_loop *l = s->loops;

	while (l && l->tid != tid)
		l = l->next;
	return l;
}

static void say_frames(struct text *t, const struct snap_python *p)
{
	for (size_t i = 0; i < p->n; i++)
		say(t, 5, "#%zu %s %s:%d", i, p->frames[i].function, p->frames[i].file,
		    p->frames[i].line);
}

/* Read from its memory like all the rest, since who hangs in Python has the lock that it would
 * take to ask it. */
static void say_python(struct text *t, pid_t tid)
{
	for (const struct snap_python *p = t->s->python; p; p = p->next)
		if (p->tid == tid && p->n > 0) {
			say(t, 4, "in Python, interpreter %jd:", (intmax_t)p->interp);
			say_frames(t, p);
		}
}

static void say_threads(struct text *t)
{
	const struct snap *s = t->s;
	const struct freeze_thread *thread;
	const struct snap_loop *l;

	if (s->freeze.error)
		say(t, 1,
		    "threads could not be stopped (%s): what runs has no stack here",
		    s->freeze.error == -EPERM ? "is a debugger there, or a sandbox?"
					      : strerrorname_np(-s->freeze.error));
	for (size_t i = 0; i < s->freeze.n; i++) {
		thread = &s->threads[i];
		l = loop_of(s, thread->tid);
		say(t, 1, "thread %d %s (%c)%s%s", (int)thread->tid, thread->name,
		    thread->state, l ? ", the loop of " : "",
		    l ? l->has_actor ? l->name : "no actor" : "");
		if (thread->has_place)
			say_stack(t, 4, &s->stacks[i]);
		say_python(t, thread->tid);
	}
}

/* What /proc says. */

static void say_command(struct text *t)
{
	char path[64], text[CMD_MAX];
	auto_close int fd = -1;
	ssize_t len;

	snprintf(path, sizeof path, "/proc/%d/cmdline", (int)t->s->pid);
	fd = sys_openat(AT_FDCWD, path, O_RDONLY, 0);
	len = fd < 0 ? 0 : sys_read(fd, text, sizeof text - 1);
	for (ssize_t i = 0; i + 1 < len; i++)
		if (text[i] == '\0')
			text[i] = ' ';
	text[len > 0 ? len : 0] = '\0';
	say(t, 0, "process %d: %s", (int)t->s->pid, text);
}

static void say_fds(struct text *t)
{
	char path[64], target[PATH_MAX];
	struct dirent *entry;
	size_t n = 0;
	ssize_t len;
	DIR *dir;

	snprintf(path, sizeof path, "/proc/%d/fd", (int)t->s->pid);
	dir = opendir(path);
	while (dir && n < FDS_MAX && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		len = sys_readlinkat(dirfd(dir), entry->d_name, target,
				     sizeof target - 1);
		target[len > 0 ? len : 0] = '\0';
		say(t, 1, "fd %s %s", entry->d_name, target);
		n++;
	}
	if (!dir)
		say(t, 1, "its descriptors may not be listed");
	else
		closedir(dir);
}

static void say_rest(struct text *t, const struct snap_loop *l)
{
	char line[TRACE_LINE_MAX];

	for (size_t i = 0; i < l->n_events; i++) {
		trace_line(&l->events[i], line);
		say(t, 1, "event %s", line);
	}
	for (const struct snap_child *c = l->children; c; c = c->next)
		say(t, 1, "child %s %s: process %d, %s%s", c->name, c->uuid, (int)c->pid,
		    c->state < N_LIFE_STATE ? life_state_name(c->state) : "?",
		    c->link_lost ? ", its link has ended" : "");
}

static void say_all(struct text *t)
{
	const struct snap *s = t->s;

	say_command(t);
	if (s->n_left)
		say(t, 1, "left in it: %d guests that did not end", s->n_left);
	for (const struct snap_loop *l = s->loops; l; l = l->next)
		say_loop(t, l);
	if (!s->loops)
		say(t, 1, "no loop runs in it");
	say_threads(t);
	say_fds(t);
	for (const struct snap_loop *l = s->loops; l; l = l->next)
		say_rest(t, l);
	if (s->problem)
		say(t, 1, "not all could be read: %s", s->problem);
	for (const struct snap_loop *l = s->loops; l; l = l->next)
		if (l->has_actor)
			say(t, 1, "end of actor %s", l->name);
}

int dump_text(int fd, struct snap *s)
{
	struct text *t = mem_zalloc(sizeof *t);
	int r = t ? unwind_open(&t->unwind, s->pid) : -ENOMEM;

	if (r >= 0) {
		t->fd = fd;
		t->s = s;
		say_all(t);
		flush(t);
		r = t->r;
		unwind_free(t->unwind);
	}
	mem_free(t);
	return r;
}
