/* SPDX-License-Identifier: MIT */
/* report.h - reports from inside: tickets, homes, and moving a story between tasks. */
#pragma once

#include <stdarg.h>
#include <stdatomic.h>

#include <acre/error.h>

#include "base/util.h"
#include "core/symbol.h"

/*
 * -r of a failure: 12 bits class, 5 bits slot, 14 bits generation (never 0 in a ticket). A
 * report lies in the home of the task that filed it: 30 slots used in turn, and two spare
 * reports that need no memory, also in turn. Homes cost nothing until the first failure.
 *
 * The generation is counted for the whole process. So a ticket that is looked up in the wrong
 * home, or after its slot was used again, finds nothing; never the story of another failure.
 *
 * A report is referenced by each slot it lies in and by whoever took it. One that has a
 * second reference is not written to: acre_note() then puts a copy into its slot. Reports may
 * be handed to another thread; a home belongs to one.
 *
 * A report and what it says is one block of memory, and more for long stories (report_fill.c).
 */
#define REPORT_SLOTS       30
#define REPORT_SPARES      2
#define REPORT_SPARE_ROOM  128
#define REPORT_TEXT_MAX    1024        /* bytes of a message or note from printf, cut at the end */
#define REPORT_STORY_MAX   (16 * 1024) /* bytes of all that one report says, about */
#define REPORT_MEMBERS_MAX 8
#define REPORT_NOTES_MAX   32
#define REPORT_HOPS_MAX    16
#define REPORT_PCS_MAX     32
#define REPORT_PATH_MAX    128 /* of a task, with the end */
#define REPORT_NODES_MAX   256 /* reports in a tree */
#define REPORT_DEPTH_MAX   16  /* levels of a tree */

struct report_chunk;

struct report {
	struct acre_report public_part; /* first */
	_Atomic uint32_t refs;
	uint32_t said;               /* bytes in chunks: at most REPORT_STORY_MAX */
	uint16_t n_notes;
	uint16_t n_nodes;            /* of the tree below, this one included */
	uint8_t height;              /* levels below: 0 without members */
	bool is_spare;               /* part of a home, not to be referenced */
	bool is_member;              /* of some tree: takes no members any more */
	char *room, *room_end;       /* free bytes in the block, or in the newest chunk */
	struct report_chunk *chunks; /* owned */
	struct acre_note *last_note; /* the outermost */
	const struct acre_report **members; /* what the public part shows; referenced */
	const char **hops;		    /* the same; the uuids lie behind the names */
	const struct symbol_bt *bt;  /* a backtrace by modules; NULL: none yet */
	/* which actor's end it tells of, as a number of this process; 0: none. Of a nursery's
	 * failures that tell of one end, the one that has the death stands for all */
	uint64_t of_end;
	struct report *next_dead;    /* while it is being freed */
};

struct report_spare {
	struct report report;
	uint16_t generation;
	char room[REPORT_SPARE_ROOM];
};

struct report_slots;

struct report_home {
	struct report_slots *slots;  /* owned; NULL until the first failure */
	struct report_spare *spares; /* REPORT_SPARES; inside the owner, unread until used */
	uint8_t next;                /* slot that the next report takes */
	uint8_t next_spare;          /* counts on from 0; below REPORT_SPARES: not all were used */
};

/* Cheap: one is made with each task. The spares need no initialisation. */
static inline void report_home_init(struct report_home *home, struct report_spare *spares)
{
	*home = (struct report_home){ .spares = spares };
}

/* Idempotent. Its tickets keep their class and lose their story. Most homes have none. */
void report_home_clear(struct report_home *home);

static inline void report_home_fini(struct report_home *home)
{
	if (home->slots || home->next_spare)
		report_home_clear(home);
}

/* Where failures of the running code are filed: the task's home, or the loop's. NULL: the
 * thread's own. A store, since the scheduler does it at each switch. */
extern _Thread_local struct report_home *report_home_now
	__attribute__((tls_model("initial-exec")));

static inline void report_home_set(struct report_home *home)
{
	report_home_now = home;
}

struct report_home *report_home_here(void);

/* Forgets the failures in the thread's own home: at the end of a thread it happens by itself,
 * but the main thread has no such end. Idempotent. */
void report_thread_fini(void);

static inline int report_class(int r)
{
	return r < 0 ? (int)((0U - (unsigned int)r) & 0xfff) : 0;
}

/* The report of a failure with one more reference, made on the spot if it has none. NULL
 * without memory, and for a cancellation, which has no story. */
struct report *report_take(int r);

/* Files a report with the running home and returns the failure. Takes the reference; NULL
 * gives -code. A report whose actor is "" becomes one of the running actor and task. */
int report_file(struct report *take_report, int code);

/* A group of failures; takes the members, of which some may be NULL. `n` counts the failures:
 * 1 for each of these, and acre_count() of each that was not kept. One alone is itself. */
int report_group(struct report **take_members, uint32_t n_members, uint32_t n);

/* An empty report of a class, to be filled by who reads one from the wire or tells of a death;
 * NULL without memory. Strings given to it are copied into it. All of its strings are "",
 * but for the public ones that may be NULL. */
struct report *report_new(int code);
/* NULL stays NULL: a report that there was no memory for. */
struct report *report_ref(struct report *rep);
struct report *report_unref(struct report *rep);

static inline struct acre_report *report_public(struct report *rep)
{
	return &rep->public_part;
}

/* Of any report, also of one that acre_why() makes up. */
static inline struct report *report_of(const struct acre_report *public_part)
{
	return container_of(public_part, struct report, public_part);
}

/* All of these: 0, or -ENOMEM if nothing of it is kept, for want of memory or of room under the
 * limits above. The report is whole in any case. */

/* `field` is one of the public part. A long text is cut in the middle, with a mark. */
int report_set_text(struct report *rep, const char **field, const char *text, size_t len);
/* Outwards: the first note is the innermost. */
int report_add_note(struct report *rep, const char *text, const char *file, int line,
		    const char *task);
/* A member of a group, or a cause. What cannot be kept is counted in n_more. Trees are built
 * from the leaves: a report that is a member takes no members (a BUG). */
int report_add_member(struct report *rep, struct report *take_member);
/* An actor, origin first; uuid "" if it is not known. Of too many the second one is
 * forgotten. */
int report_add_hop(struct report *rep, const char *name, const char *uuid);
/* Writes the message too unless there is one; so set the class, actor and pid before. */
int report_set_death(struct report *rep, const struct acre_death *death);
int report_set_pcs(struct report *rep, const uintptr_t *pcs, size_t n);
/* A backtrace of another process. -EPROTO: a frame is in none of the modules. */
int report_set_remote_bt(struct report *rep, const struct symbol_bt *bt);

/* The backtrace by modules, for the wire and for printing. NULL if there is none. */
const struct symbol_bt *report_bt(struct report *rep);

/* Makes a tree of n >= 1 reports and returns its root, the first: up[i] is the index of the
 * parent of the ith. One whose parent does not come before it is taken for the root's. */
struct report *report_tree(struct report **take_nodes, const uint32_t *up, size_t n);

/* A walk through a report and all below it, parents first; without recursion. */
struct report_walk {
	const struct acre_report *at[REPORT_DEPTH_MAX];
	uint32_t next[REPORT_DEPTH_MAX]; /* the member of at[] that comes next */
	uint32_t depth;                  /* of the report given last; 0 is the first one */
	bool begun;
};

void report_walk_begin(struct report_walk *w, const struct acre_report *first);
/* NULL at the end. */
const struct acre_report *report_walk_next(struct report_walk *w);
/* The members of the report given last are left out. */
void report_walk_skip(struct report_walk *w);

/* acre_is(), acre_has(), acre_count() of a report. */
bool report_is(const struct acre_report *why, int code);
bool report_has(const struct acre_report *why, int code);
uint32_t report_count(const struct acre_report *why);

/* Who files: goes into each new report of this thread; borrowed. NULL: nobody, "". Reads the
 * host's name, too, at its first call: later a sandbox may forbid it. */
void report_set_actor(const char *name, const char *uuid);

/* Between report.c and error.c: reports in a home. */

/* NULL for a plain failure, or if its story is lost. */
struct report *report_find(const struct report_home *home, int r);
/* One that was found, for writing: where others have it too, a copy takes its place. NULL
 * without memory. */
struct report *report_own(struct report_home *home, int r, struct report *rep);
/* An empty report in the home, and its ticket. */
struct report *report_file_new(struct report_home *home, int code, int *ret_r);
/* Files a report for a failure that has none here; `*r` becomes its ticket. */
struct report *report_file_plain(struct report_home *home, int *r);
/* The same without filing it: the thread's, until the next call. */
struct report *report_made_up(int r);
/* Task, actor and host; and the process, which costs more. */
void report_say_who(struct report *rep);
void report_say_pid(struct report *rep);
size_t report_path_here(char path[REPORT_PATH_MAX]);

/* Between report.c and report_fill.c: the memory of a report. */

void report_init(struct report *rep, int code, char *room, size_t len);
/* Drops all it holds and makes it an empty report of a class, in the same memory. */
void report_reset(struct report *rep, int code);
void report_fini(struct report *rep);
/* Into an empty report, as much as there is memory for. */
void report_copy(struct report *to, struct report *from);
/* "" without memory. */
const char *report_text(struct report *rep, const char *text, size_t len);
/* Aligned; NULL without memory. */
void *report_alloc(struct report *rep, size_t len);
/* Adds a note of texts that stay where they are. */
int report_link_note(struct report *rep, const struct acre_note *note);
