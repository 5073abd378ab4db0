/* SPDX-License-Identifier: MIT */
/* life.c - the life of one child process as a table, and the ladder that ends it. */
#include "actor/life.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "actor/proc.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/panic.h"
#include "base/sys.h"
#include "base/util.h"
#include "core/reap.h"
#include "core/report.h"
#include "core/still.h"
#include "core/trace.h"

/* A child that does not serve yet has nothing to clean up */
#define BOOT_LINGER_NS (100 * LIFE_MS)

/* When the last rung of every ladder in this actor is due at the latest. */
static _Thread_local int64_t end_before = INT64_MAX;
static _Thread_local bool parent_follows; /* it gives us what we give them */
static _Thread_local int64_t end_before_still; /* still_total() when that was right */

/* The parent's clock stands still when ours does. */
static int64_t own_end(void)
{
	int64_t total = still_total();

	if (end_before != INT64_MAX)
		end_before = int64_add(end_before, total - end_before_still);
	end_before_still = total;
	return end_before;
}

void life_end_before(int64_t at, bool parent_sees)
{
	end_before = int64_min(own_end(), at);
	parent_follows = parent_sees;
}

int64_t life_ends_before(void)
{
	return own_end();
}

/* What it has given to children of its own it needs itself: it waits for them (K64). */
static int64_t given_on(const struct life *l)
{
	int64_t until = l->status && !PLANTED(GRANDCHILDREN_FORGOTTEN)
				? atomic_load_explicit(&l->status->children_until,
						       memory_order_relaxed)
				: 0;

	return until > clock_now() ? int64_add(until, LIFE_MARGIN_NS) - clock_now() : 0;
}

/* For the time in which it, or somebody below it, could not run. Never beyond the ceiling, and
 * beyond our own end only if that moves along. */
static int64_t more_time(struct life *l)
{
	bool stops_count = l->state == LIFE_ENDING || l->state == LIFE_TERMED;
	int64_t most = LIFE_CEILING_NS - l->granted_ns, more;

	if (!parent_follows)
		most = int64_min(most, own_end() - clock_now());
	if (PLANTED(RUNG_BY_WALL_CLOCK) || most <= 0)
		return 0;
	more = progress_grant(&l->progress, l->acked, stops_count);
	return int64_min(int64_max(more, given_on(l)), most);
}

static void rung_is_over(struct timer *timer)
{
	struct life *l = container_of(timer, struct life, rung);
	int64_t still = still_more(&l->still), more;

	if (still > 0) { /* somebody debugs, or did since the rung began */
		l->stood_ns += still;
		timer_set(&l->rung, clock_now() + still, rung_is_over);
		return;
	}
	more = more_time(l);
	if (more <= 0) {
		life_event(l, LIFE_EV_RUNG);
		return;
	}
	l->granted_ns += more;
	status_raise(&loop_this->status->children_until, clock_now() + more);
	timer_set(&l->rung, clock_now() + more, rung_is_over);
}

static void set_rung(struct life *l, int64_t at)
{
	progress_begin(&l->progress, l->body->runs_as(l), l->status);
	l->stood_ns += still_more(&l->still); /* one that was over early */
	timer_set(&l->rung, at, rung_is_over);
}

static int64_t hard_kill_at(const struct life *l)
{
	int64_t at = l->asked_at + l->total_ns + l->granted_ns + l->stood_ns;
	int64_t moved = parent_follows ? l->granted_ns : 0;

	return int64_min(at, int64_add(int64_max(own_end(), l->asked_at), moved));
}

/*
 * What can be done in a cell of the table.
 */

static void nothing(struct life *l)
{
	(void)l;
}

static void impossible(struct life *l)
{
	BUG("an event for a child in state %s (pid %d)", life_state_name(l->state),
	    l->pid.pid);
}

static void serves(struct life *l)
{
	timer_stop(&l->rung);
}

/* More patience after SIGTERM than is usual makes the whole longer by as much. */
static void begin_ladder(struct life *l)
{
	int64_t total = LIFE_TOTAL_NS + int64_max(l->linger_ns - LIFE_LINGER_NS, 0);

	if (l->asked_at)
		return;
	l->asked_at = clock_now();
	l->granted_ns = 0; /* what it got for its boot does not count */
	l->stood_ns = 0;
	l->still = still_total();
	l->total_ns = int64_max(int64_min(total, own_end() - l->asked_at), 0);
}

static void ask(struct life *l)
{
	begin_ladder(l);
	l->ops->ask(l, l->reason, l->total_ns);
	set_rung(l, l->asked_at + int64_min(l->total_ns, LIFE_ACK_NS));
}

static void acknowledged(struct life *l)
{
	set_rung(l, int64_max(hard_kill_at(l) - l->linger_ns, clock_now()));
}

static void soft(struct life *l, int64_t linger_ns)
{
	begin_ladder(l);
	l->body->send(l, SIGTERM);
	if (!PLANTED(NO_CONTINUE)) /* a stopped one could not obey (kernel-facts K8) */
		l->body->send(l, SIGCONT);
	set_rung(l, int64_min(clock_now() + linger_ns, hard_kill_at(l)));
}

static void term(struct life *l)
{
	soft(l, l->linger_ns);
}

static void term_newborn(struct life *l)
{
	soft(l, BOOT_LINGER_NS);
}

static void hard_kill(struct life *l)
{
	timer_stop(&l->rung);
	if (PLANTED(NO_ESCALATION))
		return;
	l->death.hard_kill = true;
	if (!PLANTED(ORPHANED_LINK))
		l->ops->cut(l);
	l->body->send(l, SIGKILL);
}

static void boot_is_over(struct life *l)
{
	l->death.step = l->link_lost ? "keeping its link" : "serving in time";
	l->death.error = l->link_lost ? ECONNRESET : ETIMEDOUT;
	l->why_killed = l->link_lost ? "its link was lost while it booted"
				     : "it did not serve in time";
	hard_kill(l);
}

/* Its process is ending, or it has gone mad: it gets the time of an ack to show which. */
static void wait_for_death(struct life *l)
{
	set_rung(l, clock_now() + LIFE_ACK_NS);
}

static void wait_for_early_death(struct life *l)
{
	l->link_lost = true;
	wait_for_death(l);
}

static void collect(struct life *l);

/*
 * The table.
 */

struct step {
	void (*act)(struct life *l);
	enum life_state next;
};

#define STAY(state)                   \
	{                             \
		nothing, LIFE_##state \
	}
#define NEVER(state)                     \
	{                                \
		impossible, LIFE_##state \
	}
#define GONE_NOW                   \
	{                          \
		collect, LIFE_GONE \
	}
#define KILL_NOW                       \
	{                              \
		hard_kill, LIFE_KILLED \
	}

/* clang-format off */
static const struct step life[N_LIFE_STATE][N_LIFE_EVENT] = {
	/* SERVING, ASK, ACK, RUNG, LINK_LOST, KILL, DIED */
	[LIFE_NONE]   = { NEVER(NONE), NEVER(NONE), NEVER(NONE), NEVER(NONE), STAY(NONE), STAY(NONE), NEVER(NONE) },
	[LIFE_BOOTS]  = { { serves, LIFE_SERVES }, { term_newborn, LIFE_TERMED }, STAY(BOOTS),
			  { boot_is_over, LIFE_KILLED }, { wait_for_early_death, LIFE_BOOTS }, KILL_NOW, GONE_NOW },
	[LIFE_SERVES] = { STAY(SERVES), { ask, LIFE_ASKED }, STAY(SERVES),
			  { term, LIFE_TERMED }, { wait_for_death, LIFE_SERVES }, KILL_NOW, GONE_NOW },
	[LIFE_ASKED]  = { STAY(ASKED), STAY(ASKED), { acknowledged, LIFE_ENDING },
			  { term, LIFE_TERMED }, STAY(ASKED), KILL_NOW, GONE_NOW },
	[LIFE_ENDING] = { STAY(ENDING), STAY(ENDING), STAY(ENDING),
			  { term, LIFE_TERMED }, STAY(ENDING), KILL_NOW, GONE_NOW },
	[LIFE_TERMED] = { STAY(TERMED), STAY(TERMED), STAY(TERMED),
			  KILL_NOW, STAY(TERMED), KILL_NOW, GONE_NOW },
	[LIFE_KILLED] = { STAY(KILLED), STAY(KILLED), STAY(KILLED),
			  STAY(KILLED), STAY(KILLED), STAY(KILLED), GONE_NOW },
	[LIFE_GONE]   = { STAY(GONE), STAY(GONE), STAY(GONE), NEVER(GONE), STAY(GONE), STAY(GONE), NEVER(GONE) },
};
/* clang-format on */

#define STATE_ROW(name, text) [LIFE_##name] = #name,
static const char *const state_names[N_LIFE_STATE] = { LIFE_STATES(STATE_ROW) };

const char *life_state_name(enum life_state state)
{
	return (unsigned int)state < N_LIFE_STATE ? state_names[state] : "?";
}

static void set_state(struct life *l, enum life_state state)
{
	if (l->state != state)
		trace(ACRE_EVENT_CHILD_STATE, (uint64_t)l->pid.pid, state);
	l->state = state;
}

/* The state is set before the action: a hard kill closes the link, and that is an
 * event of its own. */
void life_event(struct life *l, enum life_event ev)
{
	const struct step *s = &life[l->state][ev];

	l->acked |= ev == LIFE_EV_ACK; /* too late for its rung, perhaps: it obeys */
	set_state(l, s->next);
	s->act(l);
}

void life_kill(struct life *l, const char *why)
{
	l->why_killed = why;
	life_event(l, LIFE_EV_KILL);
}

void life_ask(struct life *l, enum acre_reason reason)
{
	if (life_is_over(l) || l->was_asked)
		return;
	l->was_asked = true;
	l->reason = reason;
	life_event(l, LIFE_EV_ASK);
}

/*
 * A process as the body of a life.
 */

static void signal_process(struct life *l, int sig)
{
	acre_ignore(pidref_signal(&l->pid, sig));
}

static bool collect_process(struct life *l)
{
	return reap(&l->pid, &l->death) != 0;
}

static void await_process(struct life *l)
{
	acre_ignore(pidref_reap(&l->pid, NULL, 0)); /* bound: SIGKILL */
}

/* Its page says which of its threads is its loop's. That is the main one, unless a guest has that:
 * then the loop's is to acknowledge, and the guest's to end. */
static pid_t process_runs_as(struct life *l)
{
	pid_t own = l->status ? (pid_t)status_get(&l->status->tid) : 0, tid = 0;

	if (!l->acked && own > 0 && own != l->pid.pid && !PLANTED(CLOCK_OF_MAIN_THREAD))
		tid = proc_thread(l->pid.pid, own);
	return tid ? tid : l->pid.pid;
}

const struct life_body life_body_process = { .send = signal_process,
					     .collect = collect_process,
					     .await = await_process,
					     .runs_as = process_runs_as };

/*
 * Birth and death.
 */

/* It may have ended by itself just before our SIGKILL came. */
static void collect(struct life *l)
{
	timer_stop(&l->rung);
	loop_unwatch(&l->pid_watch);
	last_words_collect(&l->words);
	l->death.hard_kill &= l->death.signal == SIGKILL;
	trace(ACRE_EVENT_CHILD_GONE, (uint64_t)l->pid.pid,
	      (uint64_t)(l->death.signal ? -l->death.signal : l->death.status));
	child_table_remove(&l->entry);
	pidref_fini(&l->pid);
	l->ops->gone(l);
}

static void pidfd_is_readable(struct watch *w, uint32_t events)
{
	struct life *l = container_of(w, struct life, pid_watch);

	(void)events;
	if (l->body->collect(l))
		life_event(l, LIFE_EV_DIED);
}

void life_init(struct life *l, const struct life_ops *ops, acre_span linger)
{
	*l = (struct life){
		.ops = ops,
		.body = &life_body_process,
		.pid = PIDREF_NULL,
		.linger_ns = linger.ns ? linger.ns : LIFE_LINGER_NS,
	};
	last_words_init(&l->words);
	l->death.last_words = l->words.text;
}

/* What cannot be watched is ended here and now. */
static int end_at_once(struct life *l, int r)
{
	loop_unwatch(&l->pid_watch);
	l->body->send(l, SIGKILL);
	l->body->await(l);
	child_table_remove(&l->entry);
	set_state(l, LIFE_GONE);
	return acre_fail(report_class(r), "watching the process %d", l->pid.pid);
}

int life_begin(struct life *l)
{
	int r;

	set_state(l, LIFE_BOOTS);
	trace(ACRE_EVENT_SPAWN, (uint64_t)l->pid.pid, (uint64_t)l->pid.pid);
	r = loop_watch(&l->pid_watch, l->pid.fd, EPOLLIN, pidfd_is_readable);
	if (r >= 0)
		r = last_words_watch(&l->words);
	if (r < 0)
		return end_at_once(l, r);
	if (l->pid.pid ==
	    sys_getpid()) /* a thread of ours: what is looked at is not new */
		progress_begin(&l->progress, l->pid.pid, l->status);
	else
		progress_begin_newborn(&l->progress, l->pid.pid, l->status);
	timer_set(&l->rung, clock_now() + LIFE_BOOT_NS, rung_is_over);
	return 0;
}

void life_fini(struct life *l)
{
	last_words_fini(&l->words);
	pidref_fini(&l->pid);
}
