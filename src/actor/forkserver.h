/* SPDX-License-Identifier: MIT */
/* forkserver.h - the small clean process that forks actors: what is said to it, and what it is. */
#pragma once

#include <stdint.h>

#include "actor/newborn.h"
#include "actor/spawner.h"

/*
 * One datagram each way on a socketpair of type SOCK_SEQPACKET, one request at a time. With
 * a request come the descriptors 0, 1, 2 ... of the new process. The first answer, without
 * a request, says whether the forkserver is ready; if its error is ACRE_EGUEST, one more tells
 * the exception.
 */
#define FORKSERVER_TITLE_MAX 192 /* bytes with the end: _subactor[NAME@UUID] */
#define FORKSERVER_WHY_MAX   256 /* bytes with the end: the words of a loader */

struct forkserver_request {
	char title[FORKSERVER_TITLE_MAX];
	int32_t n_fds; /* that came along */
};

struct forkserver_answer {
	int32_t pid;   /* of the new child of the one who asked; 0: none */
	int32_t error; /* an errno value; 0: all went well */
	char why[FORKSERVER_WHY_MAX];
};

struct forkserver_exception {
	char type[128]; /* "": none */
	char text[1024];
	char trace[8192];  /* what is longer lacks the end */
	char module[1024]; /* that was being imported; "": none */
};

/* Bytes, with the end, of the modules that one with Python is to import, one comma between two. */
#define FORKSERVER_IMPORTS_MAX 1024

#define FORKSERVER_CONTROL_FD 3 /* its end of the socketpair */

/* How argv[0] of the forkserver begins. Its children write their own titles over it, so it
 * is FORKSERVER_TITLE_MAX long. */
#define FORKSERVER_TITLE "_forkserver "
bool forkserver_is_title(const char *text);

/* What argv[1] of each is. */
extern const char *const forkserver_arguments[N_FORKSERVERS];
/* Which one a process with these arguments is to be; -1: none. */
int forkserver_profile_of(int argc, char **argv);

/* The spawner thread ends it; a child of fork forgets that there is one. */
void forkserver_stop(void);
void forkserver_forget(void);

/* What main() is in it: serves until its parent closes the control socket or dies. argv
 * names the modules to load beforehand, from the third on; where there is Python the third
 * has what that is to import. */
_Noreturn void forkserver_main(int argc, char **argv);
