/* SPDX-License-Identifier: MIT */
/* forkserver.c - the small clean process that forks actors. */
#include "actor/forkserver.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "actor/birth.h"
#include "actor/child.h"
#include "actor/endpoint.h"
#include "actor/guest_life.h"
#include "actor/python.h"
#include "base/sys.h"
#include "base/util.h"
#include "core/barrier.h"
#include "core/crash.h"
#include "core/fiber.h"
#include "core/report.h"
#include "core/thread_stay.h"

/*
 * It is this program, executed anew, and never gets further than this file: it has one
 * thread, no loop, no runtime and little memory. So a fork of it costs the same however
 * big its parent has become (kernel-facts K24), and no lock is held by anybody (K23).
 * What it forks are not its children but its parent's (CLONE_PARENT, K15): their lives
 * hang on the actor that asked for them, not on the forkserver, whose death costs a new
 * start only.
 *
 * It keeps nothing of a request (K41). Environment and working directory are those of the
 * moment when it was started.
 */

const char *const forkserver_arguments[N_FORKSERVERS] = {
	[FORKSERVER_PLAIN] = "--acre-forkserver",
	[FORKSERVER_PYTHON] = "--acre-forkserver-python",
};

bool forkserver_is_title(const char *text)
{
	return !strncmp(text, FORKSERVER_TITLE, strlen(FORKSERVER_TITLE));
}

int forkserver_profile_of(int argc, char **argv)
{
	if (argc < 2 || !forkserver_is_title(argv[0]))
		return -1;
	for (int i = 0; i < N_FORKSERVERS; i++)
		if (!strcmp(argv[1], forkserver_arguments[i]))
			return i;
	return -1;
}

struct server {
	pid_t parent; /* of it, and of what it forks; 0: it is in another PID namespace */
	bool ignores_nothing;
	const struct python_plugin *python; /* warm; NULL: it has none */
	char **argv;
	int argc;
};

/* Where the arguments stand is what /proc shows. */
static void take_title(const struct server *s, const char *title)
{
	char *first = s->argv[0], *last = s->argv[s->argc - 1];
	size_t room = (size_t)(last - first) + strlen(last);
	size_t len = strlen(title) + 1;

	memset(first, 0, room);
	memcpy(first, title, size_min(len, room));
	if (len + sizeof ACTOR_ARGUMENT <= room)
		memcpy(first + len, ACTOR_ARGUMENT, sizeof ACTOR_ARGUMENT);
}

_Noreturn static void live_in_child(struct server *s, struct newborn *n, const char *title)
{
	int r = newborn_begin_in_child(n);

	if (r < 0) {
		newborn_say_failure(n, r);
		_exit(EXIT_FAILURE);
	}
	take_title(s, title);
	if (s->python)
		guest_live(s->python, title);
	exit(child_live_in_process(title, NULL));
}

/* False: it could not be said, and who waits for it must not wait on. Our end tells him.
 * With a descriptor, if it is one. */
static bool answer_with(int pidfd, int pid, int error, const char *why)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof pidfd)] = { 0 };
	struct forkserver_answer a = { .pid = pid, .error = error };
	struct iovec iov = { &a, sizeof a };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *c;

	if (pidfd >= 0) {
		msg.msg_control = control;
		msg.msg_controllen = sizeof control;
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof pidfd);
		memcpy(CMSG_DATA(c), &pidfd, sizeof pidfd);
	}
	snprintf(a.why, sizeof a.why, "%s", why);
	return sys_sendmsg(FORKSERVER_CONTROL_FD, &msg, 0) >= 0;
}

static bool answer(int pid, int error, const char *why)
{
	return answer_with(-1, pid, error, why);
}

/* Where our parent is in another PID namespace (pidns.h), the number says nothing to
 * it. It alone reaps the child, so the number is still its own. */
static bool answer_child(const struct server *s, pid_t pid)
{
	auto_close int pidfd = s->parent == 0 && pid > 0 ? sys_pidfd_open(pid, 0) : -1;

	return answer_with(pidfd, pid > 0 ? pid : 0, pid < 0 ? -pid : 0, "making a process");
}

static int take_fds(struct msghdr *msg, struct newborn *n)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(msg);

	if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
		return -EBADMSG;
	n->n_fds = (int)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
	memcpy(n->fds, CMSG_DATA(c), (size_t)n->n_fds * sizeof(int));
	if (n->n_fds > BIRTH_FD_PARENT)
		n->parent_pidfd = n->fds[BIRTH_FD_PARENT];
	return msg->msg_flags & MSG_CTRUNC ? -EMFILE : 0;
}

static void close_fds(struct newborn *n)
{
	for (int i = 0; i < n->n_fds; i++)
		acre_ignore(sys_close(n->fds[i]));
}

/* > 0: a request came; 0: nobody is there to ask any more, or cannot be heard. That
 * must not be answered: the one who asks next would take it for his. */
static int receive(struct forkserver_request *ret, struct newborn *n)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof n->fds)];
	struct iovec iov = { ret, sizeof *ret };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control,
			      .msg_controllen = sizeof control };
	ssize_t len = sys_recvmsg(FORKSERVER_CONTROL_FD, &msg, 0);
	int r;

	if (len <= 0)
		return 0;
	r = take_fds(&msg, n);
	ret->title[FORKSERVER_TITLE_MAX - 1] = '\0';
	if (r >= 0 && (len != sizeof *ret || ret->n_fds != n->n_fds))
		r = -EBADMSG;
	return r < 0 ? r : 1;
}

static bool serve(struct server *s)
{
	struct forkserver_request request;
	/* it is in the cgroup or namespace already */
	struct newborn n = { .parent = s->parent,
			     .parent_pidfd = -1,
			     .cgroup_fd = -1,
			     .ignores_nothing = s->ignores_nothing };
	int r = receive(&request, &n);
	pid_t pid;
	bool told;

	if (r == 0)
		return false;
	if (r < 0) {
		close_fds(&n);
		return answer(0, -r, "a request that cannot be read");
	}
	if (s->python)
		r = s->python->before_fork(true);
	if (r < 0) {
		close_fds(&n);
		return answer(0, -r, "bringing Python to rest");
	}
	pid = sys_fork_sibling();
	if (pid == 0)
		live_in_child(s, &n, request.title);
	if (s->python)
		s->python->after_fork_parent();
	told = answer_child(s, pid);
	close_fds(&n); /* nobody waits for that */
	return told;
}

/* 0 where /proc does not tell. */
static int count_threads(struct barrier_culprit *ret_last)
{
	int n = barrier_count_strangers(ret_last);

	return n < 0 ? 0 : n;
}

/* `ret` names the module that it failed at; "": none. */
static int warm_python(struct server *s, const char *imports,
		       char ret[FORKSERVER_IMPORTS_MAX])
{
	int r = python_load(&s->python);

	if (r >= 0)
		r = s->python->guest_warm();
	while (r >= 0 && *imports) {
		size_t len = strcspn(imports, ",");

		snprintf(ret, FORKSERVER_IMPORTS_MAX, "%.*s", (int)len, imports);
		r = s->python->guest_import(ret);
		imports += len + (imports[len] == ',');
	}
	if (r < 0)
		return r;
	*ret = '\0';
	return s->python->guest_is_warm();
}

/* Behind an answer whose error is ACRE_EGUEST. */
static void answer_exception(const struct acre_report *why, const char *module)
{
	struct forkserver_exception e = { .type = "" };
	struct iovec iov = { &e, sizeof e };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	snprintf(e.type, sizeof e.type, "%s", why->name);
	snprintf(e.text, sizeof e.text, "%s", why->message);
	snprintf(e.trace, sizeof e.trace, "%s", why->trace ? why->trace : "");
	snprintf(e.module, sizeof e.module, "%s", module);
	acre_ignore(sys_sendmsg(FORKSERVER_CONTROL_FD, &msg, 0)); /* who asks is told */
}

/* A sanitizer may have a thread of its own from the beginning. */
static int preload(struct server *s)
{
	bool has_python = forkserver_profile_of(s->argc, s->argv) == FORKSERVER_PYTHON;
	struct barrier_culprit last = { .tid = 0 };
	int before = count_threads(&last), r = 0;
	char module[FORKSERVER_IMPORTS_MAX] = "";

	for (int i = has_python ? 3 : 2; r >= 0 && i < s->argc; i++)
		r = endpoint_preload(s->argv[i]);
	if (r >= 0 && has_python)
		r = warm_python(s, s->argc > 2 ? s->argv[2] : "", module);
	if (r >= 0 && count_threads(&last) > before)
		r = acre_fail(
			EPERM,
			"a preloaded module has started thread %d (%s): what it holds "
			"would stay locked in all actors",
			(int)last.tid, last.name);
	if (r < 0)
		(void)answer(0, report_class(r), acre_why(r)->message);
	if (report_class(r) == ACRE_EGUEST)
		answer_exception(acre_why(r), module);
	report_thread_fini();
	return r;
}

/* A module may have changed that since we began. */
static bool ignores_nothing(void)
{
	struct sigaction now;

	for (int sig = 1; sig < NSIG; sig++) /* EINVAL for libc's own two */
		if (sys_sigaction(sig, NULL, &now) >= 0 && now.sa_handler == SIG_IGN)
			return false;
	return true;
}

/* The machine stays what it is, and so does this program: no child need find out
 * again. */
static void learn_for_children(struct server *s)
{
	s->ignores_nothing = ignores_nothing();
	acre_ignore(thread_stay_begin("a forkserver")); /* which makes a key */
	thread_stay_end();
	fiber_learn_stack();
	crash_prepare();
	report_set_actor("", ""); /* and the host's name */
	for (int feature = 0; feature < N_SYS_HAS; feature++)
		(void)sys_has((enum sys_feature)feature);
}

void forkserver_main(int argc, char **argv)
{
	struct server s = { .parent = sys_getppid(), .argv = argv, .argc = argc };
	int r = sys_fcntl(FORKSERVER_CONTROL_FD, F_SETFD, FD_CLOEXEC);

	if (r >= 0)
		r = preload(&s);
	if (r >= 0) {
		learn_for_children(&s);
		if (answer(0, 0, ""))
			while (serve(&s))
				;
	}
	_exit(r < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
}
