/* SPDX-License-Identifier: MIT */
/* guest_holder.c - what a guest has opened is held open by a task, and known by a number. */
#include "actor/guest_ask.h"

#include "base/mem.h"
#include "base/util.h"
#include "core/report.h"
#include "core/sched.h"

/* What a task of the guest's own has from its cancellation on to leave its blocks: as long as
 * an actor has to acknowledge one. A call has the time of who cancels it. */
#define GUEST_UNWIND_MS 500

static void enter(struct guest_holder *h, struct guest *guest, struct list *in)
{
	h->guest = guest;
	h->task = task_this();
	h->number = ++guest->last_holder;
	h->news = (struct guest_ask){ .guest = guest, .cancelled_holder = h->number };
	list_init(&h->users);
	map_insert(&guest->holders, &h->by_number, &h->number, sizeof h->number);
	list_push(in, &h->node);
}

void guest_holder_begin(struct guest_holder *h, struct guest_ask *ask)
{
	h->scope = ask->scope;
	h->call = ask->call;
	enter(h, ask->guest, ask->call ? &ask->call->holders : &ask->guest->of_none);
}

void guest_holder_begin_of_call(struct guest_holder *h, struct guest_call *call)
{
	h->call = call;
	h->context = call->context;
	enter(h, call->guest, &call->holders);
}

/* Its task may do something else by now. */
static void wake(struct guest_holder *h)
{
	if (h->waits && h->task->state == TASK_PARKED)
		unpark(h->task, 0);
}

bool guest_holder_is_told(const struct guest_holder *h)
{
	return h->end || h->is_dropped;
}

static int wait_shielded(struct guest_holder *h)
{
	int r = 0;

	if (h->call) {
		while (!guest_holder_is_told(h))
			park_shielded(WAIT_GUEST, h);
		return 0;
	}
	ACRE_SHIELD(acre_ms(GUEST_UNWIND_MS), r) {
		while (!guest_holder_is_told(h) && r >= 0)
			r = park(WAIT_GUEST, h);
	}
	return r;
}

/* A call that is cancelled hears of that once, and not once more for each block. */
void guest_holder_tell(struct guest_holder *h)
{
	if (h->is_news || guest_holder_is_told(h) ||
	    guest_call_is_cancelled(h->call))
		return;
	h->is_news = true;
	guest_ask_tell(&h->news);
}

bool guest_holder_wait(struct guest_holder *h)
{
	int r = 0;

	h->waits = true;
	while (!guest_holder_is_told(h) && r >= 0)
		r = park(WAIT_GUEST, h);
	if (!guest_holder_is_told(h)) {
		guest_holder_tell(h);
		acre_ignore(wait_shielded(h));
	}
	h->waits = false;
	h->is_dropped = h->is_dropped || !h->end;
	return h->end && !h->is_cancelled;
}

void guest_holder_use(struct guest_holder *h, struct guest_ask *ask)
{
	ask->used = h;
	list_push(&h->users, &ask->use);
}

void guest_holder_leave(struct guest_ask *ask)
{
	struct guest_holder *h = TAKE_PTR(ask->used);

	if (!h)
		return;
	list_remove(&ask->use);
	if (list_is_empty(&h->users))
		wake(h);
}

void guest_holder_expel(struct guest_holder *h)
{
	struct guest_ask *ask;

	list_for_each(ask, &h->users, use) {
		ask->is_expelled = true;
		scope_cancel(ask->scope, ACRE_REASON_ASKED);
	}
	h->waits = true;
	while (!list_is_empty(&h->users))
		park_shielded(WAIT_GUEST, h);
	h->waits = false;
}

int guest_holder_run(struct guest_ask *ask,
		     int (*hold)(struct guest_holder *h, struct guest_ask *ask))
{
	struct guest_holder *h = mem_zalloc(sizeof *h);
	int r;

	if (!h) {
		guest_ask_answer(ask, acre_fail(ENOMEM, "no memory for what %s() opens",
						ask->op->name));
		return 0;
	}
	r = hold(h, ask);
	mem_free(h);
	return r;
}

int guest_holder_end(struct guest_holder *h, int r)
{
	guest_ask_untell(&h->news);
	map_remove(&h->guest->holders, &h->by_number);
	list_remove(&h->node);
	if (!h->end)
		return r;
	if (report_class(r) == ECANCELED && guest_call_is_cancelled(h->call))
		guest_call_cancel(h->call);
	acre_pack_nil(h->end->result);
	guest_ask_answer(h->end, r);
	return 0;
}

void guest_holders_drop(struct list *holders)
{
	struct guest_holder *h;

	list_for_each(h, holders, node) {
		h->is_dropped = true;
		wake(h);
	}
}

static int find(const struct guest_ask *ask, const char *key, struct guest_holder **ret)
{
	struct map_node *node;
	uint64_t number;
	int r = guest_ask_number(ask, key, &number);

	if (r < 0)
		return r;
	node = map_find(&ask->guest->holders, &number, sizeof number);
	*ret = node ? container_of(node, struct guest_holder, by_number) : NULL;
	return 0;
}

static int is_none(const struct guest_ask *ask, const char *what)
{
	return acre_fail(EBADF, "%s(): that %s is not open any more", ask->op->name,
			 what);
}

int guest_holder_of_context(struct guest_ask *ask, struct guest_holder **ret)
{
	int r = find(ask, "context", ret);

	if (r < 0)
		return r;
	if (!*ret || !(*ret)->context || guest_holder_is_told(*ret))
		return is_none(ask, "context");
	guest_holder_use(*ret, ask);
	return 0;
}

int guest_holder_of_nursery(const struct guest_ask *ask, struct guest_holder **ret)
{
	int r = find(ask, "nursery", ret);

	return r < 0 || (*ret && (*ret)->nursery) ? r : is_none(ask, "nursery");
}

struct guest_holder *guest_holder_of(const struct guest *guest,
				     const struct nursery *nursery)
{
	struct map_node *node = NULL;

	while ((node = map_next(&guest->holders, node))) {
		struct guest_holder *h =
			container_of(node, struct guest_holder, by_number);

		if (h->nursery == nursery)
			return h;
	}
	return NULL;
}

/* One that its call has dropped is over or about to be: who leaves it with a failure has no
 * second one by that. */
int guest_op_end(struct guest_ask *ask)
{
	bool is_cancelled = guest_ask_flag(ask, "cancel");
	struct guest_holder *h = NULL;
	int r = find(ask, "holder", &h);

	if (r >= 0 && (h ? h->end || (h->is_dropped && !is_cancelled) : !is_cancelled))
		r = is_none(ask, "block");
	if (r < 0 || !h) {
		acre_pack_nil(ask->result);
		guest_ask_answer(ask, r);
		return 0;
	}
	h->end = ask;
	h->is_cancelled = is_cancelled;
	ask->scope = h->scope;
	if (ask->is_cancelled)
		scope_cancel(ask->scope, ACRE_REASON_ASKED);
	wake(h);
	return 0;
}
