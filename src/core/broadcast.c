/* SPDX-License-Identifier: MIT */
/* broadcast.c - one source for many tasks, each at its own pace within a window. */
#include <acre/share.h>

#include <inttypes.h>
#include <string.h>

#include "base/mem.h"
#include "base/panic.h"
#include "base/util.h"
#include "core/event.h"
#include "core/report.h"
#include "core/sched.h"

/*
 * Items are numbered from 0 on. The window is a ring that holds the newest ones, a
 * subscriber is the number of the item that it reads next, and what it has lost is a
 * subtraction. There is no list of subscribers, and a new item costs the same for one as
 * for a thousand.
 *
 * There is no task of ours either. A subscriber that has read all there is pulls the next
 * item from the source itself, if nobody does yet; else it waits for that pull to end and
 * looks again. A pull that ends, well or not, wakes all who wait, and the first of them
 * to run pulls next. So it does not matter who pulls: if that task is cancelled, the
 * others go on, and one that was woken and is cancelled before it runs does not take the
 * turn with it.
 *
 * Before it pulls, a subscriber lets all others run. So with a source that need not wait
 * they keep up with each other, and who lags has been slow itself.
 *
 * The ring has one slot more than the window, so a pull, which may take its time, writes
 * where nobody reads.
 *
 * The broadcast is held by whoever opened it and by each subscriber, and goes with the
 * last of them: subscribers may read what is in the window after the source has ended,
 * and learn of the close at leisure.
 */
struct acre_broadcast {
	struct acre_broadcast_options options; /* checked */
	size_t refs;		  /* 1 while it is open, and 1 for each subscriber */
	uint64_t n;		  /* items ever pulled: the number of the next one */
	struct task *puller;	  /* borrowed; NULL: nobody is in the source */
	struct acre_scope *pull;  /* around the source; NULL without a puller */
	struct acre_event pulled; /* set when a pull ends, reset when the next begins */
	struct task *closer;	  /* borrowed: parked until the puller is out; or NULL */
	struct report *failure;	  /* owned: the source's, NULL without memory for it */
	int failed;		  /* its class; 0: the source has not failed */
	bool ended;		  /* the source has nothing more to give */
	bool closed;
	_Alignas(max_align_t) uint8_t ring[]; /* window + 1 items */
};

struct acre_subscriber {
	struct acre_broadcast *broadcast; /* referenced */
	uint64_t at;			  /* the number of the item that comes next */
	bool knows_failure;		  /* of the source: it is told once */
	bool busy;			  /* a task is in acre_subscriber_recv() */
};

static struct acre_broadcast *unref(struct acre_broadcast *b)
{
	if (--b->refs > 0)
		return NULL;
	if (b->failure)
		report_unref(b->failure);
	return mem_free(b);
}

static uint8_t *slot(struct acre_broadcast *b, uint64_t i)
{
	return b->ring + i % (b->options.window + 1) * b->options.item_size;
}

/* What is wrong with the options, NULL if nothing is. */
static const char *complaint(const struct acre_broadcast_options *o)
{
	if (!o->item_size)
		return "of items of 0 bytes";
	if (!o->window)
		return "without a window";
	if (!o->next)
		return "without a source";
	if (o->reserved[0] || o->reserved[1])
		return "with reserved fields that are not 0";
	return NULL;
}

static struct acre_broadcast *allocate(const struct acre_broadcast_options *o)
{
	size_t len;

	if (o->window == SIZE_MAX ||
	    __builtin_mul_overflow(o->window + 1, o->item_size, &len) ||
	    __builtin_add_overflow(len, sizeof(struct acre_broadcast), &len))
		return NULL;
	return mem_zalloc(len);
}

int acre_broadcast_open(struct acre_broadcast **ret,
			struct acre_broadcast_options options)
{
	const char *wrong = complaint(&options);
	struct acre_broadcast *b;

	if (wrong)
		return acre_fail(EINVAL, "a broadcast %s", wrong);
	b = allocate(&options);
	if (!b)
		return acre_fail(ENOMEM,
				 "no memory for a window of %zu items of %zu bytes",
				 options.window, options.item_size);
	b->options = options;
	b->refs = 1;
	acre_event_init(&b->pulled);
	*ret = b;
	return 0;
}

/* Ends the pull and waits until the source is not used any more. Its bound: the puller
 * is cancelled, so each of its checkpoints returns. */
static void stop_pull(struct acre_broadcast *b)
{
	struct task *t = sched_task("acre_broadcast_close");

	if (b->puller == t)
		BUG("task %s closes broadcast %p from within its source", t->name,
		    (void *)b);
	acre_scope_cancel(b->pull);
	b->closer = t;
	while (b->puller && park_shielded(WAIT_SUBSCRIBER, b) >= 0)
		;
	b->closer = NULL;
}

int acre_broadcast_close(struct acre_broadcast **broadcast, int r)
{
	struct acre_broadcast *b = TAKE_PTR(*broadcast);

	if (!b)
		return r;
	b->closed = true;
	if (b->puller)
		stop_pull(b);
	unref(b);
	return r;
}

static int subscribe(struct acre_subscriber **ret, struct acre_broadcast *b, uint64_t at)
{
	struct acre_subscriber *s;

	if (!b || b->closed)
		return acre_fail(ACRE_ECLOSED,
				 "subscribing to a broadcast that is closed");
	s = mem_zalloc(sizeof *s);
	if (!s)
		return acre_fail(ENOMEM, "no memory for a subscriber");
	b->refs++;
	s->broadcast = b;
	s->at = at;
	*ret = s;
	return 0;
}

int acre_subscribe(struct acre_subscriber **ret, struct acre_broadcast *broadcast)
{
	return subscribe(ret, broadcast, broadcast ? broadcast->n : 0);
}

int acre_subscribe_like(struct acre_subscriber **ret, const struct acre_subscriber *other)
{
	int r = subscribe(ret, other->broadcast, other->at);

	if (r >= 0)
		(*ret)->knows_failure = other->knows_failure;
	return r;
}

struct acre_subscriber *acre_unsubscribe(struct acre_subscriber *subscriber)
{
	if (!subscriber)
		return NULL;
	if (subscriber->busy)
		BUG("task %s ends subscriber %p while another task receives from it",
		    acre_task_name(), (void *)subscriber);
	unref(subscriber->broadcast);
	return mem_free(subscriber);
}

size_t acre_subscriber_n(const struct acre_subscriber *subscriber)
{
	const struct acre_broadcast *b = subscriber->broadcast;
	uint64_t behind = b->n - subscriber->at;

	return behind < b->options.window ? (size_t)behind : b->options.window;
}

/* The next of the items that are there; or word that it was lost, and the oldest that
 * is left is next. */
static int read_window(struct acre_subscriber *s, void *item)
{
	struct acre_broadcast *b = s->broadcast;
	uint64_t oldest = b->n < b->options.window ? 0 : b->n - b->options.window;
	uint64_t lost = s->at < oldest ? oldest - s->at : 0;

	s->at += lost;
	if (lost && !b->options.ignore_lag)
		return acre_fail(
			ACRE_ELAGGED,
			"%" PRIu64
			" items were lost: a subscriber fell out of the window of %zu",
			lost, b->options.window);
	memcpy(item, slot(b, s->at), b->options.item_size);
	s->at++;
	return 1;
}

/* The source has failed: each subscriber hears of it once, then of the end. */
static int read_failure(struct acre_subscriber *s)
{
	struct acre_broadcast *b = s->broadcast;

	if (!b->failed || s->knows_failure)
		return 0;
	s->knows_failure = true;
	return report_file(report_ref(b->failure), b->failed);
}

/* Takes down how the source answered. A cancelled pull is no answer. */
static void pull_ended(struct acre_broadcast *b, int r)
{
	if (r > 0) {
		b->n++;
	} else if (r == 0) {
		b->ended = true;
	} else if (report_class(r) != ECANCELED) {
		b->ended = true;
		b->failed = report_class(r);
		b->failure = report_take(r);
	}
	b->puller = NULL;
	b->pull = NULL;
	acre_event_set(&b->pulled);
	if (b->closer)
		unpark(b->closer, 0);
}

/* Asks the source, in a scope that the close of the broadcast cancels. */
static int pull(struct acre_broadcast *b, struct task *t)
{
	struct acre_scope scope;
	int r;

	acre_event_reset(&b->pulled);
	acre_scope_open(&scope);
	b->puller = t;
	b->pull = &scope;
	r = b->options.next(b->options.source, slot(b, b->n));
	pull_ended(b, r);
	acre_ignore(acre_scope_close(&scope, 0));
	if (report_class(r) != ECANCELED)
		return 0;
	return b->closed ? checkpoint(t) : -ECANCELED;
}

static int receive(struct acre_subscriber *s, void *item, struct task *t)
{
	struct acre_broadcast *b = s->broadcast;
	bool gave_way = false;
	int r = checkpoint(t);

	while (r >= 0) {
		if (s->at < b->n)
			return read_window(s, item);
		if (b->closed)
			return acre_fail(ACRE_ECLOSED, "the broadcast is closed");
		if (b->ended)
			return read_failure(s);
		if (b->puller) {
			r = event_wait(&b->pulled, WAIT_SUBSCRIBER, b);
		} else if (!gave_way) {
			gave_way = true;
			r = acre_yield();
		} else {
			r = pull(b, t);
		}
	}
	return r;
}

int acre_subscriber_recv(struct acre_subscriber *subscriber, void *item)
{
	struct task *t = sched_task("acre_subscriber_recv");
	int r;

	if (subscriber->busy)
		BUG("task %s receives from subscriber %p while another task does",
		    t->name, (void *)subscriber);
	subscriber->busy = true;
	r = receive(subscriber, item, t);
	subscriber->busy = false;
	return r;
}
