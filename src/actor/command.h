/* SPDX-License-Identifier: MIT */
/* command.h - the life of a command from inside. */
#pragma once

#include <acre/chan.h>
#include <acre/command.h>

#include "actor/output.h"
#include "actor/progress.h"
#include "base/pidref.h"
#include "core/child_table.h"
#include "core/task.h"
#include "core/timer.h"

/*
 * A command is a member of its nursery from its exec on. Its life is a table in
 * command_life.c; command.c makes it, and is what the program calls.
 */

/* state, what it means */
#define COMMAND_STATES(S)                                                 \
	S(NONE, "no process")                                             \
	S(RUNS, "it runs")                                                \
	S(TERMED, "SIGTERM was sent")                                     \
	S(KILLED, "SIGKILL was sent")                                     \
	S(SWEEPS, "it was reaped; what it has left is being ended")       \
	S(FLUSHES, "nothing of it lives; its output waits for our reader") \
	S(GONE, "all is over")

/* event, what happened */
#define COMMAND_EVENTS(E)                                 \
	E(ASK, "its owner wants it to end")               \
	E(RUNG, "the time of the present step is over")   \
	E(KILL, "its owner gives it no time")             \
	E(DIED, "its pidfd is readable, and it is reaped") \
	E(SWEPT, "there is no stranger any more")         \
	E(FLUSHED, "its output is read and relayed")

#define COMMAND_STATE_ENUM(name, text) COMMAND_##name,
enum command_state { COMMAND_STATES(COMMAND_STATE_ENUM) N_COMMAND_STATE };
#undef COMMAND_STATE_ENUM
#define COMMAND_EVENT_ENUM(name, text) COMMAND_EV_##name,
enum command_event { COMMAND_EVENTS(COMMAND_EVENT_ENUM) N_COMMAND_EVENT };
#undef COMMAND_EVENT_ENUM

#define COMMAND_WORDS_MAX 4096 /* of its stderr in a failure: a screen of text */

struct acre_command {
	struct member member;
	struct list node; /* in the runtime's commands, while its process is there */
	enum command_state state;
	uint64_t flags;
	int64_t linger_ns;
	struct pidref pid; /* owned; PIDREF_NULL when it was reaped */
	pid_t number;	   /* of it, for ever */
	struct child_entry entry;
	struct watch pid_watch;
	struct timer timer; /* of the present rung, then of the next sweep */
	struct progress progress;
	int64_t granted_ns; /* for time in which it could not run */
	int64_t sweeps_until, sweep_again_ns;
	bool was_asked;
	bool was_cancelled; /* ... because its block was cancelled: its work was not done */
	struct acre_death death; /* filled when it was reaped */
	struct output outputs[2]; /* by enum acre_command_stream */
	bool is_lost; /* somebody else has reaped it: nobody knows how it ended */
	bool is_merged;
	struct list end_waits;
	struct acre_event reaped; /* what a source then has is all */
	struct acre_command_result *result; /* borrowed; NULL: nobody wants it */
	char label[ACRE_COMMAND_LABEL_SIZE];
	char title[ACRE_COMMAND_LABEL_SIZE]; /* in failures: never "" */
	char words[COMMAND_WORDS_MAX + 1];
};

/* It runs, and is in its nursery: watches it. On failure it is ended and reaped first. */
int command_begin(struct acre_command *c);
void command_event(struct acre_command *c, enum command_event ev);
/* For struct output. */
void command_output_changed(struct output *o);
/* For struct member. */
void command_ask(struct member *m, enum acre_reason reason);

static inline bool command_is_over(const struct acre_command *c)
{
	return c->state == COMMAND_NONE || c->state == COMMAND_GONE;
}
