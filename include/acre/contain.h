/* SPDX-License-Identifier: MIT */
/* contain.h - a fence around a tree: what else there is but a cgroup. */
#ifndef ACRE_CONTAIN_H
#define ACRE_CONTAIN_H

#include <stdint.h>

/*
 * A bit of acre_run_options.flags, with .contained: a PID namespace even where a cgroup
 * may be made. It holds also when the root and all helpers of acre are killed at once.
 *
 * The root is outside and notices nothing. For the actors, numbers of processes are
 * others than for the root, and acre_actor_pid() and reports tell those of whoever asks
 * or has reported, acre_tty_holder() the root's; the root and strangers cannot be seen or
 * signalled, and a child of the root has 0 as its getppid(). Each child of the root has
 * its own /proc and mount namespace: what it mounts is not seen outside. Without
 * privileges (CAP_SYS_ADMIN) a user namespace goes along, in which files of other users
 * look like nobody's, and no other user can become anything. Unless it is stopped, a
 * process named acre-init ends the namespace with the root; when it is killed all actors
 * die, and the tree can start none any more. EOPNOTSUPP where a system forbids one of
 * these namespaces: `acre doctor` tells.
 */
#define ACRE_RUN_PID_NAMESPACE ((uint64_t)1)

#endif
