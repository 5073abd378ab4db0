/* SPDX-License-Identifier: MIT */
/* guest.c - calls go from the actor's tasks to its guest, and answers come back. */
#include "actor/guest.h"

#include <pthread.h>
#include <string.h>

#include "actor/context.h"
#include "actor/guest_life.h"
#include "actor/runtime.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/sys.h"
#include "base/util.h"
#include "core/report.h"
#include "core/sched.h"

/* A loop of Python that is idle has looked by then; else it is interrupted, and again, since
 * an interrupt may come just before a call that blocks. */
#define NUDGE_FIRST_NS INT64_C(1000000)
#define NUDGE_NS       INT64_C(10000000)

struct guest_hub guest_hub;

bool guest_is_here(void)
{
	return guest_hub.plugin && guest_hub.pid == sys_getpid();
}

static void lock(void)
{
	pthread_mutex_lock(&guest_hub.lock);
}

static void unlock(void)
{
	pthread_mutex_unlock(&guest_hub.lock);
}

void guest_ring(void)
{
	uint64_t one = 1;

	acre_ignore(sys_write(guest_hub.fd, &one, sizeof one));
}

/*
 * Who spawns it.
 */

const char *guest_kind(const struct acre_guest *guest, const char **ret_text)
{
	*ret_text = "";
	if (!guest)
		return "";
	*ret_text = guest->source ? guest->source
		    : guest->file ? guest->file
				  : guest->module;
	return guest->source ? "source" : guest->file ? "file" : "module";
}

int guest_check(const struct acre_guest *guest, bool is_taken, const char *backend)
{
	if (!guest)
		return 0;
	if (!is_taken)
		return acre_fail(EINVAL, "the backend %s takes no guest: subint_forkserver does",
				 backend);
	if (!!guest->source + !!guest->file + !!guest->module != 1)
		return acre_fail(EINVAL,
				 "a guest is a source, a file or a module, and one of them");
	for (size_t i = 0; i < ARRAY_N(guest->reserved); i++)
		if (guest->reserved[i])
			return acre_fail(EINVAL, "the reserved options of a guest must be 0");
	return 0;
}

/*
 * The loop's thread.
 */

static void came_back(struct letter *letter)
{
	struct guest_call *call = container_of(letter, struct guest_call, letter);

	call->is_back = true;
	call->task->loop->n_foreign--;
	if (call->task->state == TASK_PARKED)
		unpark(call->task, 0);
}

static void nudge(struct timer *timer)
{
	struct guest_call *call = container_of(timer, struct guest_call, nudge);
	bool is_seen;

	lock();
	is_seen = call->has_seen_cancel || call->state == GUEST_DONE;
	unlock();
	if (is_seen)
		return;
	guest_hub.plugin->guest_interrupt();
	timer_set(timer, int64_add(clock_now(), NUDGE_NS), nudge);
}

/* False: the guest has taken it. */
static bool withdraw(struct guest_call *call)
{
	bool is_queued;

	lock();
	is_queued = call->state == GUEST_QUEUED;
	if (is_queued)
		list_remove(&call->node);
	unlock();
	return is_queued;
}

static void cancel(struct guest_call *call)
{
	lock();
	if (call->state == GUEST_TAKEN) {
		call->is_cancelled = true;
		list_push(&guest_hub.cancels, &call->node);
	}
	unlock();
	guest_ring();
	timer_set(&call->nudge, int64_add(clock_now(), NUDGE_FIRST_NS), nudge);
}

static int ask(struct guest_call *call)
{
	int r;

	call->task = task_this();
	call->letter.fn = came_back;
	loop_this->n_foreign++;
	lock();
	list_push(&guest_hub.calls, &call->node);
	unlock();
	guest_ring();
	r = park(WAIT_GUEST, call);
	if (r < 0 && withdraw(call)) {
		loop_this->n_foreign--;
		return r;
	}
	if (r < 0 && !call->is_back)
		cancel(call);
	/* bound: the guest answers, or our parent's ladder ends this process */
	while (!call->is_back)
		park_shielded(WAIT_GUEST, call);
	timer_stop(&call->nudge);
	lock(); /* who has posted the letter is out of the mailbox */
	unlock();
	return call->r < 0 ? report_file(TAKE_PTR(call->report), report_class(call->r))
			   : call->r;
}

/* What it was asked for it exposes, as a module in C does. */
static int expose_module(struct runtime *rt)
{
	const char *name = rt->guest_text;

	if (strcmp(rt->guest_kind, "module") != 0)
		return 0;
	return acre_note(endpoint_expose(&rt->exposed, name, strcspn(name, ":")),
			 "exposing the module %s (has it any function of its own?)", name);
}

int guest_load(struct runtime *rt)
{
	struct guest_call call = { .what = GUEST_LOADS,
				   .name_space = rt->guest_kind,
				   .name = rt->guest_text ? rt->guest_text : "" };

	int r = ask(&call);

	if (r < 0)
		return acre_note(r, "loading the guest's source");
	return expose_module(rt);
}

static int give_result(struct acre_context *ctx, struct acre_packer *result)
{
	struct acre_value value;
	int r = acre_pack_end(result, &value);

	return r < 0 ? r : acre_return(ctx, acre_any, .value = value);
}

static int run(struct acre_context *ctx, const void *in)
{
	const struct acre_any *arg = in;
	struct guest_call call = { .what = GUEST_CALLS,
				   .name_space = ctx->endpoint->name_space,
				   .name = ctx->endpoint->name,
				   .arg = arg->value,
				   .result = acre_pack_new() };
	int r = ask(&call);

	if (r >= 0)
		r = give_result(ctx, call.result);
	acre_pack_free(call.result);
	return r;
}

/*
 * The guest's thread.
 */

/* Endpoints live as long as the process. */
int guest_expose(const char *name_space, const char *name)
{
	struct acre_endpoint *e = mem_zalloc(sizeof *e);
	int r = e ? 0 : -ENOMEM;

	if (r >= 0) {
		*e = (struct acre_endpoint){ .name = mem_strdup(name),
					     .name_space = mem_strdup(name_space),
					     .run = run,
					     .in = acre_any_msg_,
					     .file = "the guest",
					     .kind = ACRE_ENDPOINT_ONESHOT };
		r = e->name && e->name_space ? 0 : -ENOMEM;
	}
	return r < 0 ? acre_fail(ENOMEM, "no memory for an endpoint of the guest")
		     : acre_endpoint_register(e);
}

int guest_fd(void)
{
	return guest_hub.fd;
}

bool guest_is_over(void)
{
	bool is_over;

	lock();
	is_over = guest_hub.is_over;
	unlock();
	return is_over;
}

static struct guest_call *next_of(struct list *queue)
{
	struct list *node = list_pop(queue);

	return node ? list_entry(node, struct guest_call, node) : NULL;
}

/* What comes behind the last look rings again. */
struct guest_call *guest_next(bool *ret_cancel)
{
	struct guest_call *call;
	uint64_t rung;

	acre_ignore(sys_read(guest_hub.fd, &rung, sizeof rung)); /* it does not block */
	lock();
	call = next_of(&guest_hub.cancels);
	*ret_cancel = call;
	if (!call)
		call = next_of(&guest_hub.calls);
	if (call && !*ret_cancel)
		call->state = GUEST_TAKEN;
	unlock();
	return call;
}

bool guest_is_cancelled(struct guest_call *call)
{
	bool is_cancelled;

	lock();
	is_cancelled = call->is_cancelled;
	unlock();
	return is_cancelled;
}

bool guest_take_cancel(struct guest_call *call)
{
	bool is_new;

	lock();
	is_new = call->is_cancelled && !call->has_seen_cancel;
	call->has_seen_cancel |= is_new;
	unlock();
	return is_new;
}

void guest_answer(struct guest_call *call, int r)
{
	lock();
	list_remove(&call->node); /* its cancel is late */
	call->state = GUEST_DONE;
	call->r = r;
	call->report = r < 0 ? report_take(r) : NULL;
	mailbox_post(&call->task->loop->mailbox, &call->letter);
	unlock();
}
