/* SPDX-License-Identifier: MIT */
/* guest.c - calls go from the actor's tasks to its guest, and answers come back. */
#include "actor/guest.h"

#include <string.h>

#include <sys/eventfd.h>

#include "actor/context.h"
#include "actor/guest_ask.h"
#include "actor/life.h"
#include "actor/runtime.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/mem.h"
#include "base/sys.h"
#include "base/util.h"
#include "core/report.h"
#include "core/sched.h"

/* A loop of Python that is idle has looked by then; else it is interrupted, and again, since
 * an interrupt may come just before a call that blocks. */
#define NUDGE_FIRST_NS INT64_C(1000000)
#define NUDGE_NS       INT64_C(10000000)
/* One that has seen that it is to end is looked at no more than its own patience needs */
#define LOOK_NS INT64_C(100000000)

int guest_init(struct guest *guest, const struct python_plugin *plugin)
{
	auto_close int fd = sys_eventfd(0, EFD_NONBLOCK);
	int answers_fd = fd < 0 ? fd : sys_eventfd(0, EFD_NONBLOCK);

	if (answers_fd < 0)
		return answers_fd;
	*guest = (struct guest){ .plugin = plugin,
				 .fd = TAKE_FD(fd),
				 .answers_fd = answers_fd };
	pthread_mutex_init(&guest->lock, NULL);
	list_init(&guest->calls);
	list_init(&guest->cancels);
	list_init(&guest->answers);
	map_init(&guest->holders);
	list_init(&guest->of_none);
	return 0;
}

static void lock(struct guest *guest)
{
	pthread_mutex_lock(&guest->lock);
}

static void unlock(struct guest *guest)
{
	pthread_mutex_unlock(&guest->lock);
}

void guest_ring(struct guest *guest)
{
	uint64_t one = 1;

	acre_ignore(sys_write(guest->fd, &one, sizeof one));
}

void guest_end(struct guest *guest)
{
	lock(guest);
	guest->is_over = true;
	unlock(guest);
	guest_ring(guest);
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
		    : guest->main ? guest->main
				  : guest->module;
	return guest->source ? "source"
	       : guest->file ? "file"
	       : guest->main ? "main"
			     : "module";
}

int guest_check(const struct acre_guest *guest, bool is_taken, const char *backend)
{
	if (!guest)
		return 0;
	if (!is_taken)
		return acre_fail(EINVAL, "the backend %s takes no guest: subint_forkserver does",
				 backend);
	if (!!guest->source + !!guest->file + !!guest->module + !!guest->main != 1)
		return acre_fail(EINVAL,
				 "a guest is a source, a file, a module or a main "
				 "module, and one of them");
	for (size_t i = 0; i < ARRAY_N(guest->reserved); i++)
		if (guest->reserved[i])
			return acre_fail(EINVAL, "the reserved options of a guest must be 0");
	return guest_check_preload(guest);
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

/* Our parent waits for one that ends, and not for one that does not even look (progress.h). */
static void tell_deaf(struct guest_call *call, bool is_deaf)
{
	_Atomic uint32_t *n = &loop_this->status->n_deaf;

	if (call->is_deaf != is_deaf)
		status_set(n, status_get(n) + (is_deaf ? 1 : UINT32_MAX));
	call->is_deaf = is_deaf;
}

/* Whoever asked us to end has a ladder for us. An orphan has nobody, nor has one whom a signal
 * cancelled: then we end without the guest. */
static void give_up_if_due(struct guest *guest)
{
	const struct runtime *rt = runtime_this;
	int64_t now = clock_now();

	if (!rt->loop->root.scope.covered)
		return;
	if (!guest->ends_at)
		guest->ends_at = int64_add(now, LIFE_TOTAL_NS + LIFE_MARGIN_NS);
	if (now < guest->ends_at || PLANTED(GUEST_OUTLIVES_ACTOR))
		return;
	if (life_ends_before() == INT64_MAX || runtime_is_orphan(rt))
		guest->give_up(guest);
}

static void nudge(struct timer *timer)
{
	struct guest_call *call = container_of(timer, struct guest_call, nudge);
	struct guest *guest = call->guest;
	bool is_seen;

	lock(guest);
	is_seen = call->has_seen_cancel || call->state == GUEST_DONE;
	unlock(guest);
	give_up_if_due(guest);
	if (is_seen)
		tell_deaf(call, false);
	else
		guest->plugin->guest_interrupt(guest);
	timer_set(timer, int64_add(clock_now(), is_seen ? LOOK_NS : NUDGE_NS), nudge);
}

/* False: the guest has taken it. */
static bool withdraw(struct guest_call *call)
{
	bool is_queued;

	lock(call->guest);
	is_queued = call->state == GUEST_QUEUED;
	if (is_queued)
		list_remove(&call->node);
	unlock(call->guest);
	return is_queued;
}

void guest_call_cancel(struct guest_call *call)
{
	bool is_new;

	lock(call->guest);
	is_new = call->state == GUEST_TAKEN && !call->is_cancelled;
	if (is_new) {
		call->is_cancelled = true;
		list_push(&call->guest->cancels, &call->node);
	}
	unlock(call->guest);
	if (!is_new)
		return;
	guest_ring(call->guest);
	tell_deaf(call, true);
	timer_set(&call->nudge, int64_add(clock_now(), NUDGE_FIRST_NS), nudge);
}

static void queue(struct guest_call *call)
{
	call->task = task_this();
	call->letter.fn = came_back;
	loop_this->n_foreign++;
	lock(call->guest);
	list_push(&call->guest->calls, &call->node);
	unlock(call->guest);
	guest_ring(call->guest);
}

static int wait_for_answer(struct guest_call *call)
{
	int r = park(WAIT_GUEST, call);
	if (r < 0 && withdraw(call)) {
		loop_this->n_foreign--;
		return r;
	}
	if (r < 0 && !call->is_back)
		guest_call_cancel(call);
	/* bound: the guest answers, or our parent's ladder or our own ends this process */
	while (!call->is_back)
		park_shielded(WAIT_GUEST, call);
	timer_stop(&call->nudge);
	tell_deaf(call, false);
	lock(call->guest); /* who has posted the letter is out of the mailbox */
	unlock(call->guest);
	return call->r < 0 ? report_file(TAKE_PTR(call->report), report_class(call->r))
			   : call->r;
}

/* What the call's function asks for and opens is over when it is. */
static int ask(struct guest_call *call)
{
	struct guest_holder own = { .context = NULL };
	int r = 0;

	list_init(&call->holders);
	if (call->context)
		guest_holder_begin_of_call(&own, call);
	call->holder = own.number;
	ACRE_NURSERY(n, r) {
		call->asks = (struct nursery *)(void *)&n;
		queue(call);
		r = wait_for_answer(call);
		guest_holders_drop(&call->holders);
		acre_nursery_cancel(&n);
	}
	if (!call->context)
		return r;
	guest_holder_expel(&own);
	return guest_holder_end(&own, r);
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

static int load(struct runtime *rt, const char *kind, struct acre_packer *result)
{
	struct guest_call call = { .guest = rt->guest,
				   .what = GUEST_LOADS,
				   .name_space = kind,
				   .name = rt->guest_text ? rt->guest_text : "",
				   .result = result };

	return ask(&call);
}

int guest_load(struct runtime *rt)
{
	int r = load(rt, rt->guest_kind, NULL);

	return r < 0 ? acre_note(r, "loading the guest's source") : expose_module(rt);
}

int guest_run_script(struct runtime *rt, int *ret_status)
{
	struct acre_packer *result = acre_pack_new();
	struct acre_part part = { .type = ACRE_PART_NIL };
	struct acre_value value;
	int r = load(rt, "script", result);

	if (r >= 0)
		r = acre_pack_end(result, &value);
	if (r >= 0)
		r = acre_value_next(&value, &part);
	if (r >= 0)
		*ret_status = part.type == ACRE_PART_INT ? (int)(part.integer & 0xff) : 0;
	acre_pack_free(result);
	return r < 0 ? r : 0;
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
	struct guest_call call = { .guest = runtime_this->guest,
				   .what = GUEST_CALLS,
				   .name_space = ctx->endpoint->name_space,
				   .name = ctx->endpoint->name,
				   .arg = arg->value,
				   .context = ctx->is_oneshot ? NULL : ctx,
				   .result = acre_pack_new() };
	int r = ask(&call);

	if (r >= 0)
		r = give_result(ctx, call.result);
	acre_pack_free(call.result);
	return r;
}

static int expose(const char *name_space, const char *name, bool has_context)
{
	struct endpoint_own *own;

	if (endpoint_is_shared(name_space, name))
		return acre_fail(EEXIST,
				 "%s.%s cannot be exposed: the program itself has one of "
				 "that name",
				 name_space, name);
	own = mem_zalloc(sizeof *own);
	if (!own)
		return acre_fail(ENOMEM, "no memory for an endpoint of the guest");
	own->endpoint =
		(struct acre_endpoint){ .name = mem_strdup(name),
					.name_space = mem_strdup(name_space),
					.run = run,
					.in = acre_any_msg_,
					.file = "the guest",
					.kind = has_context ? ACRE_ENDPOINT_CONTEXT
							    : ACRE_ENDPOINT_ONESHOT };
	if (!own->endpoint.name || !own->endpoint.name_space) {
		endpoint_free_own(own);
		return acre_fail(ENOMEM, "no memory for an endpoint of the guest");
	}
	endpoint_add_own(&runtime_this->exposed, own);
	return 0;
}

int guest_op_expose(struct guest_ask *ask)
{
	char space[ENDPOINT_SPACE_NAME_MAX], name[ENDPOINT_SPACE_NAME_MAX];
	int r = guest_ask_text(ask, "space", space, sizeof space);

	if (r >= 0)
		r = guest_ask_text(ask, "name", name, sizeof name);
	if (r >= 0)
		r = expose(space, name, guest_ask_flag(ask, "has_context"));
	acre_pack_nil(ask->result);
	guest_ask_answer(ask, r);
	return 0;
}

/*
 * The guest's thread.
 */

int guest_fd(struct guest *guest)
{
	return guest->fd;
}

bool guest_is_over(struct guest *guest)
{
	bool is_over;

	lock(guest);
	is_over = guest->is_over;
	unlock(guest);
	return is_over;
}

static struct guest_call *next_of(struct list *queue)
{
	struct list *node = list_pop(queue);

	return node ? list_entry(node, struct guest_call, node) : NULL;
}

/* What comes behind the last look rings again. */
struct guest_call *guest_next(struct guest *guest, bool *ret_cancel)
{
	struct guest_call *call;
	uint64_t rung;

	acre_ignore(sys_read(guest->fd, &rung, sizeof rung)); /* it does not block */
	lock(guest);
	call = next_of(&guest->cancels);
	*ret_cancel = call;
	if (!call)
		call = next_of(&guest->calls);
	if (call && !*ret_cancel)
		call->state = GUEST_TAKEN;
	unlock(guest);
	return call;
}

bool guest_is_cancelled(struct guest_call *call)
{
	bool is_cancelled;

	lock(call->guest);
	is_cancelled = call->is_cancelled;
	unlock(call->guest);
	return is_cancelled;
}

bool guest_take_cancel(struct guest_call *call)
{
	bool is_new;

	lock(call->guest);
	is_new = call->is_cancelled && !call->has_seen_cancel;
	call->has_seen_cancel |= is_new;
	unlock(call->guest);
	return is_new;
}

void guest_answer(struct guest_call *call, int r)
{
	struct guest *guest = call->guest;

	lock(guest);
	list_remove(&call->node); /* its cancel is late */
	call->state = GUEST_DONE;
	call->r = r;
	call->report = r < 0 ? report_take(r) : NULL;
	mailbox_post(&call->task->loop->mailbox, &call->letter);
	unlock(guest); /* the call is gone when its task has this lock */
}
