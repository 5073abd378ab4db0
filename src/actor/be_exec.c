/* SPDX-License-Identifier: MIT */
/* be_exec.c - an actor as a process with a fresh image: vfork-like clone3, then execve. */
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "actor/backend.h"
#include "actor/runtime.h"
#include "actor/spawner.h"
#include "base/fault.h"
#include "base/mem.h"
#include "base/sys.h"
#include "base/util.h"

/*
 * The child shares our memory until it execs, and the spawner thread stands still
 * meanwhile. So everything it needs is laid out before, it makes the calls of base/sys.h
 * only (async-signal-safe, no memory), and it reports the step that failed, with its
 * errno, by writing into the request: no pipe is needed for what is one memory.
 *
 * The order of its steps closes one window each (kernel-facts 2): PDEATHSIG before the
 * parent check: a parent that died in between is seen by the one or the other (K3).
 * NO_NEW_PRIVS before exec: a set-user-id image would clear PDEATHSIG (K4). its own
 * process group: one ^C reaches the root only (K33). default dispositions, empty mask:
 * both survive exec, and a blocked SIGTERM would make that rung useless (K29).
 * close_range behind the declared descriptors: nothing else of ours goes along (K40).
 */

#define FD_FIRST 3 /* the child's first descriptor beyond the standard ones */
#define FD_PARKED \
	64 /* where descriptors are moved to first, so that no target is a source still needed */
#define STACK_SIZE \
	(64 * 1024)	 /* of the child until it execs: a dozen frames without buffers */
#define EXIT_NO_EXEC 127 /* what shells use for the same */

struct plan {
	struct spawn_request *request;
	const char *program;
	pid_t parent;
	int null_fd;
	sigset_t no_signals;
	struct sigaction dfl;
};

static int fail_in_child(struct plan *p, const char *step, int r)
{
	p->request->step = step;
	p->request->error = -r;
	return EXIT_NO_EXEC;
}

static int die_with_parent_in_child(struct plan *p)
{
	int r = sys_prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);

	if (r >= 0 && sys_getppid() != p->parent && !PLANTED(NO_PARENT_CHECK))
		r = -ESRCH;
	return r;
}

static int reset_signals_in_child(struct plan *p)
{
	for (int sig = 1; sig < NSIG; sig++)
		if (sig != SIGKILL && sig != SIGSTOP)
			acre_ignore(sys_sigaction(
				sig, &p->dfl,
				NULL)); /* EINVAL for the two that libc keeps */
	return sys_sigmask(SIG_SETMASK, &p->no_signals, NULL);
}

static int place_fds_in_child(struct plan *p)
{
	const struct spawn_request *q = p->request;
	int parked[SPAWN_FDS_MAX], r = 0;

	for (int i = 0; r >= 0 && i < q->n_fds; i++)
		r = parked[i] = sys_fcntl(q->fds[i], F_DUPFD_CLOEXEC, FD_PARKED);
	if (r >= 0)
		r = sys_dup3(p->null_fd, STDIN_FILENO, 0);
	if (r >= 0)
		r = sys_dup3(q->stderr_fd, STDERR_FILENO, 0);
	for (int i = 0; r >= 0 && i < q->n_fds; i++)
		r = sys_dup3(parked[i], FD_FIRST + i, 0);
	if (r >= 0 && !PLANTED(FD_WITHOUT_CLOEXEC))
		r = sys_close_range((unsigned int)(FD_FIRST + q->n_fds), ~0U, 0);
	return r;
}

static int run_in_child(void *arg)
{
	struct plan *p = arg;
	int r = die_with_parent_in_child(p);

	if (r < 0)
		return fail_in_child(p, "tying its life to the parent's", r);
	r = sys_prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (r < 0)
		return fail_in_child(p, "giving up new privileges", r);
	r = sys_setpgid(0, 0);
	if (r < 0)
		return fail_in_child(p, "making its process group", r);
	r = reset_signals_in_child(p);
	if (r < 0)
		return fail_in_child(p, "resetting its signals", r);
	r = place_fds_in_child(p);
	if (r < 0)
		return fail_in_child(p, "placing its descriptors", r);
	return fail_in_child(p, "exec",
			     sys_execve(p->program, p->request->argv, p->request->env));
}

/* The path of the running image: asked for by readlink, since /proc/self/exe would be
 * valgrind's when run under it. */
static const char *own_image(char *path, size_t size)
{
	ssize_t n = sys_readlinkat(AT_FDCWD, "/proc/self/exe", path, size - 1);

	if (n <= 0)
		return "/proc/self/exe";
	path[n] = '\0';
	return strstr(path, " (deleted)") ? "/proc/self/exe" : path;
}

static bool is_executable(const char *path)
{
	struct stat st;

	return sys_fstatat(AT_FDCWD, path, &st, 0) >= 0 && S_ISREG(st.st_mode) &&
	       (st.st_mode & 0111);
}

/* A name without a slash is looked up in PATH, as a shell does. */
static const char *find_program(const char *name, char *path, size_t size)
{
	const char *dirs = getenv("PATH");

	if (strchr(name, '/') || !dirs)
		return name;
	while (*dirs) {
		size_t len = strcspn(dirs, ":");

		if (snprintf(path, size, "%.*s/%s", (int)len, dirs, name) < (int)size &&
		    is_executable(path))
			return path;
		dirs += len + (dirs[len] == ':');
	}
	return name;
}

/* Collects a child that did not get to its exec: it has ended by itself. */
static void collect_failed(struct spawn_request *q)
{
	acre_ignore(pidref_reap(&q->pid, NULL,
				0)); /* bound: it is exiting, its memory is ours */
	pidref_fini(&q->pid);
}

static void make(struct plan *p, void *stack)
{
	struct spawn_request *q = p->request;
	int pidfd = -1;
	struct sys_spawn_args args = { .stack = stack,
				       .stack_len = STACK_SIZE,
				       .ret_pidfd = &pidfd };
	pid_t pid = sys_spawn(&args, run_in_child, p);
	int r;

	if (pid < 0) {
		q->step = "making a process";
		q->error = -pid;
		return;
	}
	r = pidref_take(&q->pid, pid, pidfd);
	if (r < 0 && !q->step) {
		q->step = "holding on to the process";
		q->error = -r;
		return;
	}
	acre_ignore(sys_setpgid(
		pid,
		pid)); /* on both sides, whoever is first (EACCES: it has execed, in its group) */
	if (q->step)
		collect_failed(q);
}

void spawn_in_spawner(struct spawn_request *q)
{
	static _Alignas(64) uint8_t
		stack[STACK_SIZE]; /* one child at a time is between clone and exec */
	char path[4096];
	struct plan p = {
		.request = q,
		.program = q->program ? find_program(q->program, path, sizeof path)
				      : own_image(path, sizeof path),
		.parent = sys_getpid(),
		.dfl = { .sa_handler = SIG_DFL },
	};

	q->pid = PIDREF_NULL;
	q->step = NULL;
	sigemptyset(&p.no_signals);
	p.null_fd = sys_openat(AT_FDCWD, "/dev/null", O_RDWR, 0);
	if (p.null_fd < 0) {
		q->step = "opening /dev/null";
		q->error = -p.null_fd;
		return;
	}
	make(&p, stack);
	sys_close(p.null_fd);
}

/*
 * The backend.
 */

int be_exec_make(struct life *life, const struct birth *birth)
{
	char *argv[] = { (char *)(uintptr_t)birth->title,
			 (char *)(uintptr_t) "--acre-actor", NULL };
	auto_close int ours = -1, theirs = -1;
	struct spawn_request q;
	int pipe[2], r = sys_pipe2(pipe, 0);

	if (r < 0)
		return acre_fail(report_class(r), "no pipe for the stderr of %s",
				 birth->title);
	ours = pipe[0];
	theirs = pipe[1];
	r = sys_fcntl(ours, F_SETFL, O_NONBLOCK);
	q = (struct spawn_request){
		.program = birth->program,
		.argv = argv,
		.env = environ,
		.fds = { birth->link_fd, runtime_this->self.fd,
			 runtime_this->is_root ? runtime_this->self.fd
					       : runtime_this->root_pidfd },
		.n_fds = 3,
		.stderr_fd = theirs,
	};
	if (r >= 0)
		r = spawner_make(&q);
	if (r < 0) {
		life->death.step = q.step;
		life->death.error = q.error;
		return r;
	}
	life->pid = q.pid;
	life->stderr_fd = TAKE_FD(ours);
	return 0;
}
