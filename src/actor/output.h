/* SPDX-License-Identifier: MIT */
/* output.h - one output of a command: read as it comes, its end kept, and relayed. */
#pragma once

#include <acre/command.h>

#include "actor/relay.h"

struct output {
	int fd; /* our end, owned, does not wait; -1: it has ended, or there is none */
	bool is_source; /* somebody else reads it */
	bool is_last;	/* the program has ended: what can be read now is all */
	bool is_in_hurry; /* what our reader does not take now is not relayed */
	struct watch watch;
	struct buf kept; /* never more than twice what is wanted */
	size_t keep;	 /* bytes wanted */
	uint64_t n_lost; /* bytes that are not in `kept` any more */
	size_t n_after;	 /* bytes read since the program has ended */
	int error;	 /* class of what went wrong on our side; 0: nothing */
	struct relay relay;
	void (*changed)(struct output *o); /* after it was served by the loop */
	void *owner;
};

/* Zeroes it, and sets what has a default. */
void output_init(struct output *o, size_t keep, void (*changed)(struct output *o),
		 void *owner);
/* Makes its pipe; the other end is *ret_theirs. A failure is a plain -errno. */
int output_open(struct output *o, int *ret_theirs);
/* Also writes it to our stdout or stderr: see relay.h. A plain -errno. */
int output_relay(struct output *o, int fd, const char *label);
/* Reads from now on, unless it is a source or there is nothing to read from. */
int output_watch(struct output *o);
/* The program has ended: takes what lies in the pipe, as far as there is room in the relay; the
 * rest is taken later, and changed() tells. Never waits. */
void output_program_ended(struct output *o);
/* Does not wait for a reader of ours any more. */
void output_hurry(struct output *o);
/* After the program's end: there is nothing to read any more. */
bool output_is_empty(const struct output *o);
/* Nothing comes any more, and nothing is to be relayed. After the program's end. */
bool output_is_done(const struct output *o);
/* The newest bytes, with a 0 behind them; borrowed until more comes. */
struct acre_output output_kept(struct output *o);
/* The memory that output_kept() shows; the caller's to free. May be NULL. */
void *output_take(struct output *o, struct acre_output *ret);
/* Idempotent. */
void output_fini(struct output *o);
