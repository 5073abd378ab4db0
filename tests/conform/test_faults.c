/* SPDX-License-Identifier: MIT */
/* test_faults.c - links that break while somebody waits on them: cases C071 and C072, and promise G8. */
#include "conform/tree.h"

#include <fcntl.h>
#include <sys/socket.h>

#include "actor/peer.h"
#include "core/loop.h"

/* In an actor: its link to the parent. */
#define FD_LINK (acre_parent()->link.fd)

/*
 * When links of this process ended, and when tasks were woken: from the trace, whose times are
 * equal for all that happens in one turn of the loop.
 */

enum { N_TASKS = 64 };

static int64_t link_ended_at;
static int64_t woken_at[N_TASKS]; /* by the number of the task */

static void note_time(void *unused, const struct acre_trace_event *e)
{
	(void)unused;
	if (e->kind == ACRE_EVENT_LINK_CLOSE)
		link_ended_at = e->at_ns;
	if (e->kind == ACRE_EVENT_UNPARK && e->a < N_TASKS)
		woken_at[e->a] = e->at_ns;
}

/*
 * C071: a stream is broken in mid-flight, at either side or both, after so many items. "Closed
 * first" is the stream, by the side that breaks.
 */

#define BREAK(F) F(uint32_t, at_parent) F(uint32_t, at_child) F(bool, stop_first)
ACRE_MSG(break_at, BREAK)

/* Both sides see its end. */
static void cut(struct link *l)
{
	if (l->memory)
		link_close(l, acre_fail(ACRE_ECLOSED, "cut there"));
	else
		shutdown(l->fd, SHUT_RDWR);
}

static void break_at_child(struct acre_context *ctx, bool stop_first)
{
	if (stop_first) {
		acre_ignore_result(acre_stop(ctx));
		link_close(&acre_parent()->link, acre_fail(ACRE_ECLOSED, "closed there"));
	} else {
		cut(&acre_parent()->link);
	}
}

ACRE_CONTEXT(echo_and_break, break_at)
{
	struct acre_int v;
	int r = acre_started(ctx, acre_nil);

	while (r >= 0 && (r = acre_recv(ctx, acre_int, &v)) > 0) {
		if (v.value == in->at_child)
			break_at_child(ctx, in->stop_first);
		else
			r = acre_send(ctx, acre_int, .value = v.value);
	}
	return r;
}

static int stream_until_it_breaks(struct acre_actor *a, const struct break_at *b)
{
	struct acre_int v;
	int r = 0;

	ACRE_OPEN(ctx, r, a, echo_and_break, b)
		for (int64_t i = 1; r >= 0 && i <= 1000; i++) {
			if (i == b->at_parent && b->stop_first)
				assert_ok(acre_stop(ctx));
			if (i == b->at_parent)
				link_close(&a->link,
					   acre_fail(ACRE_ECLOSED, "closed here"));
			r = acre_send(ctx, acre_int, .value = i);
			if (r >= 0)
				r = acre_recv(ctx, acre_int, &v);
		}
	return r;
}

static void check_break(const struct break_at *b, int r)
{
	bool is_here = b->at_parent && (!b->at_child || b->at_parent < b->at_child);

	if (!b->at_parent && !b->at_child) {
		assert_ok(r);
		return;
	}
	assert_class(r, ACRE_ECLOSED);
	assert_text_has(acre_why(r)->message,
			is_here ? "closed here" : "streamer closed its link");
	if (!is_here) /* the opener heard of it in the turn in which the EOF came */
		assert_int_equal(woken_at[task_this()->id], link_ended_at);
}

TEST_TREE(c071_stream_broken_in_mid_flight)
{
	static const struct {
		uint32_t at_parent, at_child;
	} breaks[] = {
		{ 0, 0 }, { 500, 0 }, { 0, 500 }, { 500, 800 }, { 800, 500 },
	};

	acre_trace_listen(note_time, NULL);
	for (int variant = 0; variant < 10; variant++) {
		struct break_at b = { breaks[variant / 2].at_parent,
				      breaks[variant / 2].at_child, variant & 1 };
		acre_instant begun = acre_now();
		struct acre_actor *a;
		int r = 0;

		ACRE_NURSERY(n, r) {
			r = acre_spawn(&n, &a, .name = "streamer");
			assert_ok(r);
			check_break(&b, stream_until_it_breaks(a, &b));
			r = acre_fail(EINTR,
				      "the user's interrupt"); /* alone ends the tree */
		}
		assert_true(acre_has(r, EINTR));
		assert_int_equal(acre_children(NULL, 0), 0);
		assert_true(seconds_since(begun) < 3);
	}
	acre_trace_listen(NULL, NULL);
	return 0;
}

/*
 * C072: a child that nobody can reach any more is ended by the means of the process.
 */

ACRE_CONTEXT(cut_and_be_deaf, acre_nil)
{
	struct acre_int v;

	acre_ignore_result(acre_send(ctx, acre_int, .value = 1));
	acre_ignore_result(acre_recv(ctx, acre_int, &v));
	shutdown(FD_LINK, SHUT_RDWR);
	while (pause() < 0)
		; /* no checkpoint ever */
	return 0;
}

static int stream_with_the_deaf(struct acre_actor *a)
{
	struct acre_int v;
	int r = 0;

	ACRE_WITHIN(acre_secs(1), r)
		ACRE_OPEN(ctx, r, a, cut_and_be_deaf, &nil) {
			assert_int_equal(acre_recv(ctx, acre_int, &v), 1);
			r = acre_send(ctx, acre_int, .value = 2);
			if (r >= 0)
				r = acre_recv(ctx, acre_int, &v);
		}
	return r;
}

TEST_TREE(c072_zombie_lord)
{
	acre_instant begun = acre_now();
	struct acre_actor *a;
	int r = 0;

	needs_a_process("it is deaf for ever, and killed alone");
	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "zombie");
		assert_ok(r);
		assert_class(stream_with_the_deaf(a), ACRE_ECLOSED);
		begun = acre_now();
		r = acre_fail(EINTR, "the user's interrupt");
	}
	assert_true(acre_has(r, EINTR));
	assert_true(seconds_since(begun) < 3);
	assert_int_equal(acre_children(NULL, 0), 0);
	return 0;
}

/*
 * G8: whatever waits on one dying link is woken in the turn of the loop in which it dies.
 */

/* kind, where it is parked when the link dies, whether the peer must not answer any more by then */
#define WAITERS(W)                        \
	W(FOR_ITEM, WAIT_RECV, false)     \
	W(FOR_CREDIT, WAIT_CREDIT, false) \
	W(FOR_RESULT, WAIT_RESULT, false) \
	W(FOR_CALL, WAIT_RESULT, false)   \
	W(FOR_FIRST, WAIT_FIRST, false)   \
	W(FOR_ROOM, WAIT_LINK, true)      \
	W(FOR_ACK, WAIT_CANCEL_ACK, true) \
	W(TO_LEAVE, WAIT_RESULT, false)

#define AS_ENUM(name, what, is_later) name,
enum waiter_kind { WAITERS(AS_ENUM) N_WAITERS };

struct waiter {
	enum waiter_kind kind;
	enum wait_what parks;
	bool later;
	struct acre_actor *actor;
	struct acre_event *is_deaf;
	struct task *task;
	uint32_t id;
	int r;
	bool is_refused; /* the cause of r */
};

#define AS_ROW(name, what, is_later) { .kind = name, .parks = what, .later = is_later },
static const struct waiter all_waiters[N_WAITERS] = { WAITERS(AS_ROW) };

#define CHUNK(F) F(struct acre_bytes, data)
ACRE_MSG(chunk, CHUNK)

ACRE_CONTEXT(never_starts, acre_nil)
{
	return acre_sleep(acre_secs(3600));
}

/* The link is full long before the credit of a megabyte is spent. */
static int fill_link(struct acre_context *ctx)
{
	static const char zeros[16 * 1024];
	int r = 0;

	while (r >= 0)
		r = acre_send(ctx, chunk, .data = { zeros, sizeof zeros });
	return r;
}

static int spend_credit(struct acre_context *ctx)
{
	int r = 0;

	while (r >= 0)
		r = acre_send(ctx, acre_int, .value = 0);
	return r;
}

static int wait_inside(struct waiter *w, struct acre_context *ctx)
{
	struct acre_int v;

	switch (w->kind) {
	case FOR_ITEM:
		return acre_recv(ctx, acre_int, &v);
	case FOR_CREDIT:
		return spend_credit(ctx);
	case FOR_RESULT:
		return acre_result(ctx, acre_nil, &nil);
	case FOR_ROOM:
		return fill_link(ctx);
	case FOR_ACK:
		return acre_context_cancel(ctx);
	case TO_LEAVE:
	case FOR_CALL:
	case FOR_FIRST:
	case N_WAITERS:
		break;
	}
	return 0;
}

/* A failure because of a link that was refused: that is its one cause. */
static bool is_refused(int r, const char *text)
{
	const struct acre_report *why = acre_why(r);

	return why->n_members == 1 && why->members[0]->code == EPROTO &&
	       strstr(why->members[0]->message, text);
}

ACRE_TASK(wait_on_link, struct waiter *w)
{
	struct acre_context *ctx = NULL;

	w->task = task_this();
	w->id = w->task->id;
	if (w->kind == FOR_CALL)
		w->r = acre_call(w->actor, sleeps_for_ever, &nil, acre_nil, &nil);
	else if (w->kind == FOR_FIRST)
		w->r = acre_open(&ctx, w->actor, never_starts, &nil);
	else
		w->r = acre_open(&ctx, w->actor, sleeps_for_ever, &nil);
	if (ctx && w->later)
		w->r = acre_event_wait(w->is_deaf);
	if (ctx && w->r >= 0)
		w->r = wait_inside(w, ctx);
	w->r = acre_context_close(&ctx, w->r);
	w->is_refused = is_refused(w->r, "a frame of this test");
	return 0;
}

static bool are_parked(const struct waiter *waiters, bool is_deaf)
{
	for (int i = 0; i < N_WAITERS; i++) {
		const struct waiter *w = &waiters[i];
		enum wait_what parks = w->later && !is_deaf ? WAIT_EVENT : w->parks;

		if (!w->task || w->task->state != TASK_PARKED || w->task->what != parks)
			return false;
	}
	return true;
}

static int park_all(struct acre_nursery *n, struct waiter *waiters, struct acre_actor *a)
{
	struct acre_event is_deaf;
	int r = 0;

	acre_event_init(&is_deaf);
	for (int i = 0; i < N_WAITERS && r >= 0; i++) {
		waiters[i] = all_waiters[i];
		waiters[i].actor = a;
		waiters[i].is_deaf = &is_deaf;
		r = acre_go(n, wait_on_link, &waiters[i]);
	}
	while (r >= 0 && !are_parked(waiters, false))
		r = acre_yield();
	stop_actor(a);
	acre_event_set(&is_deaf);
	while (r >= 0 && !are_parked(waiters, true))
		r = acre_yield();
	return r;
}

enum way { CHILD_IS_KILLED, HARD_KILL, CLOSED_HERE, END_OF_FILE, REFUSED, N_WAYS };

static void let_link_die(struct acre_actor *a, enum way way)
{
	if (way == CHILD_IS_KILLED)
		kill(acre_actor_pid(a), SIGKILL);
	else if (way == HARD_KILL)
		life_event(&a->life, LIFE_EV_KILL);
	else if (way == CLOSED_HERE)
		link_close(&a->link, acre_fail(ACRE_ECLOSED, "closed here"));
	else if (way == REFUSED)
		link_refuse(&a->link, "a frame of this test");
	else
		shutdown(a->link.fd, SHUT_RD);
}

static void wait_and_die(enum way way)
{
	struct waiter waiters[N_WAITERS];
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "dying");
		ACRE_NURSERY(m, r) {
			r = park_all(&m, waiters, a);
			assert_ok(r);
			let_link_die(a, way);
		}
		kill(acre_actor_pid(a), SIGKILL);
	}
	assert_true(acre_is(r, ACRE_EDIED) || acre_is(r, ACRE_ETOOSLOW));
	for (int i = 0; i < N_WAITERS; i++) {
		test_note("waiter %d, way %d", i, (int)way);
		assert_class(waiters[i].r, ACRE_ECLOSED);
		assert_int_equal(waiters[i].is_refused, way == REFUSED);
		assert_int_equal(woken_at[waiters[i].id], link_ended_at);
	}
}

TEST_TREE(g8_all_waiters_of_a_dying_link_are_woken_in_one_turn)
{
	needs_a_process("it is stopped and killed alone");
	test_limit(10);
	acre_trace_listen(note_time, NULL);
	for (enum way way = CHILD_IS_KILLED; way < N_WAYS; way++)
		wait_and_die(way);
	acre_trace_listen(NULL, NULL);
	return 0;
}

/*
 * What is no frame ends the link and with it the actor that sent it: the link's failure is the
 * cause in both stories.
 */

ACRE_CONTEXT(talks_nonsense, acre_nil)
{
	static char frame[] = { 1, 0, 0, 0, '\xc1' };
	struct iovec iov = { frame, sizeof frame };
	struct link *l = &acre_parent()->link;
	int r = acre_started(ctx, acre_nil);
	ssize_t n;

	if (r >= 0)
		r = acre_yield(); /* the Started has gone */
	n = l->memory ? memory_write(l->memory, &iov, 1) : writev(l->fd, &iov, 1);
	if (n != sizeof frame)
		return acre_fail(T_RUNTIME, "no nonsense was written");
	return r < 0 ? r : acre_sleep(acre_secs(3600));
}

TEST_TREE(nonsense_on_a_link_is_its_end_and_the_cause_of_its_actors_death)
{
	struct acre_actor *a;
	struct acre_int v;
	int r = 0, inner = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "babbler");
		assert_ok(r);
		ACRE_OPEN(ctx, inner, a, talks_nonsense, &nil)
			inner = acre_recv(ctx, acre_int, &v);
		assert_class(inner, ACRE_ECLOSED);
		assert_true(is_refused(inner, "on the link from babbler"));
	}
	assert_class(r, ACRE_EDIED);
	assert_true(is_refused(r, "on the link from babbler"));
	return 0;
}
