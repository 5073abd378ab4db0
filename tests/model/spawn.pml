/* SPDX-License-Identifier: MIT */
/* spawn.pml - spin: a parent, two children, and everything that can happen between them. */
/*
 * The parent is one nursery: it spawns two children, works, and closes. Its loop takes
 * events of both in any order. Each child boots, serves and ends, or fails to, or hangs,
 * deaf to its link or even to SIGTERM; it may drop its link, and something that it left
 * may hold the link open behind it. A deadline cancels at any moment; children and parent
 * are killed at any moment. Time is left out: a rung that is set may be over at once.
 *
 * What the parent does with an event is the table of src/actor/life.c itself (life.pml,
 * made by tools/life-table); what the actions do is below, in the words of that file. The
 * rest is src/actor/actor.c (await_boot, begin, gone), src/core/nursery.c and scope.c.
 *
 * To be shown, by tools/check-model:
 *
 *	- no event meets an impossible cell;
 *	- the nursery closes only when each of its children was reaped;
 *	- who waits on a link is awake in the turn in which the child is killed or reaped;
 *	- when nothing happens any more the nursery has closed, or the parent is dead and
 *	  so are its children;
 *	- nothing goes on for ever: there is no cycle at all, so every ladder ends.
 *
 * Mistakes are planted with -DPLANT_NAME, and each must be found.
 */
#include "life.pml"

#ifndef N
#define N 2 /* children */
#endif

/* A process. */
#define UNMADE 0
#define ALIVE  1
#define ZOMBIE 2
#define REAPED 3
byte process[N];
bool tied[N];	 /* PR_SET_PDEATHSIG is set */
bool termed[N];	 /* SIGTERM has been sent */
bool parent_died;

/* The link: frames under way, and who has it open. */
#define SERVING 1 /* the ready probe's answer */
#define CANCEL	2
#define ACK	3
chan up[N] = [2] of { byte };
chan down[N] = [1] of { byte };
bool our_end[N], their_end[N]; /* theirs: the child, or what it has left */

/* What the parent knows of a child. */
byte life[N];
bool rung[N];	 /* the timer runs */
bool asked[N], served[N];
bool waiter[N]; /* a shielded task waits on its link */
hidden byte did; /* within one step */
hidden byte cell;
hidden byte k;
hidden byte frame;
hidden byte ev;

/* The nursery, and the task that owns it. */
byte n_members;
bool covered, closed;
#define AWAKE	 0
#define WORK	 1
#define JOIN	 2
#define END_OF(i) (3 + i)
byte parked; /* on what */
bool shielded;	    /* and whether cancellation leaves it there */
bool was_cancelled; /* what the last wait has returned */

/* One function changes state. */
inline life_step(state, event, action)
{
	cell = CELL(state, event);
	state = cell % 16;
	action = cell / 16
}

inline wake(what)
{
	if
	:: parked == what -> parked = AWAKE
	:: else
	fi
}

/* A checkpoint looks before it waits. */
inline park(what)
{
	was_cancelled = false;
	shielded = false;
	if
#ifndef PLANT_CANCEL_LOST
	:: covered -> was_cancelled = true
#endif
	:: else -> parked = what
	fi
}

inline park_shielded(what)
{
	shielded = true;
	parked = what
}

/* The end of a process, from inside or outside. */
inline die(i)
{
	process[i] = ZOMBIE;
	if
	:: their_end[i] = false
	:: true
	fi
}

/* Our end goes: every context over the link ends. */
inline end_link(i)
{
	our_end[i] = false;
	waiter[i] = false
}

inline send_cancel(i)
{
	if
	:: our_end[i] && their_end[i] -> down[i]!CANCEL
	:: else
	fi
}

/* life_ask() */
inline ask_to_end(i)
{
	if
	:: !asked[i] && life[i] != NONE && life[i] != GONE ->
		asked[i] = true;
		life_step(life[i], EV_ASK, did);
		if
		:: did == DO_ask -> send_cancel(i); rung[i] = true
		:: did == DO_term_newborn -> termed[i] = true; rung[i] = true
		:: did == DO_nothing
		:: else -> assert(false)
		fi
	:: else
	fi
}

inline ask_members()
{
	for (k : 0 .. N - 1) {
		ask_to_end(k)
	}
}

/* scope_cancel() of the nursery's scope */
inline cover()
{
	if
	:: !covered ->
		covered = true;
		ask_members();
		if
		:: parked != AWAKE && !shielded -> was_cancelled = true; parked = AWAKE
		:: else
		fi
	:: else
	fi
}

/* The link's end, as an event of a life for which it means nothing any more. */
inline lost_link_means_nothing(i)
{
	life_step(life[i], EV_LINK_LOST, did);
	assert(did == DO_nothing)
}

inline hard_kill(i)
{
	rung[i] = false;
#ifndef PLANT_NO_ESCALATION
#ifndef PLANT_NO_CUT
	if
	:: our_end[i] -> end_link(i); lost_link_means_nothing(i)
	:: else
	fi;
#endif
	if
	:: process[i] == ALIVE -> die(i)
	:: else
	fi;
	assert(!waiter[i])
#endif
}

/* What it had written is read, then its link is closed, whoever else has it open. */
inline drain(i)
{
	do
	:: our_end[i] && nempty(up[i]) ->
		up[i]?frame;
		if
		:: frame == SERVING ->
			life_step(life[i], EV_SERVING, did);
			served[i] = true
		:: frame == ACK -> life_step(life[i], EV_ACK, did)
		fi;
		assert(did == DO_nothing)
	:: !our_end[i] || empty(up[i]) -> break
	od;
	end_link(i)
}

/* For the size of the search only: what nobody asks of a child that was reaped. */
inline forget(i)
{
	do
	:: down[i]?frame
	:: empty(down[i]) -> break
	od;
	tied[i] = false;
	termed[i] = false;
	their_end[i] = false
}

/* collect() and gone(): reaped. */
inline gone(i)
{
#ifndef PLANT_RUNG_LEFT
	rung[i] = false;
#endif
	drain(i);
	forget(i);
	n_members--;
	wake(END_OF(i));
	if /* judged: a failure of the nursery cancels it */
	:: served[i] -> cover()
	:: !served[i] || asked[i]
	fi;
	if
	:: n_members == 0 -> wake(JOIN)
	:: else
	fi
}

/* life_event() */
inline event(i, ev)
{
	life_step(life[i], ev, did);
	if
	:: did == DO_nothing
	:: did == DO_serves -> rung[i] = false
	:: did == DO_acknowledged || did == DO_wait_for_death ||
	   did == DO_wait_for_early_death -> rung[i] = true
	:: did == DO_term -> termed[i] = true; rung[i] = true
	:: did == DO_hard_kill || did == DO_boot_is_over -> hard_kill(i)
	:: did == DO_collect -> gone(i)
	:: else -> assert(false) /* impossible, or an action that the model does not know */
	fi
}

#ifdef PLANT_EOF_IS_DEATH
#define EV_OF_EOF EV_DIED
#else
#define EV_OF_EOF EV_LINK_LOST
#endif

/* The loop of the parent, as far as one child concerns it. */
proctype Watch(byte i)
{
	{
		do
		:: atomic {
			if
			:: our_end[i] && nempty(up[i]) ->
				up[i]?frame;
				if
				:: frame == SERVING -> ev = EV_SERVING; served[i] = true;
					wake(END_OF(i))
				:: frame == ACK -> ev = EV_ACK
				fi
			:: our_end[i] && empty(up[i]) && !their_end[i] ->
				end_link(i);
				ev = EV_OF_EOF
			:: rung[i] ->
				rung[i] = false;
				ev = EV_RUNG
			:: life[i] != GONE && process[i] == ZOMBIE ->
				process[i] = REAPED;
				ev = EV_DIED
			fi;
			event(i, ev)
		   }
		:: atomic { closed -> break }
		od
	} unless {
		parent_died
	}
}

inline say(i, what)
{
	if
	:: our_end[i] && their_end[i] -> up[i]!what
	:: else
	fi
}

proctype Child(byte i)
{
	{
		tied[i] = true;
#ifndef PLANT_NO_PARENT_CHECK
		if
		:: parent_died -> goto ends
		:: else
		fi;
#endif
		if
		:: atomic { true -> say(i, SERVING) }
		:: goto ends
		:: goto hangs
		fi;

		if /* it serves */
		:: atomic { down[i]?CANCEL ->
				if
				:: true -> say(i, ACK); goto ends
				:: true -> say(i, ACK); goto hangs
				:: goto hangs
				fi }
		:: !our_end[i] && empty(down[i]) -> goto ends
		:: termed[i] -> goto ends
		:: goto ends
		:: goto hangs
		:: their_end[i] = false; goto hangs
		fi;
hangs:
		if
		:: termed[i]
		:: true /* somebody kills it, some time */
		:: true -> false /* it blocks all signals, and nobody but us kills it */
		fi;
ends:
		atomic { die(i) }
	} unless {
		process[i] != ALIVE
	}
}

/* Kill the parent at any moment, or never; the kernel ends whom it has tied to it. */
proctype KillParent()
{
	if
	:: atomic { !closed ->
			parent_died = true;
			for (k : 0 .. N - 1) {
				our_end[k] = false;
				if
				:: process[k] == ALIVE && tied[k] -> die(k)
				:: else
				fi
			} }
	:: skip
	fi
}

/* A deadline cancels at some moment: it may be early, and the work has no other end. */
proctype Deadline()
{
	atomic {
		if
		:: !parent_died && !closed -> cover()
		:: else
		fi
	}
}

/* The task of the program: spawns, works, closes the nursery. */
proctype Root()
{
	byte i;
	bool failed;

	{
		do
		:: i < N && !failed && !was_cancelled ->
			/* acre_spawn(): not yet a member while it is made */
			atomic {
				if
#ifndef PLANT_CANCEL_LOST
				:: covered -> was_cancelled = true; goto spawned
#endif
				:: else
				fi
			}
			if
			:: failed = true; goto spawned /* no descriptors, no memory ... */
			:: atomic { process[i] = ALIVE; our_end[i] = true; their_end[i] = true;
				    run Child(i) }
			fi;
			/* begin() */
			atomic {
				life[i] = BOOTS; n_members++;
				if
				:: /* it cannot be watched */
					if
					:: process[i] == ALIVE -> die(i)
					:: else
					fi;
					process[i] = REAPED; end_link(i);
					life[i] = GONE; n_members--; failed = true
				:: rung[i] = true; run Watch(i);
					if
					:: !covered -> goto await_boot
					:: covered
					:: failed = true /* it cannot be greeted */
					fi;
					life_step(life[i], EV_KILL, did);
					assert(did == DO_hard_kill);
					hard_kill(i)
				fi
			}
await_boot:		atomic {
				if
				:: served[i] || life[i] == GONE -> goto booted
				:: else -> park(END_OF(i))
				fi
			}
			parked == AWAKE;
			if
			:: !was_cancelled -> goto await_boot
			:: else
			fi;
			atomic { ask_to_end(i) }
			do
			:: atomic { life[i] != GONE -> park_shielded(END_OF(i)) }
				parked == AWAKE
			:: life[i] == GONE -> break
			od;
			was_cancelled = true;
booted:			atomic {
				failed = failed || (!served[i] && !was_cancelled);
				/* somebody waits on its link, whatever comes of the nursery */
				waiter[i] = our_end[i] && served[i];
				i++
			}
spawned:		skip
		:: else -> break
		od;

		if /* the body: done, or it goes on until it is cancelled */
		:: skip
		:: atomic { !failed && !was_cancelled -> park(WORK) }
			parked == AWAKE
		fi;

		/* nursery_close() */
		atomic {
			if
			:: failed -> cover()
			:: else
			fi;
			ask_members();
			if
			:: n_members > 0 -> park_shielded(JOIN)
			:: else
			fi
		}
		parked == AWAKE;
		atomic {
			closed = true;
			for (k : 0 .. N - 1) {
				assert(process[k] == UNMADE || process[k] == REAPED);
				assert(!waiter[k])
			}
		}
	} unless {
		parent_died
	}
}

/* Nothing happens any more. */
proctype Oracle()
{
	timeout;
	atomic {
		assert(closed || parent_died);
		for (k : 0 .. N - 1) {
			assert(process[k] != ALIVE)
		}
	}
}

init
{
	atomic { run Root(); run Deadline(); run KillParent(); run Oracle() }
}
