/* SPDX-License-Identifier: MIT */
/* birth.h - what every actor that is a process gets from its parent. */
#pragma once

#include "actor/backend.h"
#include "actor/spawner.h"

/* argv[1] of a process that is to be an actor; of a forkserver: forkserver.h. */
#define ACTOR_ARGUMENT "--acre-actor"

/* The descriptors an actor's process begins with, beyond the standard ones. */
enum birth_fd {
	BIRTH_FD_LINK = 3, /* to the parent */
	BIRTH_FD_PARENT,   /* pidfd of the parent */
	BIRTH_FD_ROOT,	   /* pidfd of the root */
	BIRTH_FD_STATUS,   /* its status page */
	BIRTH_FD_END,
	BIRTH_FD_TTY =
		BIRTH_FD_END /* from here on, where the tree has a terminal: tty.h */
};

/* Has the process made as the request says, with these descriptors and a stderr that we
 * read: life->pid and life->words are set. Parks, as spawner_make() does. A failure is
 * filed, and step and errno are in life->death. */
int birth_of_process(struct life *life, const struct birth *birth,
		     struct spawn_request *q);
