/* SPDX-License-Identifier: MIT */
/* banned.h - functions that do not compile in src/.
 *
 * Given to the compiler before each file of src/ (-include base/banned.h). It therefore
 * includes the headers that declare what it bans, with all their extensions, before it bans
 * them. Each entry has a reason and a way out. The few files that may fork #undef it.
 */
#pragma once

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BANNED(name, instead) name##_is_banned_use_##instead

/* write beyond the end */
#undef strcpy
#define strcpy(to, from) BANNED(strcpy, memcpy)
#undef strcat
#define strcat(to, from) BANNED(strcat, snprintf)
#undef sprintf
#define sprintf(...) BANNED(sprintf, snprintf)

/* keep state that all threads share */
#undef strtok
#define strtok(s, delimiters) BANNED(strtok, strtok_r)
#undef gmtime
#define gmtime(t) BANNED(gmtime, gmtime_r)
#undef localtime
#define localtime(t) BANNED(localtime, localtime_r)

/* change what belongs to the whole process, or run a shell in it */
#undef signal
#define signal(sig, handler) BANNED(signal, signalfd)
#undef system
#define system(command) BANNED(system, an_actor)

/* hit a stranger who got the pid */
#undef kill
#define kill(pid, sig) BANNED(kill, pidref_signal)

/* leave a child with locks that nobody will open */
#undef fork
#define fork() BANNED(fork, a_backend)

/* leak to an exec in another thread */
#undef dup
#define dup(fd) BANNED(dup, sys_fcntl_F_DUPFD_CLOEXEC)

/* hope instead of waiting */
#undef usleep
#define usleep(us) BANNED(usleep, a_deadline)
