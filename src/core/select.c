/* SPDX-License-Identifier: MIT */
/* select.c - waiting for one of several things, and doing that one. */
#include <poll.h>

#include "base/sys.h"
#include "base/util.h"
#include "core/chan.h"
#include "core/event.h"
#include "core/waitfd.h"

/*
 * First the cases are tried, in order. Only if none is ready are all of them linked, each
 * in its object, and the task parks. The object that comes first ends the wait: it does
 * that case's work, as it would for the plain call, and unparks the task with the index
 * of the case, which unlinks all the others in the same step. So no case but one ever
 * takes or gives anything, and between trying and parking nobody else runs.
 *
 * Whether a descriptor is ready is asked only if a case after it is: if it is the only
 * one, the loop will tell, and meanwhile others run. A task that serves a descriptor
 * which is always ready must not keep the loop to itself.
 */
#define CASES_MAX 32

/* On the stack of the task that selects. */
struct selection {
	struct acre_case *cases; /* the caller's */
	size_t n_linked;
	struct wait waits[CASES_MAX]; /* of these the first n_linked are set */
};

static bool can_recv(const struct acre_case *c)
{
	return chan_can_recv(c->chan);
}

static int recv_now(const struct acre_case *c)
{
	return acre_chan_try_recv(c->chan, c->item);
}

static int link_recv(struct acre_case *c, struct wait *w)
{
	w->item = c->item;
	chan_link_receiver(c->chan, w);
	return 0;
}

static int received(const struct acre_case *c, const struct wait *w)
{
	(void)c;
	return chan_received(w);
}

static bool can_send(const struct acre_case *c)
{
	return chan_can_send(c->chan);
}

static int send_now(const struct acre_case *c)
{
	return acre_chan_try_send(c->chan, c->item);
}

static int link_send(struct acre_case *c, struct wait *w)
{
	w->item = c->item;
	chan_link_sender(c->chan, w);
	return 0;
}

static int sent(const struct acre_case *c, const struct wait *w)
{
	return chan_sent(c->chan, w);
}

static bool is_set(const struct acre_case *c)
{
	return acre_event_is_set(c->event);
}

static int nothing_to_do(const struct acre_case *c)
{
	(void)c;
	return 0;
}

static int link_event(struct acre_case *c, struct wait *w)
{
	event_link(c->event, w);
	return 0;
}

static int was_set(const struct acre_case *c, const struct wait *w)
{
	(void)c, (void)w;
	return 0;
}

static bool ask_later(const struct acre_case *c)
{
	(void)c;
	return false;
}

/* The loop stores what came in the case itself. */
static int link_fd(struct acre_case *c, struct wait *w)
{
	w->item = c;
	c->result = waitfd_link(w);
	return c->result;
}

static int what_came(const struct acre_case *c, const struct wait *w)
{
	(void)w;
	return c->result;
}

/*
 * act() does a case that is ready, and returns its result. link() returns 0 if it has
 * linked the wait; else the case is over already, and has its result. result() is for
 * after its wait was ended.
 */
static const struct kind {
	bool (*is_ready)(const struct acre_case *c);
	int (*act)(const struct acre_case *c);
	int (*link)(struct acre_case *c, struct wait *w);
	int (*result)(const struct acre_case *c, const struct wait *w);
} kinds[] = {
	[ACRE_CASE_RECV] = { can_recv, recv_now, link_recv, received },
	[ACRE_CASE_SEND] = { can_send, send_now, link_send, sent },
	[ACRE_CASE_EVENT] = { is_set, nothing_to_do, link_event, was_set },
	[ACRE_CASE_FD] = { ask_later, nothing_to_do, link_fd, what_came },
};

/* The first descriptor that is ready among n cases; n if none is. */
static size_t first_ready_fd(struct acre_case *cases, size_t n)
{
	struct pollfd fds[CASES_MAX];
	size_t n_fds = 0;

	for (size_t i = 0; i < n; i++) {
		bool is_fd = cases[i].kind == ACRE_CASE_FD;

		fds[i].fd = is_fd ? cases[i].fd : -1; /* poll() skips a negative one */
		fds[i].events = is_fd ? (short)cases[i].events : 0;
		fds[i].revents = 0;
		n_fds += is_fd;
	}
	if (n_fds == 0 || sys_poll(fds, n, 0) <= 0)
		return n;
	for (size_t i = 0; i < n; i++)
		if (fds[i].revents) {
			cases[i].result =
				fds[i].revents & POLLNVAL ? -EBADF : fds[i].revents;
			return i;
		}
	return n;
}

/* The case that need not wait, done; n if there is none. */
static size_t try_all(struct acre_case *cases, size_t n)
{
	size_t ready = 0;
	size_t earlier;

	while (ready < n && !kinds[cases[ready].kind].is_ready(&cases[ready]))
		ready++;
	if (ready == n)
		return n;
	earlier = first_ready_fd(cases, ready);
	if (earlier < ready)
		return earlier;
	cases[ready].result = kinds[cases[ready].kind].act(&cases[ready]);
	return ready;
}

/* The index of a case that is over at once, as a bad descriptor is; n if all are
 * linked. */
static size_t link_all(struct selection *s, size_t n, struct task *t)
{
	for (s->n_linked = 0; s->n_linked < n; s->n_linked++) {
		size_t i = s->n_linked;

		s->waits[i] = (struct wait){ .task = t, .index = (uint32_t)i };
		if (kinds[s->cases[i].kind].link(&s->cases[i], &s->waits[i]) != 0)
			return i;
	}
	return n;
}

/* Most are unlinked by now; a descriptor also has an interest to drop. */
static void unlink_all(struct selection *s)
{
	for (size_t i = 0; i < s->n_linked; i++)
		if (s->cases[i].kind == ACRE_CASE_FD)
			waitfd_unlink(&s->waits[i]);
		else
			list_remove(&s->waits[i].node);
}

static int wait_for_one(struct acre_case *cases, size_t n, struct task *t)
{
	struct selection s;
	size_t over;
	int r;

	s.cases = cases;
	over = link_all(&s, n, t);
	r = over < n ? (int)over : park_on(WAIT_SELECT, cases, s.waits, (uint32_t)n);
	unlink_all(&s);
	if (r >= 0 && over == n)
		cases[r].result = kinds[cases[r].kind].result(&cases[r], &s.waits[r]);
	return r;
}

/* A failure of a descriptor gets its story here, in the task that waited. */
static void explain(struct acre_case *c)
{
	if (c->kind == ACRE_CASE_FD && c->result < 0)
		c->result =
			acre_fail(-c->result, "waiting for events %#x of descriptor %d",
				  (unsigned int)c->events, c->fd);
}

static int check_cases(const struct acre_case *cases, size_t n)
{
	if (n == 0 || n > CASES_MAX)
		return acre_fail(EINVAL, "a select of %zu cases: 1 to %d are possible", n,
				 CASES_MAX);
	for (size_t i = 0; i < n; i++)
		if ((unsigned int)cases[i].kind >= ARRAY_N(kinds))
			return acre_fail(EINVAL,
					 "case %zu of a select: there is no kind %u", i,
					 (unsigned int)cases[i].kind);
	return 0;
}

int acre_select(struct acre_case *cases, size_t n)
{
	struct task *t = sched_task("acre_select");
	size_t done;
	int r = checkpoint(t);

	if (r >= 0)
		r = check_cases(cases, n);
	if (r < 0)
		return r;
	done = try_all(cases, n);
	r = done < n ? (int)done : wait_for_one(cases, n, t);
	if (r >= 0)
		explain(&cases[r]);
	return r;
}
