/* SPDX-License-Identifier: MIT */
/* peer.h - another actor as seen from here: its link, its identity, the contexts with it. */
#pragma once

#include <acre/actor.h>

#include "actor/life.h"
#include "base/map.h"
#include "core/task.h"
#include "core/timer.h"
#include "wire/address.h"
#include "wire/auth.h"
#include "wire/link.h"

/* With the end; as long as an endpoint's name may be. */
#define ACTOR_NAME_MAX ACRE_ACTOR_NAME_SIZE
#define UUID_SIZE      37  /* a uuid as text, with the end */
#define ACTOR_TITLE_MAX \
	(ACTOR_NAME_MAX + UUID_SIZE + 16) /* _subactor[NAME@UUID], with the end */

struct acre_context;

/* name, what it is to us; who opens and who serves is decided for each context */
#define PEER_ROLES(R)                                                 \
	R(PARENT, "our parent, over the link that we were born with") \
	R(CHILD, "our child, over the link that it was born with")    \
	R(CALLER, "an actor that has dialled us, over its link")      \
	R(CALLED, "an actor that we have dialled, over our link")     \
	R(SELF, "this actor, over a link in its own memory")

#define PEER_ROLE_ENUM(name, text) PEER_##name,
enum peer_role { PEER_ROLES(PEER_ROLE_ENUM) N_PEER_ROLE };
#undef PEER_ROLE_ENUM

/*
 * A peer is another actor at the other end of one link: the parent, a child, or a stranger,
 * that is, one end of a link that was dialled. What arrives on the link is handed to the
 * context that it names, to the service (a Start), or to whose life it concerns (an ack). The
 * end of the link ends every context over it in the same turn.
 */
struct acre_actor {
	/* in runtime->children or runtime->strangers; off for the parent */
	struct list node;
	char name[ACTOR_NAME_MAX];
	char uuid[UUID_SIZE];
	pid_t pid;
	struct link link;
	enum peer_role role;
	bool introduced; /* its Aid came */
	bool is_acre;	   /* and said that it speaks part B */
	bool is_registrar; /* and that it is one */
	bool link_lost;
	uint64_t end_number;	   /* of reports that tell of its end */
	struct report *link_error; /* owned: why, if it was more than an end; or NULL */
	uint32_t features;	  /* in force on this link */
	struct msg_credit credit; /* what it grants each stream at its start */
	struct map contexts;	  /* by cid, both sides */
	/* that the last frame named, borrowed: a stream's next one nearly always names it too */
	struct acre_context *last_named;
	uint32_t n_contexts;
	uint64_t next_req; /* of Cancels */
	struct list kept_results; /* of calls, one for each task (call.c) */
	struct list self_waits;	  /* for names, of this peer (self.c) */
	uint32_t n_self_waits;
	/* nobody holds it any more (its nursery has closed, or the link of a stranger has ended):
	 * it stays for as long as it has contexts here */
	bool is_buried;
	/* child: the call whose answer means that it serves; owned */
	struct acre_context *ready_probe;

	/* a child only */
	struct life life;
	struct member member;	   /* of the nursery that owns it */
	struct report *boot_error; /* owned: the Error without cid that it sent */
	struct list end_waits; /* tasks in acre_spawn(), acre_actor_wait() ..., or in a dial; the main task until the spec came */
	enum acre_sigint sigint; /* what an interrupt does to it */
	bool served;		 /* acre_spawn() has returned it */
	const struct status *status; /* its page, which it writes; owned: unmapped at the end */
	bool cancel_called;
	bool acked;
	uint64_t oom_at_birth;	/* see oom.h */
	int ended;		/* class of its failure as -class, 0 while well */
	struct report *failure; /* owned: how it ended, for those who wait */

	/* a stranger only */
	struct deferred burial;
	bool was_asked_to_end;	/* of the reference: once is enough */
	struct timer hello;	/* a caller's, until it is admitted; a goodbye's bound after */
	struct address address; /* that was dialled, by us or by it */
	bool is_keyed;		/* only the tree's key tells who it is: hello.c */
	int64_t listening_since_us;    /* a caller's: when we began to, there */
	struct auth_hello said, heard; /* in our Aid, and in its own */
	uint32_t n_holders;	/* of the portal */

	/* the parent only */
	bool spec_came;
	struct task *waiter; /* the main task, parked for the hello */
};

static inline bool peer_is_child(const struct acre_actor *a)
{
	return a->role == PEER_CHILD;
}

static inline bool peer_is_stranger(const struct acre_actor *a)
{
	return a->role == PEER_CALLER || a->role == PEER_CALLED;
}

/* Whether part B of the protocol holds on its link. */
static inline bool peer_is_acre(const struct acre_actor *a)
{
	return a->is_acre;
}

/* Whether that feature of part B is in force. Of a family member that has yet to introduce
 * itself, all of ours are. */
static inline bool peer_has(const struct acre_actor *a, uint32_t feature)
{
	return !a->introduced || (a->features & feature);
}

/* The context of that cid, or NULL. */
struct acre_context *peer_context(struct acre_actor *a, struct slice cid);
/* Whether a stranger of the reference is welcome in this tree; one that is not has its link
 * closed without a word. */
bool peer_may_stay(struct acre_actor *a, const struct msg_aid *aid);
/* Without a link yet. NULL: no memory. */
struct acre_actor *peer_new(enum peer_role role, const char *name);
/* A peer over a connected socket: sends our Aid, but to a caller, who has to introduce itself
 * first. Takes the descriptor. */
int peer_open(struct acre_actor *a, int take_fd, const char *name);
/* The same over memory of this process. */
int peer_open_memory(struct acre_actor *a, struct memory_end *take_end, const char *name);
/* Ends all contexts with that failure, then frees what the peer holds; the link must
 * be closed. */
void peer_fini(struct acre_actor *a);
/* Sends a frame; -ACRE_ECLOSED with a report once the link has ended. */
int peer_send(struct acre_actor *a, const struct msg *m);
/* What the other side waits for without an end of its own: if it cannot be written, the link
 * ends, which the other side sees. */
int peer_answer(struct acre_actor *a, const struct msg *m);
/* Asks the whole actor to end. */
void peer_send_cancel(struct acre_actor *a, struct slice cid, uint64_t req,
		      enum acre_reason reason, int64_t remaining_ns);

/* A stranger's link ends when all that is queued has gone out, or after PEER_GOODBYE_NS. */
#define PEER_GOODBYE_NS (500 * LIFE_MS) /* the reference's figure for draining a link */
void peer_say_goodbye(struct acre_actor *a);
/* Nobody holds it any more: it is freed when its contexts have ended. */
void peer_bury(struct acre_actor *a);
/* A stranger that nothing holds, and whose link is closed or will not be missed. */
void peer_free(struct acre_actor *a);
/* A context with it has gone: the last one takes a buried one along. */
void peer_let_go(struct acre_actor *a);

/* child.c: the frame of the parent that only a child expects. */
void child_spec_came(struct acre_actor *parent, const struct msg *m);
void child_lost_parent(struct acre_actor *parent);
/* actor.c: what concerns the life of a child. */
void actor_booted(struct acre_actor *a);
void actor_acked(struct acre_actor *a);
void actor_link_lost(struct acre_actor *a);
/* Frees a child's handle; see peer_bury(). */
void actor_free(struct acre_actor *a);
/* It has said why it cannot be, and ends; or it was asked whether it serves, could not answer,
 * and is ended. */
void actor_boot_error(struct acre_actor *a, struct report *take_why);
void actor_cannot_boot(struct acre_actor *a, struct report *take_why);
/* Asks the child to end and waits until it was reaped. Not a checkpoint. Bound: the
 * ladder. */
void actor_end(struct acre_actor *a);
