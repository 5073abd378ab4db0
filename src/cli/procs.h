/* SPDX-License-Identifier: MIT */
/* procs.h - whose process a socket is, as its name says. */
#pragma once

#include <sys/types.h>

/* The process of the actor that listens at this multiaddr, on this host; 0: not known. Sockets
 * have the number of the thread in their names (wire/rundir.h), which is asked for its process. */
pid_t procs_pid_of(const char *address);
