/* SPDX-License-Identifier: MIT */
/* sweep.c - ending the strangers that became our children. */
#include "actor/sweep.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>

#include "actor/proc.h"
#include "base/fault.h"
#include "base/pidref.h"
#include "base/sys.h"
#include "base/util.h"
#include "core/child_table.h"
#include "core/log.h"

/*
 * /proc/self/task/TID/children lists what that thread has made, and the strangers are
 * given to one of the threads: so all of them are read (kernel-facts K11). The list is
 * read in pieces while it changes and may miss one then; the next sweep finds it.
 *
 * The list is opened below /proc/TID, not below /proc/self/task: there it would be part of
 * what the kernel takes apart when our process is reaped, and our parent would wait for the
 * last of our threads, which takes its own part away after the parent was woken. It spins,
 * for 6 to 14 ms on a machine of two cores. That the number may be another's by now is no
 * matter: a child is asked whether it is ours.
 *
 * The lock of the child table is held all the time, so that no newborn is taken for a
 * stranger. Nothing is waited for under it: who was killed is reaped by a later sweep, and
 * one that comes while a child is being born is put off, for whoever makes that child.
 */

#define PIECE	  2048 /* bytes read at once: two pieces lie on the watchdog's stack */
#define NAME_SIZE 32   /* of a process, as the kernel keeps it: 16 with the end */
#define PATH_SIZE 64   /* /proc/4194304/task/4194304/children */

struct numbers {
	int fd;
	char bytes[PIECE];
	size_t len, at;
};

static int next_byte(struct numbers *n)
{
	ssize_t r;

	if (n->at == n->len) {
		r = sys_read(n->fd, n->bytes, sizeof n->bytes);
		n->len = r > 0 ? (size_t)r : 0;
		n->at = 0;
	}
	return n->at < n->len ? n->bytes[n->at++] : -1;
}

/* The next number of a list that is separated by spaces; 0: there is none. */
static pid_t next_number(struct numbers *n)
{
	pid_t number = 0;
	int c = next_byte(n);

	while (c == ' ' || c == '\n')
		c = next_byte(n);
	for (; c >= '0' && c <= '9'; c = next_byte(n))
		number = number * 10 + (c - '0');
	return number;
}

/* By the pidfd: the number may be somebody else's by now, if others reap too. */
static bool is_our_child(const struct pidref *p)
{
	siginfo_t info = { 0 };

	return sys_waitid(P_PIDFD, (id_t)p->fd, &info,
			  WEXITED | WNOHANG | WNOWAIT | __WALL) >= 0;
}

static bool was_forked_by_program(pid_t pid)
{
	return sys_getpgid(pid) == sys_getpgid(0);
}

/* Of a process that is dead, or is to be; "" if it cannot be read. */
static void name_of(pid_t pid, char ret[NAME_SIZE])
{
	char path[PATH_SIZE];
	auto_close int fd = -1;
	ssize_t n;

	snprintf(path, sizeof path, "/proc/%d/comm", (int)pid);
	fd = sys_openat(AT_FDCWD, path, O_RDONLY, 0);
	n = fd < 0 ? 0 : sys_read(fd, ret, NAME_SIZE - 1);
	ret[n > 0 ? n : 0] = '\0';
	ret[strcspn(ret, "\n")] = '\0';
}

/* Told when it is reaped, and so once: who dies slowly is found again and again. */
static void reap_stranger(struct pidref *p)
{
	char name[NAME_SIZE] = "";

	if (log_is_on(ACRE_LOG_INFO))
		name_of(p->pid, name);
	if (pidref_reap(p, NULL, WNOHANG) > 0)
		log_say(ACRE_LOG_INFO,
			"swept process %d (%s), which a descendant has left", (int)p->pid,
			name);
}

/* True: it was a stranger. */
static bool end_stranger(pid_t pid)
{
	struct pidref p;
	bool is_stranger;

	if (child_table_has(pid) || pidref_open(&p, pid) < 0)
		return false;
	is_stranger = is_our_child(&p) && !was_forked_by_program(pid);
	if (is_stranger) {
		acre_ignore(pidref_signal(&p, SIGKILL));
		reap_stranger(&p);
	}
	pidref_fini(&p);
	return is_stranger;
}

static _Atomic pid_t init_pid, init_is_of; /* not reaped yet, 0: none; whose it is */

void sweep_children_of_init(pid_t init)
{
	atomic_store(&init_is_of, sys_getpid()); /* a child of fork has none */
	atomic_store(&init_pid, init);
}

/* The init reaps it, so the number may be somebody else's when it is opened, but not while it
 * lives. */
static bool end_orphan(pid_t pid)
{
	struct pidref p;
	bool is_orphan;

	if (pidref_open(&p, pid) < 0)
		return false;
	is_orphan = proc_parent(pid) == atomic_load(&init_pid) && !pidref_is_dead(&p);
	if (is_orphan)
		acre_ignore(pidref_signal(&p, SIGKILL));
	pidref_fini(&p);
	return is_orphan;
}

static size_t sweep_list(const char *tid, bool (*end)(pid_t pid))
{
	struct numbers n = { .len = 0 };
	char path[PATH_SIZE];
	size_t found = 0;
	pid_t pid;

	snprintf(path, sizeof path, "/proc/%.20s/task/%.20s/children", tid, tid);
	n.fd = sys_openat(AT_FDCWD, path, O_RDONLY, 0);
	if (n.fd < 0)
		return 0; /* that thread has ended */
	while ((pid = next_number(&n)))
		found += end(pid);
	acre_ignore(sys_close(n.fd));
	return found;
}

static size_t sweep_all_threads(void)
{
	auto_close int task_fd =
		sys_openat(AT_FDCWD, "/proc/self/task", O_RDONLY | O_DIRECTORY, 0);
	_Alignas(struct dirent64) char bytes[PIECE];
	size_t found = 0;
	ssize_t n;

	while (task_fd >= 0 && (n = sys_getdents64(task_fd, bytes, sizeof bytes)) > 0)
		for (ssize_t at = 0; at < n;) {
			const struct dirent64 *e = (const void *)(bytes + at);

			if (e->d_name[0] != '.')
				found += sweep_list(e->d_name, end_stranger);
			at += e->d_reclen;
		}
	return found;
}

static size_t sweep_init(void)
{
	pid_t init = atomic_load(&init_pid);
	char tid[16];

	if (!init || atomic_load(&init_is_of) != sys_getpid())
		return 0;
	snprintf(tid, sizeof tid, "%d", (int)init);
	return sweep_list(tid, end_orphan);
}

static bool has_children(void)
{
	siginfo_t info = { 0 };

	return sys_waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) !=
	       -ECHILD;
}

size_t sweep(void)
{
	size_t found;

	if (PLANTED(NO_SWEEP) || !has_children())
		return 0;
	child_table_lock();
	found = child_table_puts_off_sweep() ? 1 : sweep_all_threads() + sweep_init();
	child_table_unlock();
	return found;
}
