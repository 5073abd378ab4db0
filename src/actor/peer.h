/* SPDX-License-Identifier: MIT */
/* peer.h - another actor as seen from here: its link, its identity, the contexts with it. */
#pragma once

#include <acre/actor.h>

#include "actor/life.h"
#include "base/map.h"
#include "core/task.h"
#include "wire/link.h"

/* With the end; as long as an endpoint's name may be. */
#define ACTOR_NAME_MAX ACRE_ACTOR_NAME_SIZE
#define UUID_SIZE      37  /* a uuid as text, with the end */
#define ACTOR_TITLE_MAX \
	(ACTOR_NAME_MAX + UUID_SIZE + 16) /* _subactor[NAME@UUID], with the end */

struct acre_context;

/*
 * A peer is a child or the parent. What arrives on its link is handed to the context that
 * it names, to the service (a Start), or to the life of the child (an ack). The end of
 * the link ends every context over it in the same turn.
 */
struct acre_actor {
	struct list node; /* in runtime->children; off for the parent */
	char name[ACTOR_NAME_MAX];
	char uuid[UUID_SIZE];
	pid_t pid;
	struct link link;
	bool is_child;
	bool introduced; /* its Aid came */
	bool link_lost;
	struct report *link_error; /* owned: why, if it was more than an end; or NULL */
	uint32_t features;	  /* in force on this link */
	struct msg_credit credit; /* what it grants each stream at its start */
	struct map contexts;	  /* by cid, both sides */
	/* that the last frame named, borrowed: a stream's next one nearly always names it too */
	struct acre_context *last_named;
	uint32_t n_contexts;
	uint64_t next_req; /* of Cancels */
	struct list kept_results; /* of calls, one for each task (call.c) */
	/* child: the call whose answer means that it serves; owned */
	struct acre_context *ready_probe;

	/* a child only */
	struct life life;
	struct member member;	   /* of the nursery that owns it */
	struct report *boot_error; /* owned: the Error without cid that it sent */
	struct list
		end_waits; /* tasks in acre_spawn(), acre_actor_wait(), acre_actor_cancel() */
	enum acre_sigint sigint; /* what an interrupt does to it */
	bool served;		 /* acre_spawn() has returned it */
	bool is_buried; /* its nursery has closed; it stays for what it has called here */
	const struct status *status; /* its page, which it writes; owned: unmapped at the end */
	bool cancel_called;
	bool acked;
	uint64_t oom_at_birth;	/* see oom.h */
	int ended;		/* class of its failure as -class, 0 while well */
	struct report *failure; /* owned: how it ended, for those who wait */

	/* the parent only */
	bool spec_came;
	struct task *waiter; /* the main task, parked for the hello */
};

/* A peer over a connected socket: sends our Aid. Takes the descriptor. */
int peer_open(struct acre_actor *a, int take_fd, const char *name);
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

/* child.c: the parent's two frames that only a child expects; and our end being asked
 * for. */
void child_spec_came(struct acre_actor *parent, const struct msg *m);
void child_asked_to_end(struct acre_actor *parent, const struct msg *m);
void child_lost_parent(struct acre_actor *parent);
/* actor.c: what concerns the life of a child. */
void actor_booted(struct acre_actor *a);
void actor_acked(struct acre_actor *a);
void actor_link_lost(struct acre_actor *a);
/* A context with it has gone: the last one takes a handle along that its nursery has left. */
void actor_let_go(struct acre_actor *a);
void actor_boot_error(struct acre_actor *a, const struct msg *m);
/* Asks the child to end and waits until it was reaped. Not a checkpoint. Bound: the
 * ladder. */
void actor_end(struct acre_actor *a);
