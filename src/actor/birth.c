/* SPDX-License-Identifier: MIT */
/* birth.c - what every actor that is a process gets from its parent. */
#include "actor/birth.h"

#include <fcntl.h>

#include "actor/runtime.h"
#include "actor/tty.h"
#include "base/sys.h"
#include "base/util.h"

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

int birth_of_process(struct life *life, const struct birth *birth,
		     struct spawn_request *q)
{
	auto_close int ours = -1, theirs = -1;
	int r = stderr_pipe(&ours, &theirs);

	if (r < 0)
		return acre_fail(report_class(r), "no pipe for the stderr of actor %s",
				 birth->name);
	q->fds[0] = birth->link_fd;
	q->fds[1] = runtime_this->self.fd;
	q->fds[2] = runtime_this->is_root ? runtime_this->self.fd
					  : runtime_this->root_pidfd;
	q->fds[3] = birth->status_fd;
	q->n_fds = BIRTH_FD_END - BIRTH_FD_LINK;
	q->n_fds += tty_give(q->fds + q->n_fds);
	q->stderr_fd = theirs;
	q->entry = &life->entry;
	q->name = birth->name;
	contain_birth(runtime_this->contained_by, q);
	r = spawner_make(q);
	if (r < 0) {
		life->death.step = q->step;
		life->death.error = q->error;
		return r;
	}
	life->pid = q->pid;
	life->words.fd = TAKE_FD(ours);
	return 0;
}
