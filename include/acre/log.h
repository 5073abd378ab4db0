/* SPDX-License-Identifier: MIT */
/* log.h - lines on stderr for people, by level, with the name of the actor that says them. */
#ifndef ACRE_LOG_H
#define ACRE_LOG_H

/*
 * A line is written if its level is the actor's own or a graver one:
 *
 *	warning root[4711]: acre: killed actor hanger (pid 4712): ...
 *
 * The level of an actor is what it was given (acre_spawn_options), else its parent's; the
 * root's is what it was given (acre_run_options), else that of the environment's ACRE_LOG,
 * else warning. What an actor writes comes to the stderr of the root, since each parent
 * passes on what its child says.
 *
 * What acre itself has to say begins with "acre: ". Failures are no lines: they are returned.
 *
 * THREADS: any. Not in signal handlers.
 */

#include <acre/define.h>

ACRE_BEGIN_

/* level, its name, what acre says there */
#define ACRE_LOG_LEVELS(L)                                                              \
	L(DEBUG, "debug", "nothing: it traces (trace.h)")                               \
	L(INFO, "info", "what was swept, what was dumped, how the root ended")          \
	L(CANCEL, "cancel", "what came from outside and cancels; a shield that is over") \
	L(WARNING, "warning", "hard kills, and what it did while a loop was stuck")     \
	L(ERROR, "error", "nothing: failures are returned")                             \
	L(CRITICAL, "critical", "that it ends a process which it should not have to")   \
	L(OFF, "off", "not a level of lines: nothing is written")

#define ACRE_LOG_ENUM_(name, word, text) ACRE_LOG_##name,
enum acre_log_level { ACRE_LOG_INHERITED, ACRE_LOG_LEVELS(ACRE_LOG_ENUM_) ACRE_N_LOG_LEVELS_ };
#undef ACRE_LOG_ENUM_

/*
 * Says one line: acre_log(ACRE_LOG_INFO, "%zu files", n). Below the actor's level nothing is
 * formatted. Never waits: what stderr does not take at once is left out, and the next line
 * that is taken says how many were. Cut at 1,000 bytes; control characters are escaped, so
 * it is one line whatever is in it.
 */
ACRE_PUBLIC_ ACRE_FORMAT_(2, 3) void acre_log(enum acre_log_level level, const char *fmt, ...);

/* The level of the actor that runs here; outside of one, that of the process's own actor. */
ACRE_PUBLIC_ enum acre_log_level acre_log_level(void);

/* "debug" ...; "" for what is no level. */
ACRE_PUBLIC_ const char *acre_log_level_name(enum acre_log_level level);

ACRE_END_
#endif
