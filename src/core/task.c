/* SPDX-License-Identifier: MIT */
/* task.c - a task's birth, its one run, and its end. */
#include "core/task.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/panic.h"
#include "base/util.h"
#include "core/loop.h"
#include "core/sched.h"
#include "core/trace.h"

/*
 * A task lies at the high end of its own stack, together with its two spare reports, so a
 * task that sleeps keeps one page resident. Its first frame begins right below. Tops are
 * staggered by some cache lines: stacks are multiples of pages apart, and equal tops
 * would share cache sets.
 */
#define TASK_ALIGN   64
#define TASK_COLOURS 8 /* x 64 bytes: at most 448 bytes of the page */

struct task_room {
	struct task task;
	struct report_spare spares[REPORT_SPARES];
} __attribute__((aligned(TASK_ALIGN)));

struct wait_words {
	const char *now, *then;
};

#define WAIT_ROW(name, now, then) [WAIT_##name] = { now, then },
static const struct wait_words wait_words[] = { WAITS(WAIT_ROW) };

const char *wait_word(enum wait_what what)
{
	return (unsigned int)what < N_WAIT ? wait_words[what].now : "";
}

/* Whether the words are to be followed by the name of an actor. */
static bool ends_in_name(const char *then)
{
	static const char *const words[] = { " of", " by", " to" };
	size_t len = strlen(then);

	for (size_t i = 0; i < ARRAY_N(words); i++)
		if (len > 3 && !strcmp(then + len - 3, words[i]))
			return true;
	return false;
}

/* The first task that is joined and waits; NULL if there is none. */
static const struct task *joined(const struct nursery *n)
{
	struct member *m;

	list_for_each(m, &n->members, node)
		if (m->task && m->task->what != WAIT_NOTHING)
			return m->task;
	return NULL;
}

bool task_waited(const struct task *t, char *buf, size_t len)
{
	const struct task *at = t, *next;
	const char *then, *whom;

	if (t->what == WAIT_NOTHING)
		return false;
	while (at->what == WAIT_NURSERY && (next = joined(at->object)))
		at = next;
	then = wait_words[at->what].then;
	whom = ends_in_name(then) ? at->whom ? at->whom : "an actor" : "";
	snprintf(buf, len, "%s%s %s%s%s%s%s%s", at == t ? "it" : "task ",
		 at == t ? "" : at->name, then, *whom ? " " : "", whom,
		 at->whose ? " (" : "", at->whose ? at->whose : "", at->whose ? ")" : "");
	return true;
}

/* The pool for a stack of that many usable bytes: the loop's usual one, or one of a
 * bigger size. */
static struct stack_pool *pool_for(struct loop *loop, size_t size)
{
	size_t rounded = loop->stack_size;

	while (rounded < size)
		rounded *= 4;
	for (size_t i = 0; i < loop->n_pools; i++)
		if (loop->pools[i].usable >= rounded)
			return &loop->pools[i];
	if (loop->n_pools == LOOP_POOLS ||
	    stack_pool_init(&loop->pools[loop->n_pools], rounded, LOOP_STACK_CACHE) < 0)
		return NULL;
	return &loop->pools[loop->n_pools++];
}

/* The task has ended while somebody waits for it to be ready. Before it was, its failure is the
 * starter's, and only the starter's; after that it is the nursery's as that of any task. */
static int answer_starter(struct task *t, int r)
{
	struct ready_wait *w = t->starter;

	t->starter = NULL;
	w->ended = true;
	unpark_all(&w->waits, 0);
	if (w->answered)
		return r;
	if (r >= 0)
		r = acre_fail_at_(t->kind->file, t->kind->line, EPROTO,
				  "task %s returned without acre_ready()", t->name);
	w->report = report_class(r) != ECANCELED ? report_take(r) : NULL;
	w->r = -report_class(r);
	return 0;
}

/* What the task's function returned, checked: a scope left open would leave a scope of
 * a dead stack in the tree. */
static int checked_result(struct task *t, int r)
{
	if (t->scope != &t->base)
		BUG("task %s returned while the scope opened at %s:%d is open", t->name,
		    t->scope->file, t->scope->line);
	if (report_class(r) == ECANCELED && !t->base.covered)
		return acre_fail_at_(
			t->kind->file, t->kind->line, EPROTO,
			"task %s returned -ECANCELED without being cancelled", t->name);
	return r;
}

static void drop_kept(struct task *t)
{
	struct list *node;

	while ((node = list_first(&t->kept))) {
		struct task_kept *k = list_entry(node, struct task_kept, node);

		k->drop(k);
	}
}

void task_run(struct task *t)
{
	int r = checked_result(t, t->kind->run(t->arg));

	loop_trace(t->loop, ACRE_EVENT_TASK_END, t->id, (uint64_t)(int64_t)r);
	if (t->starter)
		r = answer_starter(t, r);
	timer_stop(&t->base.timer);
	drop_kept(t);
	nursery_member_ended(&t->member, r);
	report_home_fini(&t->reports);
	list_remove(&t->all);
	t->loop->n_tasks--;
}

static void set_name(struct task *t, const char *name)
{
	size_t len = strnlen(name, TASK_NAME_MAX - 1);

	memcpy(t->name_room, name, len);
	t->name_room[len] = '\0';
	t->name = t->name_room;
}

/* Field by field, and start() goes on with it: clearing it all first, with its name and its
 * scope, would cost as much as two switches. */
static struct task *task_new(struct loop *loop, size_t stack_size)
{
	struct stack_pool *pool = pool_for(loop, stack_size);
	void *low = pool ? stack_get(pool) : NULL;
	uint32_t id = loop->next_task_id + 1;
	struct task_room *room;
	struct task *t;

	if (!low)
		return NULL;
	if (unlikely(pool->n_out > pool->cache_max))
		stack_pool_keep(pool, pool->n_out);
	room = (void *)((uint8_t *)low + pool->usable - sizeof *room -
			(id % TASK_COLOURS) * TASK_ALIGN - STACK_LINK_SIZE);
	room = (void *)((uintptr_t)room & ~(uintptr_t)(TASK_ALIGN - 1));
	t = &room->task;
	t->ready = t->all = (struct list){ 0 };
	t->member = (struct member){ .task = t };
	t->state = TASK_NEW;
	t->rank = 0;
	t->what = WAIT_NOTHING;
	t->object = NULL;
	t->whom = t->whose = NULL;
	t->waits = NULL;
	t->n_waits = 0;
	list_init(&t->kept);
	t->said_ready = false;
	t->called_from = NULL;
	report_home_init(&t->reports, room->spares);
	t->loop = loop;
	t->pool = pool;
	t->stack = low;
	t->id = loop->next_task_id = id;
	fiber_init(&t->fiber, low, (size_t)((uint8_t *)room - (uint8_t *)low), sched_main,
		   t);
	return t;
}

void task_free(struct task *t)
{
	struct stack_pool *pool = t->pool;
	void *low = t->stack;

	fiber_fini(&t->fiber);
	stack_put(pool, low);
}

static int start(struct loop *loop, struct nursery *n, const struct acre_task_kind *kind,
		 void *arg, const struct acre_task_options *options,
		 struct ready_wait *starter)
{
	struct task *t = task_new(loop, options->stack_size);

	if (!t)
		return acre_fail_at_(kind->file, kind->line, ENOMEM,
				     "no stack for task %s: %s", kind->name,
				     stack_why_not());
	t->kind = kind;
	t->arg = arg;
	t->starter = starter;
	t->name = kind->name;
	if (options->name)
		set_name(t, options->name);
	t->scope = &t->base;
	scope_init(&t->base, &n->scope, t, kind->file, kind->line);
	list_push(&loop->tasks, &t->all);
	loop->n_tasks++;
	status_name_task(loop->status, t->id, t->name);
	nursery_add(n, &t->member);
	loop_trace(loop, ACRE_EVENT_TASK_START, t->id, (uintptr_t)n);
	sched_start(t);
	if (starter)
		starter->task = t;
	return 0;
}

int task_start_root(struct loop *loop, const struct acre_task_kind *kind, void *arg,
		    struct nursery *n)
{
	return start(loop, n, kind, arg,
		     &(const struct acre_task_options){ .name = NULL }, NULL);
}

int task_start(struct nursery *n, const struct acre_task_kind *kind, void *arg,
	       const struct acre_task_options *options)
{
	return start(loop_this, n, kind, arg, options, NULL);
}

/* The nursery, which must be open; a failure if the options are not known or it is
 * being cancelled. */
static int check_start(const struct nursery *n, const struct acre_task_kind *kind,
		       const struct acre_task_options *options)
{
	if (n->state != NURSERY_OPEN && n->state != NURSERY_JOINING)
		BUG("task %s started in a nursery that is closed (it was opened at "
		    "%s:%d)",
		    kind->name, n->scope.file ? n->scope.file : "?", n->scope.line);
	scope_check_thread(&n->scope, "acre_go");
	if (loop_is_forked(loop_this))
		return -ECHILD;
	if (options->flags || options->reserved[0] || options->reserved[1])
		return acre_fail(
			EINVAL,
			"task %s: unknown flags 0x%llx or reserved fields that are not 0",
			kind->name, (unsigned long long)options->flags);
	if (options->stack_size > STACK_SIZE_MAX)
		return acre_fail(EINVAL, "task %s: a stack has at most %zu bytes, not %zu",
				 kind->name, STACK_SIZE_MAX, options->stack_size);
	return n->scope.covered ? -ECANCELED : 0;
}

int acre_go_(struct acre_nursery *nursery, const struct acre_task_kind *kind, void *arg,
	     const struct acre_task_options *options)
{
	struct nursery *n = nursery_of(nursery);
	int r = check_start(n, kind, options);

	if (r < 0)
		return r;
	return start(loop_this, n, kind, arg, options, NULL);
}

static int stop_for(struct ready_wait *w, struct wait *here, bool cancellable)
{
	list_push(&w->waits, &here->node);
	return cancellable ? park_on(WAIT_TASK_READY, w, here, 1)
			   : park_shielded_on(WAIT_TASK_READY, w, here, 1);
}

/* Waits until the task is ready, or has ended after this task was cancelled. */
static int wait_ready(struct ready_wait *w, struct wait *here)
{
	int r = 0;

	while (r >= 0 && !w->answered && !w->ended)
		r = stop_for(w, here, true);
	if (r >= 0)
		return 0;
	if (!w->ended)
		scope_cancel(&w->task->base, ACRE_REASON_PARENT);
	while (!w->ended) /* bound: the task's own end, it is cancelled */
		stop_for(w, here, false);
	return r;
}

int acre_go_ready_(struct acre_nursery *nursery, const struct acre_task_kind *kind,
		   void *arg, void **ret, const struct acre_task_options *options)
{
	struct nursery *n = nursery_of(nursery);
	struct ready_wait w = { .answered = false };
	struct wait here = { .task = task_this() };
	int cancelled;
	int r = check_start(n, kind, options);

	list_init(&w.waits);
	if (r >= 0)
		r = start(loop_this, n, kind, arg, options, &w);
	if (r < 0)
		return r;
	cancelled = wait_ready(&w, &here);
	if (w.report)
		return report_file(w.report, -w.r);
	if (w.r < 0 || cancelled < 0)
		return w.r < 0 ? w.r : cancelled;
	if (!w.ended)
		w.task->starter = NULL;
	*ret = w.value;
	return 0;
}

int acre_ready(void *value)
{
	struct task *t = sched_task("acre_ready");
	struct ready_wait *w = t->starter;

	if (t->said_ready)
		return acre_fail(EPROTO, "task %s called acre_ready() twice", t->name);
	t->said_ready = true;
	if (!w)
		return 0;
	w->value = value;
	w->answered = true;
	unpark_all(&w->waits, 0); /* it lets go of us when it runs */
	return 0;
}

const char *acre_task_name(void)
{
	struct task *t = task_this();

	return t ? t->name : "";
}

/* The task in whose nursery this one is; NULL for a root task. */
static const struct task *owner_of(const struct task *t)
{
	return t->base.outer ? t->base.outer->task : NULL;
}

size_t task_path(const struct task *t, char *buf, size_t len)
{
	const struct task *chain[16]; /* deeper ones begin with what is nearest */
	size_t n = 0, at = 0;

	if (!len)
		return 0;
	for (; t && n < ARRAY_N(chain); t = owner_of(t))
		chain[n++] = t;
	while (n--) {
		const char *name = chain[n]->name;

		for (size_t i = 0; name[i] && at + 1 < len; i++)
			buf[at++] = name[i];
		if (n && at + 1 < len)
			buf[at++] = '/';
	}
	buf[at] = '\0';
	return at;
}

int acre_task_path(char *buf, size_t len)
{
	const struct task *t = task_this();

	if (!t && len)
		buf[0] = '\0';
	return t ? (int)task_path(t, buf, len) : 0;
}
