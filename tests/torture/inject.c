/* SPDX-License-Identifier: MIT */
/* inject.c - makes the nth allocation, system call or thread of a process fail. */
/*
 * All that can fail is counted in one place, decide(): allocations by way of the allocator
 * hook (base/mem.h), system calls by way of the failing table (base/sys.h), and
 * pthread_create(), which the linker sends through here (--wrap).
 *
 * A call fails only with what the kernel could say to this very call: errno_rows names that,
 * by the kind of descriptor or by the second argument where it matters. A call that is not
 * listed is a failure of the test, so a new one cannot be forgotten. What only says "again"
 * (EINTR, EAGAIN) is not said for ever: the kernel does not either.
 *
 * An actor is another process and counts for itself. What it is to do comes by environment,
 * and what it did goes into a file of the test's directory.
 */
#define _GNU_SOURCE
#include "torture/inject.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/sys.h"
#include "lib/test.h"

#define VARIABLE    "ACRE_TORTURE_ACTOR"
#define ERRNOS_MAX  6
#define PATH_LENGTH 4096

const struct inject_mode inject_modes[] = {
	{ .name = "memory once", .memory = true },
	{ .name = "memory for ever", .memory = true, .for_ever = true },
	{ .name = "calls once", .calls = true },
	{ .name = "calls for ever", .calls = true, .for_ever = true },
	{ .name = "calls once, then no memory", .calls = true, .then_no_memory = true },
	{ .name = "calls at first use", .calls = true, .first_use = true },
	{ .name = "threads once", .threads = true },
	{ .name = "cut short", .cut_short = true }, /* one run, in which nothing fails */
};
const uint32_t inject_n_modes = ARRAY_N(inject_modes);

static struct {
	const struct inject_mode *mode; /* NULL: nothing fails */
	struct injection at;
	_Atomic uint64_t n;
	_Atomic bool failed;
	struct injected what; /* valid when failed */
	bool is_actor;
} plan;

/*
 * What the kernel can say.
 */

/* Of a descriptor that blocks nobody is told to come again. */
enum on { ANY, SOCKET, SOCKET_BLOCKS, PIPE, PIPE_BLOCKS, FILE_, OTHER, SECOND };

struct errno_row {
	const char *call;
	enum on on;
	long second; /* of SECOND: the second argument */
	int errnos[ERRNOS_MAX];
};

#define NO_DESCRIPTOR EMFILE, ENFILE, ENOMEM

static const struct errno_row errno_rows[] = {
	{ "read", SOCKET, 0, { ECONNRESET, EAGAIN, EINTR } },
	{ "read", SOCKET_BLOCKS, 0, { ECONNRESET, EINTR } },
	{ "read", PIPE, 0, { EAGAIN, EINTR } },
	{ "read", PIPE_BLOCKS, 0, { EINTR } },
	{ "read", FILE_, 0, { EIO, EINTR } },
	{ "read", OTHER, 0, { EAGAIN, EINTR } },
	{ "write", SOCKET, 0, { EPIPE, EINTR } },
	{ "write", SOCKET_BLOCKS, 0, { EPIPE, EINTR } },
	{ "write", PIPE, 0, { EPIPE, EINTR } },
	{ "write", PIPE_BLOCKS, 0, { EPIPE, EINTR } },
	{ "write", FILE_, 0, { ENOSPC, EIO, EINTR } },
	{ "write", OTHER, 0, { EINTR } },
	{ "sendmsg", SOCKET_BLOCKS, 0, { EPIPE, ECONNRESET, ENOBUFS, ENOMEM, EINTR } },
	{ "sendmsg", ANY, 0, { EPIPE, ECONNRESET, EAGAIN, ENOBUFS, ENOMEM, EINTR } },
	{ "recvmsg", ANY, 0, { ECONNRESET, ENOMEM, EINTR } },
	{ "shutdown", ANY, 0, { ENOTCONN } },
	{ "socket", ANY, 0, { NO_DESCRIPTOR } },
	{ "bind", ANY, 0, { EADDRINUSE, EACCES, ENOMEM } },
	{ "listen", ANY, 0, { EADDRINUSE } },
	{ "accept4", ANY, 0, { EAGAIN, ECONNABORTED, NO_DESCRIPTOR } },
	{ "connect", ANY, 0, { ECONNREFUSED, ENOENT, EACCES } },
	{ "getsockopt", ANY, 0, { ENOBUFS } },
	{ "getsockname", ANY, 0, { ENOBUFS } },
	{ "setsockopt", ANY, 0, { ENOBUFS } },
	{ "mkdirat", ANY, 0, { EACCES, ENOSPC } },
	{ "unlinkat", ANY, 0, { 0 } }, /* or the file would be left, by right */
	{ "fchmod", ANY, 0, { EPERM } },
	{ "flock", ANY, 0, { EINTR, ENOLCK } },
	{ "getrandom", ANY, 0, { ENOSYS, EINTR } },
	{ "close", ANY, 0, { EIO } },
	{ "close_range", ANY, 0, { ENOMEM } },
	{ "dup3", ANY, 0, { EBUSY, EINTR } },
	{ "fcntl", SECOND, F_DUPFD_CLOEXEC, { EMFILE } },
	{ "fcntl", SECOND, F_GETFD, { EBADF } },
	{ "fcntl", ANY, 0, { 0 } },
	{ "pipe2", ANY, 0, { NO_DESCRIPTOR } },
	{ "eventfd", ANY, 0, { NO_DESCRIPTOR } },
	{ "memfd_create", ANY, 0, { NO_DESCRIPTOR } },
	{ "ftruncate", ANY, 0, { ENOMEM } },
	{ "fallocate", ANY, 0, { ENOSPC, EINTR } },
	{ "signalfd", ANY, 0, { NO_DESCRIPTOR } },
	{ "timerfd_create", ANY, 0, { NO_DESCRIPTOR } },
	{ "timerfd_settime", ANY, 0, { 0 } },
	{ "epoll_create1", ANY, 0, { NO_DESCRIPTOR } },
	{ "epoll_ctl", SECOND, EPOLL_CTL_ADD, { ENOMEM, ENOSPC } },
	{ "epoll_ctl", ANY, 0, { 0 } },
	{ "epoll_wait", ANY, 0, { EINTR } },
	{ "poll", ANY, 0, { ENOMEM, EINTR } },
	{ "socketpair", ANY, 0, { NO_DESCRIPTOR } },
	{ "mmap", ANY, 0, { ENOMEM } },
	{ "munmap", ANY, 0, { 0 } },
	{ "mprotect", ANY, 0, { ENOMEM } },
	{ "madvise", ANY, 0, { ENOMEM, EINVAL } },
	{ "spawn", ANY, 0, { EAGAIN, ENOMEM } },
	{ "fork_process", ANY, 0, { EAGAIN, ENOMEM } },
	{ "fork_sibling", ANY, 0, { EAGAIN, ENOMEM } },
	{ "execve", ANY, 0, { ENOENT, EACCES, ENOMEM, E2BIG } },
	{ "prctl", ANY, 0, { EPERM, EINVAL } },
	{ "pidfd_open", ANY, 0, { NO_DESCRIPTOR } },
	{ "pidfd_send_signal", ANY, 0, { 0 } },
	{ "waitid", ANY, 0, { EINTR } },
	{ "setpgid", ANY, 0, { EPERM } },
	{ "kill_group", ANY, 0, { 0 } },
	{ "isatty", ANY, 0, { 0 } },
	{ "chdir", ANY, 0, { ENOENT, EACCES, ENOMEM } },
	{ "sched_getaffinity", ANY, 0, { ENOMEM } },
	{ "sigaction", ANY, 0, { 0 } },
	{ "sigaltstack", ANY, 0, { ENOMEM } },
	{ "getpgid", ANY, 0, { ESRCH } },
	{ "getdents64", ANY, 0, { ENOENT } },
	{ "openat", ANY, 0, { EMFILE, ENFILE, ENOMEM, ENOENT, EACCES, EINTR } },
	{ "fstat", ANY, 0, { ENOMEM } },
	{ "fstatat", ANY, 0, { ENOENT, EACCES, ENOMEM } },
	{ "readlinkat", ANY, 0, { ENOENT, EACCES, ENOMEM } },
};

static enum on kind_of(long fd)
{
	int flags = fcntl((int)fd, F_GETFL);
	bool blocks = flags >= 0 && !(flags & O_NONBLOCK);
	struct stat st;

	if (fstat((int)fd, &st) < 0)
		return OTHER;
	if (S_ISSOCK(st.st_mode))
		return blocks ? SOCKET_BLOCKS : SOCKET;
	if (S_ISFIFO(st.st_mode))
		return blocks ? PIPE_BLOCKS : PIPE;
	return S_ISREG(st.st_mode) || S_ISCHR(st.st_mode) ? FILE_ : OTHER;
}

static bool applies(const struct errno_row *row, const char *call, long first,
		    long second)
{
	if (strcmp(row->call, call) != 0)
		return false;
	if (row->on == SECOND)
		return row->second == second;
	return row->on == ANY || row->on == kind_of(first);
}

static const struct errno_row *row_of(const char *call, long first, long second)
{
	for (size_t i = 0; i < ARRAY_N(errno_rows); i++)
		if (applies(&errno_rows[i], call, first, second))
			return &errno_rows[i];
	fprintf(stderr, "tests/torture/inject.c does not say how %s may fail\n", call);
	abort();
}

/* "Again" is never said for ever. Those that are said are the first ones of a row. */
static uint32_t n_choices_of(const int *errnos)
{
	uint32_t n = 0;

	while (n < ERRNOS_MAX && errnos[n] &&
	       !(plan.mode->for_ever && (errnos[n] == EINTR || errnos[n] == EAGAIN)))
		n++;
	return n;
}

/*
 * Counting and failing. Any thread, and a child that borrows our memory.
 */

/* Where the next process up finds what an actor has done. */
static void mark_path(char path[PATH_LENGTH])
{
	snprintf(path, PATH_LENGTH, "%s/injected", test_dir());
}

static void leave_mark(const struct injected *what)
{
	char path[PATH_LENGTH];
	int fd;

	mark_path(path);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, what, sizeof *what) != (ssize_t)sizeof *what)
		abort();
	close(fd);
}

static struct injected take_mark(void)
{
	struct injected what = { .call = "" };
	char path[PATH_LENGTH];
	int fd;

	mark_path(path);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return what;
	if (read(fd, &what, sizeof what) != (ssize_t)sizeof what)
		abort();
	close(fd);
	unlink(path);
	return what;
}

/* One more that may fail, with one of these errnos. The errno if it does, else 0. */
static int decide(const char *call, const int *errnos, uint32_t n_choices)
{
	uint64_t n;
	uint32_t choice;

	if (n_choices == 0)
		return 0;
	n = atomic_fetch_add(&plan.n, 1) + 1;
	if (n == plan.at.nth && plan.at.choice < n_choices) {
		plan.what.err = errnos[plan.at.choice];
		plan.what.n_choices = n_choices;
		snprintf(plan.what.call, sizeof plan.what.call, "%s", call);
		atomic_store(&plan.failed, true);
		if (plan.is_actor)
			leave_mark(&plan.what);
		return plan.what.err;
	}
	if (!plan.mode->for_ever || n < plan.at.nth || !atomic_load(&plan.failed) ||
	    strcmp(plan.what.call, call) != 0)
		return 0;
	choice = plan.at.choice < n_choices ? plan.at.choice : 0;
	return errnos[choice];
}

static int decide_call(const char *call, long first, long second)
{
	const struct errno_row *row;
	int saved = errno, r;

	if (!plan.mode || !plan.mode->calls)
		return 0;
	row = row_of(call, first, second);
	r = decide(call, row->errnos, n_choices_of(row->errnos));
	errno = saved;
	return r;
}

static void *allocate(void *user, void *p, size_t len)
{
	static const int no_memory[] = { ENOMEM };

	(void)user;
	if (len == 0) {
		free(p);
		return NULL;
	}
	if (plan.mode && plan.mode->memory && decide("malloc", no_memory, 1))
		return NULL;
	if (plan.mode && plan.mode->then_no_memory && atomic_load(&plan.failed))
		return NULL;
	return realloc(p, len);
}

int __real_pthread_create(pthread_t *ret, const pthread_attr_t *attr, void *(*fn)(void *),
			  void *arg);
int __wrap_pthread_create(pthread_t *ret, const pthread_attr_t *attr, void *(*fn)(void *),
			  void *arg);

int __wrap_pthread_create(pthread_t *ret, const pthread_attr_t *attr, void *(*fn)(void *),
			  void *arg)
{
	static const int no_thread[] = { EAGAIN };

	if (plan.mode && plan.mode->threads && decide("pthread_create", no_thread, 1))
		return EAGAIN;
	return __real_pthread_create(ret, attr, fn, arg);
}

/* A child of fork is a process of its own: what its parent was to do is not for it. */
static void be_another_process(void)
{
	plan.mode = NULL;
	inject_in_actor();
}

/* Before anything is allocated, in every process. */
__attribute__((constructor)) static void take_the_allocator(void)
{
	if (mem_hook_set(allocate, NULL) < 0 ||
	    pthread_atfork(NULL, NULL, be_another_process) != 0)
		abort();
}

static void arm(const struct injection *at)
{
	plan.at = *at;
	atomic_store(&plan.n, 0);
	atomic_store(&plan.failed, false);
	plan.what = (struct injected){ .call = "" };
	plan.mode = &inject_modes[at->mode];
	sys_fault_choose(decide_call);
	sys_fault_short(plan.mode->cut_short);
	sys_use(&sys_fault);
}

void inject_begin(const struct injection *at, bool in_actors)
{
	char text[64];

	plan.mode = NULL;
	if (!in_actors) {
		arm(at);
		return;
	}
	snprintf(text, sizeof text, "%u %llu %u", at->mode, (unsigned long long)at->nth,
		 at->choice);
	setenv(VARIABLE, text, 1);
}

struct injected inject_end(void)
{
	struct injected what = take_mark();

	plan.mode = NULL;
	sys_use(&sys_real);
	sys_fault_short(false);
	unsetenv(VARIABLE);
	return atomic_load(&plan.failed) ? plan.what : what;
}

void inject_in_actor(void)
{
	const char *text = getenv(VARIABLE);
	unsigned long long nth;
	struct injection at;

	if (!text)
		return;
	if (sscanf(text, "%u %llu %u", &at.mode, &nth, &at.choice) != 3)
		abort();
	at.nth = nth;
	plan.is_actor = true;
	arm(&at);
}
