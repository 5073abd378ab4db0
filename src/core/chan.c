/* SPDX-License-Identifier: MIT */
/* chan.c - channels: items from task to task, in order, with or without a ring. */
#include "core/chan.h"

#include <string.h>

#include "base/panic.h"
#include "base/util.h"

/*
 * Three invariants make every operation a few lines:
 *
 *	receivers wait only while the ring is empty and nobody waits to send,
 *	senders wait only while the ring is full,
 *	nobody waits in a closed channel.
 *
 * An unbuffered channel is one whose ring of no slots is always both empty and full.
 * (There a task that selects between sending and receiving may wait on both sides. It
 * does not meet itself, because it tries its cases before it links any of them.)
 *
 * Who comes second does the work of both: it copies the item from or to the stack of the
 * task that waits, and unparks it. So an item is never on its way: a wait that is
 * cancelled still has its item, or has none yet.
 *
 * Not here: fairness between tasks that need not wait. A send into a ring with room does
 * not yield.
 */
struct chan {
	struct list senders;   /* of struct wait; first come, first served */
	struct list receivers; /* the same */
	uint8_t *ring;	       /* borrowed; NULL: unbuffered */
	size_t item_size;      /* bytes */
	size_t n_slots;	       /* of the ring */
	size_t first;	       /* slot of the oldest item */
	size_t n;	       /* items in the ring */
	uint32_t magic;	       /* CHAN_MAGIC */
	bool closed;
};
_Static_assert(sizeof(struct chan) <= sizeof(struct acre_chan),
	       "the public channel holds ours");

#define CHAN_MAGIC 0xacc4a2u

static inline const struct chan *view(const struct acre_chan *chan)
{
	return (const struct chan *)(const void *)chan;
}

/* The channel, if the caller may use it. */
static inline struct chan *use(struct acre_chan *chan, const char *call)
{
	struct chan *c = (struct chan *)(void *)chan;

	if (unlikely(c->magic != CHAN_MAGIC))
		BUG("%s: channel %p was not initialised (task %s)", call, (void *)c,
		    acre_task_name());
	if (unlikely(!loop_this))
		BUG("%s: channel %p is used by a thread without a loop", call, (void *)c);
	return c;
}

/* Most items are a number or a pointer: a size that is known is one move. */
static inline void copy_item(void *to, const void *from, size_t size)
{
	if (size == 8)
		memcpy(to, from, 8);
	else if (size == 4)
		memcpy(to, from, 4);
	else
		memcpy(to, from, size);
}

static inline uint8_t *slot(const struct chan *c, size_t i)
{
	return c->ring + (i < c->n_slots ? i : i - c->n_slots) * c->item_size;
}

static inline void put(struct chan *c, const void *item)
{
	copy_item(slot(c, c->first + c->n), item, c->item_size);
	c->n++;
}

static inline void take(struct chan *c, void *item)
{
	copy_item(item, slot(c, c->first), c->item_size);
	c->first = c->first + 1 < c->n_slots ? c->first + 1 : 0;
	c->n--;
}

static inline struct wait *first_wait(const struct list *waits)
{
	return list_entry(list_first(waits), struct wait, node);
}

static void end_wait(const struct chan *c, struct wait *w)
{
	if (unlikely(w->task->loop != loop_this))
		BUG("channel %p: task %s waits in it on another thread", (const void *)c,
		    w->task->name);
	unpark(w->task, (int)w->index);
}

/* The first of those who wait has had its item copied. */
static void changed_hands(const struct chan *c, struct wait *w)
{
	w->item = NULL;
	end_wait(c, w);
}

static void give_to_receiver(struct chan *c, const void *item)
{
	struct wait *w = first_wait(&c->receivers);

	copy_item(w->item, item, c->item_size);
	changed_hands(c, w);
}

static void take_from_sender(struct chan *c, void *item)
{
	struct wait *w = first_wait(&c->senders);

	copy_item(item, w->item, c->item_size);
	changed_hands(c, w);
}

/* A slot came free. */
static void let_sender_in(struct chan *c)
{
	struct wait *w = first_wait(&c->senders);

	put(c, w->item);
	changed_hands(c, w);
}

static int fail_closed(const struct chan *c)
{
	return acre_fail(ACRE_ECLOSED, "sending into channel %p, which is closed",
			 (const void *)c);
}

/* True: it is done, without waiting, and `*r` says how. */
static inline bool send_now(struct chan *c, const void *item, int *r)
{
	*r = 0;
	if (unlikely(c->closed))
		*r = fail_closed(c);
	else if (!list_is_empty(&c->receivers))
		give_to_receiver(c, item);
	else if (c->n < c->n_slots)
		put(c, item);
	else
		return false;
	return true;
}

static inline bool recv_now(struct chan *c, void *item, int *r)
{
	*r = 1;
	if (c->n > 0) {
		take(c, item);
		if (!list_is_empty(&c->senders))
			let_sender_in(c);
	} else if (!list_is_empty(&c->senders)) {
		take_from_sender(c, item);
	} else if (c->closed) {
		*r = 0;
	} else {
		return false;
	}
	return true;
}

/* An item to send is only read; a wait serves both directions. */
static void *no_const(const void *item)
{
	return (void *)(uintptr_t)item;
}

void acre_chan_init(struct acre_chan *chan, size_t item_size, void *ring, size_t n)
{
	struct chan *c = (struct chan *)(void *)chan;

	if (item_size == 0)
		BUG("channel %p: items of 0 bytes; use an event to say that something "
		    "happened",
		    (void *)c);
	if (n > PTRDIFF_MAX / item_size)
		BUG("channel %p: a ring of %zu items of %zu bytes", (void *)c, n,
		    item_size);
	if (!ring != !n)
		BUG("channel %p: a ring at %p for %zu items", (void *)c, ring, n);
	*c = (struct chan){
		.ring = ring,
		.item_size = item_size,
		.n_slots = n,
		.magic = CHAN_MAGIC,
	};
	list_init(&c->senders);
	list_init(&c->receivers);
}

static int wait_to_send(struct acre_chan *chan, struct task *t, const void *item)
{
	struct wait w = { .task = t, .item = no_const(item) };
	int r;

	chan_link_sender(chan, &w);
	r = park_on(WAIT_CHAN_SEND, chan, &w, 1);
	return r < 0 ? r : chan_sent(chan, &w);
}

int acre_chan_send(struct acre_chan *chan, const void *item)
{
	struct task *t = sched_task("acre_chan_send");
	struct chan *c = use(chan, "acre_chan_send");
	int r = checkpoint(t);

	if (r < 0 || likely(send_now(c, item, &r)))
		return r;
	return wait_to_send(chan, t, item);
}

static int wait_to_recv(struct acre_chan *chan, struct task *t, void *item)
{
	struct wait w = { .task = t, .item = item };
	int r;

	chan_link_receiver(chan, &w);
	r = park_on(WAIT_CHAN_RECV, chan, &w, 1);
	return r < 0 ? r : chan_received(&w);
}

int acre_chan_recv(struct acre_chan *chan, void *item)
{
	struct task *t = sched_task("acre_chan_recv");
	struct chan *c = use(chan, "acre_chan_recv");
	int r = checkpoint(t);

	if (r < 0 || likely(recv_now(c, item, &r)))
		return r;
	return wait_to_recv(chan, t, item);
}

int acre_chan_try_send(struct acre_chan *chan, const void *item)
{
	int r;

	return send_now(use(chan, "acre_chan_try_send"), item, &r) ? r : -EAGAIN;
}

int acre_chan_try_recv(struct acre_chan *chan, void *item)
{
	int r;

	return recv_now(use(chan, "acre_chan_try_recv"), item, &r) ? r : -EAGAIN;
}

void acre_chan_close(struct acre_chan *chan)
{
	struct chan *c = use(chan, "acre_chan_close");

	c->closed = true;
	while (!list_is_empty(&c->receivers))
		end_wait(c, first_wait(&c->receivers));
	while (!list_is_empty(&c->senders))
		end_wait(c, first_wait(&c->senders));
}

size_t acre_chan_n(const struct acre_chan *chan)
{
	return view(chan)->n;
}

bool chan_can_send(const struct acre_chan *chan)
{
	const struct chan *c = view(chan);

	return c->closed || !list_is_empty(&c->receivers) || c->n < c->n_slots;
}

bool chan_can_recv(const struct acre_chan *chan)
{
	const struct chan *c = view(chan);

	return c->closed || !list_is_empty(&c->senders) || c->n > 0;
}

void chan_link_sender(struct acre_chan *chan, struct wait *w)
{
	list_push(&use(chan, "acre_select")->senders, &w->node);
}

void chan_link_receiver(struct acre_chan *chan, struct wait *w)
{
	list_push(&use(chan, "acre_select")->receivers, &w->node);
}

int chan_sent(const struct acre_chan *chan, const struct wait *w)
{
	return w->item ? fail_closed(view(chan)) : 0;
}

int chan_received(const struct wait *w)
{
	return w->item ? 0 : 1;
}
