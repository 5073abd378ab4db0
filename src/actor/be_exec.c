/* SPDX-License-Identifier: MIT */
/* be_exec.c - an actor as a process with a fresh image: vfork-like clone3, then execve. */
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "actor/backend.h"
#include "actor/program.h"
#include "actor/runtime.h"
#include "actor/spawner.h"
#include "base/fault.h"
#include "base/sys.h"
#include "base/util.h"

/*
 * The child shares our memory until it execs, and the spawner thread stands still
 * meanwhile. So everything it needs is laid out before, it makes the calls of base/sys.h
 * only (async-signal-safe, no memory), and it reports the step that failed, with its
 * errno, by writing into the request: no pipe is needed for what is one memory.
 *
 * The order of its steps closes one window each (kernel-facts 2). PDEATHSIG before the
 * parent check: a parent that died in between is seen by the one or the other (K3, pinned
 * by tests/pin/pin_pdeathsig.c). NO_NEW_PRIVS before exec: a set-user-id image would
 * clear PDEATHSIG (K4). Its own process group: one ^C reaches the root only (K33); and
 * what one has sent to the parent's group since the clone is forgotten, or it would end
 * the child at the next step. Default dispositions, which clone3 has set but for what we
 * ignore, and an empty mask: both survive exec, and a blocked SIGTERM would make that
 * rung useless (K29). close_range behind the declared descriptors: nothing else of ours
 * goes along (K40, pinned by tests/pin/pin_fds.c).
 */

#define FD_FIRST  3 /* the child's first descriptor beyond the standard ones */
#define FD_PLACES (FD_FIRST + SPAWN_FDS_MAX)
/* Of the child until it execs: a dozen frames without buffers */
#define STACK_SIZE   (64 * 1024)
#define EXIT_NO_EXEC 127 /* what shells use for the same */

struct plan {
	struct spawn_request *request;
	pid_t parent;
	int fds[FD_PLACES]; /* what becomes its descriptors 0, 1, 2 ...; borrowed */
	int n_fds;
	sigset_t no_signals;
	struct sigaction ignore, dfl;
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

/* What is ignored is not pending any more. */
static void forget_signal_in_child(const struct plan *p, int sig)
{
	acre_ignore(sys_sigaction(sig, &p->ignore, NULL));
	acre_ignore(sys_sigaction(sig, &p->dfl, NULL));
}

static int reset_signals_in_child(struct plan *p)
{
	static const int keyboard[] = { SIGINT, SIGQUIT, SIGTSTP };
	struct sigaction old;

	for (size_t i = 0; i < ARRAY_N(keyboard); i++)
		forget_signal_in_child(p, keyboard[i]);
	for (int sig = 1; sig < NSIG; sig++) /* EINVAL for the two that libc keeps */
		if (sys_sigaction(sig, NULL, &old) >= 0 && old.sa_handler == SIG_IGN)
			forget_signal_in_child(p, sig);
	return sys_sigmask(SIG_SETMASK, &p->no_signals, NULL);
}

/* All are moved out of the way first, so that no place is taken while it holds what is
 * still needed. */
static int place_fds_in_child(struct plan *p)
{
	int moved[FD_PLACES], r = 0;

	for (int i = 0; r >= 0 && i < p->n_fds; i++)
		r = moved[i] = sys_fcntl(p->fds[i], F_DUPFD_CLOEXEC, FD_PLACES);
	for (int i = 0; r >= 0 && i < p->n_fds; i++)
		r = sys_dup3(moved[i], i, 0);
	if (r >= 0 && !PLANTED(FD_WITHOUT_CLOEXEC))
		r = sys_close_range((unsigned int)p->n_fds, ~0U, 0);
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
			     sys_execve(p->request->path, p->request->argv,
					p->request->env));
}

static void fail(struct spawn_request *q, const char *step, int r)
{
	q->step = step;
	q->error = -r;
}

/* Collects a child that did not get to its exec: it has ended by itself. */
static void collect_failed(struct spawn_request *q)
{
	acre_ignore(pidref_reap(&q->pid, NULL,
				0)); /* bound: it is exiting, its memory is ours */
	pidref_fini(&q->pid);
}

static void make(struct plan *p)
{
	static _Alignas(64) uint8_t
		stack[STACK_SIZE]; /* one child at a time is between clone and exec */
	struct spawn_request *q = p->request;
	int pidfd = -1;
	struct sys_spawn_args args = { .flags = CLONE_CLEAR_SIGHAND,
				       .stack = stack,
				       .stack_len = STACK_SIZE,
				       .ret_pidfd = &pidfd };
	pid_t pid = sys_spawn(&args, run_in_child, p);

	if (pid < 0) {
		fail(q, "making a process", pid);
		return;
	}
	/* not pidref_take(), which may fail: what has execed must stay in hand */
	q->pid = (struct pidref){ .pid = pid, .fd = pidfd };
	if (q->step)
		collect_failed(q);
}

/* A standard output that is closed, or is a descriptor of ours, is not one to inherit. */
static bool is_to_inherit(int fd)
{
	return sys_fcntl(fd, F_GETFD, 0) == 0;
}

static void plan_fds(struct plan *p, int null_fd)
{
	const struct spawn_request *q = p->request;

	p->fds[STDIN_FILENO] = null_fd;
	p->fds[STDOUT_FILENO] = is_to_inherit(STDOUT_FILENO) ? STDOUT_FILENO : null_fd;
	p->fds[STDERR_FILENO] = q->stderr_fd;
	for (int i = 0; i < q->n_fds; i++)
		p->fds[FD_FIRST + i] = q->fds[i];
	p->n_fds = FD_FIRST + q->n_fds;
}

void spawn_in_spawner(struct spawn_request *q)
{
	struct plan p = { .request = q,
			  .parent = sys_getpid(),
			  .ignore = { .sa_handler = SIG_IGN },
			  .dfl = { .sa_handler = SIG_DFL } };
	auto_close int null_fd = sys_openat(AT_FDCWD, "/dev/null", O_RDWR, 0);

	q->pid = PIDREF_NULL;
	q->step = NULL;
	if (null_fd < 0) {
		fail(q, "opening /dev/null", null_fd);
		return;
	}
	sigemptyset(&p.no_signals);
	plan_fds(&p, null_fd);
	make(&p);
}

/*
 * The backend.
 */

/* Our end of the child's stderr does not make the loop wait. */
static int stderr_pipe(int *ret_ours, int *ret_theirs)
{
	int pipe[2], r = sys_pipe2(pipe, 0);

	if (r < 0)
		return r;
	*ret_ours = pipe[0];
	*ret_theirs = pipe[1];
	return sys_fcntl(pipe[0], F_SETFL, O_NONBLOCK);
}

static int make_process(struct life *life, const struct birth *birth,
			const struct program *program, int stderr_fd)
{
	char *argv[] = { (char *)(uintptr_t)birth->title,
			 (char *)(uintptr_t) "--acre-actor", NULL };
	struct spawn_request q = {
		.path = program->path,
		.argv = argv,
		.env = program->env,
		.fds = { birth->link_fd, runtime_this->self.fd,
			 runtime_this->is_root ? runtime_this->self.fd
					       : runtime_this->root_pidfd },
		.n_fds = 3,
		.stderr_fd = stderr_fd,
	};
	int r = spawner_make(&q);

	if (r < 0) {
		life->death.step = q.step;
		life->death.error = q.error;
		return r;
	}
	life->pid = q.pid;
	return 0;
}

static int no_program(struct life *life, const struct birth *birth, int r)
{
	const char *name = birth->program ? birth->program : "this program";

	if (report_class(r) == ENOMEM)
		return acre_fail(ENOMEM, "no memory to run %.200s", name);
	life->death.step = "finding its program";
	life->death.error = report_class(r);
	return acre_fail(report_class(r), "there is no program \"%.200s\" in PATH", name);
}

int be_exec_make(struct life *life, const struct birth *birth)
{
	auto_close int ours = -1, theirs = -1;
	struct program *program = NULL;
	int r = stderr_pipe(&ours, &theirs);

	if (r < 0)
		return acre_fail(report_class(r), "no pipe for the stderr of %s",
				 birth->title);
	r = program_new(&program, birth->program);
	if (r < 0)
		return no_program(life, birth, r);
	r = make_process(life, birth, program, theirs);
	program_free(program);
	if (r >= 0)
		life->words.fd = TAKE_FD(ours);
	return r;
}
