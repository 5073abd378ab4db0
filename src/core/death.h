/* SPDX-License-Identifier: MIT */
/* death.h - how an actor ended, in words. */
#pragma once

#include <acre/error.h>

#define DEATH_SENTENCE_MAX 256

/* "actor scanner (pid 42) was killed by signal 11 (SIGSEGV, core dumped)", of the class, actor
 * and pid of the report. */
void death_sentence(const struct acre_report *why, const struct acre_death *death,
		    char ret[DEATH_SENTENCE_MAX]);

/* The same of whoever it is. */
void death_sentence_of(const char *who, const struct acre_death *death,
		       char ret[DEATH_SENTENCE_MAX]);

/* "SIGSEGV", or "SIGRTMIN+3", in buf. */
#define SIGNAL_NAME_MAX 16
const char *signal_name(int signal, char buf[SIGNAL_NAME_MAX]);
