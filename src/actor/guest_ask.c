/* SPDX-License-Identifier: MIT */
/* guest_ask.c - from a guest's ask to a task of the loop, and back as an answer. */
#include "actor/guest_ask.h"

#include <stdio.h>
#include <string.h>

#include "actor/runtime.h"
#include "base/mem.h"
#include "base/sys.h"
#include "base/util.h"
#include "core/report.h"
#include "core/sched.h"

static void push_answer(struct guest_ask *ask)
{
	uint64_t one = 1;

	guest_lock(ask->guest);
	list_push(&ask->guest->answers, &ask->node);
	guest_unlock(ask->guest);
	acre_ignore(sys_write(ask->guest->answers_fd, &one, sizeof one));
}

/*
 * Its argument.
 */

static int lacks(const struct guest_ask *ask, const char *key, const char *what)
{
	return acre_fail(EINVAL, "%s() takes %s as its `%s`", ask->op->name, what, key);
}

int guest_ask_value(const struct guest_ask *ask, const char *key, struct acre_value *ret)
{
	return acre_value_get(ask->arg, key, ret) > 0 ? 0 : lacks(ask, key, "a value");
}

static bool read_part(const struct guest_ask *ask, const char *key,
		      enum acre_part_type type, struct acre_part *ret)
{
	struct acre_value at;

	return acre_value_get(ask->arg, key, &at) > 0 && acre_value_next(&at, ret) > 0 &&
	       ret->type == type;
}

int guest_ask_number(const struct guest_ask *ask, const char *key, uint64_t *ret)
{
	struct acre_part part;

	if (!read_part(ask, key, ACRE_PART_INT, &part) || part.integer < 0)
		return lacks(ask, key, "a number");
	*ret = (uint64_t)part.integer;
	return 0;
}

bool guest_ask_flag(const struct guest_ask *ask, const char *key)
{
	struct acre_part part;

	return read_part(ask, key, ACRE_PART_BOOL, &part) && part.boolean;
}

int guest_ask_text(const struct guest_ask *ask, const char *key, char *to, size_t size)
{
	struct acre_part part;

	if (!read_part(ask, key, ACRE_PART_TEXT, &part))
		return lacks(ask, key, "a text");
	if (part.bytes.len >= size || memchr(part.bytes.data, '\0', part.bytes.len))
		return acre_fail(EINVAL,
				 "%s(): the `%s` has at most %zu bytes and no NUL",
				 ask->op->name, key, size - 1);
	memcpy(to, part.bytes.data, part.bytes.len);
	to[part.bytes.len] = '\0';
	return 0;
}

int guest_ask_function(const struct guest_ask *ask, char space[GUEST_NAME_BYTES],
		       char name[GUEST_NAME_BYTES], struct acre_value *arg)
{
	int r = guest_ask_text(ask, "space", space, GUEST_NAME_BYTES);

	if (r >= 0)
		r = guest_ask_text(ask, "name", name, GUEST_NAME_BYTES);
	return r < 0 ? r : guest_ask_value(ask, "arg", arg);
}

static struct acre_actor *among(struct list *actors, const char *uuid)
{
	struct acre_actor *a;

	list_for_each(a, actors, node)
		if (!strcmp(a->uuid, uuid))
			return a;
	return NULL;
}

int guest_ask_actor(const struct guest_ask *ask, struct acre_actor **ret)
{
	struct runtime *rt = runtime_this;
	char uuid[UUID_SIZE];
	int r = guest_ask_text(ask, "actor", uuid, sizeof uuid);

	if (r < 0)
		return r;
	*ret = among(&rt->children, uuid);
	if (!*ret && rt->parent && !strcmp(rt->parent->uuid, uuid))
		*ret = rt->parent;
	if (!*ret)
		*ret = among(&rt->strangers, uuid);
	return *ret ? 0
		    : acre_fail(EBADF, "%s(): that actor has ended, or was let go",
				ask->op->name);
}

/*
 * Its answer.
 */

static void tell(struct guest_ask *ask, int r)
{
	ask->report = report_take(r);
	ask->result = acre_pack_free(ask->result);
	ask->result = acre_pack_new();
	guest_tell_failure(ask->result, acre_why(r));
	if (acre_pack_end(ask->result, &ask->value) < 0)
		ask->value = (struct acre_value){ NULL, 0 };
}

void guest_ask_answer(struct guest_ask *ask, int r)
{
	ask->scope = NULL;
	if (r >= 0)
		r = acre_pack_end(ask->result, &ask->value);
	if (r < 0)
		tell(ask, r);
	ask->r = -report_class(r);
	push_answer(ask);
}

void guest_ask_tell(struct guest_ask *news)
{
	push_answer(news);
}

void guest_ask_untell(struct guest_ask *news)
{
	guest_lock(news->guest);
	list_remove(&news->node);
	guest_unlock(news->guest);
}

/*
 * The loop's thread.
 */

bool guest_call_is_cancelled(const struct guest_call *call)
{
	return call && call->asks && call->asks->scope.covered;
}

/* Of a call or a nursery that is cancelled the guest may hear by an answer or by the cancel, and
 * is to take both as one. */
static void announce_cancel(struct guest_ask *ask)
{
	struct guest_holder *h;
	struct guest_call *call = ask->call;

	if (ask->op->kind == GUEST_OP_MEMBER) { /* it may outlive its call */
		h = guest_holder_of(ask->guest, task_this()->member.nursery);
		call = h ? h->call : NULL;
		if (h && h->nursery->scope.covered)
			guest_holder_tell(h);
	}
	if (guest_call_is_cancelled(call))
		guest_call_cancel(call);
}

int guest_ask_outcome(struct guest_ask *ask, int r)
{
	if (report_class(r) != ECANCELED)
		return r;
	if (ask->is_expelled && !ask->is_cancelled &&
	    !scope_covered_from_outside(ask->scope))
		return acre_fail(EBADF,
				 "%s(): what it waits on was closed by another task",
				 ask->op->name);
	announce_cancel(ask);
	return r;
}

static int serve(void *arg)
{
	struct guest_ask *ask = arg;
	const struct guest_op *op = ask->op;
	struct scope s;
	int r;

	scope_push(&s, task_this(), __FILE__, __LINE__);
	ask->scope = &s;
	if (ask->is_cancelled)
		scope_cancel(&s, ACRE_REASON_ASKED);
	r = op->run(ask); /* what holds has answered by itself */
	if (op->kind != GUEST_OP_HOLDS) {
		guest_holder_leave(ask);
		guest_ask_answer(ask, guest_ask_outcome(ask, r));
		r = 0;
	}
	scope_pop(&s);
	return report_class(r) == ECANCELED ? 0 : r;
}

static const struct acre_task_kind serve_kind = { "ask", serve, __FILE__, __LINE__ };

/* That of the actor which is asked for, if it is a child. */
static int nursery_of_actor(const struct guest_ask *ask, struct nursery **ret)
{
	struct acre_actor *a;
	int r = guest_ask_actor(ask, &a);

	if (r >= 0 && a->member.nursery)
		*ret = a->member.nursery;
	return r;
}

static int nursery_of_member(const struct guest_ask *ask, struct nursery **ret)
{
	struct guest_holder *h;
	struct acre_value unused;
	int r;

	if (acre_value_get(ask->arg, "nursery", &unused) <= 0)
		return nursery_of_actor(ask, ret);
	r = guest_holder_of_nursery(ask, &h);
	if (r >= 0 && guest_holder_is_told(h))
		r = acre_fail(EBADF, "%s(): the block of that nursery has ended",
			      ask->op->name);
	if (r >= 0)
		*ret = h->nursery;
	return r;
}

/* One that has joined its tasks does so no more. */
static int find_nursery(const struct guest_ask *ask, struct nursery **ret)
{
	int r = 0;

	*ret = ask->call ? ask->call->asks : runtime_this->service;
	if (ask->op->kind == GUEST_OP_MEMBER)
		r = nursery_of_member(ask, ret);
	if (r < 0)
		return r;
	if (!*ret)
		return acre_fail(ACRE_ECLOSED, "this actor is about to end");
	if ((*ret)->state != NURSERY_OPEN && (*ret)->state != NURSERY_JOINING)
		r = acre_fail(EBADF, "%s(): that actor is being ended", ask->op->name);
	return r;
}

static int begin_task(struct guest_ask *ask)
{
	struct nursery *in;
	int r = find_nursery(ask, &in);

	return r < 0 ? r
		     : task_start(in, &serve_kind, ask,
				  &(const struct acre_task_options){
					  .name = ask->op->name });
}

static void begin(struct letter *letter)
{
	struct guest_ask *ask = container_of(letter, struct guest_ask, begin);
	int r;

	if (ask->op->kind == GUEST_OP_NOW) {
		acre_ignore(ask->op->run(ask));
		return;
	}
	r = begin_task(ask);
	if (r < 0)
		guest_ask_answer(ask, r);
}

static void free_ask(struct guest_ask *ask)
{
	acre_pack_free(ask->packed);
	acre_pack_free(ask->result);
	report_unref(ask->report);
	mem_free(ask);
}

/* The guest may have its answer, and be done with it, by now. */
static void stop(struct letter *letter)
{
	struct guest_ask *ask = container_of(letter, struct guest_ask, stop);
	struct guest *guest = ask->guest;
	bool is_freed;

	ask->is_cancelled = true;
	if (ask->scope)
		scope_cancel(ask->scope, ACRE_REASON_ASKED);
	guest_lock(guest);
	ask->is_stopping = false;
	is_freed = ask->is_freed;
	guest_unlock(guest);
	if (is_freed)
		free_ask(ask);
}

void guest_set_loop(struct guest *guest, struct loop *loop)
{
	guest_lock(guest);
	guest->loop = loop;
	guest_unlock(guest);
	if (!loop)
		mailbox_read(&loop_this->mailbox); /* none can come after this */
}

/*
 * The guest's thread.
 */

static bool post(struct guest *guest, struct letter *letter)
{
	bool is_open;

	guest_lock(guest);
	is_open = guest->loop;
	if (is_open)
		mailbox_post(&guest->loop->mailbox, letter);
	guest_unlock(guest);
	return is_open;
}

static int hand_over(struct guest_ask *ask, const char *name)
{
	int r = acre_pack_end(ask->packed, &ask->arg);

	ask->op = guest_op_named(name);
	if (!ask->op)
		return acre_fail(EINVAL, "there is no operation %s", name);
	if (r >= 0 && !post(ask->guest, &ask->begin))
		return acre_fail(ACRE_ECLOSED, "%s(): this actor has ended", name);
	return r;
}

struct guest_ask *guest_ask(struct guest *guest, struct guest_call *call,
			    const char *name, struct acre_packer *take_arg)
{
	struct guest_ask *ask = mem_zalloc(sizeof *ask);
	int r;

	if (!ask) {
		acre_pack_free(take_arg);
		return NULL;
	}
	*ask = (struct guest_ask){ .guest = guest,
				   .call = call,
				   .packed = take_arg,
				   .begin = { .fn = begin },
				   .stop = { .fn = stop },
				   .result = acre_pack_new() };
	r = hand_over(ask, name);
	if (r < 0)
		guest_ask_answer(ask, r);
	return ask;
}

void guest_ask_stop(struct guest_ask *ask)
{
	struct guest *guest = ask->guest;

	guest_lock(guest);
	if (!ask->is_stopping && guest->loop) {
		ask->is_stopping = true;
		mailbox_post(&guest->loop->mailbox, &ask->stop);
	}
	guest_unlock(guest);
}

int guest_answers_fd(struct guest *guest)
{
	return guest->answers_fd;
}

/* News are the holder's, which may be gone when the lock is left. */
struct guest_ask *guest_answered(struct guest *guest, uint64_t *ret_cancelled)
{
	struct guest_ask *ask = NULL;
	struct list *node;
	uint64_t rung;

	acre_ignore(
		sys_read(guest->answers_fd, &rung, sizeof rung)); /* it does not block */
	guest_lock(guest);
	node = list_pop(&guest->answers);
	if (node)
		ask = list_entry(node, struct guest_ask, node);
	*ret_cancelled = ask ? ask->cancelled_holder : 0;
	guest_unlock(guest);
	return *ret_cancelled ? NULL : ask;
}

int guest_ask_result(struct guest_ask *ask, struct acre_value *ret)
{
	*ret = ask->value;
	return ask->r;
}

struct report *guest_ask_report(struct guest_ask *ask)
{
	return TAKE_PTR(ask->report);
}

void guest_ask_free(struct guest_ask *ask)
{
	bool is_stopping;

	guest_lock(ask->guest);
	is_stopping = ask->is_stopping;
	ask->is_freed = true;
	guest_unlock(ask->guest);
	if (!is_stopping)
		free_ask(ask);
}
