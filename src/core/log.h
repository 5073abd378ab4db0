/* SPDX-License-Identifier: MIT */
/* log.h - lines on stderr from inside: whose they are, and which are written. */
#pragma once

#include <acre/log.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define LOGGER_NAME_MAX 128 /* with the end, as an actor's name */

/* Of one actor; in its loop. The name does not change, the level is read by other threads. */
struct logger {
	_Atomic uint32_t level; /* enum acre_log_level; 0: nobody has said yet */
	char name[LOGGER_NAME_MAX];
};

/* `of_process`: also what threads without a loop go by. */
void logger_set(struct logger *l, enum acre_log_level level, bool of_process);

/* By a thread without a loop: from here on it speaks for that actor; NULL: for none. */
void logger_speak_for(struct logger *l);
/* That of this thread's loop, or of whom it speaks for. Never NULL. */
struct logger *logger_this(void);

/* What acre itself has to say, in the name of logger_this(). */
void log_say(enum acre_log_level level, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* For what costs something to find out. */
bool log_is_on(enum acre_log_level level);

/* 0 and the level that a word names; EINVAL lists the choices. A failure is filed. */
int log_level_find(enum acre_log_level *ret, const char *word);
