/* SPDX-License-Identifier: MIT */
/* watchdog.c - the thread that needs no loop: death of the parent, strangers, stuck loops. */
#include "actor/watchdog.h"

#include <pthread.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>

#include "actor/dumper.h"
#include "actor/runtime.h"
#include "actor/sweep.h"
#include "actor/tty.h"
#include "base/clock.h"
#include "base/panic.h"
#include "base/sys.h"
#include "base/util.h"
#include "core/barrier.h"
#include "core/child_table.h"
#include "core/trace.h"

/*
 * The thread waits in one place, for what the list of descriptors below says, and for the
 * earlier of two instants: its next look at the loop, and its next sweep. In an idle
 * program there is neither.
 *
 * Looks are counted, not seconds: after SIGSTOP and SIGCONT the loop has had no more time
 * than we. What the loop is to know (it was blocked; there was an interrupt) goes to it
 * as a letter, which it reads when it is back.
 */

#define MS INT64_C(1000000)
/* A loop that stands still is found in one to one and a half seconds (promise G6) */
#define LOOK_NS	    (500 * MS)
#define STUCK_LOOKS 2
/* SIGINTs that are nearer to each other are one: a flood, or a key held down */
#define APART_NS (250 * MS)
/* Between two looks at SIGINT while they come without a pause */
#define FLOOD_NS (20 * MS)
/* A stranger that was killed takes some time to die: from here, doubled up to a second */
#define SWEEP_AGAIN_NS (1 * MS)
/* A program that is no actor may leave a daemon at any moment, which nothing tells us */
#define SWEEP_ROUND_NS (1000 * MS)
/* The last sweeps, for strangers that die slowly: with our end they go to our parent */
#define LAST_SWEEPS_NS (1000 * MS)
/* A sweep's two buffers and a line of text, with room for sanitizers */
#define STACK_SIZE (256 * 1024)

enum { RING, PARENT, ROOT, INTERRUPT, DUMP, N_FDS };

static struct {
	struct runtime *rt; /* borrowed; NULL: no thread. The loop's thread */
	pid_t runs_in;	    /* the process that has the thread */
	pthread_t thread;
	struct barrier_thread barrier;
	bool has_told;	     /* children of an interrupt, while the loop was stuck */
	_Atomic bool sweeps; /* there are, or have been, actors below us */
	bool was_subreaper;  /* before that */
	_Atomic int ring_fd; /* eventfd; -1: there is none */
	int signal_fd;	     /* SIGINT; -1: not ours */
	int dump_fd;	     /* SIGUSR1; -1: not ours */
	_Atomic bool stops;
	_Atomic bool sweep_wanted;
	_Atomic int64_t interrupt_at; /* when the thread last saw a SIGINT; 0: never */
	struct letter interrupt, blocked; /* to the loop */
	_Atomic bool interrupt_posted, blocked_posted;
	_Atomic int64_t stuck_since; /* 0: it goes round */
	_Atomic uint32_t stuck_task; /* number of the task; 0: none, a callback */
} dog = { .ring_fd = -1, .signal_fd = -1, .dump_fd = -1 };

/* The thread's own. */
struct watch_state {
	struct pollfd fds[N_FDS + N_TTY_POLLS];	  /* the last ones are the keeper's */
	int64_t look_at, sweep_at, interrupts_at; /* instants; ACRE_NEVER_NS_ */
	int64_t again_ns; /* between two sweeps while strangers die */
	uint64_t turns;	  /* as seen at the last look */
	uint32_t n_same;  /* looks since then that saw the same */
	int64_t same_since;
};

static void ring(void)
{
	uint64_t one = 1;
	int fd = atomic_load(&dog.ring_fd);

	if (fd >= 0)
		acre_ignore(sys_write(fd, &one, sizeof one));
}

/* Any thread: a child has ended, there may be strangers. */
static void sweep_soon(void)
{
	if (!atomic_exchange(&dog.sweep_wanted, true))
		ring();
}

/*
 * Death of the parent.
 */

static void die_at_once(void)
{
	acre_ignore(pidref_signal(&dog.rt->self, SIGKILL));
	for (;;)
		acre_ignore(sys_poll(NULL, 0, -1)); /* bound: SIGKILL */
}

/*
 * Strangers.
 */

static void sweep_if_due(struct watch_state *s)
{
	int64_t now = clock_real();

	if (atomic_exchange(&dog.sweep_wanted, false))
		s->again_ns = SWEEP_AGAIN_NS;
	else if (now < s->sweep_at)
		return;
	if (sweep() > 0) {
		s->sweep_at = now + s->again_ns;
		s->again_ns = int64_min(2 * s->again_ns, SWEEP_ROUND_NS);
	} else {
		s->sweep_at = child_table_has_programs() ? now + SWEEP_ROUND_NS
							 : ACRE_NEVER_NS_;
		s->again_ns = SWEEP_AGAIN_NS;
	}
}

static void sweep_last(void)
{
	int64_t end = clock_real() + LAST_SWEEPS_NS;

	while (atomic_load(&dog.sweeps) && sweep() > 0 && clock_real() < end)
		acre_ignore(sys_poll(NULL, 0, SWEEP_AGAIN_NS));
}

/*
 * A loop that stands still.
 */

static bool is_stuck(void)
{
	return atomic_load(&dog.stuck_since) != 0;
}

/* In the loop's thread, which is back. */
static void loop_was_blocked(struct letter *letter)
{
	int64_t since = atomic_exchange(&dog.stuck_since, 0);

	(void)letter;
	atomic_store(&dog.blocked_posted, false);
	if (since)
		trace(ACRE_EVENT_LOOP_BLOCKED, atomic_load(&dog.stuck_task),
		      (uint64_t)(clock_real() - since));
}

/* The task that runs may be another one by now, or gone: its memory is mapped until the
 * loop ends, and what was read counts only if the loop has not moved meanwhile. */
__attribute__((no_sanitize("thread"))) static void copy_name(char *ret, size_t size)
{
	const struct task *t = __atomic_load_n(&dog.rt->loop->current, __ATOMIC_ACQUIRE);
	const char *name = t ? t->name : NULL;

	snprintf(ret, size, "%.*s", TASK_NAME_MAX - 1, name ? name : "");
}

static void loop_is_stuck(const struct watch_state *s)
{
	if (is_stuck())
		return;
	atomic_store(&dog.stuck_task, status_get(&dog.rt->loop->status->task));
	atomic_store(&dog.stuck_since, s->same_since);
	if (!atomic_exchange(&dog.blocked_posted, true))
		mailbox_post(&dog.rt->loop->mailbox, &dog.blocked);
}

static void see_turns(struct watch_state *s, int64_t now)
{
	uint64_t turns = dog.rt->loop->status->n_turns;

	if (turns != s->turns) {
		s->turns = turns;
		s->n_same = 0;
		s->same_since = now;
	} else if (++s->n_same >= STUCK_LOOKS && !PLANTED(STUCK_LOOP_UNSEEN)) {
		loop_is_stuck(s);
		/* nobody tells us of deaths now */
		atomic_store(&dog.sweep_wanted, atomic_load(&dog.sweeps));
	}
}

static void look_if_due(struct watch_state *s)
{
	struct loop *loop = dog.rt->loop;
	int64_t now = clock_real();

	if (now < s->look_at)
		return;
	if (status_may_sleep(loop->status, &loop->bell, atomic_load(&dog.ring_fd))) {
		s->look_at = ACRE_NEVER_NS_;
		s->turns = loop->status->n_turns - 1; /* the next look sees a new one */
		return;
	}
	see_turns(s, now);
	s->look_at = now + LOOK_NS;
}

/*
 * SIGINT while it stands still.
 */

bool watchdog_has_taken_interrupt(void)
{
	int64_t at = atomic_load(&dog.interrupt_at);

	return at && clock_real() - at < APART_NS;
}

/* In the loop's thread, which is back. */
static void loop_was_interrupted(struct letter *letter)
{
	(void)letter;
	atomic_store(&dog.interrupt_posted, false);
	runtime_was_interrupted(dog.rt);
}

static void say_interrupt(const char *done)
{
	char task[TASK_NAME_MAX];

	copy_name(task, sizeof task);
	log_say(ACRE_LOG_WARNING,
		"SIGINT: the loop of %s has been blocked by task %s for %jd ms: %s",
		dog.rt->name, *task ? task : "(none: a callback)",
		(intmax_t)((clock_real() - atomic_load(&dog.stuck_since)) / MS), done);
}

/* One that is a thread hears the first word only: there are children all the same. */
static void tell_children(int sig, const char *done)
{
	size_t n = child_table_tell(sig);
	char text[64];

	dog.has_told |= n > 0;
	snprintf(text, sizeof text, "%s %zu", done, n);
	say_interrupt(dog.has_told ? text
				   : "it has no children; the third interrupt ends it");
}

static void escalate(void)
{
	uint32_t n = atomic_fetch_add(&dog.rt->n_interrupts, 1) + 1;

	if (!atomic_exchange(&dog.interrupt_posted, true))
		mailbox_post(&dog.rt->loop->mailbox, &dog.interrupt);
	if (n == 1) {
		tell_children(SIGTERM, "passed on to its children:");
	} else if (n == 2) {
		tell_children(SIGKILL, "killed its children:");
	} else {
		say_interrupt("ending");
		runtime_die_of_interrupt(dog.rt);
		die_at_once(); /* the program has another idea of SIGINT */
	}
}

/* All that come without a pause are one. */
static void take_interrupts(struct watch_state *s)
{
	int64_t now = clock_real(), last = atomic_load(&dog.interrupt_at);
	struct signalfd_siginfo info;
	bool any = false;

	while (sys_read(dog.signal_fd, &info, sizeof info) == (ssize_t)sizeof info)
		any = true;
	if (!any)
		return;
	atomic_store(&dog.interrupt_at, now);
	s->interrupts_at = now + FLOOD_NS;
	if (!last || now - last >= APART_NS || PLANTED(FLOOD_COUNTED))
		escalate();
}

/*
 * SIGUSR1. The thread that writes dumps begins with the first one, which it finds as we do:
 * it is for few, and every actor would pay for it.
 */

static void forget_signal(void)
{
	struct signalfd_siginfo info;

	acre_ignore(sys_read(dog.dump_fd, &info, sizeof info));
}

static void ask_for_dump(struct watch_state *s)
{
	if (dumper_take_signal() >= 0)
		s->fds[DUMP].fd = -1;
	else
		forget_signal(); /* it cannot be had now; the next one may be luckier */
}

/*
 * The thread.
 */

static bool minds_interrupts(void)
{
	return is_stuck() && atomic_load(&dog.rt->minds_interrupts);
}

/* Also chooses whether SIGINT is one of the things. */
static int64_t time_to_wait(struct watch_state *s)
{
	int64_t now = clock_real(), at = int64_min(s->look_at, s->sweep_at);

	s->fds[INTERRUPT].fd = -1;
	if (minds_interrupts() && now >= s->interrupts_at)
		s->fds[INTERRUPT].fd = dog.signal_fd;
	else if (minds_interrupts())
		at = int64_min(at, s->interrupts_at);
	return at == ACRE_NEVER_NS_ ? -1 : int64_max(at - now, 0);
}

static void wait_for_something(struct watch_state *s)
{
	int64_t timeout_ns = time_to_wait(s);
	uint64_t rings;

	tty_keeper_fds(s->fds + N_FDS);
	barrier_rest(&dog.barrier);
	acre_ignore(sys_poll(s->fds, ARRAY_N(s->fds), timeout_ns));
	if (s->fds[PARENT].revents || s->fds[ROOT].revents)
		die_at_once(); /* needs no lock, and does not wait for one that forks */
	barrier_go(&dog.barrier);
	if (!s->fds[RING].revents)
		return;
	acre_ignore(sys_read(s->fds[RING].fd, &rings, sizeof rings));
	s->look_at = int64_min(s->look_at, clock_real() + LOOK_NS);
}

static void *run(void *unused)
{
	struct watch_state s = { .look_at = 0,
				 .turns = UINT64_MAX, /* the first look sees a new one */
				 .sweep_at = ACRE_NEVER_NS_,
				 .again_ns = SWEEP_AGAIN_NS };

	(void)unused;
	barrier_begin(&dog.barrier);
	logger_speak_for(&dog.rt->loop->logger);
	pthread_setname_np(pthread_self(), "acre-watchdog");
	for (int i = 0; i < N_FDS; i++)
		s.fds[i] = (struct pollfd){ .fd = -1, .events = POLLIN };
	s.fds[RING].fd = atomic_load(&dog.ring_fd);
	s.fds[DUMP].fd = dog.dump_fd;
	if (!PLANTED(PARENT_UNWATCHED) && !child_outlives_parent) {
		s.fds[PARENT].fd = dog.rt->parent_pidfd;
		s.fds[ROOT].fd = dog.rt->root_pidfd;
	}
	while (!atomic_load(&dog.stops)) {
		wait_for_something(&s);
		if (s.fds[INTERRUPT].revents)
			take_interrupts(&s);
		if (s.fds[DUMP].revents)
			ask_for_dump(&s);
		tty_keeper_look(s.fds + N_FDS);
		look_if_due(&s);
		sweep_if_due(&s);
	}
	sweep_last();
	return NULL;
}

/*
 * Its beginning and end, in the loop's thread.
 */

static int open_signal(int sig)
{
	sigset_t only;

	sigemptyset(&only);
	sigaddset(&only, sig);
	return sys_signalfd(-1, &only, SFD_NONBLOCK);
}

static int open_descriptors(const struct runtime *rt)
{
	int r = sys_eventfd(0, EFD_NONBLOCK);

	if (r < 0)
		return r;
	atomic_store(&dog.ring_fd, r);
	r = rt->is_root ? tty_keeper_open() : 0;
	if (r < 0)
		return r;
	if (rt->signal_fd < 0)
		return 0;
	r = dog.signal_fd = open_signal(SIGINT);
	if (r >= 0)
		r = dog.dump_fd = open_signal(SIGUSR1);
	return r < 0 ? r : 0;
}

static void close_descriptors(void)
{
	sys_close(atomic_exchange(&dog.ring_fd, -1));
	sys_close(TAKE_FD(dog.signal_fd));
	sys_close(TAKE_FD(dog.dump_fd));
	tty_keeper_close();
}

static void be_subreaper(bool on)
{
	acre_ignore(sys_prctl(PR_SET_CHILD_SUBREAPER, on, 0, 0, 0));
}

static int start_thread(void)
{
	return barrier_start(&dog.barrier, &dog.thread,
			     &(const struct barrier_start){ .name = "the watchdog",
							    .rank = BARRIER_CALLS,
							    .fn = run,
							    .stack_size = STACK_SIZE });
}

static void reset(struct runtime *rt)
{
	tty_keeper_forget(); /* a parent's, in a child of fork */
	dog.rt = rt;
	dog.runs_in = sys_getpid();
	dog.ring_fd = dog.signal_fd = dog.dump_fd =
		-1; /* not those of a parent, in a child of fork */
	dog.stops = dog.sweep_wanted = dog.sweeps = dog.has_told = false;
	dog.interrupt_at = dog.stuck_since = 0;
	dog.interrupt_posted = dog.blocked_posted = false;
	dog.interrupt = (struct letter){ .fn = loop_was_interrupted };
	dog.blocked = (struct letter){ .fn = loop_was_blocked };
}

int watchdog_start(struct runtime *rt)
{
	int r;

	if (dog.rt && dog.runs_in == sys_getpid())
		return 0;
	reset(rt);
	r = open_descriptors(rt);
	if (r >= 0)
		r = start_thread();
	if (r < 0) {
		close_descriptors();
		dog.rt = NULL;
		return acre_fail(report_class(r), "the watchdog could not be started");
	}
	return 0;
}

int watchdog_start_sweeping(struct runtime *rt)
{
	int was = 0, r = watchdog_start(rt);

	if (r < 0 || atomic_load(&dog.sweeps))
		return r;
	acre_ignore(sys_prctl(PR_GET_CHILD_SUBREAPER, (uintptr_t)&was, 0, 0, 0));
	dog.was_subreaper = was;
	be_subreaper(true);
	atomic_store(&dog.sweeps, true);
	child_table_tell_changes(sweep_soon);
	return 0;
}

void watchdog_forget(void)
{
	dog.rt = NULL;
	dog.signal_fd = dog.dump_fd = -1;
	atomic_store(&dog.ring_fd, -1);
}

void watchdog_stop(const struct runtime *rt)
{
	if (!rt || dog.rt != rt || dog.runs_in != sys_getpid())
		return;
	child_table_tell_changes(NULL);
	atomic_store(&dog.stops, true);
	ring();
	barrier_rest(
		&rt->loop->barrier); /* the thread may have to wait for one that forks */
	CHECK(pthread_join(dog.thread, NULL) == 0); /* bound: LAST_SWEEPS_NS */
	barrier_go(&rt->loop->barrier);
	barrier_remove(&dog.barrier);
	acre_ignore(mailbox_read(&rt->loop->mailbox)); /* our letters end here */
	if (atomic_load(&dog.sweeps))
		be_subreaper(dog.was_subreaper);
	atomic_store(&rt->loop->bell.watcher_sleeps, false);
	if (dog.dump_fd >= 0) /* nobody takes it from here on, and unblocked it kills */
		forget_signal();
	close_descriptors();
	dog.rt = NULL;
}
