/* SPDX-License-Identifier: MIT */
/* sys.c - the real system calls: the only file that reads errno.
 *
 * Where libc has a function, it is used: the sanitizers know what it reads and writes, and
 * order threads by it. Where libc is younger than the kernel feature, it is the bare call.
 * Everything here stays async-signal-safe: no memory, no locks, no stdio.
 */
#define _GNU_SOURCE
#include "base/sys.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/panic.h"
#include "base/sys_sibling.h"
#include "base/sys_spawn.h"

#undef fork

_Static_assert(sizeof(long) == 8 && sizeof(time_t) == 8, "a 64-bit kernel interface");

const struct sys_table *_Atomic sys = &sys_real;

void sys_use(const struct sys_table *table)
{
	atomic_store_explicit(&sys, table, memory_order_release);
}

/* The result of a call in the kernel's own form. */
#define kernel(call)                            \
	({                                      \
		typeof(call) result_ = (call);  \
		result_ < 0 ? -errno : result_; \
	})
#define kernel_int(call) ((int)kernel(call))

/* The flag that makes a descriptor close-on-exec at birth (K40). */
static int at_birth(int cloexec)
{
	return PLANTED(FD_WITHOUT_CLOEXEC) ? 0 : cloexec;
}

/* bytes */
static ssize_t real_read(int fd, void *bytes, size_t len)
{
	return kernel(read(fd, bytes, len));
}

static ssize_t real_write(int fd, const void *bytes, size_t len)
{
	return kernel(write(fd, bytes, len));
}

static ssize_t real_readv(int fd, const struct iovec *iov, int n)
{
	return kernel(readv(fd, iov, n));
}

static ssize_t real_writev(int fd, const struct iovec *iov, int n)
{
	return kernel(writev(fd, iov, n));
}

static ssize_t real_recvmsg(int fd, struct msghdr *msg, int flags)
{
	return kernel(recvmsg(fd, msg, flags | at_birth(MSG_CMSG_CLOEXEC)));
}

static ssize_t real_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	return kernel(sendmsg(fd, msg, flags | MSG_NOSIGNAL));
}

/* Of the kernel, since glibc 2.41 asks the vDSO, where a bad address is SIGSEGV and no error. */
static ssize_t real_getrandom(void *bytes, size_t len, unsigned flags)
{
	return kernel(syscall(SYS_getrandom, bytes, len, flags));
}

/* descriptors */
static int real_close(int fd)
{
	int r;

	if (fd < 0)
		return 0;
	r = kernel(close(fd));
	if (r == -EBADF)
		BUG("descriptor %d is closed while it is not open", fd);
	return r == -EINTR ? 0 : r; /* Linux has closed it by then */
}

static int real_close_range(unsigned first, unsigned last, int flags)
{
	return kernel_int(syscall(SYS_close_range, first, last, flags));
}

/* Not libc's, which ThreadSanitizer watches: the child that is about to exec has our memory but
 * descriptors of its own, and would be taken for a thread that changes ours. */
static int real_dup3(int from, int to, int flags)
{
	return kernel_int(syscall(SYS_dup3, from, to, flags));
}

static int real_fcntl(int fd, int cmd, long arg)
{
	if (cmd == F_DUPFD && at_birth(true))
		cmd = F_DUPFD_CLOEXEC;
	return kernel(fcntl(fd, cmd, arg));
}

static int real_ioctl(int fd, unsigned long request, void *arg)
{
	return kernel(ioctl(fd, request, arg));
}

static int real_pipe2(int ret[2], int flags)
{
	return kernel(pipe2(ret, flags | at_birth(O_CLOEXEC)));
}

static int real_isatty(int fd)
{
	return kernel(isatty(fd) ? 1 : -1);
}

static int real_eventfd(unsigned first, int flags)
{
	return kernel(eventfd(first, flags | at_birth(EFD_CLOEXEC)));
}

static int real_signalfd(int fd, const sigset_t *set, int flags)
{
	return kernel(signalfd(fd, set, flags | at_birth(SFD_CLOEXEC)));
}

static int real_timerfd_create(clockid_t clock, int flags)
{
	return kernel(timerfd_create(clock, flags | at_birth(TFD_CLOEXEC)));
}

static int real_timerfd_settime(int fd, int flags, const struct itimerspec *when,
				struct itimerspec *ret_old)
{
	return kernel(timerfd_settime(fd, flags, when, ret_old));
}

static int real_memfd_create(const char *name, unsigned flags)
{
	return kernel(memfd_create(name, flags | (unsigned)at_birth(MFD_CLOEXEC)));
}

/* waiting */
static int real_epoll_create1(int flags)
{
	return kernel(epoll_create1(flags | at_birth(EPOLL_CLOEXEC)));
}

static int real_epoll_ctl(int epoll_fd, int op, int fd, struct epoll_event *event)
{
	return kernel(epoll_ctl(epoll_fd, op, fd, event));
}

static struct timespec timespec_of(int64_t ns)
{
	return (struct timespec){ .tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000 };
}

/* Rounded up: a wait that ends too early would only be made again. */
static int ms_of(int64_t ns)
{
	return ns < 0 ? -1 : (int)int64_min(ns / 1000000 + (ns % 1000000 > 0), INT_MAX);
}

static int real_epoll_wait(int epoll_fd, struct epoll_event *ret, int n,
			   int64_t timeout_ns)
{
	struct timespec timeout = timespec_of(timeout_ns);

	if (timeout_ns > 0 && sys_has(SYS_HAS_EPOLL_PWAIT2))
		return kernel_int(syscall(SYS_epoll_pwait2, epoll_fd, ret, n, &timeout,
					  NULL, (size_t)0));
	return kernel(epoll_wait(epoll_fd, ret, n, ms_of(timeout_ns)));
}

static int real_poll(struct pollfd *fds, nfds_t n, int64_t timeout_ns)
{
	struct timespec timeout = timespec_of(timeout_ns);

	return kernel(ppoll(fds, n, timeout_ns < 0 ? NULL : &timeout, NULL));
}

/* sockets */
static int real_socket(int domain, int type, int protocol)
{
	return kernel(socket(domain, type | at_birth(SOCK_CLOEXEC), protocol));
}

static int real_socketpair(int domain, int type, int protocol, int ret[2])
{
	return kernel(socketpair(domain, type | at_birth(SOCK_CLOEXEC), protocol, ret));
}

static int real_bind(int fd, const struct sockaddr *addr, socklen_t len)
{
	return kernel(bind(fd, addr, len));
}

static int real_listen(int fd, int backlog)
{
	return kernel(listen(fd, backlog));
}

static int real_accept4(int fd, struct sockaddr *ret, socklen_t *len, int flags)
{
	return kernel(accept4(fd, ret, len, flags | at_birth(SOCK_CLOEXEC)));
}

static int real_connect(int fd, const struct sockaddr *addr, socklen_t len)
{
	return kernel(connect(fd, addr, len));
}

static int real_shutdown(int fd, int how)
{
	return kernel(shutdown(fd, how));
}

static int real_getsockname(int fd, struct sockaddr *ret, socklen_t *len)
{
	return kernel(getsockname(fd, ret, len));
}

static int real_getsockopt(int fd, int level, int name, void *ret, socklen_t *len)
{
	return kernel(getsockopt(fd, level, name, ret, len));
}

static int real_setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
	return kernel(setsockopt(fd, level, name, value, len));
}

/* memory */
static int real_mmap(void **addr, size_t len, int prot, int flags, int fd, off_t offset)
{
	void *mapped = mmap(*addr, len, prot, flags, fd, offset);

	if (mapped == MAP_FAILED)
		return -errno;
	*addr = mapped;
	return 0;
}

static int real_munmap(void *addr, size_t len)
{
	return kernel(munmap(addr, len));
}

static int real_mprotect(void *addr, size_t len, int prot)
{
	return kernel(mprotect(addr, len, prot));
}

static int real_madvise(void *addr, size_t len, int advice)
{
	return kernel(madvise(addr, len, advice));
}

/* processes */
static pid_t real_clone3(struct clone_args *args, size_t len)
{
	return kernel_int(syscall(SYS_clone3, args, len));
}

static pid_t real_fork_sibling(void)
{
	return sys_fork_sibling_real();
}

static pid_t real_spawn(const struct sys_spawn_args *args, int (*child)(void *),
			void *arg)
{
	return sys_spawn_real(args, child, arg);
}

static pid_t real_fork_process(void)
{
	return kernel(fork());
}

static int real_execve(const char *path, char *const argv[], char *const env[])
{
	return kernel(execve(path, argv, env));
}

static int real_prctl(int option, unsigned long a, unsigned long b, unsigned long c,
		      unsigned long d)
{
	return kernel(prctl(option, a, b, c, d));
}

static int real_pidfd_open(pid_t pid, unsigned flags)
{
	return kernel_int(syscall(SYS_pidfd_open, pid, flags));
}

static int real_pidfd_send_signal(int fd, int sig, siginfo_t *info, unsigned flags)
{
	return kernel_int(syscall(SYS_pidfd_send_signal, fd, sig, info, flags));
}

static int real_waitid(idtype_t type, id_t id, siginfo_t *ret, int options)
{
	return kernel(waitid(type, id, ret, options));
}

static int real_setpgid(pid_t pid, pid_t group)
{
	return kernel(setpgid(pid, group));
}

static int real_kill_group(pid_t group, int sig)
{
	return kernel_int(syscall(SYS_kill, -group, sig));
}

static int real_setns(int fd, int kind)
{
	return kernel(setns(fd, kind));
}

static int real_unshare(int flags)
{
	return kernel(unshare(flags));
}

static int real_mount(const char *source, const char *target, const char *type,
		      unsigned long flags)
{
	return kernel(mount(source, target, type, flags, NULL));
}

static int real_drop_capabilities(void)
{
	struct __user_cap_header_struct header = { .version =
							   _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { 0 };

	return kernel_int(syscall(SYS_capset, &header, none));
}

static int real_ptrace(int request, pid_t tid, void *addr, void *data)
{
	return kernel_int(syscall(SYS_ptrace, request, tid, addr, data));
}

static ssize_t real_process_vm_readv(pid_t pid, const struct iovec *to, int n_to,
				     const struct iovec *from, int n_from)
{
	return kernel(process_vm_readv(pid, to, (unsigned long)n_to, from,
				       (unsigned long)n_from, 0));
}

static int real_getpgid(pid_t pid)
{
	return kernel_int(getpgid(pid));
}

static int real_chdir(const char *path)
{
	return kernel(chdir(path));
}

static int real_sched_getaffinity(pid_t pid, size_t len, cpu_set_t *ret)
{
	return kernel(sched_getaffinity(pid, len, ret));
}

static pid_t real_getpid(void)
{
	return getpid();
}

static gid_t real_getegid(void)
{
	return getegid();
}

static pid_t real_getppid(void)
{
	return getppid();
}

static pid_t real_gettid(void)
{
	return gettid();
}

static uid_t real_geteuid(void)
{
	return geteuid();
}

/* signals */
static int real_sigmask(int how, const sigset_t *set, sigset_t *ret_old)
{
	return -pthread_sigmask(how, set, ret_old);
}

static int real_sigaction(int sig, const struct sigaction *act, struct sigaction *ret_old)
{
	return kernel(sigaction(sig, act, ret_old));
}

static int real_sigaltstack(const stack_t *stack, stack_t *ret_old)
{
	return kernel(sigaltstack(stack, ret_old));
}

/* files */
static int real_openat(int dir, const char *path, int flags, mode_t mode)
{
	return kernel(openat(dir, path, flags | at_birth(O_CLOEXEC), mode));
}

static int real_fstat(int fd, struct stat *ret)
{
	return kernel(fstat(fd, ret));
}

static int real_fstatat(int dir, const char *path, struct stat *ret, int flags)
{
	return kernel(fstatat(dir, path, ret, flags));
}

static int real_ftruncate(int fd, off_t len)
{
	return kernel(ftruncate(fd, len));
}

static int real_fallocate(int fd, int mode, off_t at, off_t len)
{
	return kernel(fallocate(fd, mode, at, len));
}

static ssize_t real_readlinkat(int dir, const char *path, char *ret, size_t len)
{
	return kernel(readlinkat(dir, path, ret, len));
}

static ssize_t real_getdents64(int fd, void *ret, size_t len)
{
	return kernel(getdents64(fd, ret, len));
}

static int real_unlinkat(int dir, const char *path, int flags)
{
	return kernel(unlinkat(dir, path, flags));
}

static int real_mkdirat(int dir, const char *path, mode_t mode)
{
	return kernel(mkdirat(dir, path, mode));
}

static int real_fchmod(int fd, mode_t mode)
{
	return kernel(fchmod(fd, mode));
}

static int real_flock(int fd, int operation)
{
	return kernel(flock(fd, operation));
}

/* time */
static int real_clock_gettime(clockid_t id, struct timespec *ret)
{
	return kernel(clock_gettime(id, ret));
}

#define AS_REAL(kind, type, name, params, args) .name = real_##name,

const struct sys_table sys_real = { SYS_CALLS(AS_REAL) };

/* Whether a wait is to be made again, and then with which rest of its time. */
static bool is_to_wait_on(int r, int64_t deadline, int64_t *timeout_ns)
{
	if (!sys_is_interrupted(r))
		return false;
	if (*timeout_ns > 0)
		*timeout_ns = int64_max(deadline - clock_now(), 0);
	return true;
}

/* A wait of no time, or for ever, needs no clock. */
static int64_t deadline_of(int64_t timeout_ns)
{
	return timeout_ns > 0 ? int64_add(clock_now(), timeout_ns) : 0;
}

int sys_epoll_wait(int epoll_fd, struct epoll_event *ret, int n, int64_t timeout_ns)
{
	int64_t deadline = deadline_of(timeout_ns);
	int r;

	do
		r = sys_used()->epoll_wait(epoll_fd, ret, n, timeout_ns);
	while (is_to_wait_on(r, deadline, &timeout_ns));
	return r;
}

int sys_poll(struct pollfd *fds, nfds_t n, int64_t timeout_ns)
{
	int64_t deadline = deadline_of(timeout_ns);
	int r;

	do
		r = sys_used()->poll(fds, n, timeout_ns);
	while (is_to_wait_on(r, deadline, &timeout_ns));
	return r;
}

static void fill_asynchronous(sigset_t *ret)
{
	static const int synchronous[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL,
					   SIGTRAP, SIGSYS, SIGABRT };

	sigfillset(ret);
	for (size_t i = 0; i < ARRAY_N(synchronous); i++)
		sigdelset(ret, synchronous[i]);
}

void sys_block_asynchronous(sigset_t *ret_old)
{
	sigset_t blocked;

	fill_asynchronous(&blocked);
	sys_sigmask(SIG_SETMASK, &blocked, ret_old);
}
