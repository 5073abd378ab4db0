/* SPDX-License-Identifier: MIT */
/* guest_ask.h - what a guest asks of its actor: each is a task of the actor's loop. */
#pragma once

#include "actor/guest.h"
#include "base/map.h"
#include "core/scope.h"

/*
 * A guest asks by the name of an operation (guest_ops.c) and a packed map, on its own thread;
 * the loop begins a task for it, and the answer, a packed value or a failure, comes back
 * through a queue with a descriptor of its own. An ask is its guest's: made, cancelled and
 * freed there; between the two letters it is the loop's.
 *
 * The task belongs to the nursery of the call whose function has asked, so an ask has the
 * deadline and the cancellation of that call, and none outlives it. What no call has asked,
 * a task of the guest's own, belongs to the service of the actor.
 *
 * What stays open between two asks, a context or a nursery, is held open by a task (struct
 * guest_holder) until the guest ends it. It has a number, by which later asks name it.
 */
struct guest_holder;
struct guest_op;

#define GUEST_NAME_BYTES 256 /* of a name of anything, with the end */

struct guest_ask {
	struct guest *guest;	 /* borrowed */
	struct guest_call *call; /* borrowed: whose function has asked; NULL: none */
	const struct guest_op *op;
	struct acre_packer *packed; /* owned: the argument */
	struct acre_value arg;	    /* a map, in it */
	/* the two ways into the loop */
	struct letter begin, stop;
	/* under the guest's lock */
	struct list node; /* in guest->answers */
	bool is_stopping; /* `stop` is on its way */
	bool is_freed;	  /* by the guest, meanwhile */
	/* the loop's alone, until it is answered */
	struct scope *scope; /* of the task at work on it; NULL: it has not begun, or is done */
	bool is_cancelled;   /* by the guest */
	struct list use;     /* in used->users */
	struct guest_holder *used; /* that its task is at work on; or NULL */
	bool is_expelled;	   /* because that one ends */
	/* the answer */
	struct acre_packer *result; /* owned */
	struct acre_value value;    /* its value, or the failure as guest_tell_failure() has it */
	struct report *report;	    /* owned: the failure itself, to be handed on; or NULL */
	int r;
	uint64_t cancelled_holder; /* not 0: no answer, but news: that one was cancelled */
};

/* Loop: answers it, once; then it is the guest's. A value lies in ask->result. */
void guest_ask_answer(struct guest_ask *ask, int r);
/* Loop: what an ask's own task is to answer for r. If that is a cancellation which the guest has
 * not asked for, who is to get it there hears of it first. */
int guest_ask_outcome(struct guest_ask *ask, int r);
/* Loop: it is to end before its function has answered; NULL is not. */
bool guest_call_is_cancelled(const struct guest_call *call);
/* Loop: news for the guest, in memory of the holder's; and takes them back. */
void guest_ask_tell(struct guest_ask *news);
void guest_ask_untell(struct guest_ask *news);

/* Loop, a field of its map: an integer, a text (NUL-terminated, in `to`), a flag, or a value; the
 * value is as borrowed as the ask. EINVAL with its name if it is missing or none such. */
int guest_ask_number(const struct guest_ask *ask, const char *key, uint64_t *ret);
int guest_ask_text(const struct guest_ask *ask, const char *key, char *to, size_t size);
bool guest_ask_flag(const struct guest_ask *ask, const char *key);
int guest_ask_value(const struct guest_ask *ask, const char *key, struct acre_value *ret);

/* The actor whose uuid its `actor` is: a child, the parent, or one that was found. EBADF: none
 * of them (any more). */
int guest_ask_actor(const struct guest_ask *ask, struct acre_actor **ret);
/* Both names of a function, and its argument: the fields `space`, `name` and `arg`. */
int guest_ask_function(const struct guest_ask *ask, char space[GUEST_NAME_BYTES],
		       char name[GUEST_NAME_BYTES], struct acre_value *arg);

/*
 * The guest's thread, declared in python.h: guest_ask() begins one and takes its argument; NULL
 * without memory, every other failure is its answer. guest_ask_stop(): its answer is wanted soon; it
 * comes in any case. guest_answers_fd() is readable when guest_answered() is to be asked: the
 * next that has its answer; or NULL, with the number of a holder that was cancelled, or 0: there
 * is nothing now. guest_ask_result(): 0 with its value, or a class below 0 with the failure as
 * guest_tell_failure() has it, both as long as the ask. guest_ask_report(): that failure itself,
 * now the caller's, for guest_fail_again(), which files it on this thread, and
 * guest_forget_failure(). guest_take_failure(): one that was filed here, the caller's from now
 * on, NULL without memory; guest_fail_group(): of the first of them, at most GUEST_GROUP_KEPT,
 * and of more.
 */

/* Packs a failure for the guest: [class, name, message, trace, [members]], members in turn. */
void guest_tell_failure(struct acre_packer *to, const struct acre_report *why);

/*
 * Operations.
 */

enum guest_op_kind {
	GUEST_OP_TASK, /* a task of the call's nursery */
	/* a task of the nursery that its `nursery` names, or that its `actor` is a child in:
	 * that one joins it before it buries its actors */
	GUEST_OP_MEMBER,
	GUEST_OP_HOLDS, /* a task that answers by itself, and goes on as a holder */
	GUEST_OP_NOW	/* on the loop's own stack: it never waits, and answers by itself */
};

struct guest_op {
	const char *name;
	int (*run)(struct guest_ask *ask);
	enum guest_op_kind kind;
};

/* NULL: there is none of that name. */
const struct guest_op *guest_op_named(const char *name);

/*
 * Holders, guest_holder.c. One is made by the task that opens what it holds. Any task of the guest
 * may ask for something that it holds; such a user gets no further when the holder ends.
 */

struct guest_holder {
	struct map_node by_number; /* in guest->holders */
	uint64_t number;
	struct list node; /* in those of the call, or of the guest */
	struct guest *guest;
	struct task *task; /* that holds it open */
	struct scope *scope;
	struct guest_call *call;      /* that has opened it; NULL: none has */
	struct acre_context *context; /* what is held: one of the two */
	struct nursery *nursery;
	char name[GUEST_NAME_BYTES]; /* of the context's function */
	struct list users;	     /* struct guest_ask: at work on it */
	struct guest_ask *end; /* borrowed: asks it to end, and waits for that; or NULL */
	bool is_cancelled;     /* that one says so */
	bool is_dropped;       /* who has opened it is no more */
	bool is_news;	       /* the guest was told that it is cancelled */
	bool waits;	       /* its task is in a wait of guest_holder.c */
	struct guest_ask news;
};

/* Of an operation that holds: makes the holder, for as long as hold() has it open. */
int guest_holder_run(struct guest_ask *ask,
		     int (*hold)(struct guest_holder *h, struct guest_ask *ask));
/* Enters it, and gives it its number. */
void guest_holder_begin(struct guest_holder *h, struct guest_ask *ask);
/* A callee's context, which its endpoint's own task holds. */
void guest_holder_begin_of_call(struct guest_holder *h, struct guest_call *call);
/* Waits until it is to end; false: it is to be cancelled. If what it holds is cancelled
 * meanwhile, the guest is told so. Bound: the guest, the end of the call, and for what no
 * call has opened GUEST_UNWIND_NS from its cancellation on. */
bool guest_holder_wait(struct guest_holder *h);
/* The guest is to hear that what it holds is cancelled, once; not if its call is. */
void guest_holder_tell(struct guest_holder *h);
/* Nobody uses it any more. Not a checkpoint; bound: its users are cancelled. */
void guest_holder_expel(struct guest_holder *h);
/* It has ended: who waits for that gets r. 0, or r if nobody does. */
int guest_holder_end(struct guest_holder *h, int r);
/* Those of a call that is over, or of a guest. */
void guest_holders_drop(struct list *holders);

/* The one that the ask's field `key` names: EBADF if there is none (any more), or it holds
 * something else. */
int guest_holder_of_context(struct guest_ask *ask, struct guest_holder **ret);
int guest_holder_of_nursery(const struct guest_ask *ask, struct guest_holder **ret);
/* The one that holds that nursery, or NULL. */
struct guest_holder *guest_holder_of(const struct guest *guest,
				     const struct nursery *nursery);
/* It was told to end, or is to be cancelled. */
bool guest_holder_is_told(const struct guest_holder *h);
/* The ask's task is a user from here on; guest_holder_of_context() says so, too. */
void guest_holder_use(struct guest_holder *h, struct guest_ask *ask);
/* It is none any more. */
void guest_holder_leave(struct guest_ask *ask);

/* Operations on nurseries and actors, and on contexts; guest_actor.c, guest_context.c. */
#define GUEST_OPS(O)            \
	O(expose, NOW)          \
	O(find, TASK)           \
	O(wait_for, TASK)       \
	O(dial, TASK)           \
	O(parent, TASK)         \
	O(release, NOW)         \
	O(call, TASK)           \
	O(nursery, HOLDS)       \
	O(cancel_nursery, NOW)  \
	O(spawn, MEMBER)        \
	O(cancel_actor, MEMBER) \
	O(wait_actor, MEMBER)   \
	O(open, HOLDS)          \
	O(started, TASK)        \
	O(send, TASK)           \
	O(receive, TASK)        \
	O(finish, TASK)         \
	O(result, TASK)         \
	O(cancel_context, TASK) \
	O(end, NOW)

/* A task's failure is its return value, and is answered by who calls; those that answer by
 * themselves return what becomes of their task. */
#define GUEST_OP_DECLARE(name, kind) int guest_op_##name(struct guest_ask *ask);
GUEST_OPS(GUEST_OP_DECLARE)
#undef GUEST_OP_DECLARE
