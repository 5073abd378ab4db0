/* SPDX-License-Identifier: MIT */
/* fork.h - forks of a process that holds Python interpreters; the child has the main one only. */
#pragma once

#include "py/plugin.h"

/*
 * Around a fork, by the thread that forks: with the GIL of any interpreter, or without one,
 * and again so afterwards. In the child it then has the main interpreter's. Who forks has
 * blocked all signals, and ends the child by _exit(). fork_begin() waits for the main
 * interpreter's GIL; -EOPNOTSUPP, -ENOMEM.
 */
int fork_begin(bool has_gil);
void fork_go_on_in_parent(void);
void fork_go_on_in_child(void);

/* With the GIL of any interpreter: forks a child that runs fn(arg) in the main interpreter and
 * ends with what that returns. It dies with this thread, has default signals, and of the
 * descriptors 0, 1, 2 and these, which are ascending. Its number, or -errno. What
 * `arg` and `fds` point to must not be memory of the interpreter, which may be wiped. */
pid_t fork_run(int (*fn)(void *arg), void *arg, const int *fds, size_t n_fds);
