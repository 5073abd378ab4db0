/* SPDX-License-Identifier: MIT */
/* be_forkserver.c - an actor as a process forked from a small clean helper of ours. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "actor/birth.h"
#include "actor/forkserver.h"
#include "actor/guest.h"
#include "actor/proc.h"
#include "actor/program.h"
#include "actor/runtime.h"
#include "base/fault.h"
#include "base/mem.h"
#include "base/sys.h"
#include "base/util.h"
#include "core/death.h"
#include "core/reap.h"

/*
 * The forkserver belongs to the spawner thread, which makes it with the first request and
 * ends it with itself: it must have been made by a thread that lives as long as its
 * children (kernel-facts K18). One that was killed is replaced by the next request.
 *
 * The thread waits for an answer while others wait for it, so every wait has a bound: a
 * forkserver that is silent for so long is killed, as one that has died. What it may have
 * forked just before is nobody's child then, and swept as a stranger.
 */

/* As long as an actor may take: loading big modules from a cold disk */
#define BOOT_NS 10000000000
/* A fork of a small process, on a machine that is busy */
#define ANSWER_NS 5000000000
/* From the end of a socket to that of its process, which has little memory to give back */
#define EXIT_NS 1000000000

/* Made when first asked: one that is plain, the first, and one for each list of modules that
 * guests want to have imported. The spawner thread's alone. */
struct forkserver {
	struct pidref pid;
	struct child_entry entry;
	int control; /* our end */
	bool runs;
	char imports[FORKSERVER_IMPORTS_MAX];
};

static struct forkserver servers[1 + ACRE_GUEST_PRELOADS_MAX];

static void stop(struct forkserver *s)
{
	if (!s->runs)
		return;
	s->runs = false;
	sys_close(TAKE_FD(s->control)); /* which ends it, too */
	acre_ignore(pidref_signal(&s->pid, SIGKILL));
	acre_ignore(pidref_reap(&s->pid, NULL, 0)); /* bound: SIGKILL, little memory */
	child_table_remove(&s->entry);
	pidref_fini(&s->pid);
}

/* NULL: all run. Who was killed is found out only by who asks it. */
static struct forkserver *stop_a_dead_one(void)
{
	for (size_t i = 1; i < ARRAY_N(servers); i++) {
		struct pollfd p = { .fd = servers[i].pid.fd, .events = POLLIN };

		if (sys_poll(&p, 1, 0) > 0) {
			stop(&servers[i]);
			return &servers[i];
		}
	}
	return NULL;
}

static bool has_imported(const struct forkserver *s, const char *imports)
{
	return PLANTED(PRELOADS_MIXED) || !strcmp(s->imports, imports);
}

/* NULL: there is none, nor a place for one. */
static struct forkserver *server_for(struct spawn_request *q)
{
	struct forkserver *free = NULL;

	if (q->forkserver == FORKSERVER_PLAIN)
		return &servers[0];
	for (size_t i = 1; i < ARRAY_N(servers); i++) {
		if (servers[i].runs && has_imported(&servers[i], q->imports))
			return &servers[i];
		if (!servers[i].runs && !free)
			free = &servers[i];
	}
	if (!free)
		free = stop_a_dead_one();
	if (free)
		snprintf(free->imports, sizeof free->imports, "%s", q->imports);
	else
		snprintf(q->detail, sizeof q->detail,
			 "%d lists of modules to preload have one each, and more than "
			 "that cannot be had at a time",
			 ACRE_GUEST_PRELOADS_MAX);
	return free;
}

void forkserver_stop(void)
{
	for (size_t i = 0; i < ARRAY_N(servers); i++)
		stop(&servers[i]);
}

/* Its end of the socket is closed, so it is dead or about to be: how is what is to be told. */
static void stop_dead(struct forkserver *s, struct spawn_request *q)
{
	struct pollfd p = { .fd = s->pid.fd, .events = POLLIN };
	struct acre_death death = { 0 };
	char text[DEATH_SENTENCE_MAX];

	if (sys_poll(&p, 1, EXIT_NS) > 0 && reap(&s->pid, &death) > 0) {
		death_sentence_of("the forkserver", &death, text);
		snprintf(q->detail, sizeof q->detail, "%.*s", (int)sizeof q->detail - 1,
			 text);
	}
	stop(s);
}

void forkserver_forget(void)
{
	for (size_t i = 0; i < ARRAY_N(servers); i++)
		servers[i].runs = false;
}

/* -ECONNRESET: it has died; -ETIMEDOUT: it is silent. Either way it is of no use. */
static int await_answer(const struct forkserver *s, struct forkserver_answer *ret,
			int *ret_pidfd, int64_t patience_ns)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof *ret_pidfd)];
	struct pollfd p = { .fd = s->control, .events = POLLIN };
	struct iovec iov = { ret, sizeof *ret };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control,
			      .msg_controllen = sizeof control };
	int r = sys_poll(&p, 1, patience_ns);
	struct cmsghdr *c;
	ssize_t n;

	*ret_pidfd = -1;
	if (r <= 0)
		return r < 0 ? r : -ETIMEDOUT;
	n = sys_recvmsg(s->control, &msg, 0);
	if (n != sizeof *ret)
		return n < 0 ? (int)n : -ECONNRESET;
	c = CMSG_FIRSTHDR(&msg);
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
		memcpy(ret_pidfd, CMSG_DATA(c), sizeof *ret_pidfd);
	ret->why[sizeof ret->why - 1] = '\0';
	return 0;
}

static void say_why(struct spawn_request *q, const char *step, const struct forkserver_answer *a)
{
	spawn_failed(q, step, -a->error);
	snprintf(q->detail, sizeof q->detail, "%s", a->why);
}

/* Comes behind an answer of that error; what cannot be read is no exception. */
static void read_exception(const struct forkserver *s, struct forkserver_exception *ret)
{
	struct pollfd p = { .fd = s->control, .events = POLLIN };
	struct iovec iov = { ret, sizeof *ret };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (sys_poll(&p, 1, ANSWER_NS) <= 0 ||
	    sys_recvmsg(s->control, &msg, 0) != sizeof *ret)
		ret->type[0] = '\0';
	ret->type[sizeof ret->type - 1] = '\0';
	ret->text[sizeof ret->text - 1] = '\0';
	ret->trace[sizeof ret->trace - 1] = '\0';
	ret->module[sizeof ret->module - 1] = '\0';
}

static int ready(struct forkserver *s, struct spawn_request *q)
{
	struct forkserver_answer hello;
	int pidfd, r = await_answer(s, &hello, &pidfd, BOOT_NS); /* none comes with it */

	if (r < 0)
		spawn_failed(q, "starting the forkserver", r);
	else if (hello.error)
		say_why(q, "starting the forkserver", &hello);
	if (r >= 0 && hello.error == ACRE_EGUEST && q->exception)
		read_exception(s, q->exception);
	if (r == -ECONNRESET)
		stop_dead(s, q);
	else if (q->step)
		stop(s);
	return q->step ? -1 : 0;
}

static int start(struct forkserver *s, struct spawn_request *q)
{
	struct spawn_request made = {
		.path = q->path,
		.argv = q->argv,
		.env = q->env,
		.n_fds = 1,
		.stderr_fd = -1,
		.is_contained = q->is_contained,
		.cgroup_fd = q->cgroup_fd,
		.pidns = q->pidns,
	};
	int pair[2], r;

	if (s->runs)
		return 0;
	r = sys_socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair);
	if (r < 0) {
		spawn_failed(q, "a socket pair for the forkserver", r);
		return r;
	}
	made.fds[0] = pair[1];
	spawn_exec(&made);
	sys_close(pair[1]);
	if (made.step) {
		sys_close(pair[0]);
		spawn_failed(q, "starting the forkserver", -made.error);
		return -made.error;
	}
	s->pid = made.pid;
	child_table_lock();
	child_table_add(&s->entry, made.pid.pid, made.pid.fd, CHILD_HELPER);
	child_table_unlock();
	s->control = pair[0];
	s->runs = true;
	return ready(s, q);
}

static int ask(const struct forkserver *s, const struct spawn_request *q,
	       const struct newborn *n)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof n->fds)] = { 0 };
	size_t size = (size_t)n->n_fds * sizeof *n->fds;
	struct forkserver_request request = { .n_fds = n->n_fds };
	struct iovec iov = { &request, sizeof request };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control,
			      .msg_controllen = CMSG_SPACE(size) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(size);
	memcpy(CMSG_DATA(c), n->fds, size);
	snprintf(request.title, sizeof request.title, "%s", q->title);
	return (int)sys_sendmsg(s->control, &msg, 0);
}

/* In a PID namespace the number is another one for us. A pidfd that did not come, or
 * does not tell, is that of a child which ends when its link is shut. */
static void hold_by_pidfd(struct spawn_request *q, int pidfd)
{
	pid_t pid = pidfd < 0 ? 0 : proc_behind(0, pidfd);

	if (pid > 0) {
		q->pid = (struct pidref){ .pid = pid, .fd = pidfd };
		return;
	}
	spawn_failed(q, "holding the forked process", -ESRCH);
	newborn_let_end(q, P_PIDFD, pidfd);
	acre_ignore(sys_close(pidfd));
}

/* Only we can reap it, so its number is still its own. */
static void hold_by_number(struct spawn_request *q, pid_t pid)
{
	int r = pidref_open(&q->pid, pid);

	if (r < 0) {
		q->pid = PIDREF_NULL;
		spawn_failed(q, "holding the forked process", r);
		newborn_let_end(q, P_PID, pid);
	}
}

/* The answer tells; without one it is of no use. */
static void await_child(struct forkserver *s, struct spawn_request *q)
{
	struct forkserver_answer a;
	int pidfd, r = await_answer(s, &a, &pidfd, ANSWER_NS);

	if (r < 0) {
		spawn_failed(q, "asking the forkserver", r);
		if (r == -ECONNRESET)
			stop_dead(s, q);
		else
			stop(s);
	} else if (a.error) {
		say_why(q, "forking from the forkserver", &a);
	} else if (q->pidns) {
		hold_by_pidfd(q, pidfd);
	} else {
		hold_by_number(q, a.pid);
	}
}

/* One that has died since the last request is replaced: it cannot have got this one. */
static int ask_running(struct forkserver *s, struct spawn_request *q,
		       const struct newborn *n)
{
	bool is_old = s->runs;
	int r = start(s, q);

	if (r < 0)
		return r;
	r = ask(s, q, n);
	if (r < 0 && is_old) {
		stop(s);
		r = start(s, q);
		if (r >= 0)
			r = ask(s, q, n);
	}
	return r;
}

static void spawn_from(struct forkserver *s, struct spawn_request *q)
{
	auto_close int null_fd = sys_openat(AT_FDCWD, "/dev/null", O_RDWR, 0);
	struct newborn n;
	int r = null_fd;

	if (r >= 0) {
		newborn_plan(&n, q, null_fd);
		r = ask_running(s, q, &n);
	}
	acre_ignore(sys_close(TAKE_FD(null_fd))); /* there is room for a pidfd, now */
	if (r >= 0)
		await_child(s, q);
	else if (!q->step)
		spawn_failed(q, "asking the forkserver", r);
}

static void spawn_from_forkserver(struct spawn_request *q)
{
	struct forkserver *s = server_for(q);

	if (s)
		spawn_from(s, q);
	else
		spawn_failed(q, "choosing a forkserver", -EMFILE);
}

#define ARGV_MAX (ENDPOINT_SPACES_MAX + 4)

/* argv: title, what it is to be, what Python is to import, modules. */
static void fill_argv(char *argv[ARGV_MAX], char title[FORKSERVER_TITLE_MAX],
		      const struct spawn_request *q, char *const *modules)
{
	memset(title, ' ', FORKSERVER_TITLE_MAX - 1);
	memcpy(title, FORKSERVER_TITLE, strlen(FORKSERVER_TITLE));
	title[FORKSERVER_TITLE_MAX - 1] = '\0';
	*argv++ = title;
	*argv++ = (char *)(uintptr_t)forkserver_arguments[q->forkserver];
	if (q->forkserver == FORKSERVER_PYTHON)
		*argv++ = (char *)(uintptr_t)q->imports;
	while (*modules)
		*argv++ = *modules++;
	*argv = NULL;
}

static int make_by(struct spawn_request *q, struct life *life, const struct birth *birth)
{
	char *argv[ARGV_MAX], title[FORKSERVER_TITLE_MAX];
	struct program *program = NULL;
	int r;

	if (birth->program)
		return acre_fail(EINVAL,
				 "actor %s: another program is for the backend exec only",
				 birth->name);
	r = program_new(&program, NULL);
	if (r < 0)
		return acre_fail(report_class(r), "no memory for actor %s", birth->name);
	fill_argv(argv, title, q, runtime_this->preload);
	q->make = spawn_from_forkserver;
	q->title = birth->title;
	q->argv = argv;
	q->path = program->path;
	q->env = program->env;
	r = birth_of_process(life, birth, q);
	program_free(program);
	return r;
}

int be_forkserver_make(struct life *life, const struct birth *birth)
{
	struct spawn_request q = { .forkserver = FORKSERVER_PLAIN };

	return make_by(&q, life, birth);
}

/* A forkserver that Python has kept from being ready has failed with that exception. */
static int tell_exception(int r, const struct forkserver_exception *e)
{
	if (report_class(r) != ACRE_EGUEST || !e->type[0])
		return r;
	r = python_fail(ACRE_EGUEST, e->type, e->text, e->trace);
	return e->module[0]
		       ? acre_note(r, "importing the module %s before guests are made",
				   e->module)
		       : r;
}

/* Where it has a warm Python, a child of it is a guest's process (guest.h). */
int be_subint_forkserver_make(struct life *life, const struct birth *birth)
{
	struct forkserver_exception *exception = mem_alloc(sizeof *exception);
	char imports[FORKSERVER_IMPORTS_MAX];
	struct spawn_request q = { .forkserver = FORKSERVER_PYTHON,
				   .imports = imports,
				   .exception = exception };
	int r;

	if (!exception)
		return acre_fail(ENOMEM, "no memory for actor %s", birth->name);
	exception->type[0] = '\0';
	guest_join_preload(birth->guest, imports);
	r = make_by(&q, life, birth);
	if (r < 0)
		r = tell_exception(r, exception);
	mem_free(exception);
	return r;
}
