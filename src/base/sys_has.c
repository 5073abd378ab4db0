/* SPDX-License-Identifier: MIT */
/* sys_has.c - what this kernel can do, found out by doing it.
 *
 * Version numbers say nothing: features are back-ported, compiled out, and denied by seccomp.
 * Each probe makes a harmless real use. Its answer is kept, except that a probe which could
 * not tell (no descriptor was free, say) counts as no for this time only. Two threads that
 * ask first at once both probe, and find the same.
 *
 * Probes use the real calls also in a test whose table fails, for the kernel stays what it
 * is; a test that wants an older one hides features.
 */
#define _GNU_SOURCE
#include "base/sys.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/util.h"

#ifndef PR_SET_VMA
#define PR_SET_VMA	     0x53564d41
#define PR_SET_VMA_ANON_NAME 0
#endif

enum answer { UNKNOWN, NO, YES, HIDDEN };

static _Atomic int answers[N_SYS_HAS];

/* A failure for want of descriptors or memory is no answer. */
static enum answer answer_of(int r)
{
	if (r == -EMFILE || r == -ENFILE || r == -ENOMEM)
		return UNKNOWN;
	return r < 0 ? NO : YES;
}

static enum answer answer_of_fd(int fd)
{
	acre_ignore(sys_real.close(fd));
	return answer_of(fd);
}

/* Of a range that holds no descriptor. */
static enum answer probe_CLOSE_RANGE_CLOEXEC(void)
{
	return answer_of(sys_real.close_range(~0U, ~0U, CLOSE_RANGE_CLOEXEC));
}

static enum answer probe_EPOLL_PWAIT2(void)
{
	struct timespec no_time = { 0 };
	struct epoll_event event;
	int fd = sys_real.epoll_create1(0);
	long n;

	if (fd < 0)
		return UNKNOWN;
	n = syscall(SYS_epoll_pwait2, fd, &event, 1, &no_time, NULL, (size_t)0);
	acre_ignore(sys_real.close(fd));
	return n == 0 ? YES : NO;
}

/* What `use` says of a fresh page. */
static enum answer probe_page(int (*use)(void *page, size_t len))
{
	size_t len = (size_t)sysconf(_SC_PAGESIZE);
	void *page = NULL;
	enum answer answer;

	if (sys_real.mmap(&page, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0) < 0)
		return UNKNOWN;
	answer = answer_of(use(page, len));
	acre_ignore(sys_real.munmap(page, len));
	return answer;
}

static int name_page(void *page, size_t len)
{
	return sys_real.prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, (uintptr_t)page, len,
			      (uintptr_t) "acre probe");
}

static enum answer probe_VMA_NAME(void)
{
	return probe_page(name_page);
}

/* Emulators accept any advice and do nothing, so the guard must also keep a call out. */
static int guard_page(void *page, size_t len)
{
	int r = sys_real.madvise(page, len, MADV_GUARD_INSTALL);

	if (r < 0)
		return r;
	return sys_real.getrandom(page, 1, 0) == -EFAULT ? 0 : -ENOSYS;
}

static enum answer probe_GUARD_INSTALL(void)
{
	return probe_page(guard_page);
}

static enum answer probe_MFD_NOEXEC(void)
{
	return answer_of_fd(sys_real.memfd_create("acre probe", MFD_NOEXEC_SEAL));
}

static enum answer probe_PEER_PIDFD(void)
{
	int pair[2], pidfd = -1;
	socklen_t len = sizeof pidfd;
	int r = sys_real.socketpair(AF_UNIX, SOCK_STREAM, 0, pair);

	if (r < 0)
		return UNKNOWN;
	r = sys_real.getsockopt(pair[0], SOL_SOCKET, SO_PEERPIDFD, &pidfd, &len);
	acre_ignore(sys_real.close(pair[0]));
	acre_ignore(sys_real.close(pair[1]));
	acre_ignore(sys_real.close(pidfd));
	return answer_of(r);
}

/* Before, all pidfds and eventfds shared the one inode of the anonymous file system. */
static enum answer probe_PIDFD_INODE(void)
{
	int pidfd = sys_real.pidfd_open(sys_real.getpid(), 0);
	int eventfd = sys_real.eventfd(0, 0);
	struct stat process, other;
	enum answer answer = UNKNOWN;

	if (pidfd >= 0 && sys_real.fstat(pidfd, &process) == 0 && eventfd >= 0 &&
	    sys_real.fstat(eventfd, &other) == 0)
		answer = process.st_dev != other.st_dev ? YES : NO;
	acre_ignore(sys_real.close(pidfd));
	acre_ignore(sys_real.close(eventfd));
	return answer;
}

static enum answer probe_PIDFD_THREAD(void)
{
	return answer_of_fd(sys_real.pidfd_open(sys_real.gettid(), PIDFD_THREAD));
}

#define AS_PROBE(name, since, used_for, without) probe_##name,
#define AS_TEXT(name, since, used_for, without)	 { #name, since, used_for, without },

static enum answer (*const probe[])(void) = { SYS_FEATURES(AS_PROBE) };

bool sys_has(enum sys_feature feature)
{
	int answer = atomic_load_explicit(&answers[feature], memory_order_relaxed);
	int unknown = UNKNOWN;

	if (unlikely(answer == UNKNOWN)) {
		answer = (int)probe[feature]();
		atomic_compare_exchange_strong(&answers[feature], &unknown, answer);
	}
	return answer == YES;
}

void sys_hide(enum sys_feature feature, bool hidden)
{
	atomic_store(&answers[feature], hidden ? HIDDEN : UNKNOWN);
}

const struct sys_feature_text *sys_feature_text(enum sys_feature feature)
{
	static const struct sys_feature_text texts[] = { SYS_FEATURES(AS_TEXT) };

	return &texts[feature];
}
