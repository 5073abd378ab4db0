/* SPDX-License-Identifier: MIT */
/* be_thread.c - an actor as a thread of this process, with a loop and tasks of its own. */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "actor/backend.h"
#include "actor/child.h"
#include "actor/guest_beside.h"
#include "actor/runtime.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/panic.h"
#include "base/sys.h"
#include "base/util.h"
#include "core/barrier.h"

/*
 * It shares nothing with its parent but the process: it has its own loop, runtime and
 * reports, and they talk over a link as all others do, but one in memory. So it is
 * cancelled, joined and told about like a process. What stands for its pidfd is an eventfd
 * that it makes readable as the last thing it does.
 *
 * What it cannot be is killed. A soft signal cancels its root scope, through its mailbox; so
 * does SIGKILL, by the link that is cut. One that does not look at cancellation ends with
 * its process only: an actor that hosts such a thread ends itself then, with a word on
 * stderr, and its own parent is told so. The root's process goes on waiting, whichever of
 * its actors the thread belongs to, for a nursery closes only when all in it has ended: it
 * says so, and an impatient user interrupts it a third time.
 */

/* From SIGKILL, which the cut link makes a cancellation, to the end of the process, or to a
 * word on stderr that there will be none */
#define LAST_GRACE_NS (500 * LIFE_MS)
/* Its guest is left in 0.8 s, and ended or jailed in 2 s more (guest_beside.c) */
#define GUEST_GRACE_NS (3000 * LIFE_MS)

struct body {
	struct child_boot boot;
	const char *name; /* borrowed: as long as it is in the child table */
	char title[ACTOR_TITLE_MAX];
	char words[LAST_WORDS_MAX + 1];
	struct barrier_thread barrier; /* before its loop is registered, and after that */
	pthread_t thread;
	pthread_mutex_t lock;
	struct loop *loop; /* of the thread, while letters may be posted; under the lock */
	struct letter end; /* asks it to end */
	bool is_asked;	   /* under the lock */
	bool is_posted;	   /* under the lock: `end` is in the mailbox */
	struct timer last; /* of the parent's loop */
	_Atomic pid_t tid; /* 0: it has not begun */
	int status;
	int done_fd; /* borrowed from life->pid */
	struct guest
		*guest; /* owned by the thread, once it has begun; NULL: it hosts none */
};

static struct body *body_of(struct life *l)
{
	return l->thread;
}

/*
 * In the thread.
 */

static void asked_to_end(struct letter *letter)
{
	struct body *b = container_of(letter, struct body, end);

	pthread_mutex_lock(&b->lock);
	b->is_posted = false;
	pthread_mutex_unlock(&b->lock);
	if (!loop_this->ended)
		scope_cancel(&loop_this->root.scope, ACRE_REASON_TERMINATE);
}

static void post_end_locked(struct body *b)
{
	if (!b->is_asked || !b->loop || b->is_posted)
		return;
	b->is_posted = true;
	mailbox_post(&b->loop->mailbox, &b->end);
}

static void has_loop(void *arg, struct loop *loop)
{
	struct body *b = arg;

	pthread_mutex_lock(&b->lock);
	b->loop = loop;
	post_end_locked(b);
	pthread_mutex_unlock(&b->lock);
	if (!loop && loop_this)
		mailbox_read(&loop_this->mailbox); /* none can come after this */
}

static void *run(void *arg)
{
	struct body *b = arg;
	uint64_t one = 1;
	int done_fd = b->done_fd;

	barrier_begin(&b->barrier);
	atomic_store(&b->tid, sys_gettid());
	pthread_setname_np(pthread_self(), "acre-actor");
	b->status = child_live(&b->boot);
	if (b->guest)
		guest_beside_close(b->guest);
	barrier_go(&b->barrier); /* not while the loop that is to join us stands still */
	report_thread_fini();
	acre_ignore(sys_write(done_fd, &one, sizeof one));
	return NULL;
}

/*
 * In the parent.
 */

static void ladder_is_over(struct timer *timer)
{
	struct body *b = container_of(timer, struct body, last);

	if (runtime_this->is_in_root) {
		log_say(ACRE_LOG_WARNING,
			"actor %s is a thread that does not end, and cannot be killed "
			"alone: "
			"actor %s, in the process of the root, goes on waiting for it",
			b->name, runtime_this->name);
		return;
	}
	log_say(ACRE_LOG_CRITICAL,
		"actor %s is a thread that does not end, and cannot be killed alone: "
		"actor %s ends with it",
		b->name, runtime_this->name);
	acre_ignore(pidref_signal(&runtime_this->self, SIGKILL));
}

/* By the watchdog, while our loop is stuck. */
static void ask_thread(struct child_entry *e)
{
	struct body *b = body_of(container_of(e, struct life, entry));

	pthread_mutex_lock(&b->lock);
	b->is_asked = true;
	post_end_locked(b);
	pthread_mutex_unlock(&b->lock);
}

static void signal_thread(struct life *l, int sig)
{
	struct body *b = body_of(l);

	pthread_mutex_lock(&b->lock);
	b->is_asked |= sig == SIGTERM || sig == SIGKILL;
	post_end_locked(b);
	pthread_mutex_unlock(&b->lock);
	if (sig == SIGKILL)
		timer_set(&b->last,
			  clock_now() + LAST_GRACE_NS + (b->guest ? GUEST_GRACE_NS : 0),
			  ladder_is_over);
}

static void join(struct life *l)
{
	struct body *b = body_of(l);

	child_table_remove(&l->entry); /* nobody asks it any more */
	timer_stop(&b->last);
	pthread_join(b->thread, NULL); /* bound: it has written its last, or is asked to */
	barrier_remove(&b->barrier);
	l->death.status = b->status;
	last_words_say(&l->words, b->words);
	pthread_mutex_destroy(&b->lock);
	l->thread = mem_free(b);
}

/* /proc has threads by their numbers, too. */
static pid_t thread_runs_as(struct life *l)
{
	return atomic_load(&body_of(l)->tid);
}

static bool collect_thread(struct life *l)
{
	join(l);
	return true;
}

static const struct life_body body = { .send = signal_thread,
				       .collect = collect_thread,
				       .await = join,
				       .runs_as = thread_runs_as };

/* What the thread owns: copies of what a process would inherit. */
static int give_fds(struct child_boot *boot, const struct birth *birth)
{
	const struct runtime *rt = runtime_this;
	int root = rt->is_root ? rt->self.fd : rt->root_pidfd;
	int r = boot->root_pidfd = sys_fcntl(root, F_DUPFD_CLOEXEC, 0);

	if (r >= 0)
		r = boot->status_fd = sys_fcntl(birth->status_fd, F_DUPFD_CLOEXEC, 0);
	return r < 0 ? r : 0;
}

/* The link is the thread's if there is one. */
static int start(struct body *b, struct memory_end *link)
{
	int r;

	CHECK(link); /* the row of its backend says that it shares our memory */
	b->boot.link_memory = link;
	r = barrier_start(&b->barrier, &b->thread,
			  &(const struct barrier_start){ .name = "the thread of an actor",
							 .rank = BARRIER_CALLS,
							 .fn = run,
							 .arg = b });
	if (r < 0)
		b->boot.link_memory = NULL;
	return r;
}

static struct body *body_new(const struct birth *birth)
{
	struct body *b = mem_zalloc(sizeof *b);

	if (!b)
		return NULL;
	b->name = birth->name;
	snprintf(b->title, sizeof b->title, "%s", birth->title);
	b->boot = (struct child_boot){ .title = b->title,
				       .link_fd = -1,
				       .parent_pidfd = -1,
				       .root_pidfd = -1,
				       .status_fd = -1,
				       .has_loop = has_loop,
				       .arg = b,
				       .is_in_root = runtime_this->is_in_root,
				       .contained_by = runtime_this->contained_by,
				       .words = b->words };
	b->end.fn = asked_to_end;
	pthread_mutex_init(&b->lock, NULL);
	return b;
}

static struct body *body_free(struct body *b)
{
	child_boot_close(&b->boot);
	pthread_mutex_destroy(&b->lock);
	return mem_free(b);
}

static void enter(struct life *life, const char *name)
{
	child_table_lock();
	child_table_add(&life->entry, life->pid.pid, -1, CHILD_THREAD);
	life->entry.ask = ask_thread;
	life->entry.name = name;
	child_table_unlock();
}

static int check(const struct birth *birth)
{
	return birth->program ? acre_fail(EINVAL,
					  "actor %s: another program is for the backend "
					  "exec only",
					  birth->name)
			      : 0;
}

static int make(struct life *life, const struct birth *birth, struct guest *guest)
{
	auto_close int done = -1;
	struct body *b = body_new(birth);
	int r;

	if (!b)
		return acre_fail(ENOMEM, "no memory for actor %s", birth->name);
	b->guest = b->boot.guest = guest;
	r = done = b->done_fd = sys_eventfd(0, 0);
	if (r >= 0)
		r = give_fds(&b->boot, birth);
	if (r >= 0)
		r = start(b, birth->link_memory);
	if (r < 0) {
		body_free(b);
		return acre_fail(-r, "making a thread for actor %s", birth->name);
	}
	life->body = &body;
	life->thread = b;
	life->pid = (struct pidref){ .pid = sys_getpid(), .fd = TAKE_FD(done) };
	enter(life, birth->name);
	return 0;
}

int be_thread_make(struct life *life, const struct birth *birth)
{
	int r = check(birth);

	return r < 0 ? r : make(life, birth, NULL);
}

static int begin_python(void *unused)
{
	(void)unused;
	return guest_beside_begin();
}

/* To load Python takes more stack than a task has, and more time than a loop. */
int be_subint_make(struct life *life, const struct birth *birth)
{
	struct guest *guest = NULL;
	int r = check(birth);

	if (r >= 0)
		r = acre_note(acre_blocking(begin_python, NULL),
			      "making a guest of this process for actor %s", birth->name);
	if (r >= 0)
		r = guest_beside_open(&guest, birth->name);
	if (r >= 0)
		r = make(life, birth, guest);
	if (r < 0 && guest)
		guest_beside_close(guest);
	return r;
}
