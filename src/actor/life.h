/* SPDX-License-Identifier: MIT */
/* life.h - the life of one child process, from its making to its reaping, as a table. */
#pragma once

#include <acre/error.h>
#include <acre/time.h>

#include "actor/last_words.h"
#include "actor/progress.h"
#include "base/pidref.h"
#include "core/child_table.h"
#include "core/loop.h"
#include "core/timer.h"

/*
 * A life begins when the process exists and ends when it was reaped; in between it is in
 * one state, and what an event does in a state is one cell of the table in life.c.
 * Nothing here waits: events come from the pidfd, from timers, from the link and from
 * whoever asks it to end. The ladder: ask -> SIGTERM -> SIGKILL, each child on its own
 * clock, all at once; that clock runs only while the child can. A hard kill first closes
 * our end of the link, so whoever waits on it is woken in the same turn.
 */

/* state, what it means */
#define LIFE_STATES(S)                                                 \
	S(NONE, "no process")                                          \
	S(BOOTS, "the process exists, it has not said that it serves") \
	S(SERVES, "it serves")                                         \
	S(ASKED, "it was asked to end, no ack yet")                    \
	S(ENDING, "it has acknowledged and is ending")                 \
	S(TERMED, "SIGTERM was sent")                                  \
	S(KILLED, "SIGKILL was sent")                                  \
	S(GONE, "reaped")

/* event, what happened */
#define LIFE_EVENTS(E)                                  \
	E(SERVING, "it said that it serves")            \
	E(ASK, "its owner wants it to end")             \
	E(ACK, "it acknowledged")                       \
	E(RUNG, "the time of the present rung is over") \
	E(LINK_LOST, "its link ended")                  \
	E(KILL, "its owner gives it no time")           \
	E(DIED, "its pidfd is readable")

#define LIFE_STATE_ENUM(name, text) LIFE_##name,
enum life_state { LIFE_STATES(LIFE_STATE_ENUM) N_LIFE_STATE };
#undef LIFE_STATE_ENUM
#define LIFE_EVENT_ENUM(name, text) LIFE_EV_##name,
enum life_event { LIFE_EVENTS(LIFE_EVENT_ENUM) N_LIFE_EVENT };
#undef LIFE_EVENT_ENUM

#define LIFE_MS 1000000LL
/* A responsive actor acks within this on a busy machine */
#define LIFE_ACK_NS (500 * LIFE_MS)
/* From SIGTERM to SIGKILL: the reference's patience */
#define LIFE_LINGER_NS (1600 * LIFE_MS)
#define LIFE_TOTAL_NS  (3000 * LIFE_MS) /* from the ask to SIGKILL, however it answers */
/* A child's end comes before its parent's by this, also if its children get more time */
#define LIFE_MARGIN_NS (200 * LIFE_MS)
/* What a child may get in addition to that, for time in which it could not run: 20 ms of
 * goodbyes beside a thousand others. Who is in a hurry interrupts a second time. */
#define LIFE_CEILING_NS (20000 * LIFE_MS)
/* To serving: loading a big program from a cold disk */
#define LIFE_BOOT_NS (10000 * LIFE_MS)

struct life;

/* What a backend has made: a process, or a thread of ours. life->pid.fd becomes readable
 * when it has ended. */
struct life_body {
	void (*send)(struct life *l, int sig);
	/* False: not yet. Else it is collected, and l->death tells how it ended. */
	bool (*collect)(struct life *l);
	/* Waits for the end of one that has got SIGKILL, and collects it. */
	void (*await)(struct life *l);
	/* The thread that is to obey next, whose clock that of the ladder is; 0: none yet. */
	pid_t (*runs_as)(struct life *l);
};

extern const struct life_body life_body_process;

struct life_ops {
	/* Sends the request to end over the link; `remaining_ns` until the last rung. */
	void (*ask)(struct life *l, enum acre_reason reason, int64_t remaining_ns);
	/* Closes our end of the link at once: hard kill. */
	void (*cut)(struct life *l);
	/* Reaped; l->death tells how it ended. Last call. */
	void (*gone)(struct life *l);
};

struct life {
	enum life_state state;
	const struct life_ops *ops;
	const struct life_body *body; /* a process, unless the backend says otherwise */
	struct pidref pid;
	void *thread; /* the backend's, where the body is a thread */
	struct child_entry entry; /* in the child table from its making to its reaping */
	struct watch pid_watch;
	struct timer rung;
	const struct status *status; /* its page; borrowed, NULL: none */
	struct progress progress; /* of the present rung */
	int64_t still;		  /* still_total() as the rung began */
	int64_t granted_ns;	  /* to all rungs, for time in which it could not run */
	bool acked;
	int64_t linger_ns;
	int64_t asked_at;	 /* 0 until the ladder begins */
	int64_t total_ns;	 /* from asked_at to the hard kill */
	int64_t stood_ns;	 /* of it, while the clocks of the tree stood still */
	enum acre_reason reason; /* of the ask */
	bool was_asked;
	const char *why_killed;	 /* static; NULL: its last rung was over */
	bool link_lost;		 /* while it booted */
	struct acre_death death; /* filled at the end; last_words points into words */
	struct last_words words; /* its stderr; without one it writes to ours */
};

/* Zeroes it and sets what has a default. Before backend->make(). */
void life_init(struct life *l, const struct life_ops *ops, acre_span linger);
/* The process exists: watches its pidfd and its stderr, starts the boot's clock. On
 * failure it is killed and reaped first. */
int life_begin(struct life *l);
void life_event(struct life *l, enum life_event ev);
/* It gets no time; `why`, for people, is static. */
void life_kill(struct life *l, const char *why);
/* Asks it to end for a reason; idempotent. */
void life_ask(struct life *l, enum acre_reason reason);
/* After gone. */
void life_fini(struct life *l);

const char *life_state_name(enum life_state state);
static inline bool life_is_over(const struct life *l)
{
	return l->state == LIFE_NONE || l->state == LIFE_GONE;
}
/* No ladder of this actor goes on beyond that instant: we ourselves are to end. But for time in
 * which a child could not run, if our parent sees on our page how much that is: so it waits. */
void life_end_before(int64_t at, bool parent_sees);
/* That instant; INT64_MAX: there is none. */
int64_t life_ends_before(void);
