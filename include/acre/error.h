/* SPDX-License-Identifier: MIT */
/* error.h - failures as values: a class that decides and a report that explains. */
#ifndef ACRE_ERROR_H
#define ACRE_ERROR_H

/*
 * Every call that can fail returns an int: >= 0 is success, < 0 a failure. The low 12
 * bits of -r are the class, an errno value or one of ACRE_CLASSES below; the bits above
 * are a ticket for the report that the failing task filed (0 = there is none, so a plain
 * -errno is a legal failure).
 *
 *	r = connect_somehow(host);
 *	if (acre_is(r, ECONNREFUSED)) // this class and nothing else: safe to handle
 *		r = 0;
 *	return acre_note(r, "asking %s", host); // "while asking ..."; a success goes through
 *
 * Three rules. Compare with 0 and with acre_is(), never with ==: a ticket makes the
 * number differ. Nothing branches on the text of a report. Nobody frees one: a task keeps
 * its last 30, an older ticket keeps its class and loses its story.
 *
 * Cancellation (-ECANCELED) is no news: it is never filed, noted, grouped or printed.
 *
 * The idea of classes finer than errno, each with a parent, is that of bcachefs'
 * errcode.h; that a failure is a chain, Subversion's; that it moves from the ended fiber
 * to the one that joins it, Tarantool's.
 */

#include <errno.h>

#include <acre/define.h>

ACRE_BEGIN_

/* number, name, parent class, meaning. A handler for the parent handles the class as
 * well. */
#define ACRE_CLASSES(C)                                                                 \
	C(1001, EREMOTE, EPROTO, "raised in another actor")                             \
	C(1002, EGROUP, 0, "several failures")                                          \
	C(1003, EDIED, 0, "an actor or a command ended by signal or status")           \
	C(1004, EBOOT, 0, "an actor failed or died before it was ready")                \
	C(1005, ECLOSED, EPIPE, "the link, stream or channel is closed")                \
	C(1006, ECTXC, 0, "the other side of a context was cancelled")                  \
	C(1007, EOVERRUN, ENOBUFS, "the receiver's buffer was full")                    \
	C(1008, ELAGGED, 0, "a subscriber fell out of the window")                      \
	C(1009, ETYPE, EINVAL, "a payload or an argument of the wrong type")            \
	C(1010, ENOTEXPOSED, EACCES, "the namespace is not exposed")                    \
	C(1011, ENOENDPOINT, ENOENT, "no such endpoint")                                \
	C(1012, ETOOSLOW, ETIMEDOUT, "an actor did not acknowledge a cancel in time")   \
	C(1013, ENORUNTIME, 0, "no runtime in this process")                            \
	C(1014, ENAMED, 0, "a class that this actor knows by name only")                \
	C(1015, EGUEST, 0, "an exception of a guest's language")                        \
	C(1016, EGUESTCANCEL, 0, "a guest task cancelled itself")                       \
	C(1017, EGUESTEXIT, 0, "the guest half of a linked pair ended early")           \
	C(1018, EHOSTEXIT, 0, "the host half of a linked pair ended early")             \
	C(1019, EQUIT, 0, "quit from the debugger's prompt")                            \
	C(1020, ENOTTYLOCK, 0, "the debugger's tty lock could not be had")

#define ACRE_CLASS_ENUM_(number, name, parent, text) ACRE_##name = number,
enum acre_class {
	ACRE_CLASSES(ACRE_CLASS_ENUM_) ACRE_CLASS_APPLICATION = 2048,
	ACRE_CLASS_MAX = 4095
};
#undef ACRE_CLASS_ENUM_

/*
 * An application's own classes: one X-list, defined before <acre.h> is included, in the
 * same form for every source file of the program. The name travels between actors; where
 * it is unknown it arrives as ACRE_ENAMED with the name kept.
 *
 *	#define ACRE_ERRORS(E)                     \
 *		E(T_ASSERT, 0, "an assertion failed") \
 *		E(T_VALUE, EINVAL, "a bad value")
 *	#include <acre.h>
 *
 * It is an enum from 2048 on, and a constructor in each such file that tells the library;
 * a row told again is nothing, a row that contradicts another is a BUG with both names.
 * So it works in programs, in libraries and in modules loaded at run time, which must
 * stay loaded.
 */
struct acre_class_row {
	int number;
	int parent;
	const char *name;
	const char *text;
};

/* Rows are kept by address. Any thread that runs constructors. */
ACRE_PUBLIC_ void acre_class_register_(const struct acre_class_row *rows, size_t n);

#ifdef ACRE_ERRORS
#define ACRE_CLASS_ENUM_(name, parent, text) name,
enum acre_application_class {
	ACRE_CLASS_BEFORE_FIRST_ = ACRE_CLASS_APPLICATION - 1,
	ACRE_ERRORS(ACRE_CLASS_ENUM_)
};
#undef ACRE_CLASS_ENUM_
#define ACRE_CLASS_ROW_(name, parent, text) { name, parent, #name, text },
static const struct acre_class_row acre_class_rows_[] = { ACRE_ERRORS(ACRE_CLASS_ROW_) };
#undef ACRE_CLASS_ROW_
__attribute__((constructor)) static void acre_class_rows_register_(void)
{
	acre_class_register_(acre_class_rows_,
			     sizeof acre_class_rows_ / sizeof *acre_class_rows_);
}
#endif

/*
 * Files a report with the running task and returns the failure that carries its ticket.
 * `code` is a class, positive; the text is cut at 1 KiB. Takes a C backtrace. Never
 * fails: without memory one of two reports that a task reserves at birth is used, the one
 * that was used longer ago. Any thread.
 */
#define acre_fail(code, ...) acre_fail_at_(__FILE__, __LINE__, (code), __VA_ARGS__)
ACRE_PUBLIC_ ACRE_MUST_USE_ ACRE_FORMAT_(4, 5) int acre_fail_at_(const char *file,
								 int line, int code,
								 const char *fmt, ...);

/* Adds "while ..." to the story of a failure; lets r >= 0 and cancellation through
 * untouched. Any thread. A success costs a comparison: `r` is evaluated once, the
 * other arguments only for a failure. */
#define acre_note(r, ...) \
	ACRE_NOTE_(ACRE_PASTE_(acre_note_, __COUNTER__), (r), __VA_ARGS__)
#define ACRE_NOTE_(result, r, ...)                                                    \
	acre_noted_(__extension__({                                                   \
		int result = (r);                                                     \
		result >= 0 ? result                                                  \
			    : acre_note_at_(__FILE__, __LINE__, result, __VA_ARGS__); \
	}))
ACRE_PUBLIC_ ACRE_MUST_USE_ ACRE_FORMAT_(4, 5) int acre_note_at_(const char *file,
								 int line, int r,
								 const char *fmt, ...);
ACRE_MUST_USE_ static inline int acre_noted_(int r)
{
	return r;
}

/* This class and nothing else, so handling it drops no other failure: `r` is of the
 * class (or of one below it), or a group whose members all are, with none lost. For a
 * failure of another actor both its class and ACRE_EREMOTE hold. */
ACRE_PUBLIC_ bool acre_is(int r, int code);

/* This class among others: somewhere in the report tree. For telling, not for
 * handling. */
ACRE_PUBLIC_ bool acre_has(int r, int code);

/* The class, for a switch: 0 for a success. */
ACRE_PUBLIC_ int acre_code(int r);

/* "ENOENT", "ACRE_EDIED", the application's own name, or "<unknown>". Static storage. */
ACRE_PUBLIC_ const char *acre_class_name(int code);
/* The number of a name, 0 if no class of this program has it. */
ACRE_PUBLIC_ int acre_class_number(const char *name);
/* What the class means, one sentence. */
ACRE_PUBLIC_ const char *acre_class_text(int code);

struct acre_note {
	const struct acre_note *next; /* outer one, NULL at the end: innermost first */
	const char *text;
	const char *file;
	int line;
	const char *task;
};

/* How an actor ended that gave no result. */
struct acre_death {
	int signal;	  /* 0: it exited */
	int status;	  /* its exit status if signal is 0 */
	bool core;	  /* a core was dumped */
	bool hard_kill;	  /* we sent that SIGKILL: the last rung of the ladder */
	bool oom;	  /* the kernel killed it for memory: its cgroup's count says so */
	const char *step; /* boot only: the step that failed, with its errno; else NULL */
	int error;
	const char *last_words; /* tail of its stderr, "" if it said nothing */
};

/* A report: read only, owned by the library, valid until 30 later failures of this
 * task, or 2 without memory. */
struct acre_report {
	int code;	  /* the class */
	/* its name; for ACRE_ENAMED the name that travelled, for ACRE_EGUEST the guest's type */
	const char *name;
	const char *message;
	const char *file; /* where it was filed */
	int line;
	const char *task;  /* path like root/scanner#3/collect */
	const char *actor; /* name of the actor in which it was raised */
	const char *actor_uuid;
	const char *host;
	pid_t pid;
	const struct acre_note *notes;
	bool remote; /* it crossed at least one link */
	/* names of the actors it passed, origin first, NULL at the end; NULL if local */
	const char *const *hops;
	/* their uuids, one for each; "" of an actor that has told its name only */
	const char *const *hop_uuids;
	/* of a group, or the causes; n_members of them are kept */
	const struct acre_report *const *members;
	uint32_t n_members;
	uint32_t n_more; /* members beyond those kept: "+k more" */
	/* NULL unless the class is ACRE_EDIED or ACRE_EBOOT */
	const struct acre_death *death;
	/* ACRE_ECTXC: why, one of the words of enum acre_reason; else NULL */
	const char *reason;
	/* ACRE_ECTXC: the actor in which the cancellation began; ACRE_EOVERRUN: who
	 * overran */
	const char *canceller;
	const char *canceller_uuid;
	const char *trace; /* symbolised backtrace that travelled as text, "" if none */
	/* C backtrace where it was raised, in this process; n_pcs may be 0 */
	const uintptr_t *pcs;
	uint32_t n_pcs;
};

/* The report of a failure: never NULL. A failure without one gets a plain report made
 * from its class, which is valid until the next call of acre_why() in this thread. */
ACRE_PUBLIC_ const struct acre_report *acre_why(int r);

/* The number of failures in `r`: 0 for a success, the exact count for a group, else 1. */
ACRE_PUBLIC_ uint32_t acre_count(int r);

/* Prints the whole story: class, message, chain, hops, members, backtrace with
 * file:line (libdw, where it is installed). May take some milliseconds the first time.
 * Not from signal handlers. */
ACRE_PUBLIC_ void acre_print(FILE *f, int r);

/* The same story as one string, to be released with free(). NULL without memory. */
ACRE_PUBLIC_ char *acre_story(int r);

ACRE_END_
#endif
