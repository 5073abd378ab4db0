/* SPDX-License-Identifier: MIT */
/* guest.h - a guest beside the loop of its actor: what it is asked, and what it answers. */
#pragma once

#include <pthread.h>

#include "actor/python.h"
#include "base/list.h"
#include "base/map.h"
#include "core/mailbox.h"
#include "core/timer.h"

/*
 * An actor that hosts a guest has two threads that count. The guest has the process's main
 * thread, since only there Python can be interrupted wherever it is; the actor's loop, which
 * never holds a lock of Python's, has another one that was made after the fork. So nothing a
 * guest does delays a signal, a cancel or the end.
 *
 * A task asks by a call, which is queued until the guest takes it, and waits for the answer,
 * which comes as a letter. A cancelled call that was not taken is withdrawn; one that was is
 * told to the guest, and if it does not look, the guest is interrupted until it has.
 */
struct runtime;
struct task;

/* One guest, of one actor. Its owner is whoever makes its thread (guest_life.c). */
struct guest {
	const struct python_plugin *plugin;
	int fd; /* owned: eventfd, the guest is to look */
	pthread_mutex_t lock;
	struct list calls;   /* struct guest_call: not taken yet; under the lock */
	struct list cancels; /* taken, and cancelled since; under the lock */
	bool is_over;	     /* under the lock */
	/* It shares its process (guest_beside.c), which does not end with it: so a call that it
	 * does not answer is left to it when the actor has to end, and then it is jailed. */
	bool is_beside;
	bool is_left;	     /* the loop's: so it was */
	void *_Atomic plugs; /* the plug-in's own, once there is any */
	/* what it asks for, see guest_ask.h */
	int answers_fd;	     /* owned: eventfd, there are answers */
	struct list answers; /* struct guest_ask; under the lock */
	struct loop
		*loop; /* of its actor; NULL: nobody answers (any more). Under the lock */
	/* the loop's alone: what is held open for it */
	struct map holders;   /* by number */
	struct list of_none;  /* those that no call has opened */
	uint64_t last_holder; /* number of the newest; from 1 on */
	/* by the loop, when calls that were cancelled with the actor have not ended in time and
	 * nobody else will end them: ends the process */
	void (*give_up)(struct guest *guest);
	/* by the guest, on whose thread signals come: SIGINT has come by Python's own handler,
	 * which something had put there; NULL: its signals are not its own */
	void (*hand_on)(struct guest *guest);
	int64_t ends_at; /* the loop's: instant of that; 0: the actor has not been seen to end */
};

static inline void guest_lock(struct guest *guest)
{
	pthread_mutex_lock(&guest->lock);
}

static inline void guest_unlock(struct guest *guest)
{
	pthread_mutex_unlock(&guest->lock);
}

enum guest_what {
	GUEST_LOADS, /* name_space is the kind of the source, name is the source */
	GUEST_CALLS  /* a function, by its two names */
};

enum guest_state { GUEST_QUEUED, GUEST_TAKEN, GUEST_DONE, GUEST_LEFT };

/* Owned by the task that asks, and by the guest from when it takes it until it answers: what a
 * guest that was left still has of it stays. */
struct guest_call {
	struct guest *guest; /* borrowed */
	/* what is asked: copies, behind it */
	enum guest_what what;
	const char *name_space, *name;
	struct acre_value arg;	    /* a map with keys of texts, or nil */
	struct acre_packer *result; /* what it fills; owned */
	uint64_t holder; /* the number of its context, for asks; 0: it has none */
	/* how it stands; under the guest's lock */
	struct list node; /* in the queue of calls, or in that of cancels */
	enum guest_state state;
	int n_refs;
	bool is_cancelled;
	bool has_seen_cancel; /* the guest */
	int r;
	struct report *report; /* owned: of that failure, on its way to the task; or NULL */
	/* the loop's alone */
	struct acre_context *context; /* borrowed: of a function that has one; or NULL */
	struct nursery *
		asks; /* borrowed: what its function asks for runs there; NULL: no more */
	struct list holders;  /* what its function has opened */
	struct letter letter;
	struct task *task; /* borrowed */
	struct timer nudge;
	int64_t left_at; /* it is left then; 0: the actor is not to end */
	bool is_back;
	bool is_deaf; /* counted on the status page */
};

/* The loop's thread: the guest is to hear of it, unless it has. Idempotent. */
void guest_call_cancel(struct guest_call *call);

/*
 * Who spawns it: 0, or EINVAL where the backend takes no guest, it is not one of the four, or
 * names what cannot be a module.
 */
int guest_check(const struct acre_guest *guest, bool is_taken, const char *backend);

/* guest_preload.c: EINVAL; and the names as one text, of FORKSERVER_IMPORTS_MAX bytes at most,
 * one comma between two. */
int guest_check_preload(const struct acre_guest *guest);
void guest_join_preload(const struct acre_guest *guest, char *ret);

/* Its kind, as it travels, and its text; NULL gives "" twice. */
const char *guest_kind(const struct acre_guest *guest, const char **ret_text);

/*
 * The loop's thread.
 */

/* Has the guest load what the SpawnSpec names, or nothing: parks until it has. A failure of
 * the source is filed. */
int guest_load(struct runtime *rt);

/* The root's guest runs the script that is its source, as python3 would, and the exit status of
 * that is given. Parks until it has ended. */
int guest_run_script(struct runtime *rt, int *ret_status);

/* Ends the link by which its tasks talk with its guest, if there is one; they have ended. */
void guest_pair_end(struct runtime *rt);

/* -EMFILE, -ENFILE, -ENOMEM: nothing is to be undone. */
int guest_init(struct guest *guest, const struct python_plugin *plugin);
/* Of one whose thread has ended. */
void guest_fini(struct guest *guest);
/* Any thread: the guest is to look. */
void guest_ring(struct guest *guest);
/* The loop's thread: it answers what the guest asks for from now on; NULL: it does no more, and
 * has read all its letters. */
void guest_set_loop(struct guest *guest, struct loop *loop);
/* Any thread: the actor has ended, and the guest is to return. */
void guest_end(struct guest *guest);

/*
 * The guest's thread: given to the plug-in with the host's table, where they are declared.
 *
 * guest_fd() is readable when guest_next() is to be asked: a call that is to be begun, or
 * (`*ret_cancel`) one that was cancelled; NULL: none now. guest_answer(): the call is not to
 * be touched any more; r is a failure as acre's are, filed here. guest_take_cancel(): true once
 * for each call that was cancelled; whoever asks is to raise that in it. guest_is_over(): the
 * actor has ended, and the guest is to return.
 */
