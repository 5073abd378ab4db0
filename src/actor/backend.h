/* SPDX-License-Identifier: MIT */
/* backend.h - the ways to make an actor: one table, and the choice of a row. */
#pragma once

#include <acre/actor.h>

#include "actor/life.h"
#include "wire/memory.h"

/* What a backend needs to make one actor. All borrowed for the call. */
struct birth {
	const char *name;    /* of the actor; stays while it is in the child table */
	const char *title;   /* argv[0] of the process: _subactor[NAME@UUID] */
	const char *program; /* executable, NULL: the running one */
	const struct acre_guest *guest; /* what it is to host; NULL: nothing */
	int link_fd;	     /* the child's end of the socketpair; -1 over memory */
	struct memory_end *link_memory; /* the same; the backend's own on success */
	bool with_strangers; /* fork: also beside threads that are not ours */
	int status_fd;	     /* its status page (core/status.h) */
};

struct backend {
	const char *name;
	/* Makes the actor: life->pid (or what stands for it) is set on success and the
	 * caller has armed nothing yet. A checkpoint of bounded time (the spawner's
	 * answer); not cancellable, so that no child is lost. Failures are filed, with
	 * step and errno for a child that did not get to its exec. */
	int (*make)(struct life *life, const struct birth *birth);
	const char *why_not; /* NULL: available; else the reason, one sentence */
	bool shares_memory;  /* with its parent, so that is what their link goes over */
	bool needs_python;   /* and so it is only where the plug-in is (python.h) */
};

/* The row of a name or alias: EINVAL lists the choices, EOPNOTSUPP says why not here.
 * NULL means the default, exec. */
int backend_find(const struct backend **ret, const char *name);

/* be_exec.c, be_forkserver.c ... */
int be_exec_make(struct life *life, const struct birth *birth);
int be_forkserver_make(struct life *life, const struct birth *birth);
int be_subint_forkserver_make(struct life *life, const struct birth *birth);
int be_subint_fork_make(struct life *life, const struct birth *birth);
int be_fork_make(struct life *life, const struct birth *birth);
int be_thread_make(struct life *life, const struct birth *birth);
int be_subint_make(struct life *life, const struct birth *birth);
