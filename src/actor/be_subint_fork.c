/* SPDX-License-Identifier: MIT */
/* be_subint_fork.c - an actor that hosts a guest, forked of the process of another guest. */
#include <stdio.h>

#include "actor/birth.h"
#include "actor/guest.h"
#include "actor/runtime.h"

/*
 * It is a fork as of be_fork.c, by the spawner thread and behind the barrier, between the two
 * calls in which the plug-in takes the main interpreter's GIL and gives it back. The GIL comes
 * first: a guest may keep it for long, and all loops of this process stand still while the
 * barrier is up. Nor does the thread that asked matter: the child goes on in the main
 * interpreter, on a thread that has never run any other (src/py/fork.c), and what it runs
 * there is loaded as in any guest's process. It has what the main interpreter had imported.
 *
 * The threads of Python are strangers to the barrier, and there always are some: a lock that
 * one of them holds within a C library stays locked in the child.
 */

static int take_gil(struct spawn_request *q)
{
	return q->python->before_fork(false);
}

static void give_gil(struct spawn_request *q)
{
	q->python->after_fork_parent();
}

int be_subint_fork_make(struct life *life, const struct birth *birth)
{
	struct guest *guest = runtime_this->guest;
	struct spawn_request q = { .make = spawn_fork,
				   .path = "the process of a guest",
				   .title = birth->title,
				   .is_fork = true,
				   .begin = take_gil,
				   .end = give_gil,
				   .takes_long = "waiting for the guest's GIL",
				   .with_strangers = true };

	if (!guest)
		return acre_fail(
			EOPNOTSUPP,
			"actor %s: the backend subint_fork forks the process of a "
			"guest, and this actor hosts none; subint_forkserver makes one",
			birth->name);
	if (birth->program)
		return acre_fail(EINVAL,
				 "actor %s: another program is for the backend exec only",
				 birth->name);
	if (birth->guest && birth->guest->preload && *birth->guest->preload)
		return acre_fail(
			EINVAL,
			"actor %s: modules are preloaded in the helper of the backend "
			"subint_forkserver; one of subint_fork has what the guest that "
			"it is forked of had imported",
			birth->name);
	fflush(stdout); /* or the child would have it, too */
	q.python = guest->plugin;
	return birth_of_process(life, birth, &q);
}
