/* SPDX-License-Identifier: MIT */
/* runtime.h - what one actor knows of itself: name, parent, children, service. */
#pragma once

#include <acre/actor.h>

#include "actor/backend.h"
#include "actor/contain.h"
#include "actor/discovery.h"
#include "actor/endpoint.h"
#include "actor/oom.h"
#include "actor/peer.h"
#include "actor/registry.h"
#include "actor/server.h"
#include "core/loop.h"

/*
 * One runtime per thread that runs a loop as an actor, from acre_begin() (the root) or
 * from the boot of a child to the end of the loop. The service nursery holds the tasks of
 * endpoints that others call; it is opened by the actor's main task and ends before the
 * link to the parent does, so each caller gets its answer.
 */
struct end_hook {
	struct list node;
	void (*fn)(void *arg);
	void *arg;
};

struct runtime {
	struct loop *loop;
	char name[ACTOR_NAME_MAX];
	char uuid[UUID_SIZE];
	struct acre_actor *parent; /* owned; NULL in the root */
	/* struct acre_actor, in order of birth; owned by their nurseries */
	struct list children;
	/* struct acre_actor, over links that were dialled, ours or theirs; owned */
	struct list strangers;
	/* both ends of the link to ourselves, of guest_pair.c; owned, NULL until it is needed */
	struct acre_actor *myself[2];
	struct server server;
	struct discovery discovery;
	struct registry registry; /* what it knows if it is a registrar; else empty */
	bool is_registrar;
	struct list segments; /* struct acre_shm; owned */
	bool had_processes;   /* as children, which may have left shared memory */
	struct list publishers; /* struct acre_publisher; each its generator's */
	struct list commands; /* struct acre_command whose process is there; borrowed */
	struct nursery *service;       /* borrowed; NULL while nothing can be served */
	const struct backend *backend; /* of the tree */
	struct endpoint_exposed exposed;
	/* what a forkserver of ours loads; owned texts, NULL at the end */
	char *preload[ENDPOINT_SPACES_MAX + 1];
	struct oom oom;		       /* what tells how children died */
	struct status *shown_status; /* owned: the page that the parent gave; NULL: none */
	struct list end_hooks;	       /* newest first */
	enum acre_sigint sigint;
	bool is_root;
	bool is_in_root; /* it is, or is a thread of the root's process */
	struct watch signal_watch;
	int signal_fd; /* -1: signals are not ours */
	sigset_t old_mask;
	bool masked;
	bool chld_was_ignored;	       /* it was, and is not while we run */
	_Atomic uint32_t n_interrupts; /* SIGINTs that counted; the watchdog's too */
	_Atomic bool minds_interrupts; /* SIGINT cancels us: the watchdog may take it */
	bool boot_failed;      /* child: it could not become what it was asked to be */
	struct guest *guest;   /* child: borrowed, beside it (guest.h); NULL: there is none */
	char guest_kind[8];    /* what that is to load: "source", "file", "module", or "" */
	char *guest_text;      /* owned */
	bool is_booting;       /* child: it has yet to say that it serves */
	char probe_cid[UUID_SIZE]; /* child: of the parent's question whether it serves */
	struct pidref self;    /* given to children as their parent's pidfd */
	int root_pidfd;	       /* owned; -1 in the root: its own is self.fd */
	int parent_pidfd;      /* owned; -1 in the root */
	struct containment containment; /* the root's, if it asked for one */
	/* borrowed: that one, in the root and in threads of its process, which are not in the
	 * cgroup or namespace, unlike what they make; NULL: none, or we are in it */
	const struct containment *contained_by;
	uint64_t next_cid;
	char cid_head
		[UUID_SIZE]; /* a uuid whose last twelve digits are counted up: our cids */
};

extern _Thread_local struct runtime *runtime_this;

/* Who we are, as frames say it; borrowed from the runtime. */
static inline struct uid runtime_uid(void)
{
	struct uid uid = { slice_of(runtime_this->name), slice_of(runtime_this->uuid) };

	return uid;
}

/* EINVAL: not 1 to 127 bytes of UTF-8, which an Aid could not tell. */
int runtime_check_name(const char *name);
/* Makes the runtime of this thread's loop. -ENOMEM ... */
int runtime_open(struct runtime **ret, const char *name, const char *uuid);
struct runtime *runtime_free(struct runtime *rt);
/* Opens the service nursery around what the main task does, and ends it: callers get
 * their answers. */
void runtime_serve(struct runtime *rt, struct nursery *service);
int runtime_serve_no_more(struct runtime *rt, int r);
static inline void runtime_set_state(struct runtime *rt, enum status_state state)
{
	status_set(&rt->loop->status->state, state);
}

/* Blocks SIGINT, SIGTERM and SIGUSR1 in this thread; the first two are read through the loop, the
 * last one by a thread of its own. */
int runtime_take_signals(struct runtime *rt);
/* What the watchdog does with the second and third SIGINT while the loop is stuck: the
 * loop's part, in its thread; and the end, in any thread. */
void runtime_was_interrupted(struct runtime *rt);
/* Its parent has died, and it has not been ended for that. */
bool runtime_is_orphan(const struct runtime *rt);
void runtime_die_of_interrupt(const struct runtime *rt);
void runtime_run_end_hooks(struct runtime *rt);
/* A fresh cid in the form of a uuid. */
void runtime_cid(struct runtime *rt, char ret[UUID_SIZE]);
/* A random version 4 uuid as text. */
int uuid_new(char ret[UUID_SIZE]);
/* Adds a module that forkservers load; ENOSPC, ENOMEM. */
int runtime_preload(struct runtime *rt, const char *path, size_t len);

/* For tests, before acre_boot(): the watchdog does not look at parent and root, and the
 * end of the link to the parent ends nothing. */
extern bool child_outlives_parent;

