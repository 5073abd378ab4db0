/* SPDX-License-Identifier: MIT */
/* fault.h - places that fail on demand, and bugs that are planted on demand.
 *
 * A fault point is a named place that tests can make fail, to walk a failing path that
 * nothing outside can force:
 *
 *	if (FAULT(ALLOC))
 *		return NULL;
 *
 * It is the constant 0 with -DNDEBUG. System calls need no points, they have a table that
 * fails (sys.h).
 *
 * A planted bug is a mistake that we know how to make. It exists only in builds with
 * -DACRE_PLANTS, and there only where the environment says ACRE_PLANT=NAME; the test suite
 * must find each of them, or it is the suite that has the bug. In all other builds
 * PLANTED(NAME) is the constant false.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/util.h"

#define FAULT_POINTS(F) F(ALLOC, "mem.c has no memory to give")

#define PLANTED_BUGS(P)                                                                \
	P(MAILBOX_NO_RECHECK, "a thread sleeps without a last look at its mailbox")    \
	P(NURSERY_CLOSES_EARLY, "a nursery ends while one of its children still runs") \
	P(CANCEL_BEFORE_START_LOST, "a task cancelled before its first turn runs on")  \
	P(TWO_OUTCOMES, "a call that has ended can end a second time")                 \
	P(FAILURE_DROPPED, "a nursery forgets all failures but the first")             \
	P(DEATH_TOLD_TWICE, "an actor's death and its lost link are two failures")     \
	P(GOODBYE_WITHOUT_END, "who does not read our last words is waited for")       \
	P(LAST_WORDS_DROPPED, "a finished TCP link is closed with bytes unread")       \
	P(MEMORY_UNTOLD, "who is written to in the same process is not told")          \
	P(RING_UNCHECKED, "what shared memory says of a ring is believed")             \
	P(PRELOADS_MIXED, "a forkserver serves guests that want other modules, too")   \
	P(FD_WITHOUT_CLOEXEC, "a descriptor is born without close-on-exec")            \
	P(EINTR_RETURNED, "an interrupted system call is not made again")              \
	P(NO_PARENT_CHECK, "a child does not check that its parent is there")          \
	P(NO_BOOT_CHECK, "who does not call acre_boot() is a root, and no actor")      \
	P(SIGCHLD_IGNORED, "what a parent ignores for us is ignored by a tree, too")   \
	P(NO_ESCALATION, "a child that does not obey is asked for ever, never killed") \
	P(ORPHANED_LINK, "a hard kill leaves waiters on the link of the killed child") \
	P(LEAK_FD, "a descriptor of a finished child is not closed")                   \
	P(LEAK_ON_FAILURE, "a link that cannot be watched keeps its descriptor")       \
	P(ZOMBIE_LEFT, "a child that ended is not reaped")                             \
	P(WINDOW_WITHOUT_END, "a stream's window widens beyond its maximum")           \
	P(PAYLOAD_UNCHECKED, "what an endpoint declares to travel is not checked")     \
	P(LISTS_WITHOUT_END, "what is read of lists has no bound in memory")           \
	P(CANCEL_REPORTED_AS_SUCCESS, "a block cancelled from outside returns 0")      \
	P(FORK_WITHOUT_BARRIER, "a process is forked while threads of ours run")       \
	P(FORK_KEEPS_FDS, "a forked child keeps descriptors that nobody declared")     \
	P(FORK_KEEPS_INTERPS, "Python ends the interpreters of its parent in a child") \
	P(GUEST_FORKS_PLAINLY, "os.fork() is not refused in a sub-interpreter")        \
	P(SPAWN_COPIES, "a child that execs has a copy of our memory first")           \
	P(THREAD_GONE, "nobody sees that a thread ends under its tasks")               \
	P(FORK_UNSEEN, "a child of fork takes its parent's loop for its own")          \
	P(STACK_NOT_TOLD, "valgrind is not told of the stack of a task")               \
	P(STRANGER_ADMITTED, "a caller of any user is let in")                         \
	P(REFERENCE_ADMITTED, "a peer without part B is let in unasked")               \
	P(CANCEL_FOR_REFERENCE, "a peer without part B is sent a Cancel")              \
	P(OVERRUN_HELD, "items beyond the window of a reference peer are held")        \
	P(STALE_ENTRY, "an entry of the registry outlives its link")                   \
	P(NO_SWEEP, "what a dead descendant has left lives on")                        \
	P(HELD_SWEPT, "a child that a handle holds is not in the child table")         \
	P(NEWBORN_SWEPT, "a child is made and entered without the table's lock")       \
	P(PARENT_UNWATCHED, "the watchdog does not look at parent and root")           \
	P(STUCK_LOOP_UNSEEN, "the watchdog does not look whether the loop goes round") \
	P(FLOOD_COUNTED, "each SIGINT of a flood counts while the loop is stuck")      \
	P(ORPHAN_DEAF, "an orphan leaves SIGINT to its dead parent")                   \
	P(NO_CONTINUE, "a stopped child gets its SIGTERM without SIGCONT")             \
	P(RUNG_BY_WALL_CLOCK, "a rung's time runs while the child cannot")             \
	P(CLOCK_OF_MAIN_THREAD, "an ack is waited for by the clock of a guest")        \
	P(PYTHON_UNTOLD, "a dump leaves out what threads do in Python")                \
	P(GUEST_OUTLIVES_ACTOR, "an actor waits for its guest, asked by nobody")       \
	P(DEAF_GUEST_AWAITED, "a guest that does not look is given time like others")  \
	P(GRANDCHILDREN_FORGOTTEN,                                                     \
	  "a child that waits for starved children gets no time")                      \
	P(DUMP_ENDS_EARLY, "a dump forgets the actors below the first one")            \
	P(STATUS_STANDS_STILL, "a status page does not tell that its loop turns")      \
	P(FOREIGN_DIRECTORY, "a directory of sockets may be somebody else's")          \
	P(NO_STACK_GUARD, "below a stack there is memory that can be written to")      \
	P(OVERTAKEN_UNSEEN, "who waited for a resource does not look if it is there")  \
	P(KEY_UNCHECKED,                                                               \
	  "over TCP any proof of the tree's key is taken for a right one")             \
	P(KEY_LEFT, "a buffer through which the tree's key went is freed as it is")    \
	P(HOST_UNWATCHED, "no link looks whether its peer's host still answers")       \
	P(REPLAY_ADMITTED, "what a caller over TCP has said is taken a second time")   \
	P(LIVE_SOCKET_TAKEN, "a listener takes the path of one that lives")            \
	P(HELD_FOLDER_TAKEN, "sockets of a tree that lives are cleaned up")            \
	P(ORPHANS_SWEPT, "a command is not the reaper of what it leaves behind")       \
	P(OUTPUT_CUT, "what a command wrote just before its end is not read")          \
	P(SHM_LEFT, "shared memory of a killed owner keeps its name")                  \
	P(TTY_LOST, "the terminal of a killed holder is not taken back")               \
	P(CLOCKS_RUN_ON, "ladders and deadlines run while somebody debugs")            \
	P(NO_GUARD, "nobody empties a contained tree whose root was killed")           \
	P(INIT_UNTIED, "the init of a PID namespace outlives its root")

#define FAULT_AS_ENUM(name, text) FAULT_##name,
#define PLANT_AS_ENUM(name, text) PLANT_##name,

enum fault_point { FAULT_POINTS(FAULT_AS_ENUM) N_FAULT };
enum planted_bug { PLANTED_BUGS(PLANT_AS_ENUM) N_PLANT };

#ifdef NDEBUG
#define FAULT(name) ((void)FAULT_##name, false)
#else
#define FAULT(name) fault_is_due(FAULT_##name)
#endif

#ifdef ACRE_PLANTS
#define PLANTED(name) plant_is_on(PLANT_##name)
#else
#define PLANTED(name) ((void)PLANT_##name, false)
#endif

/* How many more times each point is passed until it fails; 0: it does not. */
extern _Atomic uint64_t fault_left[N_FAULT];

/* The nth time from now that the point is passed (1 is the next time), it fails, once. 0
 * turns it off. -ENOENT: there is no point of this name. Any thread. */
int fault_set(const char *name, uint64_t nth);

bool fault_count_down_(enum fault_point point);

static inline bool fault_is_due(enum fault_point point)
{
	return unlikely(atomic_load_explicit(&fault_left[point], memory_order_relaxed)) &&
	       fault_count_down_(point);
}

/* The bug that ACRE_PLANT names is this one. A name that the list lacks is a BUG(), so that
 * no run passes because of a misspelt name. Only with -DACRE_PLANTS. */
bool plant_is_on(enum planted_bug bug);
