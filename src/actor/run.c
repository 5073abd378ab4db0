/* SPDX-License-Identifier: MIT */
/* run.c - the root of a tree: running a function as the root task, whole or step by step. */
#include "actor/run.h"

#include <acre/run.h>

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actor/child.h"
#include "actor/endpoint.h"
#include "actor/runtime.h"
#include "actor/watchdog.h"
#include "base/environment.h"
#include "base/mem.h"
#include "base/panic.h"
#include "base/sys.h"
#include "base/util.h"
#include "core/crash.h"
#include "core/sched.h"

#define EXIT_FAILED	 1
#define EXIT_INTERRUPTED 130 /* 128 + SIGINT, what a shell reports */
#define EXIT_TERMINATED	 143 /* 128 + SIGTERM */

/* One root at a time in a process: its function, kept while it runs. */
struct root {
	struct runtime *runtime;
	struct loop *loop;
	int (*fn)(void *arg);
	void *arg;
};

static _Thread_local struct root root;
static _Atomic pid_t
	root_is_in; /* the process that has it, on whatever thread; 0: none */

static int root_main(void *arg)
{
	struct root *self = arg;
	struct nursery service;
	int r;

	runtime_serve(self->runtime, &service);
	r = discovery_found();
	runtime_set_state(self->runtime, STATUS_SERVES);
	return runtime_serve_no_more(self->runtime, r < 0 ? r : self->fn(self->arg));
}

static const struct acre_task_kind root_kind = { "root", root_main, __FILE__, __LINE__ };

static int check_options(const struct acre_run_options *o)
{
	if (o->flags & ~ACRE_RUN_PID_NAMESPACE)
		return acre_fail(EINVAL, "unknown flags 0x%llx for the root",
				 (unsigned long long)(o->flags &
						      ~ACRE_RUN_PID_NAMESPACE));
	if (o->flags && !o->contained)
		return acre_fail(EINVAL,
				 "ACRE_RUN_PID_NAMESPACE is for a contained tree");
	if (o->stack_size > STACK_SIZE_MAX)
		return acre_fail(EINVAL, "stacks of tasks have at most %zu bytes, not %zu",
				 STACK_SIZE_MAX, o->stack_size);
	for (size_t i = 0; i < ARRAY_N(o->reserved); i++)
		if (o->reserved[i])
			return acre_fail(EINVAL, "the root's reserved options must be 0");
	return 0;
}

/* A number in C's notation, all of the text. */
static int read_number(unsigned long long *ret, enum environment variable,
		       unsigned long long max)
{
	const char *text = environment(variable);
	char *end;

	if (!text)
		return 0;
	*ret = strtoull(text, &end, 0); /* ULLONG_MAX if it is larger */
	if (text[0] < '0' || text[0] > '9' || *end || *ret > max)
		return acre_fail(
			EINVAL,
			"the environment's %s is \"%.32s\"; expected a number from "
			"0 to %llu, as 4711 or 0x1267",
			environment_name(variable), text, max);
	return 0;
}

/* A seed of 0 is none: ready tasks run in the order in which they became so. */
static int choose_numbers(struct loop_options *ret, const struct acre_run_options *o)
{
	unsigned long long seed = o->seed, stack_size = o->stack_size;
	int r = 0;

	if (!o->seed)
		r = read_number(&seed, ENVIRONMENT_ACRE_SEED, ULLONG_MAX - 1);
	if (r >= 0 && !o->stack_size)
		r = read_number(&stack_size, ENVIRONMENT_ACRE_STACK_SIZE, STACK_SIZE_MAX);
	ret->seed = seed;
	ret->stack_size = (size_t)stack_size;
	return r;
}

static int choose_log(struct runtime *rt, enum acre_log_level given)
{
	const char *word = environment(ENVIRONMENT_ACRE_LOG);
	enum acre_log_level level = given;
	int r = 0;

	if (!given && word)
		r = acre_note(log_level_find(&level, word),
			      "reading the environment's ACRE_LOG");
	else if ((unsigned int)given >= ACRE_N_LOG_LEVELS_)
		r = acre_fail(EINVAL, "there is no level %d of the log", (int)given);
	if (r >= 0)
		logger_set(&rt->loop->logger, level, true);
	return r;
}

static int choose_backend(struct runtime *rt, const char *given)
{
	const char *name = given ? given : environment(ENVIRONMENT_ACRE_SPAWN_METHOD);
	int r = backend_find(&rt->backend, name);

	if (r < 0 && !given)
		r = acre_note(r, "reading the environment's ACRE_SPAWN_METHOD");
	return r;
}

/* Everything but the loop and the root task; on failure acre_end() of what is there. */
static int set_up(const struct acre_run_options *o)
{
	struct runtime *rt;
	int r = runtime_open(&rt, o->name ? o->name : "root", NULL);

	if (r < 0)
		return acre_note(r, "making the runtime of the root");
	root.runtime = rt;
	rt->is_root = rt->is_in_root = true;
	r = choose_log(rt, o->log);
	if (r >= 0)
		r = choose_backend(rt, o->backend);
	if (r >= 0)
		r = discovery_choose(&rt->discovery, o);
	for (size_t i = 0; r >= 0 && o->expose && o->expose[i]; i++)
		r = acre_expose(o->expose[i]);
	for (size_t i = 0; r >= 0 && o->preload && o->preload[i]; i++)
		r = runtime_preload(rt, o->preload[i], strlen(o->preload[i]));
	if (r >= 0 && o->contained) {
		r = contain_open(&rt->containment, rt->uuid,
				 o->flags & ACRE_RUN_PID_NAMESPACE);
		rt->contained_by = &rt->containment;
	}
	if (r >= 0 && o->signals)
		r = acre_note(runtime_take_signals(rt), "taking SIGINT and SIGTERM");
	if (r >= 0 && o->signals) /* a stuck loop is to mind SIGINT, too */
		r = watchdog_start(rt);
	return r;
}

static void tear_down(void)
{
	root.runtime = runtime_free(root.runtime);
	root.loop = loop_free(root.loop);
	memset(&root, 0, sizeof root);
	root_is_in = 0;
}

/* A child of fork in the middle of a root has a copy of its parent's runtime, and no way
 * to be rid of that: its objects are on stacks of the program. */
static int check_place(void)
{
	if (loop_this && loop_is_forked(loop_this))
		return acre_fail(
			EALREADY,
			"this process is a fork of one in which a runtime runs, and "
			"holds a copy of that: execute a program here, or use the "
			"backend fork or acre_fork_from_worker()");
	if (root_is_in == sys_getpid() || loop_this)
		return acre_fail(EALREADY, "a runtime runs in this process already");
	if (child_forgot_to_boot()) /* it would make actors that do the same, and so on */
		return acre_fail(
			EPROTO, "this process was made to be an actor, not a root: a "
				"program without ACRE_MAIN has to call acre_boot() first "
				"thing in main()");
	return 0;
}

static int begin(int (*fn)(void *arg), void *arg, const struct acre_run_options *options,
		 bool embedded)
{
	struct acre_run_options none = { .name = NULL };
	const struct acre_run_options *o = options ? options : &none;
	struct loop_options loop = { .schedule = environment(ENVIRONMENT_ACRE_SCHEDULE),
				     .embedded = embedded };
	int r = check_options(o);

	if (r < 0)
		return r;
	if (!fn)
		return acre_fail(EINVAL, "a root without a function");
	r = check_place();
	if (r >= 0)
		r = choose_numbers(&loop, o);
	if (r < 0)
		return r;
	r = loop_open(&root.loop, &loop);
	if (r == -EINVAL)
		return acre_fail(EINVAL, "the environment's ACRE_SCHEDULE is none of "
					 "shuffle, pct, lifo and fifo");
	if (r < 0)
		return acre_fail(report_class(r), "making the loop of the root");
	root_is_in = sys_getpid();
	root.fn = fn;
	root.arg = arg;
	r = set_up(o);
	if (r >= 0)
		r = loop_start(root.loop, &root_kind, &root);
	if (r < 0) {
		struct report *rep = report_take(r);

		tear_down();
		return report_file(rep, report_class(r));
	}
	return 0;
}

int acre_begin(int (*fn)(void *arg), void *arg, const struct acre_run_options *options)
{
	return begin(fn, arg, options, true);
}

/* A loop, or a copy of it in a child of fork. */
static int check_root(const char *call)
{
	if (!root.loop)
		return acre_fail(ACRE_ENORUNTIME, "%s before acre_begin()", call);
	return loop_is_forked(root.loop) ? -ECHILD : 0;
}

int acre_fd(void)
{
	int r = check_root("acre_fd()");

	return r < 0 ? r : root.loop->epoll;
}

int acre_step(void)
{
	int r = check_root("acre_step()");

	if (r < 0)
		return r;
	if (root.loop->current)
		BUG("acre_step() inside of task %s", root.loop->current->name);
	r = loop_turn(root.loop, false);
	return loop_is_forked(root.loop) ? -ECHILD : r;
}

/* An interrupt is the root's result, whatever the tasks made of it; a real failure
 * stands beside it. */
static int with_interrupt(int r)
{
	enum acre_reason reason = (enum acre_reason)root.loop->root.scope.reason;
	struct report *members[2];
	int interrupt;

	if (reason == ACRE_REASON_ASKED && report_class(r) == ECANCELED)
		return 0; /* a peer has asked for this end: no failure */
	if (reason != ACRE_REASON_INTERRUPT && reason != ACRE_REASON_TERMINATE)
		return r;
	interrupt = acre_fail(EINTR, "%s",
			      reason == ACRE_REASON_INTERRUPT ? "interrupted by SIGINT"
							      : "terminated by SIGTERM");
	if (r >= 0 || report_class(r) == ECANCELED)
		return interrupt;
	members[0] = report_take(interrupt);
	members[1] = report_take(r);
	return report_group(members, 2, 2);
}

/* What an interrupt has ended is told one level higher: whoever did it waits for that. */
static void say_end(int r)
{
	bool interrupted = r < 0 && acre_has(r, EINTR);

	log_say(interrupted ? ACRE_LOG_CANCEL : ACRE_LOG_INFO, "the root has ended: %s",
		r < 0 ? acre_why(r)->message : "well");
}

int acre_end(void)
{
	struct report *rep = NULL;
	int r = check_root("acre_end()");

	if (r < 0)
		return r; /* a copy is not torn down: what it knows of is the parent's */
	if (!root.loop->ended)
		BUG("acre_end() while the root task runs: step until acre_step() returns "
		    "0");
	r = with_interrupt(loop_result(root.loop));
	say_end(r);
	if (r < 0)
		rep = report_take(
			r); /* it outlives the loop: filed again with the thread's own home */
	tear_down();
	return r < 0 ? report_file(rep, report_class(r)) : r;
}

int acre_run(int (*fn)(void *arg), void *arg, const struct acre_run_options *options)
{
	int r = begin(fn, arg, options, false);

	if (r < 0)
		return r;
	while (loop_turn(root.loop, true))
		;
	return acre_end();
}

struct main_call {
	int (*body)(int argc, char **argv);
	int argc;
	char **argv;
	enum acre_reason reason;
};

static int call_main(void *arg)
{
	struct main_call *call = arg;
	int r = call->body(call->argc, call->argv);

	call->reason = (enum acre_reason)root.loop->root.scope.reason;
	return r;
}

int run_status(int r, enum acre_reason reason, void (*tell)(int r))
{
	if (r >= 0)
		return r & 0xff;
	if (acre_is(r, EINTR) && reason)
		return reason == ACRE_REASON_TERMINATE ? EXIT_TERMINATED
						       : EXIT_INTERRUPTED;
	tell(r);
	return acre_has(r, EINTR) && reason ? EXIT_INTERRUPTED : EXIT_FAILED;
}

static void tell(int r)
{
	acre_print(stderr, r);
}

int acre_main_(int argc, char **argv, int (*body)(int argc, char **argv),
	       const struct acre_run_options *options)
{
	struct main_call call = { .body = body, .argc = argc, .argv = argv };
	struct acre_run_options with_signals = *options;
	int r;

	acre_boot(argc, argv);
	with_signals.signals = true;
	/* here, since joining the tree may crash too; without memory for it the program runs */
	acre_ignore(crash_catch());
	r = acre_run(call_main, &call, &with_signals);
	crash_release();
	return run_status(r, call.reason, tell);
}

const char *acre_version(void)
{
	return "0.1.0";
}
