/* SPDX-License-Identifier: MIT */
/* readers.h - sources, and tasks that read them, for the tests of broadcasts. */
#pragma once

#include <acre/chan.h>
#include <acre/share.h>

#include "lib/run.h"

/* A source of the numbers from 0 up to (not with) `end`; at `fails_at` it fails
 * instead. */
struct numbers {
	int next;
	int end;
	int fails_at;
	acre_span pause; /* before each */
	int n_inside;	 /* calls under way: never two */
};

static inline int give(struct numbers *s, int *item)
{
	int r = s->pause.ns ? acre_sleep(s->pause) : acre_yield();

	if (r < 0)
		return r;
	if (s->fails_at && s->next == s->fails_at)
		return acre_fail(ENETDOWN, "the source failed at %d", s->next);
	if (s->next == s->end)
		return 0;
	*item = s->next++;
	return 1;
}

static inline int next_number(void *source, void *item)
{
	struct numbers *s = source;
	int r;

	assert_int_equal(++s->n_inside, 1);
	r = give(s, item);
	s->n_inside--;
	return r;
}

static inline int next_of_chan(void *source, void *item)
{
	return acre_chan_recv(source, item);
}

static inline struct acre_broadcast *open_numbers(struct numbers *s, size_t window,
						  bool ignore_lag)
{
	struct acre_broadcast *b = NULL;

	assert_ok(acre_broadcast_open(&b, (struct acre_broadcast_options){
						  .item_size = sizeof(int),
						  .window = window,
						  .next = next_number,
						  .source = s,
						  .ignore_lag = ignore_lag,
					  }));
	return b;
}

static inline struct acre_broadcast *open_chan(struct acre_chan *c, size_t window)
{
	struct acre_broadcast *b = NULL;

	assert_ok(acre_broadcast_open(&b, (struct acre_broadcast_options){
						  .item_size = sizeof(int),
						  .window = window,
						  .next = next_of_chan,
						  .source = c,
					  }));
	return b;
}

static inline struct acre_subscriber *subscribe(struct acre_broadcast *b)
{
	struct acre_subscriber *s = NULL;

	assert_ok(acre_subscribe(&s, b));
	return s;
}

/* A task that reads to the end, or up to its first failure. */
struct reader {
	struct acre_subscriber *subscriber; /* ended by the task */
	acre_span pause;		    /* after each item */
	int last;			    /* item read last; -1: none */
	int n_items;			    /* items read */
	int n_lags;			    /* times that it fell out of the window */
	int lags_allowed;		    /* it goes on after so many of them */
	bool all_in_order;		    /* each was the one after the last */
	int r;				    /* what ended it */
	struct acre_scope scope;
};

static inline struct reader reader_of(struct acre_subscriber *s)
{
	return (struct reader){ .subscriber = s, .last = -1, .all_in_order = true };
}

static inline int read_one(struct reader *reader)
{
	int item = -1;
	int r = acre_subscriber_recv(reader->subscriber, &item);

	if (acre_is(r, ACRE_ELAGGED)) {
		reader->all_in_order = false;
		return ++reader->n_lags <= reader->lags_allowed ? 1 : r;
	}
	if (r <= 0)
		return r;
	if (item != reader->last + 1)
		reader->all_in_order = false;
	reader->last = item;
	reader->n_items++;
	if (reader->pause.ns) {
		int slept = acre_sleep(reader->pause);

		return slept < 0 ? slept : r;
	}
	return r;
}

ACRE_TASK(read_all, struct reader *reader)
{
	acre_scope_open(&reader->scope);
	while ((reader->r = read_one(reader)) > 0)
		;
	reader->subscriber = acre_unsubscribe(reader->subscriber);
	return acre_scope_close(&reader->scope, reader->r);
}

/* The failure is in `r` and goes no further. */
ACRE_TASK(read_until_failure, struct reader *reader)
{
	while ((reader->r = read_one(reader)) > 0)
		;
	reader->subscriber = acre_unsubscribe(reader->subscriber);
	return reader->r < 0 && acre_is(reader->r, ECANCELED) ? reader->r : 0;
}
