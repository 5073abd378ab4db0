/* SPDX-License-Identifier: MIT */
/* freeze.c - the threads of a process stand still, and say where they are. */
#define _GNU_SOURCE
#include "core/freeze.h"

#include <dirent.h>
#include <elf.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>

#include "base/line.h"
#include "base/sys.h"
#include "base/util.h"

#define ROUNDS 3 /* looks at the list of threads: one that runs may make more */
/* Of getdents64 at a time, and of a file of /proc that is one line */
#define ROOM	1024
#define POLL_NS 1000000 /* a stop is not announced by any descriptor: asked for each ms */

/* Files of /proc/PID/task/TID. */

static void path_of(struct line *l, pid_t pid, pid_t tid, const char *file)
{
	l->len = 0;
	line_text(l, "/proc/");
	line_decimal(l, (uint64_t)pid);
	line_text(l, "/task");
	if (tid) {
		line_text(l, "/");
		line_decimal(l, (uint64_t)tid);
		line_text(l, "/");
		line_text(l, file);
	}
	l->text[l->len] = '\0';
}

/* Cut to what fits, terminated; false: it cannot be read. */
static bool read_file(pid_t pid, pid_t tid, const char *file, char ret[ROOM])
{
	struct line path;
	ssize_t len;
	int fd;

	path_of(&path, pid, tid, file);
	fd = sys_openat(AT_FDCWD, path.text, O_RDONLY, 0);
	if (fd < 0)
		return false;
	len = sys_read(fd, ret, ROOM - 1);
	sys_close(fd);
	ret[len > 0 ? len : 0] = '\0';
	return len > 0;
}

/* PID (NAME) STATE ..., where a name may hold anything. */
static void read_stat(pid_t pid, struct freeze_thread *t)
{
	char text[ROOM];
	char *name, *end;
	size_t len;

	t->state = '?';
	if (!read_file(pid, t->tid, "stat", text))
		return;
	name = strchr(text, '(');
	end = strrchr(text, ')');
	if (!name || !end || end < name || strlen(end) < 3)
		return;
	t->state = end[2];
	name++;
	len = size_min((size_t)(end - name), sizeof t->name - 1);
	memcpy(t->name, name, len);
	t->name[len] = '\0';
}

/* Where a thread waits that was not stopped: "NR ARGUMENT*6 SP PC"; "running" if it runs. */
static void read_syscall(pid_t pid, struct freeze_thread *t)
{
	char text[ROOM], *at;

	if (!read_file(pid, t->tid, "syscall", text) || text[0] == 'r')
		return;
	at = strrchr(text, ' ');
	if (!at)
		return;
	t->place.pc = strtoull(at, NULL, 16);
	*at = '\0';
	at = strrchr(text, ' ');
	if (!at)
		return;
	t->place.regs[FREEZE_SP] = strtoull(at, NULL, 16);
	t->place.known = UINT64_C(1) << FREEZE_SP;
	t->has_place = true;
}

/* Registers. */

#if defined(__x86_64__)

static void take_regs(struct freeze_place *p, const struct user_regs_struct *r)
{
	const uint64_t regs[FREEZE_REGS] = {
		r->rax, r->rdx, r->rcx, r->rbx, r->rsi, r->rdi, r->rbp, r->rsp, r->r8,
		r->r9,	r->r10, r->r11, r->r12, r->r13, r->r14, r->r15, r->rip,
	};

	memcpy(p->regs, regs, sizeof regs);
	p->pc = r->rip;
}

#elif defined(__aarch64__)

static void take_regs(struct freeze_place *p, const struct user_regs_struct *r)
{
	memcpy(p->regs, r->regs, sizeof r->regs);
	p->regs[FREEZE_SP] = r->sp;
	p->pc = r->pc;
}

#endif

static void read_regs(struct freeze_thread *t)
{
	struct user_regs_struct regs;
	struct iovec to = { &regs, sizeof regs };

	if (sys_ptrace(PTRACE_GETREGSET, t->tid, (void *)NT_PRSTATUS, &to) < 0)
		return;
	take_regs(&t->place, &regs);
	t->place.known = (UINT64_C(1) << FREEZE_REGS) - 1;
	t->has_place = true;
}

/* To stop. */

/* Or is not to. It was stopped by us, or was just about to get a signal, which must not be lost. */
static bool has_stopped(struct freeze_thread *t)
{
	siginfo_t info = { .si_pid = 0 };

	if (t->is_stopped || !t->is_seized)
		return true;
	if (sys_waitid(P_PID, (id_t)t->tid, &info, WSTOPPED | WNOHANG | __WALL) < 0 ||
	    info.si_pid == 0)
		return false;
	t->is_stopped = true;
	t->signal = info.si_status >> 8 == PTRACE_EVENT_STOP ? 0 : info.si_status & 0x7f;
	return true;
}

static void seize(struct freeze *f, struct freeze_thread *t)
{
	int r = sys_ptrace(PTRACE_SEIZE, t->tid, NULL, NULL);

	t->is_seized = r >= 0;
	if (r >= 0)
		r = sys_ptrace(PTRACE_INTERRUPT, t->tid, NULL, NULL);
	if (r < 0 && r != -ESRCH)
		f->error = r;
}

static void wait_until_stopped(struct freeze *f, size_t first)
{
	size_t n_left = f->n - first;

	for (int ms = 0; n_left > 0 && ms < FREEZE_WAIT_MS; ms++) {
		n_left = 0;
		for (size_t i = first; i < f->n; i++)
			if (!has_stopped(&f->threads[i]))
				n_left++;
		if (n_left > 0)
			acre_ignore(sys_poll(NULL, 0, POLL_NS));
	}
}

static bool is_known(const struct freeze *f, pid_t tid)
{
	for (size_t i = 0; i < f->n; i++)
		if (f->threads[i].tid == tid)
			return true;
	return tid == f->skip;
}

static void add_thread(struct freeze *f, pid_t tid)
{
	struct freeze_thread *t = &f->threads[f->n];

	if (tid == 0 || f->n == f->n_max || is_known(f, tid))
		return;
	*t = (struct freeze_thread){ .tid = tid };
	read_stat(f->pid, t);
	f->n++;
	seize(f, t);
}

static void add_listed(struct freeze *f, const char *entries, size_t len)
{
	const struct dirent64 *d;

	for (size_t at = 0; at < len; at += d->d_reclen) {
		d = (const void *)(entries + at);
		add_thread(f, (pid_t)strtol(d->d_name, NULL, 10));
	}
}

/* The threads that are not known yet. */
static int add_threads(struct freeze *f)
{
	_Alignas(struct dirent64) char entries[ROOM];
	struct line path;
	ssize_t len;
	int fd;

	path_of(&path, f->pid, 0, NULL);
	fd = sys_openat(AT_FDCWD, path.text, O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return fd == -ENOENT ? -ESRCH : fd;
	while ((len = sys_getdents64(fd, entries, sizeof entries)) > 0)
		add_listed(f, entries, (size_t)len);
	sys_close(fd);
	return len < 0 ? (int)len : 0;
}

int freeze_begin(struct freeze *f)
{
	size_t before = 0;
	int r = 0;

	f->n = 0;
	f->error = 0;
	for (int round = 0; r >= 0 && round < ROUNDS; round++) {
		r = add_threads(f);
		if (f->n == before)
			break;
		wait_until_stopped(f, before);
		before = f->n;
	}
	for (size_t i = 0; i < f->n; i++)
		if (f->threads[i].is_stopped)
			read_regs(&f->threads[i]);
		else
			read_syscall(f->pid, &f->threads[i]);
	return r;
}

void freeze_end(struct freeze *f)
{
	for (size_t i = 0; i < f->n; i++) {
		struct freeze_thread *t = &f->threads[i];

		/* one that was too slow to stop can be let go only once it has */
		if (has_stopped(t) && t->is_stopped)
			acre_ignore(sys_ptrace(PTRACE_DETACH, t->tid, NULL,
					       (void *)(uintptr_t)t->signal));
		t->is_stopped = false;
	}
}
