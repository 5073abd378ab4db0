/* SPDX-License-Identifier: MIT */
/* rundir.h - the directories that sockets lie in, and the names of sockets. */
#pragma once

#include <stdint.h>

#include "wire/address.h"

/*
 * A socket is reached by whoever may enter its directory and write to it, and replaced by
 * whoever may write to the directory. So sockets lie in directories of ours only:
 *
 *	$XDG_RUNTIME_DIR/PROGRAM/		0700, all trees of a program
 *	$XDG_RUNTIME_DIR/PROGRAM/TREE/		0700, one tree
 *	    worker@4242.sock			0600, one listener (transport.h)
 *
 * Without that variable (unset, empty, or nothing there) it is /run/user/UID/PROGRAM, and
 * where there is no such directory PROGRAM-UID in $TMPDIR or /tmp. A variable that names
 * what cannot be trusted is a failure and no reason to go elsewhere: two programs that
 * look for each other must not end in two places because of somebody else's mistake.
 *
 * Each directory is entered component by component, no symbolic link is followed, and what
 * was opened is what is checked, so nobody can exchange it in between. What is ours by name
 * is made, and its mode corrected; a directory that only was named to us is never changed.
 */

#define RUNDIR_MODE 0700

struct rundir {
	int fd;				 /* owned; the directory itself */
	char path[ADDRESS_PATH_MAX + 1]; /* without a slash at its end: "" is the root */
};

/* The directory of a program, or of one of its trees (tree NULL: of all). Made if it is
 * missing. Both names are one component each. EPERM: what is there belongs to somebody
 * else, or is a link or a file; EINVAL: a name; ENAMETOOLONG; others as the kernel's. */
int rundir_open(struct rundir *ret, const char *program, const char *tree);

/* The directory of this socket, made (with those above it) if it is missing. EPERM: as
 * above, or others may write to it. */
int rundir_open_of(struct rundir *ret, const struct address *socket);

/* The address in this directory of an actor's socket: NAME@NUMBER.sock, the number being
 * a pid, or 1616 for a registry. A name that is too long, or not of the characters
 * A-Z a-z 0-9 _ - . alone, becomes the start of it, `~` and a hash: always the same one.
 * ENAMETOOLONG: not even that has room; the failure says how much there is. */
int rundir_socket(const struct rundir *d, const char *name, uint64_t number,
		  struct address *ret);

/*
 * Who made a tree's directory holds it, by a lock that the kernel takes back when it is gone,
 * so whether a directory is left over is known: nobody holds it. rundir_hold() is the root's,
 * while it lives; rundir_take() that of who is to remove what is left; rundir_is_held() only
 * looks. -EAGAIN, plain: somebody else has it (who looks has it for some microseconds), or it
 * is removed already.
 */
int rundir_hold(const struct rundir *d);
int rundir_take(int fd);
bool rundir_is_held(int fd);

/* Calls `each` for all that is in an opened directory, once for each opening, until it returns
 * other than 0, which is the result. `type` is DT_SOCK, DT_DIR ...; what is found may be
 * removed meanwhile. */
int rundir_each(int fd,
		int (*each)(int fd, const char *name, unsigned char type, void *arg),
		void *arg);

/* Idempotent. */
void rundir_close(struct rundir *d);
/* Closes, and removes the directory if nothing is in it any more. */
void rundir_remove(struct rundir *d);
/* Removes the sockets in it, those of listeners too that were killed: who calls it knows that
 * all who listened there are gone. */
void rundir_clear(struct rundir *d);
