/* SPDX-License-Identifier: MIT */
/* dumper.c - the thread that writes a dump when time is over, or when SIGUSR1 comes. */
/*
 * It exists while there is something to wait for: a hang that was not closed, or, from the first
 * one on, the signal; the watchdog has it started then. It waits in one poll, for a word from us,
 * for the signal, or for the earliest hang. It sees nothing of loops and tasks; dump_write()
 * finds them.
 *
 * While it writes it holds no lock. A hang that is being told stays where it is: its close
 * waits for that.
 */
#define _GNU_SOURCE
#include "actor/dumper.h"

#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>

#include "actor/dump.h"
#include "base/clock.h"
#include "base/environment.h"
#include "base/forkonce.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/sys.h"
#include "base/util.h"
#include "core/barrier.h"
#include "core/loop.h"
#include "core/report.h"

#define THREAD_NAME "acre-dump"
#define FILE_MODE   0600 /* a dump may hold what others must not read */

struct hang {
	struct list node; /* in dumper.hangs, until closed */
	int64_t at;
	char *path; /* owned; NULL: the usual place */
	char *told; /* owned: where it was written; NULL: it was not. Under the lock */
	struct logger *logger;	      /* borrowed: of whoever waits for its close */
	bool is_being_told, was_told; /* under the lock */
};
_Static_assert(sizeof(struct hang) <= sizeof(struct acre_hang), "the public hang holds ours");

static struct {
	pthread_mutex_t lock;
	pthread_cond_t told; /* a dump was written */
	struct list hangs;   /* this and all below under the lock */
	bool takes_signal, tells_signal, stops, runs;
	struct logger *logger; /* borrowed: of whoever takes the signal */
	_Atomic pid_t pid; /* whose dumper this is, see forkonce.h */
	pthread_t thread;
	int wake_fd, signal_fd; /* owned while the thread runs */
	struct barrier_thread barrier;
} dumper;

static struct hang *hang_of(const struct acre_hang *hang)
{
	return (struct hang *)(uintptr_t)hang;
}

/* The file. */

static void usual_path(char ret[PATH_MAX])
{
	const char *dir = environment(ENVIRONMENT_XDG_RUNTIME_DIR);

	if (!dir)
		dir = environment(ENVIRONMENT_TMPDIR);
	snprintf(ret, PATH_MAX, "%s/acre-%d.dump", dir ? dir : "/tmp",
		 (int)sys_getpid());
}

/* In a directory that all may write to somebody may have put something. */
static int check_usual(int fd)
{
	struct stat st;
	int r = sys_fstat(fd, &st);

	if (r < 0)
		return r;
	return S_ISREG(st.st_mode) && st.st_uid == getauxval(AT_EUID) && st.st_nlink == 1
		       ? 0
		       : -EPERM;
}

static int open_file(const char *path, char ret_path[PATH_MAX])
{
	int flags = O_WRONLY | O_CREAT | O_APPEND | O_NOCTTY | O_NONBLOCK;
	auto_close int fd = -1;
	int r = 0;

	if (path)
		snprintf(ret_path, PATH_MAX, "%s", path);
	else
		usual_path(ret_path);
	fd = sys_openat(AT_FDCWD, ret_path, path ? flags : flags | O_NOFOLLOW, FILE_MODE);
	if (fd < 0)
		return fd;
	if (!path)
		r = check_usual(fd);
	return r < 0 ? r : TAKE_FD(fd);
}

static char *write_file(const char *path, const char *why, struct logger *logger)
{
	char at[PATH_MAX];
	auto_close int fd = open_file(path, at);
	int r = fd;

	if (r >= 0)
		r = dump_line(fd, "%s", why);
	if (r >= 0)
		r = dump_write(fd);
	logger_speak_for(logger);
	if (r >= 0)
		log_say(ACRE_LOG_WARNING, "%s: a dump is in %s", why, at);
	else
		log_say(ACRE_LOG_WARNING, "%s: no dump could be written to %s: %s", why,
			at, strerrordesc_np(-r));
	logger_speak_for(NULL);
	return r >= 0 ? mem_strdup(at) : NULL;
}

/* The thread. */

static struct hang *earliest(void)
{
	struct hang *h, *first = NULL;

	list_for_each(h, &dumper.hangs, node)
		if (!h->was_told && (!first || h->at < first->at))
			first = h;
	return first;
}

static void tell_hang(struct hang *h)
{
	char *told;

	h->is_being_told = true;
	pthread_mutex_unlock(&dumper.lock);
	told = write_file(h->path, "a hang was not closed in time", h->logger);
	pthread_mutex_lock(&dumper.lock);
	h->told = told;
	h->is_being_told = false;
	h->was_told = true;
	pthread_cond_broadcast(&dumper.told);
}

static void tell_signal(void)
{
	struct logger *logger = dumper.logger; /* it leaves the signal only after this */
	struct signalfd_siginfo info;

	if (sys_read(dumper.signal_fd, &info, sizeof info) != (ssize_t)sizeof info)
		return;
	dumper.tells_signal = true;
	pthread_mutex_unlock(&dumper.lock);
	mem_free(write_file(NULL, "SIGUSR1 asked for it", logger));
	pthread_mutex_lock(&dumper.lock);
	dumper.tells_signal = false;
	pthread_cond_broadcast(&dumper.told);
}

/* Bound: the earliest hang, a word from us, or the signal. */
static void wait_for_work(const struct hang *first)
{
	struct pollfd fds[] = { { .fd = dumper.wake_fd, .events = POLLIN },
				{ .fd = dumper.takes_signal ? dumper.signal_fd : -1,
				  .events = POLLIN } };
	int64_t left = -1;
	uint64_t words;

	if (first) {
		left = int64_add(first->at, -clock_now());
		left = left > 0 ? left : 0;
	}
	pthread_mutex_unlock(&dumper.lock);
	barrier_rest(&dumper.barrier);
	acre_ignore(sys_poll(fds, ARRAY_N(fds), left));
	barrier_go(&dumper.barrier);
	pthread_mutex_lock(&dumper.lock);
	if (fds[0].revents)
		acre_ignore(sys_read(dumper.wake_fd, &words, sizeof words));
	if (fds[1].revents && dumper.takes_signal)
		tell_signal();
}

static void *run(void *unused)
{
	struct hang *first;

	(void)unused;
	barrier_begin(&dumper.barrier);
	acre_ignore(sys_prctl(PR_SET_NAME, (unsigned long)THREAD_NAME, 0, 0, 0));
	pthread_mutex_lock(&dumper.lock);
	while (!dumper.stops) {
		first = earliest();
		if (first && first->at <= clock_now())
			tell_hang(first);
		else
			wait_for_work(first);
	}
	pthread_mutex_unlock(&dumper.lock);
	return NULL;
}

static void wake(void)
{
	uint64_t one = 1;

	acre_ignore(sys_write(dumper.wake_fd, &one, sizeof one));
}

/* It begins and ends, under the lock. */

static int open_fds(void)
{
	sigset_t only;
	int r;

	sigemptyset(&only);
	sigaddset(&only, SIGUSR1);
	r = dumper.wake_fd = sys_eventfd(0, EFD_NONBLOCK);
	if (r >= 0)
		r = dumper.signal_fd = sys_signalfd(-1, &only, SFD_NONBLOCK);
	return r;
}

static void close_fds(void)
{
	sys_close(TAKE_FD(dumper.wake_fd));
	sys_close(TAKE_FD(dumper.signal_fd));
}

static int create_thread(void)
{
	return barrier_start(&dumper.barrier, &dumper.thread,
			     &(const struct barrier_start){
				     .name = "the thread that writes dumps",
				     .rank = BARRIER_CALLS,
				     .fn = run,
				     .stack_size = DUMP_STACK,
				     .blocks_all = true });
}

/* A parent's descriptors may be somebody else's numbers by now. */
static void make(void)
{
	pthread_mutex_init(&dumper.lock, NULL);
	pthread_cond_init(&dumper.told, NULL);
	list_init(&dumper.hangs);
	dumper.takes_signal = dumper.tells_signal = dumper.stops = dumper.runs = false;
	dumper.wake_fd = dumper.signal_fd = -1;
}

static void lock(void)
{
	fork_once(&dumper.pid, sys_getpid(), make);
	pthread_mutex_lock(&dumper.lock);
}

/*
 * The dumper stays while somebody forks, so a loop's thread that waits for its end rests as
 * well. It does so without the lock, which nobody holds who stays.
 */
static void rest(void)
{
	pthread_mutex_unlock(&dumper.lock);
	if (loop_this)
		barrier_rest(&loop_this->barrier);
}

static void go(void)
{
	if (loop_this)
		barrier_go(&loop_this->barrier);
	pthread_mutex_lock(&dumper.lock);
}

/* Bound: that it ends. */
static void wait_for_end_locked(void)
{
	rest();
	pthread_mutex_lock(&dumper.lock);
	while (dumper.stops)
		pthread_cond_wait(&dumper.told, &dumper.lock);
	pthread_mutex_unlock(&dumper.lock);
	go();
}

static int start_locked(void)
{
	int r;

	while (dumper.stops)
		wait_for_end_locked();
	if (dumper.runs)
		return 0;
	r = open_fds();
	if (r >= 0)
		r = create_thread();
	if (r < 0) {
		close_fds();
		return r;
	}
	dumper.runs = true;
	return 0;
}

static void stop_if_idle_locked(void)
{
	if (!dumper.runs || dumper.stops || dumper.takes_signal ||
	    !list_is_empty(&dumper.hangs))
		return;
	dumper.stops = true;
	wake();
	rest();
	pthread_join(dumper.thread, NULL); /* bound: the dump that it may be writing */
	go();
	barrier_remove(&dumper.barrier);
	close_fds();
	dumper.runs = false;
	dumper.stops = false;
	pthread_cond_broadcast(&dumper.told);
}

/* What others call. */

int dumper_take_signal(void)
{
	int r;

	lock();
	r = start_locked();
	if (r >= 0) {
		dumper.takes_signal = true;
		dumper.logger = logger_this();
		wake();
	}
	pthread_mutex_unlock(&dumper.lock);
	return r;
}

void dumper_leave_signal(void)
{
	lock();
	dumper.takes_signal = false;
	while (dumper.tells_signal) { /* bound: writing takes what there is to read */
		rest();
		pthread_mutex_lock(&dumper.lock);
		if (dumper.tells_signal)
			pthread_cond_wait(&dumper.told, &dumper.lock);
		pthread_mutex_unlock(&dumper.lock);
		go();
	}
	stop_if_idle_locked();
	pthread_mutex_unlock(&dumper.lock);
}

static int check_options(const struct acre_dump_options *o)
{
	if (o->flags || o->reserved[0] || o->reserved[1])
		return acre_fail(EINVAL,
				 "acre_dump_on_hang(): unknown flags 0x%llx or reserved "
				 "fields that are not 0",
				 (unsigned long long)o->flags);
	if (o->path && strlen(o->path) >= PATH_MAX)
		return acre_fail(ENAMETOOLONG, "acre_dump_on_hang(): a path of %zu bytes",
				 strlen(o->path));
	return 0;
}

int acre_dump_on_hang_(struct acre_hang *hang, acre_span span,
		       const struct acre_dump_options *options)
{
	struct hang *h = hang_of(hang);
	int r = check_options(options);

	*h = (struct hang){ .at = int64_add(clock_now(), span.ns),
			    .logger = logger_this() };
	if (r < 0)
		return r;
	if (options->path) {
		h->path = mem_strdup(options->path);
		if (!h->path)
			return acre_fail(ENOMEM, "no memory for the path of a dump");
	}
	lock();
	r = start_locked();
	if (r >= 0) {
		list_push(&dumper.hangs, &h->node);
		wake();
	}
	pthread_mutex_unlock(&dumper.lock);
	if (r >= 0)
		return 0;
	h->path = mem_free(h->path);
	return acre_fail(-r, "the thread that writes dumps could not be started");
}

int acre_hang_close(struct acre_hang *hang, int r)
{
	struct hang *h = hang_of(hang);

	lock();
	while (h->is_being_told) /* bound: writing takes what there is to read */
		pthread_cond_wait(&dumper.told, &dumper.lock);
	if (list_is_linked(&h->node)) {
		list_remove(&h->node);
		stop_if_idle_locked();
	}
	pthread_mutex_unlock(&dumper.lock);
	h->path = mem_free(h->path);
	h->told = mem_free(h->told);
	return r;
}

const char *acre_hang_path(const struct acre_hang *hang)
{
	const char *told;

	lock();
	told = hang_of(hang)->told;
	pthread_mutex_unlock(&dumper.lock);
	return told;
}
