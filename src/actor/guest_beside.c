/* SPDX-License-Identifier: MIT */
/* guest_beside.c - a guest on a thread of its own, beside the loop of an actor that is a thread. */
#include "actor/guest_beside.h"

#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/eventfd.h>

#include "actor/peer.h"
#include "base/mem.h"
#include "base/sys.h"
#include "base/util.h"
#include "core/barrier.h"
#include "core/debug.h"
#include "core/log.h"
#include "core/report.h"

/*
 * A process of a guest's own is ended with it, whatever it does. Here it shares the process with
 * other actors, and a thread cannot be ended. So its end has three steps. Its actor cancels
 * what it runs (guest.c), and leaves what is not answered in time. Then the guest is told that
 * it is over, and interrupted. Then it is jailed: it never runs a step of Python again, the
 * actor is over, and the thread with its interpreter stays until the process ends. How many
 * there are is told, and a process that has too many takes no more.
 *
 * All signals are blocked on such a thread, since they are the process's; so they are in what a
 * guest of this kind starts.
 */

/* Until it is interrupted, and until it is jailed */
#define GRACE_TURNS   50
#define GRACE_TURN_NS INT64_C(10000000) /* 0.5 s in all, as for an ack */
/* For one that begins or ends by itself: an interpreter takes 0.1 s of processor time */
#define LAST_GRACE_NS INT64_C(1500000000)
/* 10 MB each, and a thread. Whoever needs more of them needs processes */
#define LEFT_MAX 24

enum fate { LIVES, HAS_ENDED, IS_LEFT };

/* Of who made it, which ends it; of its own thread if that is left, and for good if jailed. */
struct beside {
	struct guest guest;
	struct barrier_thread barrier;
	pthread_t thread;
	int done_fd; /* owned: eventfd, its thread has left */
	char name[ACTOR_NAME_MAX];
	enum fate _Atomic fate; /* the second one to say so looks after what is left */
	bool is_jailed;
	struct barrier_thread jailer;
};

/* Where who looks from outside sees it. */
static _Atomic int *const n_left = &acre_debug_root.n_left;

int guest_beside_n_left(void)
{
	return atomic_load(n_left);
}

static const struct python_plugin *_Atomic loaded;

/* One after the other: what loads it is not for two threads at once. */
int guest_beside_begin(void)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	const struct python_plugin *plugin = NULL;
	int r = 0;

	pthread_mutex_lock(&lock);
	if (!atomic_load(&loaded))
		r = python_load(&plugin);
	if (r >= 0 && plugin)
		atomic_store(&loaded, plugin);
	if (r >= 0)
		r = atomic_load(&loaded)->beside_begin();
	pthread_mutex_unlock(&lock);
	return r;
}

/* Its source is what its actor asks for first; what could not be made says so then, once. */
static void refuse(struct guest *guest, int failure)
{
	struct pollfd p = { .fd = guest->fd, .events = POLLIN };
	struct guest_call *call;
	bool is_cancel;

	while (!guest_is_over(guest)) {
		acre_ignore(
			sys_poll(&p, 1, -1)); /* bound: its actor's end rings as well */
		while ((call = guest_next(guest, &is_cancel)))
			if (!is_cancel)
				guest_answer(call, failure);
	}
}

static void free_beside(struct beside *b)
{
	barrier_remove(&b->barrier);
	b->guest.plugin->beside_free(&b->guest);
	guest_fini(&b->guest);
	acre_ignore(sys_close(TAKE_FD(b->done_fd)));
	mem_free(b);
}

/* Of one that was left, and has ended. */
static void bury(struct beside *b)
{
	if (b->is_jailed) {
		barrier_remove(&b->barrier);
		return;
	}
	free_beside(b);
	atomic_fetch_sub(n_left, 1);
}

static void *live(void *arg)
{
	struct beside *b = arg;
	uint64_t one = 1;
	int r;

	barrier_begin(&b->barrier);
	pthread_setname_np(pthread_self(), "acre-guest");
	barrier_remove(
		&b->barrier); /* what Python does no fork waits for: it is a stranger */
	r = b->guest.plugin->beside_run(&b->guest);
	if (r < 0)
		refuse(&b->guest, r);
	report_thread_fini();
	acre_ignore(sys_write(b->done_fd, &one, sizeof one));
	if (atomic_exchange(&b->fate, HAS_ENDED) == IS_LEFT)
		bury(b);
	return NULL;
}

static int start(struct beside *b)
{
	int r = b->done_fd = sys_eventfd(0, 0);

	if (r >= 0)
		r = guest_init(&b->guest, atomic_load(&loaded));
	if (r < 0)
		return r;
	b->guest.is_beside = true;
	r = barrier_start(&b->barrier, &b->thread,
			  &(const struct barrier_start){ .name = "a guest",
							 .rank = BARRIER_CALLS,
							 .fn = live,
							 .arg = b });
	if (r < 0)
		guest_fini(&b->guest);
	return r;
}

int guest_beside_open(struct guest **ret, const char *name)
{
	struct beside *b;
	int r;

	if (guest_beside_n_left() >= LEFT_MAX)
		return acre_fail(
			EBUSY,
			"%d guests that did not end are left in this process, which "
			"takes no more: other processes do (subint_forkserver)",
			guest_beside_n_left());
	b = mem_zalloc(sizeof *b);
	if (!b)
		return acre_fail(ENOMEM, "no memory for a guest");
	snprintf(b->name, sizeof b->name, "%s", name);
	r = start(b);
	if (r < 0) {
		acre_ignore(sys_close(TAKE_FD(b->done_fd)));
		mem_free(b);
		return acre_fail(-r, "making a thread for the guest of actor %s", name);
	}
	*ret = &b->guest;
	return 0;
}

static bool is_done(const struct beside *b, int64_t timeout_ns)
{
	struct pollfd p = { .fd = b->done_fd, .events = POLLIN };

	return sys_poll(&p, 1, timeout_ns) > 0;
}

static void *jail(void *arg)
{
	struct beside *b = arg;

	barrier_begin(&b->jailer);
	b->guest.plugin->beside_jail(&b->guest);
	barrier_remove(&b->jailer);
	return NULL;
}

/* False: it begins or ends by itself. Without a thread for the jail it goes on as it does. */
static bool send_to_jail(struct beside *b)
{
	pthread_t thread;

	b->is_jailed = b->guest.plugin->beside_condemn(&b->guest);
	if (b->is_jailed &&
	    barrier_start(&b->jailer, &thread,
			  &(const struct barrier_start){ .name = "the jailer of a guest",
							 .rank = BARRIER_CALLS,
							 .fn = jail,
							 .arg = b }) >= 0)
		pthread_detach(thread);
	return b->is_jailed;
}

/* Whether it has ended in its time, of which one that was left before gets none. */
static bool has_ended(struct beside *b)
{
	struct guest *guest = &b->guest;
	bool is_over = is_done(b, 0);

	for (int i = 0; !is_over && !guest->is_left && i < GRACE_TURNS; i++) {
		if (i >= GRACE_TURNS / 2) /* its own end may take that long */
			guest->plugin->guest_interrupt(guest);
		is_over = is_done(b, GRACE_TURN_NS);
	}
	if (!is_over && !send_to_jail(b))
		is_over = is_done(b, LAST_GRACE_NS);
	return is_over;
}

static void leave(struct beside *b)
{
	pthread_detach(b->thread);
	log_say(ACRE_LOG_WARNING,
		"the guest of actor %s does not end: it is jailed, and left in this "
		"process as "
		"one of %d",
		b->name, atomic_fetch_add(n_left, 1) + 1);
	if (atomic_exchange(&b->fate, IS_LEFT) == HAS_ENDED)
		bury(b);
}

void guest_beside_close(struct guest *guest)
{
	struct beside *b = container_of(guest, struct beside, guest);

	guest_end(guest);
	if (!has_ended(b)) {
		leave(b);
		return;
	}
	pthread_join(b->thread, NULL); /* bound: it has written its last */
	free_beside(b);
}
