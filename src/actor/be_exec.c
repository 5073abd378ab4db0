/* SPDX-License-Identifier: MIT */
/* be_exec.c - an actor as a process with a fresh image: vfork-like clone3, then execve. */
#include <fcntl.h>
#include <linux/sched.h>

#include "actor/backend.h"
#include "actor/birth.h"
#include "actor/newborn.h"
#include "actor/pidns.h"
#include "actor/program.h"
#include "base/sys.h"
#include "base/util.h"

/*
 * The child shares our memory until it execs, and the spawner thread stands still
 * meanwhile. So everything it needs is laid out before, it makes the calls of base/sys.h
 * only (async-signal-safe, no memory), and it reports the step that failed, with its
 * errno, by writing into the request: no pipe is needed for what is one memory.
 */

/* Of the child until it execs: a dozen frames without buffers */
#define STACK_SIZE   (64 * 1024)
#define EXIT_NO_EXEC 127 /* what shells use for the same */

struct plan {
	struct newborn newborn;
	pid_t sibling; /* the child, if another process made it for us; 0: none */
	struct spawn_request *request;
};

static int run_in_child(void *arg)
{
	struct plan *p = arg;
	struct spawn_request *q = p->request;
	int r = newborn_begin_in_child(&p->newborn);

	if (r >= 0) {
		p->newborn.step = "exec";
		r = sys_execve(q->path, q->argv, q->env);
	}
	spawn_failed(q, p->newborn.step, r);
	return EXIT_NO_EXEC;
}

/* In between, see pidns.h. The child is made as our sibling, on a stack of its own; it
 * has execed or ended when that returns. */
static int make_sibling_in_child(void *arg)
{
	static _Alignas(64) uint8_t stack[STACK_SIZE];
	struct plan *p = arg;
	int pidfd = -1; /* of this process, of no use */
	struct sys_spawn_args args = { .flags = CLONE_PARENT | CLONE_CLEAR_SIGHAND,
				       .stack = stack,
				       .stack_len = STACK_SIZE,
				       .ret_pidfd = &pidfd };
	int r = pidns_enter_in_child(p->request->pidns);

	if (r >= 0)
		r = p->sibling = sys_spawn(&args, run_in_child, p);
	if (r < 0)
		spawn_failed(p->request, "entering the PID namespace of its tree", r);
	return 0;
}

/* A child that did not get to its exec, or was not to: it has ended by itself. */
static void collect(struct spawn_request *q)
{
	/* bound: it is exiting, its memory is ours */
	acre_ignore(pidref_reap(&q->pid, NULL, 0));
	pidref_fini(&q->pid);
}

/* Instead of the process that made it, which has ended. Only we can reap it, so its
 * number is still its own. */
static void take_sibling(struct plan *p)
{
	struct spawn_request *q = p->request;
	int r;

	collect(q);
	if (!p->sibling)
		return;
	r = pidref_open(&q->pid, p->sibling);
	if (r < 0) {
		q->pid = PIDREF_NULL;
		if (!q->step)
			spawn_failed(q, "holding the process", r);
		newborn_let_end(q, P_PID, p->sibling);
	} else if (q->step) {
		collect(q);
	}
}

static void make(struct plan *p)
{
	/* one child at a time is between clone and exec */
	static _Alignas(64) uint8_t stack[STACK_SIZE];
	struct spawn_request *q = p->request;
	int pidfd = -1;
	struct sys_spawn_args args = { .flags = CLONE_CLEAR_SIGHAND,
				       .stack = stack,
				       .stack_len = STACK_SIZE,
				       .ret_pidfd = &pidfd };
	pid_t pid;

	if (q->is_contained) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup_fd = q->cgroup_fd;
	}
	pid = sys_spawn(&args, q->pidns ? make_sibling_in_child : run_in_child, p);
	if (pid < 0) {
		spawn_failed(q, "making a process", pid);
		return;
	}
	/* not pidref_take(), which may fail: what has execed must stay in hand */
	q->pid = (struct pidref){ .pid = pid, .fd = pidfd };
	if (q->pidns)
		take_sibling(p);
	else if (q->step)
		collect(q);
}

void spawn_exec(struct spawn_request *q)
{
	struct plan p = { .request = q };
	auto_close int null_fd = sys_openat(AT_FDCWD, "/dev/null", O_RDWR, 0);

	if (null_fd < 0) {
		spawn_failed(q, "opening /dev/null", null_fd);
		return;
	}
	newborn_plan(&p.newborn, q, null_fd);
	make(&p);
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
	char *argv[] = { (char *)(uintptr_t)birth->title,
			 (char *)(uintptr_t)ACTOR_ARGUMENT, NULL };
	struct spawn_request q = { .make = spawn_exec, .argv = argv };
	struct program *program = NULL;
	int r = program_new(&program, birth->program);

	if (r < 0)
		return no_program(life, birth, r);
	q.path = program->path;
	q.env = program->env;
	r = birth_of_process(life, birth, &q);
	program_free(program);
	return r;
}
