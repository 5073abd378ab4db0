/* SPDX-License-Identifier: MIT */
/* test_hang_ways.c - twelve ways to hang, each told with its reason and its place: promise G11. */
#include "conform/stuck.h"

#include <poll.h>
#include <stdatomic.h>
#include <unistd.h>

#include "actor/dump.h"
#include "core/loop.h"
#include "core/status.h"

/* What the tasks hang on. */
struct ways {
	struct acre_chan empty, full;
	struct acre_event never;
	struct acre_lock taken;
	struct acre_actor *spinner;
	int pipe[2];
	const struct status *status;
	_Atomic bool reads; /* the thread is where the dump is to find it */
	int r;
};

__attribute__((noinline)) static int read_for_ever(void *arg)
{
	struct ways *w = arg;
	char byte = 0;
	ssize_t n;

	atomic_store(&w->reads, true);
	n = read(w->pipe[0], &byte, 1);

	return n == 1 ? byte : -EIO; /* not the call itself: its frame would be gone */
}

__attribute__((noinline)) static int select_for_ever(struct ways *w)
{
	struct acre_case cases[] = { { .kind = ACRE_CASE_EVENT, .event = &w->never } };

	return acre_select(cases, 1);
}

ACRE_TASK(never_ready, struct ways *w)
{
	int r = acre_event_wait(&w->never);

	return r < 0 ? r : acre_sleep(acre_secs(3600)); /* until it is cancelled */
}

__attribute__((noinline)) static int join_for_ever(struct ways *w, bool waits_until_ready)
{
	void *unused;
	int r = 0;

	ACRE_NURSERY(n, r) {
		if (waits_until_ready)
			r = acre_go_ready(&n, never_ready, w, &unused);
		else
			r = acre_go(&n, never_ready, w);
	}
	return r;
}

__attribute__((noinline)) static int recv_for_ever(struct ways *w)
{
	int r = 0;

	ACRE_OPEN(ctx, r, w->spinner, spins, &nil)
		r = acre_recv(ctx, acre_nil, &nil);
	return r;
}

__attribute__((noinline)) static int wait_behind_a_shield(struct ways *w)
{
	int r = 0;

	ACRE_SHIELD(acre_secs(50), r)
		r = acre_event_wait(&w->never);
	return r;
}

/* The call is not the last thing that the task does: else its frame may be gone. */
#define WAY(name, call)                                    \
	ACRE_TASK(name, struct ways *w)                    \
	{                                                  \
		int r = call;                              \
                                                           \
		__asm__ volatile("" : "+r"(r), "+r"(w)::); \
		return r;                                  \
	}

WAY(way_1, acre_chan_recv(&w->empty, &(int){ 0 }))
WAY(way_2, acre_chan_send(&w->full, &(int){ 0 }))
WAY(way_3, wait_behind_a_shield(w))
WAY(way_4, acre_lock_acquire(&w->taken))
WAY(way_5, acre_wait_fd(w->pipe[0], POLLIN))
WAY(way_6, acre_blocking(read_for_ever, w))
WAY(way_7, acre_sleep(acre_secs(3600)))
WAY(way_8, select_for_ever(w))
WAY(way_9, join_for_ever(w, false))
WAY(way_10, join_for_ever(w, true))
WAY(way_11, recv_for_ever(w))
WAY(way_12, recv_for_ever(w))

/* Compilers add to names (.isra.0); the file may be that of a header, whose inline function
 * makes the call. */
#define FRAME(name) (HAVE_LINES ? "          #* " name "* *.[ch]:[0-9]*" : "          #*")

static int look(void *arg)
{
	struct ways *w = arg;
	int fd = open(file_of_test("dump"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	/* until all tasks hang, and the one thread */
	while (!status_get(&w->status->waits) || !atomic_load(&w->reads))
		sched_yield();
	w->r = dump_write(fd);
	close(fd);
	return 0;
}

/* clang-format off */
static void assert_all_told(const char *text)
{
	assert_lines(text,
		"      task * way_1: waits for an item of a channel 0x*",
		FRAME("way_1*"),
		"      task * way_2: waits for room in a channel 0x*",
		FRAME("way_2*"),
		"      task * way_3: waits for an event 0x*",
		"          in the scope opened at *test_hang_ways.c:*, shield ends in *",
		FRAME("wait_behind_a_shield"),
		"      task * way_4: waits for a lock 0x* (held by task 1 root)",
		FRAME("way_4*"),
		"      task * way_5: waits for a descriptor * (fd *)",
		FRAME("way_5*"),
		"      task * way_6: waits for a helper thread 0x*",
		FRAME("way_6*"),
		"      task * way_7: sleeps * (for * ms more)",
		FRAME("way_7*"),
		"      task * way_8: waits for one of several 0x*",
		FRAME("select_for_ever"),
		"      task * way_9: joins its nursery * (1 tasks and 0 actors are left in it)",
		FRAME("join_for_ever"),
		"        task * never_ready: waits for an event *",
		"      task * way_10: waits for a task to be ready 0x*",
		FRAME("join_for_ever"),
		"        task * never_ready: waits for an event *",
		"      task * way_11: waits for an item of a stream 0x* (spins in actor spinner)",
		FRAME("recv_for_ever"),
		"      task * way_12: waits for the first value of a context 0x* (spins in actor spinner)",
		FRAME("recv_for_ever"),
		backend_is("thread") ? "*" : "  thread *",
		head_of("spinner"),
		"    its thread * runs task 2 spins",
		HAVE_LINES ? "        #* busy_in_c* *stuck.h:*" : "        #*",
		"end of dump");
	assert_text_has(text, HAVE_LINES ? " read_for_ever" : "process ");
}
/* clang-format on */

static int start_first(struct acre_nursery *n, struct ways *w)
{
	int r = acre_go(n, way_1, w);

	r = r < 0 ? r : acre_go(n, way_2, w);
	r = r < 0 ? r : acre_go(n, way_3, w);
	r = r < 0 ? r : acre_go(n, way_4, w);
	r = r < 0 ? r : acre_go(n, way_5, w);
	r = r < 0 ? r : acre_go(n, way_6, w);
	r = r < 0 ? r : acre_go(n, way_7, w);
	r = r < 0 ? r : acre_go(n, way_8, w);
	return r;
}

static int start_last(struct acre_nursery *n, struct ways *w)
{
	int r = acre_go(n, way_9, w);

	r = r < 0 ? r : acre_go(n, way_10, w);
	r = r < 0 ? r : acre_go(n, way_11, w);
	if (r >= 0)
		r = acre_sleep(acre_us(1)); /* a turn: the call goes out, and is served */
	if (r >= 0)
		wait_until_it_spins();
	return r < 0 ? r : acre_go(n, way_12, w);
}

static int hang_in_all_ways(void)
{
	struct ways w = { .status = loop_this->status };
	int r = 0;

	acre_chan_init(&w.empty, sizeof(int), NULL, 0);
	acre_chan_init(&w.full, sizeof(int), NULL, 0);
	acre_event_init(&w.never);
	acre_lock_init(&w.taken);
	assert_ok(acre_lock_acquire(&w.taken));
	assert_int_equal(pipe2(w.pipe, O_CLOEXEC), 0);
	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &w.spinner, .name = "spinner");
		r = r < 0 ? r : start_first(&n, &w);
		r = r < 0 ? r : start_last(&n, &w);
		r = r < 0 ? r : acre_blocking(look, &w);
		assert_int_equal(w.r, 0);
		assert_int_equal(write(w.pipe[1], "x", 1), 1); /* for the helper thread */
		assert_int_equal(kill_stuck(w.spinner), 0);
		acre_event_set(&w.never); /* for the one behind a shield */
		acre_nursery_cancel(&n);
	}
	acre_lock_release(&w.taken);
	close(w.pipe[0]);
	close(w.pipe[1]);
	assert_true(r >= 0 || acre_has(r, ACRE_EDIED));
	assert_all_told(text_of(file_of_test("dump")));
	return 0;
}

TEST(g11_each_way_to_hang_is_told_with_its_reason_and_place)
{
	assert_ok(tree_result(hang_in_all_ways, false));
	report_thread_fini();
}
