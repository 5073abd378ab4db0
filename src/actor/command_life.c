/* SPDX-License-Identifier: MIT */
/* command_life.c - the life of a command as a table: its end, and that of all it started. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "actor/command.h"
#include "actor/life.h"
#include "actor/runtime.h"
#include "actor/sweep.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/panic.h"
#include "base/util.h"
#include "core/death.h"
#include "core/reap.h"
#include "core/report.h"
#include "core/sched.h"
#include "core/trace.h"

/*
 * The process group is killed while the program is dead and not reaped: for so long nobody
 * else can have its number. What has left the group has the program as its reaper while that
 * lives, and becomes our child with its end, so a sweep finds it then. Only when there is no
 * stranger left does the command end for its nursery.
 *
 * Its output is read to the end of the pipe before that, and a reader of ours that is slow is
 * waited for, unless the command was asked to end: then what it does not take is dropped.
 */

/* A stranger that was killed takes some time to die: from here, doubled */
#define SWEEP_AGAIN_NS (1 * LIFE_MS)
/* In state D it may take longer, and is left to the watchdog (kernel-facts K27) */
#define SWEEPS_NS      (1000 * LIFE_MS)

#define AS_TEXT(name, text) [COMMAND_##name] = text,
static const char *const texts[] = { COMMAND_STATES(AS_TEXT) };

/*
 * How it ended, as a failure: nothing if it ended well, or as it was asked.
 */

static struct output *words_of(struct acre_command *c)
{
	return &c->outputs[c->is_merged ? ACRE_COMMAND_OUT : ACRE_COMMAND_ERR];
}

static void keep_words(struct acre_command *c)
{
	struct acre_output kept = output_kept(words_of(c));
	size_t n = size_min(kept.len, COMMAND_WORDS_MAX);

	memcpy(c->words, kept.bytes + kept.len - n, n);
	c->words[n] = '\0';
	c->death.last_words = c->words;
}

static struct report *death_report(struct acre_command *c)
{
	struct report *rep = report_new(ACRE_EDIED);
	char who[ACRE_COMMAND_LABEL_SIZE + 32], text[DEATH_SENTENCE_MAX];

	if (!rep)
		return NULL;
	snprintf(who, sizeof who, "command %s (pid %d)", c->title, (int)c->number);
	death_sentence_of(who, &c->death, text);
	acre_ignore(report_set_text(rep, &report_public(rep)->message, text,
				    strlen(text)));
	report_public(rep)->pid = c->number;
	acre_ignore(report_set_death(rep, &c->death));
	return rep;
}

/* By us, or by the watchdog while our loop was stuck. */
static bool ended_as_asked(const struct acre_command *c)
{
	return c->was_asked || c->entry.was_told;
}

static bool ended_well(const struct acre_command *c)
{
	return !c->death.signal &&
	       (!c->death.status || (c->flags & ACRE_COMMAND_ANY_STATUS));
}

static int trouble_with_output(const struct acre_command *c)
{
	for (size_t i = 0; i < ARRAY_N(c->outputs); i++)
		if (c->outputs[i].error)
			return acre_fail(
				c->outputs[i].error,
				"the std%s of command %s could not be read, kept "
				"or relayed: %s",
				i == ACRE_COMMAND_OUT ? "out" : "err", c->title,
				acre_class_text(c->outputs[i].error));
	return 0;
}

static int judge(struct acre_command *c)
{
	if (c->was_cancelled)
		return -ECANCELED;
	if (ended_as_asked(c))
		return 0;
	if (c->is_lost)
		return acre_fail(ECHILD,
				 "command %s (pid %d) was collected by somebody else",
				 c->title, (int)c->number);
	if (!ended_well(c))
		return report_file(death_report(c), ACRE_EDIED);
	return trouble_with_output(c);
}

/*
 * What can be done in a cell of the table.
 */

static void nothing(struct acre_command *c)
{
	(void)c;
}

static void impossible(struct acre_command *c)
{
	BUG("an event for a command that is in a state without it: %s (pid %d)",
	    texts[c->state], (int)c->number);
}

/* Never beyond our own end, nor the ceiling. The program shows no page, so what it waited for
 * a processor is all that is known. */
static int64_t more_time(struct acre_command *c)
{
	int64_t most = int64_min(LIFE_CEILING_NS - c->granted_ns,
				 life_ends_before() - clock_now());

	return most > 0 ? int64_min(progress_grant(&c->progress, true, true), most) : 0;
}

static void rung_is_over(struct timer *timer)
{
	struct acre_command *c = container_of(timer, struct acre_command, timer);
	int64_t more = more_time(c);

	c->granted_ns += more;
	if (more > 0)
		timer_set(&c->timer, clock_now() + more, rung_is_over);
	else
		command_event(c, COMMAND_EV_RUNG);
}

static void term(struct acre_command *c)
{
	int64_t now = clock_now(), at = int64_add(now, c->linger_ns);

	acre_ignore(pidref_signal_group(&c->pid, SIGTERM));
	/* a stopped one could not obey (kernel-facts K8) */
	acre_ignore(pidref_signal_group(&c->pid, SIGCONT));
	progress_begin(&c->progress, c->number, NULL);
	timer_set(&c->timer, int64_min(at, int64_max(life_ends_before(), now)),
		  rung_is_over);
}

static void hard_kill(struct acre_command *c)
{
	timer_stop(&c->timer);
	c->death.hard_kill = true;
	if (!PLANTED(NO_ESCALATION))
		acre_ignore(pidref_signal_group(&c->pid, SIGKILL));
}

static void hurry(struct acre_command *c)
{
	for (size_t i = 0; i < ARRAY_N(c->outputs); i++)
		output_hurry(&c->outputs[i]);
	command_output_changed(&c->outputs[0]);
}

static void hurry_is_due(struct timer *timer)
{
	hurry(container_of(timer, struct acre_command, timer));
}

/* Whoever asks walks through the members of the nursery, and we may end being one. */
static void hurry_soon(struct acre_command *c)
{
	timer_set(&c->timer, clock_now(), hurry_is_due);
}

static void sweep_once(struct acre_command *c);

static void sweep_is_due(struct timer *timer)
{
	sweep_once(container_of(timer, struct acre_command, timer));
}

static void sweep_once(struct acre_command *c)
{
	if (sweep() == 0 || clock_now() >= c->sweeps_until) {
		command_event(c, COMMAND_EV_SWEPT);
		return;
	}
	timer_set(&c->timer, clock_now() + c->sweep_again_ns, sweep_is_due);
	c->sweep_again_ns *= 2;
}

/* It may have ended by itself just before our SIGKILL came. */
static void collect(struct acre_command *c)
{
	timer_stop(&c->timer);
	loop_unwatch(&c->pid_watch);
	list_remove(&c->node);
	c->death.hard_kill &= c->death.signal == SIGKILL;
	trace(ACRE_EVENT_CHILD_GONE, (uint64_t)c->number,
	      (uint64_t)(c->death.signal ? -c->death.signal : c->death.status));
	child_table_remove(&c->entry);
	pidref_fini(&c->pid);
	acre_event_set(&c->reaped);
	for (size_t i = 0; i < ARRAY_N(c->outputs); i++)
		output_program_ended(&c->outputs[i]);
	c->sweeps_until = clock_now() + SWEEPS_NS;
	c->sweep_again_ns = SWEEP_AGAIN_NS;
	sweep_once(c);
}

static void flush(struct acre_command *c)
{
	if (c->was_asked)
		hurry(c);
	else
		command_output_changed(&c->outputs[0]);
}

static void hand_over(struct acre_command *c, struct acre_command_result *ret)
{
	ret->private_[0] = output_take(&c->outputs[ACRE_COMMAND_OUT], &ret->out);
	ret->private_[1] = output_take(&c->outputs[ACRE_COMMAND_ERR], &ret->err);
	ret->death = c->death;
	ret->death.last_words = c->is_merged ? ret->out.bytes : ret->err.bytes;
}

/* Last of its life: its end is known to everyone in the same turn. */
static void finish(struct acre_command *c)
{
	int r;

	timer_stop(&c->timer);
	keep_words(c);
	r = judge(c);
	if (c->result)
		hand_over(c, c->result);
	unpark_all(&c->end_waits, 0);
	nursery_member_ended(&c->member, r);
}

/*
 * The table.
 */

struct step {
	void (*act)(struct acre_command *c);
	enum command_state next;
};

#define STAY(state)                      \
	{                                \
		nothing, COMMAND_##state \
	}
#define NEVER(state)                        \
	{                                   \
		impossible, COMMAND_##state \
	}
#define TO(act, state)               \
	{                            \
		act, COMMAND_##state \
	}

/* clang-format off */
static const struct step life[N_COMMAND_STATE][N_COMMAND_EVENT] = {
	/* ASK, RUNG, KILL, DIED, SWEPT, FLUSHED */
	[COMMAND_NONE]    = { NEVER(NONE), NEVER(NONE), NEVER(NONE), NEVER(NONE), NEVER(NONE), NEVER(NONE) },
	[COMMAND_RUNS]    = { TO(term, TERMED), NEVER(RUNS), TO(hard_kill, KILLED),
			      TO(collect, SWEEPS), NEVER(RUNS), NEVER(RUNS) },
	[COMMAND_TERMED]  = { STAY(TERMED), TO(hard_kill, KILLED), TO(hard_kill, KILLED),
			      TO(collect, SWEEPS), NEVER(TERMED), NEVER(TERMED) },
	[COMMAND_KILLED]  = { STAY(KILLED), NEVER(KILLED), STAY(KILLED),
			      TO(collect, SWEEPS), NEVER(KILLED), NEVER(KILLED) },
	[COMMAND_SWEEPS]  = { STAY(SWEEPS), NEVER(SWEEPS), STAY(SWEEPS),
			      NEVER(SWEEPS), TO(flush, FLUSHES), NEVER(SWEEPS) },
	[COMMAND_FLUSHES] = { TO(hurry_soon, FLUSHES), NEVER(FLUSHES), TO(hurry_soon, FLUSHES),
			      NEVER(FLUSHES), NEVER(FLUSHES), TO(finish, GONE) },
	[COMMAND_GONE]    = { STAY(GONE), NEVER(GONE), STAY(GONE), NEVER(GONE), NEVER(GONE), NEVER(GONE) },
};
/* clang-format on */

/* The state is set first: what is done in it may bring the next event. */
void command_event(struct acre_command *c, enum command_event ev)
{
	const struct step *s = &life[c->state][ev];

	if (s->act != impossible)
		c->state = s->next;
	s->act(c);
}

/*
 * Where events come from.
 */

void command_output_changed(struct output *o)
{
	struct acre_command *c = o->owner;

	if (c->state != COMMAND_FLUSHES)
		return;
	for (size_t i = 0; i < ARRAY_N(c->outputs); i++)
		if (!output_is_done(&c->outputs[i]))
			return;
	command_event(c, COMMAND_EV_FLUSHED);
}

/* A block whose tasks have ended waits for a command as for a task; later it may be cancelled
 * all the same. */
void command_ask(struct member *m, enum acre_reason reason)
{
	struct acre_command *c = container_of(m, struct acre_command, member);
	bool covered = m->nursery->scope.covered;

	(void)reason;
	if (!covered && !(c->flags & ACRE_COMMAND_SERVES))
		return;
	c->was_cancelled |= covered && !c->was_asked && c->state < COMMAND_SWEEPS;
	c->was_asked = true;
	command_event(c, COMMAND_EV_ASK);
}

static void pidfd_is_readable(struct watch *w, uint32_t events)
{
	struct acre_command *c = container_of(w, struct acre_command, pid_watch);

	int r;

	(void)events;
	acre_ignore(pidref_signal_group(&c->pid, SIGKILL));
	r = reap(&c->pid, &c->death);
	c->is_lost = r < 0;
	if (r != 0)
		command_event(c, COMMAND_EV_DIED);
}

/* What cannot be watched is ended here and now. Bound: SIGKILL. */
static int end_at_once(struct acre_command *c, int r)
{
	loop_unwatch(&c->pid_watch);
	acre_ignore(pidref_signal_group(&c->pid, SIGKILL));
	acre_ignore(pidref_reap(&c->pid, NULL, 0));
	child_table_remove(&c->entry);
	pidref_fini(&c->pid);
	return acre_fail(report_class(r), "watching the command %s", c->title);
}

int command_begin(struct acre_command *c)
{
	int r;

	trace(ACRE_EVENT_SPAWN, (uint64_t)c->number, (uint64_t)c->number);
	r = loop_watch(&c->pid_watch, c->pid.fd, EPOLLIN, pidfd_is_readable);
	for (size_t i = 0; r >= 0 && i < ARRAY_N(c->outputs); i++)
		r = output_watch(&c->outputs[i]);
	if (r < 0)
		return end_at_once(c, r);
	c->state = COMMAND_RUNS;
	list_push(&runtime_this->commands, &c->node);
	return 0;
}
