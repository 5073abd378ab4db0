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
/* From the cancel of all that an actor does until it ends without a guest that shares its process:
 * as long again is left of what its parent waits for before SIGTERM */
#define LEAVE_NS INT64_C(800000000)

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

void guest_fini(struct guest *guest)
{
	map_fini(&guest->holders);
	pthread_mutex_destroy(&guest->lock);
	acre_ignore(sys_close(TAKE_FD(guest->fd)));
	acre_ignore(sys_close(TAKE_FD(guest->answers_fd)));
}

void guest_ring(struct guest *guest)
{
	uint64_t one = 1;

	acre_ignore(sys_write(guest->fd, &one, sizeof one));
}

void guest_end(struct guest *guest)
{
	guest_lock(guest);
	guest->is_over = true;
	guest_unlock(guest);
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
		return acre_fail(
			EINVAL,
			"the backend %s takes no guest: subint_forkserver and subint do",
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

static size_t text_size(const char *text)
{
	return strlen(text) + 1;
}

/* NULL: no memory. */
static struct guest_call *call_new(struct guest *guest, enum guest_what what,
				   const char *name_space, const char *name,
				   struct acre_value arg)
{
	size_t space_size = text_size(name_space), name_size = text_size(name);
	struct guest_call *call =
		mem_zalloc(sizeof *call + space_size + name_size + arg.len);
	struct acre_packer *result = acre_pack_new();
	char *at = (char *)(call + 1);

	if (!call || !result) {
		acre_pack_free(result);
		return mem_free(call);
	}
	*call = (struct guest_call){ .guest = guest,
				     .what = what,
				     .name_space = at,
				     .name = at + space_size,
				     .arg = { at + space_size + name_size, arg.len },
				     .result = result,
				     .n_refs = 1 };
	memcpy(at, name_space, space_size);
	memcpy(at + space_size, name, name_size);
	if (arg.len)
		memcpy(at + space_size + name_size, arg.packed, arg.len);
	return call;
}

/* By who has the guest's lock, which is given back: both sides of a call have it last. */
static void unref_and_unlock(struct guest_call *call)
{
	bool is_last = --call->n_refs == 0;

	guest_unlock(call->guest);
	if (!is_last)
		return;
	report_unref(call->report);
	acre_pack_free(call->result);
	mem_free(call);
}

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

/* Nothing of it comes back, unless its answer is on its way. */
static void leave(struct guest_call *call)
{
	struct guest *guest = call->guest;

	guest_lock(guest);
	if (call->state == GUEST_TAKEN) {
		list_remove(&call->node);
		call->state = GUEST_LEFT;
		guest->is_left = true;
	}
	guest_unlock(guest);
	if (call->state == GUEST_LEFT)
		came_back(&call->letter);
}

/* Whether it is to be left now. */
static bool is_stuck(struct guest_call *call)
{
	if (!call->guest->is_beside || !loop_this->root.scope.covered)
		return false;
	if (!call->left_at)
		call->left_at = int64_add(clock_now(), LEAVE_NS);
	return clock_now() >= call->left_at;
}

static void nudge(struct timer *timer)
{
	struct guest_call *call = container_of(timer, struct guest_call, nudge);
	struct guest *guest = call->guest;
	bool is_seen;

	guest_lock(guest);
	is_seen = call->has_seen_cancel || call->state == GUEST_DONE;
	guest_unlock(guest);
	if (is_stuck(call)) {
		leave(call);
		return;
	}
	if (!guest->is_beside)
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

	guest_lock(call->guest);
	is_queued = call->state == GUEST_QUEUED;
	if (is_queued)
		list_remove(&call->node);
	guest_unlock(call->guest);
	return is_queued;
}

void guest_call_cancel(struct guest_call *call)
{
	bool is_new;

	guest_lock(call->guest);
	is_new = call->state == GUEST_TAKEN && !call->is_cancelled;
	if (is_new) {
		call->is_cancelled = true;
		list_push(&call->guest->cancels, &call->node);
	}
	guest_unlock(call->guest);
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
	guest_lock(call->guest);
	list_push(&call->guest->calls, &call->node);
	guest_unlock(call->guest);
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
	/* bound: the guest answers, or is left, or our parent's ladder or our own ends this
	 * process */
	while (!call->is_back)
		park_shielded(WAIT_GUEST, call);
	timer_stop(&call->nudge);
	tell_deaf(call, false);
	if (call->state == GUEST_LEFT)
		return -ECANCELED;
	return call->r < 0 ? report_file(TAKE_PTR(call->report), report_class(call->r))
			   : call->r;
}

/* What the call's function asks for and opens is over when it is. On success its result is in
 * it. */
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
		call->asks = NULL;
		guest_holders_drop(&call->holders);
		acre_nursery_cancel(&n);
	}
	if (!call->context)
		return r;
	guest_holder_expel(&own);
	return guest_holder_end(&own, r);
}

/* Who has posted the letter is out of the mailbox then. */
static void ask_no_more(struct guest_call *call)
{
	guest_lock(call->guest);
	unref_and_unlock(call);
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

/* What comes of it is in `*ret_call` if that is not NULL; for ask_no_more(). */
static int load(struct runtime *rt, const char *kind, struct guest_call **ret_call)
{
	const struct acre_value nothing = { NULL, 0 };
	struct guest_call *call = call_new(rt->guest, GUEST_LOADS, kind,
					   rt->guest_text ? rt->guest_text : "", nothing);
	int r;

	if (!call)
		return acre_fail(ENOMEM, "no memory to load the guest's source");
	r = ask(call);
	if (r >= 0 && ret_call)
		*ret_call = call;
	else
		ask_no_more(call);
	return r;
}

int guest_load(struct runtime *rt)
{
	int r = load(rt, rt->guest_kind, NULL);

	return r < 0 ? acre_note(r, "loading the guest's source") : expose_module(rt);
}

int guest_run_script(struct runtime *rt, int *ret_status)
{
	struct acre_part part = { .type = ACRE_PART_NIL };
	struct guest_call *call = NULL;
	struct acre_value value;
	int r = load(rt, "script", &call);

	if (r >= 0 && call)
		r = acre_pack_end(call->result, &value);
	if (r >= 0)
		r = acre_value_next(&value, &part);
	if (r >= 0)
		*ret_status = part.type == ACRE_PART_INT ? (int)(part.integer & 0xff) : 0;
	if (call)
		ask_no_more(call);
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
	struct guest_call *call =
		call_new(runtime_this->guest, GUEST_CALLS, ctx->endpoint->name_space,
			 ctx->endpoint->name, arg->value);
	int r;

	if (!call)
		return acre_fail(ENOMEM, "no memory for a call of the guest");
	call->context = ctx->is_oneshot ? NULL : ctx;
	r = ask(call);
	if (r >= 0)
		r = give_result(ctx, call->result);
	ask_no_more(call);
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

	guest_lock(guest);
	is_over = guest->is_over;
	guest_unlock(guest);
	return is_over;
}

void guest_hand_on(struct guest *guest)
{
	if (guest->hand_on)
		guest->hand_on(guest);
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
	guest_lock(guest);
	call = next_of(&guest->cancels);
	*ret_cancel = call;
	if (!call)
		call = next_of(&guest->calls);
	if (call && !*ret_cancel) {
		call->state = GUEST_TAKEN;
		call->n_refs++;
	}
	guest_unlock(guest);
	return call;
}

bool guest_is_cancelled(struct guest_call *call)
{
	bool is_cancelled;

	guest_lock(call->guest);
	is_cancelled = call->is_cancelled;
	guest_unlock(call->guest);
	return is_cancelled;
}

bool guest_take_cancel(struct guest_call *call)
{
	bool is_new;

	guest_lock(call->guest);
	is_new = call->is_cancelled && !call->has_seen_cancel;
	call->has_seen_cancel |= is_new;
	guest_unlock(call->guest);
	return is_new;
}

void guest_answer(struct guest_call *call, int r)
{
	struct report *report = r < 0 ? report_take(r) : NULL;

	guest_lock(call->guest);
	call->r = r;
	call->report = report;
	if (call->state == GUEST_TAKEN) {
		list_remove(&call->node); /* its cancel is late */
		call->state = GUEST_DONE;
		mailbox_post(&call->task->loop->mailbox, &call->letter);
	}
	unref_and_unlock(call); /* the task has the lock before it lets go of it */
}
