/* SPDX-License-Identifier: MIT */
/* waitfd.c - waiting for descriptors of the program, alone or in a select. */
#define _GNU_SOURCE
#include "core/waitfd.h"

#include <poll.h>

#include "base/mem.h"
#include "base/panic.h"
#include "base/util.h"

/*
 * The loop's epoll set has one place for a descriptor, but several tasks may wait for it,
 * each for its own events. So the place belongs to a small object that is found by the
 * number, holds the waits, and wants the sum of what they want. It is there only while
 * somebody waits: the kernel does not tell when a number is closed and given out again,
 * and an interest that is kept would be one in the file that is gone.
 *
 * A wait disappears from the list without a word when its task is unparked for another
 * reason. The interest that it leaves behind is dropped by the task itself, when it runs,
 * or by the next event that nobody wants.
 *
 * The program closes a descriptor when nobody waits for it any more. If it closes one
 * earlier and the number is used again, the old waits fail with EBADF as soon as that
 * shows. It does not show while a copy of the descriptor lives elsewhere, in a child say:
 * the kernel then keeps an interest that nobody can take back.
 */
struct descriptor {
	struct map_node node; /* in loop->fds, by fd */
	int fd;
	struct watch watch;
	struct list waits;    /* of struct wait; first come, first served */
};

#define ALWAYS (POLLERR | POLLHUP) /* epoll says these without being asked */
#define KNOWN                                                                            \
	(POLLIN | POLLPRI | POLLOUT | POLLRDHUP | POLLRDNORM | POLLRDBAND | POLLWRNORM | \
	 POLLWRBAND | POLLMSG | ALWAYS)
/* What poll() says of a file, which has no epoll. */
#define ALWAYS_OF_FILES (POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM)

/* Events go through unchanged: the names differ, the numbers do not. */
_Static_assert(EPOLLIN == POLLIN && EPOLLPRI == POLLPRI && EPOLLOUT == POLLOUT &&
		       EPOLLERR == POLLERR && EPOLLHUP == POLLHUP &&
		       EPOLLRDHUP == POLLRDHUP && EPOLLRDNORM == POLLRDNORM &&
		       EPOLLRDBAND == POLLRDBAND && EPOLLWRNORM == POLLWRNORM &&
		       EPOLLWRBAND == POLLWRBAND && EPOLLMSG == POLLMSG,
	       "poll and epoll have the same numbers");

static struct descriptor *find(const struct loop *loop, int fd)
{
	struct map_node *node = map_find(&loop->fds, &fd, sizeof fd);

	return node ? container_of(node, struct descriptor, node) : NULL;
}

static struct descriptor *make(struct loop *loop, int fd)
{
	struct descriptor *d = mem_zalloc(sizeof *d);

	if (!d)
		return NULL;
	list_init(&d->waits);
	d->fd = fd;
	map_insert(&loop->fds, &d->node, &d->fd, sizeof d->fd);
	return d;
}

static void drop(struct loop *loop, struct descriptor *d)
{
	loop_unwatch(&d->watch);
	map_remove(&loop->fds, &d->node);
	mem_free(d);
}

static const struct acre_case *case_of(const struct wait *w)
{
	return w->item;
}

static uint32_t wanted_events(const struct descriptor *d)
{
	uint32_t events = ALWAYS;
	struct wait *w;

	list_for_each(w, &d->waits, node)
		events |= (uint32_t)case_of(w)->events;
	return events;
}

/* Ends a wait that is not linked any more. */
static void end_wait(struct wait *w, int result)
{
	struct acre_case *c = w->item;

	c->result = result;
	unpark(w->task, (int)w->index);
}

/* After waits have gone the interest shrinks with them. If it cannot it is too wide, and
 * what nobody wants is passed over. */
static void settle(struct loop *loop, struct descriptor *d)
{
	if (list_is_empty(&d->waits))
		drop(loop, d);
	else
		acre_ignore(loop_watch_change(&d->watch, wanted_events(d)));
}

/* On the loop's fiber. Each wait is taken out before it is ended, because ending it
 * unlinks all waits of its task, which may be several here. */
static void serve(struct watch *watch, uint32_t events)
{
	struct descriptor *d = container_of(watch, struct descriptor, watch);
	struct list *node, todo;
	struct wait *w;
	int came;

	list_init(&todo);
	list_move(&d->waits, &todo);
	while ((node = list_pop(&todo))) {
		w = list_entry(node, struct wait, node);
		came = (int)events & (case_of(w)->events | ALWAYS);
		if (came)
			end_wait(w, came);
		else
			list_push(&d->waits, node);
	}
	settle(loop_this, d);
}

/* The number is not the descriptor any more that these have waited for. */
static void end_old_waits(struct descriptor *d)
{
	struct list *node;

	while ((node = list_pop(&d->waits)))
		end_wait(list_entry(node, struct wait, node), -EBADF);
	loop_unwatch(&d->watch);
}

/* The kernel is asked even if the interest stays as it is: this is how we learn that the
 * number was closed, and perhaps given to another file. */
static int widen(struct descriptor *d, int events)
{
	uint32_t before = d->watch.events;
	int r;

	d->watch.events = 0;
	r = loop_watch_change(&d->watch, wanted_events(d) | (uint32_t)events);
	if (r < 0)
		d->watch.events = before;
	return r;
}

/* Adds to the interest, or finds that there can be none. */
static int want(struct descriptor *d, int events)
{
	int r;

	if (d->watch.fn) {
		r = widen(d, events);
		if (r != -ENOENT && r != -EBADF)
			return r;
		end_old_waits(d);
	}
	return loop_watch(&d->watch, d->fd, (uint32_t)events | ALWAYS, serve);
}

int waitfd_link(struct wait *w)
{
	const struct acre_case *c = case_of(w);
	struct loop *loop = w->task->loop;
	struct descriptor *d;
	int r;

	if (c->events & ~KNOWN)
		return -EINVAL;
	d = find(loop, c->fd);
	if (!d)
		d = make(loop, c->fd);
	if (!d)
		return -ENOMEM;
	r = want(d, c->events);
	if (r >= 0)
		list_push(&d->waits, &w->node);
	else if (list_is_empty(&d->waits))
		drop(loop, d);
	if (r == -EPERM && c->events & ALWAYS_OF_FILES)
		return c->events & ALWAYS_OF_FILES;
	return r < 0 ? r : 0;
}

void waitfd_unlink(struct wait *w)
{
	struct loop *loop = w->task->loop;
	struct descriptor *d = find(loop, case_of(w)->fd);

	list_remove(&w->node);
	if (d)
		settle(loop, d);
}

int waitfd_wait(int fd, int events, enum wait_what what, bool shielded)
{
	struct acre_case c = { .kind = ACRE_CASE_FD, .fd = fd, .events = events };
	struct task *t = sched_task("a wait for a descriptor");
	struct wait w = { .task = t, .item = &c };
	int r = shielded ? 0 : checkpoint(t);

	if (r == 0)
		r = waitfd_link(&w);
	if (r != 0)
		return r;
	r = shielded ? park_shielded_on(what, &c, &w, 1) : park_on(what, &c, &w, 1);
	waitfd_unlink(&w);
	return r < 0 ? r : c.result;
}

int acre_wait_fd(int fd, int events)
{
	int r = waitfd_wait(fd, events, WAIT_FD, false);

	if (r < 0 && r != -ECANCELED)
		return acre_fail(-r, "descriptor %d cannot be waited for", fd);
	return r;
}
