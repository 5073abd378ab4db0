/* SPDX-License-Identifier: MIT */
/* death.c - how an actor ended, in words. */
#include "core/death.h"

#include <signal.h>
#include <string.h>

#include "base/util.h"

/* clang-format off */
#define SIGNALS(S)                                                                       \
	S(HUP) S(INT) S(QUIT) S(ILL) S(TRAP) S(ABRT) S(BUS) S(FPE) S(KILL) S(USR1)       \
	S(SEGV) S(USR2) S(PIPE) S(ALRM) S(TERM) S(CHLD) S(CONT) S(STOP) S(TSTP) S(TTIN)  \
	S(TTOU) S(URG) S(XCPU) S(XFSZ) S(VTALRM) S(PROF) S(WINCH) S(IO) S(PWR) S(SYS)
/* clang-format on */

#define AS_NAME(name) [SIG##name] = "SIG" #name,

static const char *const names[] = { SIGNALS(AS_NAME) };

const char *signal_name(int signal, char buf[SIGNAL_NAME_MAX])
{
	const char *name = NULL;

	if (signal > 0 && signal < (int)ARRAY_N(names))
		name = names[signal];
	if (name)
		return name;
	if (signal >= SIGRTMIN && signal <= SIGRTMAX)
		snprintf(buf, SIGNAL_NAME_MAX, "SIGRTMIN+%d", signal - SIGRTMIN);
	else
		snprintf(buf, SIGNAL_NAME_MAX, "unknown");
	return buf;
}

/* What is known besides the signal's name, with the comma before it. */
static const char *circumstance(const struct acre_death *d)
{
	if (d->hard_kill)
		return ", our hard kill";
	if (d->oom)
		return ", out of memory";
	if (d->signal == SIGSYS)
		return d->core ? ", a forbidden system call, core dumped"
			       : ", a forbidden system call";
	return d->core ? ", core dumped" : "";
}

static void say_who(const struct acre_report *why, char *buf, size_t len)
{
	bool named = *why->actor != '\0';

	if (why->pid > 0)
		snprintf(buf, len, "%s%.100s (pid %d)", named ? "actor " : "an actor",
			 why->actor, (int)why->pid);
	else
		snprintf(buf, len, "%s%.100s", named ? "actor " : "an actor", why->actor);
}

void death_sentence_of(const char *who, const struct acre_death *d,
		       char ret[DEATH_SENTENCE_MAX])
{
	char name[SIGNAL_NAME_MAX];

	if (d->signal)
		snprintf(ret, DEATH_SENTENCE_MAX,
			 "%.150s was killed by signal %d (%s%s)", who, d->signal,
			 signal_name(d->signal, name), circumstance(d));
	else
		snprintf(ret, DEATH_SENTENCE_MAX, "%.150s exited with status %d", who,
			 d->status);
}

/* A program that does its own work and ends well has not seen that it is to be an actor. */
static const char *exited(bool boots, const struct acre_death *d)
{
	if (!boots)
		return " and without a result";
	if (d->status)
		return " before it was ready";
	return " before it was ready: a program without ACRE_MAIN has to call "
	       "acre_boot() in "
	       "main()";
}

void death_sentence(const struct acre_report *why, const struct acre_death *d,
		    char ret[DEATH_SENTENCE_MAX])
{
	bool boots = why->code == ACRE_EBOOT;
	char who[128], ending[DEATH_SENTENCE_MAX];

	say_who(why, who, sizeof who);
	death_sentence_of(who, d, ending);
	if (d->step && *d->step)
		snprintf(ret, DEATH_SENTENCE_MAX,
			 "%s failed to boot at step %.30s: %s (%s)", who, d->step,
			 acre_class_name(d->error), acre_class_text(d->error));
	else if (d->signal)
		snprintf(ret, DEATH_SENTENCE_MAX, "%.230s%s", ending,
			 boots ? " before it was ready" : "");
	else
		snprintf(ret, DEATH_SENTENCE_MAX, "%.150s%s", ending, exited(boots, d));
}
