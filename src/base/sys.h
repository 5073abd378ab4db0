/* SPDX-License-Identifier: MIT */
/* sys.h - the system calls, as one table.
 *
 * Every system call of the library is made through `sys`. Three tables fit there: `sys_real`
 * asks the kernel, `sys_fault` does too but fails or stops short where a test says so, and a
 * simulator may bring its own.
 *
 * Calls are written sys_read(fd, buf, len). They look like the kernel's own and differ in
 * five ways, which nobody else has to think of:
 *
 *	- A failure is returned as -errno; errno itself is read nowhere else.
 *	- A signal never ends a call: EINTR is retried (SIGSTOP + SIGCONT does it without any
 *	  handler, kernel-facts K36), a wait with the rest of its time.
 *	- Descriptors are close-on-exec from birth (K40). The ways out, for the child that is
 *	  about to exec, are dup3 and fcntl(F_SETFD).
 *	- Time-outs are nanoseconds; a negative one waits for ever.
 *	- sendmsg never raises SIGPIPE.
 *
 * The wrappers and the real table are async-signal-safe and use no memory but the caller's
 * and errno, so a vfork-like child may use them until it execs (sys_spawn). There is no kill
 * here, on purpose: see pidref.h.
 */
#pragma once

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>

#include "base/fault.h"

#undef sigmask /* a BSD macro of <signal.h> */

struct clone_args; /* <linux/sched.h> */

/* A child on a stack of its own, for sys_spawn(): it runs child(arg) and ends with what that
 * returns. The calling thread stands still until the child has execed or ended. Until then
 * the child shares all our memory, so it may only make calls of this header and write to
 * what was laid out for it. The caller has blocked all signals. */
struct sys_spawn_args {
	uint64_t flags; /* of clone3, besides CLONE_VM, CLONE_VFORK and CLONE_PIDFD */
	int cgroup_fd;	/* only with CLONE_INTO_CGROUP */
	void *stack;	/* its lowest byte; 16-aligned, as its length is */
	size_t stack_len;
	int *ret_pidfd; /* owned by the caller on success, close-on-exec */
};

/* The calls: kind, type, name, parameters, arguments. The kind says how a call may end:
 *	CALL	fails with any errno, or is interrupted and made again
 *	DATA	the same, and it may move fewer bytes than it was asked to
 *	WAIT	the same, with a time-out, which spans all attempts
 *	SURE	cannot fail
 *	LAST	is over even when it fails, and so is not made again
 */
/* clang-format off */
#define SYS_CALLS(C)                                                                              \
	/* bytes */                                                                               \
	C(DATA, ssize_t, read, (int fd, void *bytes, size_t len), (fd, bytes, len))               \
	C(DATA, ssize_t, write, (int fd, const void *bytes, size_t len), (fd, bytes, len))        \
	C(DATA, ssize_t, readv, (int fd, const struct iovec *iov, int n), (fd, iov, n))           \
	C(DATA, ssize_t, writev, (int fd, const struct iovec *iov, int n), (fd, iov, n))          \
	C(DATA, ssize_t, recvmsg, (int fd, struct msghdr *msg, int flags), (fd, msg, flags))      \
	C(DATA, ssize_t, sendmsg, (int fd, const struct msghdr *msg, int flags), (fd, msg, flags)) \
	C(CALL, ssize_t, getrandom, (void *bytes, size_t len, unsigned flags), (bytes, len, flags)) \
	/* descriptors; fcntl knows commands with a number only */                                \
	C(LAST, int, close, (int fd), (fd))                                                       \
	C(CALL, int, close_range, (unsigned first, unsigned last, int flags), (first, last, flags)) \
	C(CALL, int, dup3, (int from, int to, int flags), (from, to, flags))                      \
	C(CALL, int, fcntl, (int fd, int cmd, long arg), (fd, cmd, arg))                          \
	C(CALL, int, ioctl, (int fd, unsigned long request, void *arg), (fd, request, arg))       \
	C(CALL, int, pipe2, (int ret[2], int flags), (ret, flags))                                \
	/* 1, or -ENOTTY ... */                                                                   \
	C(CALL, int, isatty, (int fd), (fd))                                                      \
	C(CALL, int, eventfd, (unsigned first, int flags), (first, flags))                        \
	C(CALL, int, signalfd, (int fd, const sigset_t *set, int flags), (fd, set, flags))        \
	C(CALL, int, timerfd_create, (clockid_t clock, int flags), (clock, flags))                \
	C(CALL, int, timerfd_settime,                                                             \
		(int fd, int flags, const struct itimerspec *when, struct itimerspec *ret_old),   \
		(fd, flags, when, ret_old))                                                       \
	C(CALL, int, memfd_create, (const char *name, unsigned flags), (name, flags))             \
	/* waiting */                                                                             \
	C(CALL, int, epoll_create1, (int flags), (flags))                                         \
	C(CALL, int, epoll_ctl, (int epoll_fd, int op, int fd, struct epoll_event *event),        \
		(epoll_fd, op, fd, event))                                                        \
	C(WAIT, int, epoll_wait,                                                                  \
		(int epoll_fd, struct epoll_event *ret, int n, int64_t timeout_ns),               \
		(epoll_fd, ret, n, timeout_ns))                                                   \
	C(WAIT, int, poll, (struct pollfd *fds, nfds_t n, int64_t timeout_ns), (fds, n, timeout_ns)) \
	/* sockets */                                                                             \
	C(CALL, int, socket, (int domain, int type, int protocol), (domain, type, protocol))      \
	C(CALL, int, socketpair, (int domain, int type, int protocol, int ret[2]),                \
		(domain, type, protocol, ret))                                                    \
	C(CALL, int, bind, (int fd, const struct sockaddr *addr, socklen_t len), (fd, addr, len)) \
	C(CALL, int, listen, (int fd, int backlog), (fd, backlog))                                \
	C(CALL, int, accept4, (int fd, struct sockaddr *ret, socklen_t *len, int flags),          \
		(fd, ret, len, flags))                                                            \
	C(CALL, int, connect, (int fd, const struct sockaddr *addr, socklen_t len), (fd, addr, len)) \
	C(CALL, int, shutdown, (int fd, int how), (fd, how))                                      \
	C(CALL, int, getsockname, (int fd, struct sockaddr *ret, socklen_t *len), (fd, ret, len)) \
	C(CALL, int, getsockopt, (int fd, int level, int name, void *ret, socklen_t *len),        \
		(fd, level, name, ret, len))                                                      \
	C(CALL, int, setsockopt, (int fd, int level, int name, const void *value, socklen_t len), \
		(fd, level, name, value, len))                                                    \
	/* memory; mmap: *addr is the hint, and on success the address */                         \
	C(CALL, int, mmap, (void **addr, size_t len, int prot, int flags, int fd, off_t offset),  \
		(addr, len, prot, flags, fd, offset))                                             \
	C(CALL, int, munmap, (void *addr, size_t len), (addr, len))                               \
	C(CALL, int, mprotect, (void *addr, size_t len, int prot), (addr, len, prot))             \
	C(CALL, int, madvise, (void *addr, size_t len, int advice), (addr, len, advice))          \
	/* processes; clone3 returns twice, so never with CLONE_VM: that is spawn, for the pid */ \
	C(CALL, pid_t, clone3, (struct clone_args *args, size_t len), (args, len))                \
	C(CALL, pid_t, spawn,                                                                     \
		(const struct sys_spawn_args *args, int (*child)(void *), void *arg),             \
		(args, child, arg))                                                               \
	/* a child of our parent; only in a process with one thread (sys_sibling.c) */         \
	C(CALL, pid_t, fork_sibling, (void), ())                                                  \
	/* libc's, which puts its own locks in order; for core/forker.c only */                   \
	C(CALL, pid_t, fork_process, (void), ())                                                  \
	C(CALL, int, execve, (const char *path, char *const argv[], char *const env[]),           \
		(path, argv, env))                                                                \
	C(CALL, int, prctl,                                                                       \
		(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d), \
		(option, a, b, c, d))                                                             \
	C(CALL, int, pidfd_open, (pid_t pid, unsigned flags), (pid, flags))                       \
	C(CALL, int, pidfd_send_signal, (int fd, int sig, siginfo_t *info, unsigned flags),       \
		(fd, sig, info, flags))                                                           \
	C(CALL, int, waitid, (idtype_t type, id_t id, siginfo_t *ret, int options),               \
		(type, id, ret, options))                                                         \
	C(CALL, int, setpgid, (pid_t pid, pid_t group), (pid, group))                             \
	/* by number: for who knows that nobody else can have it */                               \
	C(CALL, int, kill_group, (pid_t group, int sig), (group, sig))                            \
	/* namespaces, in a process with one thread */                                          \
	C(CALL, int, setns, (int fd, int kind), (fd, kind))                                       \
	C(CALL, int, unshare, (int flags), (flags))                                               \
	C(CALL, int, mount,                                                                       \
		(const char *source, const char *target, const char *type, unsigned long flags),  \
		(source, target, type, flags))                                                    \
	C(CALL, int, drop_capabilities, (void), ())                                               \
	/* looking into processes; ptrace knows requests only that return nothing but success */  \
	C(CALL, int, ptrace, (int request, pid_t tid, void *addr, void *data),                    \
		(request, tid, addr, data))                                                       \
	C(CALL, ssize_t, process_vm_readv,                                                        \
		(pid_t pid, const struct iovec *to, int n_to, const struct iovec *from, int n_from), \
		(pid, to, n_to, from, n_from))                                                    \
	C(CALL, pid_t, getpgid, (pid_t pid), (pid))                                               \
	C(CALL, int, chdir, (const char *path), (path))                                           \
	C(CALL, int, sched_getaffinity, (pid_t pid, size_t len, cpu_set_t *ret), (pid, len, ret)) \
	C(SURE, pid_t, getpid, (void), ())                                                        \
	C(SURE, pid_t, getppid, (void), ())                                                       \
	C(SURE, pid_t, gettid, (void), ())                                                        \
	C(SURE, uid_t, geteuid, (void), ())                                                       \
	C(SURE, gid_t, getegid, (void), ())                                                       \
	/* signals */                                                                             \
	C(SURE, int, sigmask, (int how, const sigset_t *set, sigset_t *ret_old), (how, set, ret_old)) \
	C(CALL, int, sigaction,                                                                   \
		(int sig, const struct sigaction *act, struct sigaction *ret_old),                \
		(sig, act, ret_old))                                                              \
	C(CALL, int, sigaltstack, (const stack_t *stack, stack_t *ret_old), (stack, ret_old))     \
	/* files; readlinkat does not terminate what it writes */                                 \
	C(CALL, int, openat, (int dir, const char *path, int flags, mode_t mode),                 \
		(dir, path, flags, mode))                                                         \
	C(CALL, int, fstat, (int fd, struct stat *ret), (fd, ret))                                \
	C(CALL, int, fstatat, (int dir, const char *path, struct stat *ret, int flags),           \
		(dir, path, ret, flags))                                                          \
	C(CALL, int, ftruncate, (int fd, off_t len), (fd, len))                                   \
	C(CALL, int, fallocate, (int fd, int mode, off_t at, off_t len), (fd, mode, at, len))     \
	C(CALL, ssize_t, readlinkat, (int dir, const char *path, char *ret, size_t len),          \
		(dir, path, ret, len))                                                            \
	C(CALL, ssize_t, getdents64, (int fd, void *ret, size_t len), (fd, ret, len))             \
	C(CALL, int, unlinkat, (int dir, const char *path, int flags), (dir, path, flags))        \
	C(CALL, int, mkdirat, (int dir, const char *path, mode_t mode), (dir, path, mode))        \
	C(CALL, int, fchmod, (int fd, mode_t mode), (fd, mode))                                   \
	C(CALL, int, flock, (int fd, int operation), (fd, operation))                             \
	/* time: for clock.c */                                                                   \
	C(SURE, int, clock_gettime, (clockid_t id, struct timespec *ret), (id, ret))
/* clang-format on */

#define SYS_AS_FIELD(kind, type, name, params, args) type(*name) params;

struct sys_table {
	SYS_CALLS(SYS_AS_FIELD)
};

extern const struct sys_table sys_real, sys_fault;
extern const struct sys_table *_Atomic sys;

/* Which calls are made: a plain load on x86. */
static inline const struct sys_table *sys_used(void)
{
	return atomic_load_explicit(&sys, memory_order_acquire);
}

/* For tests. Threads that run see it at once; a table stays until they have ended. */
void sys_use(const struct sys_table *table);

/* The wrappers, made from the list. */
static inline bool sys_is_interrupted(ssize_t r)
{
	return unlikely(r == -EINTR) && !PLANTED(EINTR_RETURNED);
}

#define SYS_AS_WRAPPER(kind, type, name, params, args) \
	SYS_WRAP_##kind(type, name, params, args)
#define SYS_WRAP_CALL(type, name, params, args) \
	static inline type sys_##name params    \
	{                                       \
		type r;                         \
                                                \
		do                              \
			r = sys_used()->name args; \
		while (sys_is_interrupted(r));  \
		return r;                       \
	}
#define SYS_WRAP_DATA(type, name, params, args) SYS_WRAP_CALL(type, name, params, args)
#define SYS_WRAP_WAIT(type, name, params, args) type sys_##name params; /* sys.c */
#define SYS_WRAP_SURE(type, name, params, args) \
	static inline type sys_##name params    \
	{                                       \
		return sys_used()->name args;   \
	}
/* sys_close(-1) does nothing. Closing what is not open is a BUG(): it may be the
 * descriptor that another thread has just opened. */
#define SYS_WRAP_LAST(type, name, params, args) SYS_WRAP_SURE(type, name, params, args)

SYS_CALLS(SYS_AS_WRAPPER)

/* In the calling thread, and so in those that it makes until it sets the old mask again: all
 * signals but those that say that this very thread is wrong. Blocked, these would kill without
 * running their handler (kernel-facts K29). */
void sys_block_asynchronous(sigset_t *ret_old);

/* What this kernel can do beyond 5.10. Probed by doing it, once, at the first question; no
 * version number is ever believed. Name, kernel, used for, without it. */
#define SYS_FEATURES(F)                                                              \
	F(CLOSE_RANGE_CLOEXEC, "5.11", "child fds close at exec", "close at once")   \
	F(EPOLL_PWAIT2, "5.11", "time-outs in ns", "time-outs in ms, rounded up")    \
	F(VMA_NAME, "5.17", "named stacks in maps", "no names")                      \
	F(MFD_NOEXEC, "6.3", "sealed memory that cannot be executed", "plain memfd") \
	F(PEER_PIDFD, "6.5", "who connected, without a race", "SO_PEERCRED")         \
	F(PIDFD_INODE, "6.9", "identity of a process", "pid and start time")         \
	F(PIDFD_THREAD, "6.9", "a pidfd of one thread", "of the process only")       \
	F(GUARD_INSTALL, "6.13", "guard pages without a mapping each", "mprotect")

#define SYS_AS_FEATURE(name, since, used_for, without) SYS_HAS_##name,

enum sys_feature { SYS_FEATURES(SYS_AS_FEATURE) N_SYS_HAS };

struct sys_feature_text {
	const char *name, *since, *used_for, *without;
};

/* Any thread. Async-signal-safe if it was asked before. */
bool sys_has(enum sys_feature feature);
const struct sys_feature_text *sys_feature_text(enum sys_feature feature);

/* For tests: as on a kernel that lacks it. */
void sys_hide(enum sys_feature feature, bool hidden);

/* Flags that are younger than our oldest headers. */
#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#define MADV_GUARD_REMOVE  103
#endif
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif
#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif
#ifndef PIDFD_THREAD
#define PIDFD_THREAD O_EXCL /* <fcntl.h> */
#endif

/* The table that fails, for tests: sys_use(&sys_fault), then choose. */

/* The nth call from now (1 is the next one) is not made but fails with err (EPIPE, say), and
 * with `for_ever` all after it; 0: none does. The count starts again. EINTR cannot be for
 * ever, since it is retried. A close that fails has closed, as it is in the kernel. */
void sys_fault_at(uint64_t nth, int err, bool for_ever);

/* Count, and fail, only calls of this name ("read"); NULL: all again. */
void sys_fault_only(const char *name);

/* Each call that may fail first asks fn, from whatever thread or vfork-like child it is made
 * in; it fails with the errno that fn returns, 0: it does not. It is given the call's name
 * and its first two arguments, so a test can tell what the kernel could say here. NULL:
 * sys_fault_at again. */
void sys_fault_choose(int (*fn)(const char *name, long first, long second));

/* DATA calls move three bytes at most, where the kernel could do so too: not for datagrams,
 * eventfds and their kin, nor for what a pipe takes in one piece. */
void sys_fault_short(bool on);

/* Calls that could have failed since sys_fault_at. */
uint64_t sys_fault_calls(void);
