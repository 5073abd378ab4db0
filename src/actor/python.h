/* SPDX-License-Identifier: MIT */
/* python.h - the Python plug-in: where it is, what it is given, and what it can do. */
#pragma once

#include <poll.h>

#include <acre/error.h>
#include <acre/python.h>
#include <acre/value.h>

#include "base/environment.h"
#include "base/fault.h"
#include "core/forked.h"

/*
 * The library itself has nothing of Python. What embeds libpython is an object of its own,
 * libacre-python.so (src/py), which is loaded where the first guest is to live: never in the
 * process of a root or of an actor without one. Looked for in this order: the file that
 * ACRE_PYTHON_PLUGIN names; beside the running program; beside the library; where libraries
 * are installed.
 *
 * It links with nothing of ours. One table of calls goes in, one comes out, and both sides
 * say which version they are of.
 */
#define PYTHON_PLUGIN	     "libacre-python.so"
#define PYTHON_PLUGIN_SYMBOL "acre_python_plugin"

struct sys_table;
struct python_layout;

/* Public calls that the plug-in makes. */
#define PYTHON_HOST_CALLS(C) \
	C(acre_fail_at_)     \
	C(acre_pack_new)     \
	C(acre_pack_free)    \
	C(acre_pack_nil)     \
	C(acre_pack_bool)    \
	C(acre_pack_int)     \
	C(acre_pack_natural) \
	C(acre_pack_float)   \
	C(acre_pack_text_of) \
	C(acre_pack_bytes)   \
	C(acre_pack_list)    \
	C(acre_pack_map)     \
	C(acre_value_next)   \
	C(acre_part_name)

/* Calls of guest.h and guest_ask.h, for a guest's thread. */
#define PYTHON_GUEST_CALLS(C) \
	C(guest_fd)           \
	C(guest_next)         \
	C(guest_answer)       \
	C(guest_take_cancel)  \
	C(guest_is_cancelled) \
	C(guest_is_over)      \
	C(guest_hand_on)      \
	C(guest_ask)          \
	C(guest_ask_stop)     \
	C(guest_answers_fd)   \
	C(guest_answered)     \
	C(guest_ask_result)   \
	C(guest_ask_report)   \
	C(guest_ask_free)     \
	C(guest_fail_again)   \
	C(guest_take_failure) \
	C(guest_fail_group)   \
	C(guest_forget_failure)

struct guest;
struct guest_ask;
struct guest_call;
struct report;

int guest_fd(struct guest *guest);
struct guest_call *guest_next(struct guest *guest, bool *ret_cancel);
void guest_answer(struct guest_call *call, int r);
bool guest_take_cancel(struct guest_call *call);
bool guest_is_cancelled(struct guest_call *call);
bool guest_is_over(struct guest *guest);
void guest_hand_on(struct guest *guest);
struct guest_ask *guest_ask(struct guest *guest, struct guest_call *call,
			    const char *name, struct acre_packer *take_arg);
void guest_ask_stop(struct guest_ask *ask);
int guest_answers_fd(struct guest *guest);
struct guest_ask *guest_answered(struct guest *guest, uint64_t *ret_cancelled);
int guest_ask_result(struct guest_ask *ask, struct acre_value *ret);
struct report *guest_ask_report(struct guest_ask *ask);
void guest_ask_free(struct guest_ask *ask);
int guest_fail_again(struct report *rep);
struct report *guest_take_failure(int r);
#define GUEST_GROUP_KEPT 8 /* members of a failure; as many as a report has */
int guest_fail_group(struct report **take_members, size_t n, size_t n_more,
		     const char *message, const char *trace);
void guest_forget_failure(struct report *take_report);

/* By which a guest is woken from a call that blocks; nothing else uses it, and its default
 * is to be ignored. */
#define PYTHON_WAKE_SIGNAL SIGURG

#define PYTHON_AS_POINTER(name) typeof(name) *name;

struct python_host {
	const char *version; /* of the library */
	const struct sys_table *(*sys_table)(void);
	int (*poll)(struct pollfd *fds, nfds_t n, int64_t timeout_ns);
	const char *(*environment)(enum environment variable);
	bool (*plant_is_on)(enum planted_bug bug);
	/* Of core/forked.h, for a child that the plug-in forks. */
	typeof(forked_begin_in_child) *forked_begin_in_child;
	/* Files a failure "TYPE: TEXT" that has a traceback of the guest's. */
	int (*fail_with_trace)(int class, const char *type, const char *text,
			       const char *trace);
	PYTHON_HOST_CALLS(PYTHON_AS_POINTER)
	PYTHON_GUEST_CALLS(PYTHON_AS_POINTER)
};

/* What this Python can do here: found out by doing it, each in a child that may crash. */
#define PYTHON_ABILITIES(A)                                                     \
	A(FORKS, "a fork of it runs on, with an event loop")                    \
	A(SHARES_GIL, "an interpreter beside the main one, under the same GIL") \
	A(OWN_GIL, "an interpreter with a GIL of its own")                      \
	A(FORKS_FROM_GUEST, "a fork from within an interpreter beside the main one")

#define PYTHON_AS_ABILITY(name, text) PYTHON_##name,
enum python_ability { PYTHON_ABILITIES(PYTHON_AS_ABILITY) N_PYTHON_ABILITIES };

struct python_probe {
	bool can[N_PYTHON_ABILITIES];
	char why_not[N_PYTHON_ABILITIES][64];
};

struct python_source {
	const char *text;
	const char *name; /* as its file, in tracebacks */
	enum acre_gil gil;
	bool plain; /* in an interpreter as Python makes it: os.fork() is not refused */
};

struct python_plugin {
	const char *version;	       /* of the library that it was built with */
	const char *(*python)(void); /* the version of Python that it has loaded */
	/* For dumps; to be called once, before Python is started */
	const struct python_layout *(*layout)(void);
	/* Tries out what it can do; in a process with one thread, which is to be thrown away.
	 * Starts Python there. Bound: 5 s for each ability. */
	int (*probe)(struct python_probe *ret);
	/* Starts Python in this process, by its main thread; then runs a source, by a thread
	 * that was made for that, and packs its `result`. No bound: the process is thrown
	 * away when its time is over, and when it has run. ACRE_EGUEST with a trace,
	 * ACRE_ETYPE, EOPNOTSUPP. */
	int (*subint_begin)(void);
	int (*subint_run)(const struct python_source *source, struct acre_packer *to);
	/* The same in the main interpreter, which it starts, on the thread that calls. */
	int (*main_run)(const struct python_source *source, struct acre_packer *to);

	/* In a forkserver, which has one thread, in this order: starts Python, tries out a
	 * fork, and loads what all guests have; imports a module, for each that is wanted;
	 * and gets ready to fork. EOPNOTSUPP, ACRE_EGUEST. Bound: 5 s and some imports. */
	int (*guest_warm)(void);
	int (*guest_import)(const char *module);
	int (*guest_is_warm)(void);
	/* Around each fork there, and in any process where Python has been started, by a thread
	 * with the GIL of any interpreter or without one. The first waits for that of the main
	 * one, without end; EOPNOTSUPP, ENOMEM. The child's is the first that is done with
	 * Python: all interpreters but the main one are forgotten there. */
	int (*before_fork)(bool has_gil);
	void (*after_fork_parent)(void);
	void (*after_fork_child)(void);
	/* On a process's first thread: that is the guest's, and is interrupted from here on. */
	void (*guest_take_thread)(void);
	/* Before a script runs there: what it finds in sys.argv. */
	int (*set_arguments)(int argc, char **argv);
	/* On that thread: runs the guest until guest_is_over(). */
	int (*guest_run)(struct guest *guest);
	/* Any thread, never waits: what the guest runs is interrupted. */
	void (*guest_interrupt)(struct guest *guest);

	/* In a process that hosts guests beside its actors' loops: starts Python, once. Any
	 * thread with a stack of its own. EOPNOTSUPP, EBUSY, ACRE_EGUEST. */
	int (*beside_begin)(void);
	/* On a thread that was made for that: runs a guest in an interpreter with a GIL of its
	 * own, until guest_is_over(), and ends that. */
	int (*beside_run)(struct guest *guest);
	/* Any thread, never waits: whether it is to be jailed, and its interpreter to stay.
	 * False: it is beginning or ending, by itself. */
	bool (*beside_condemn)(struct guest *guest);
	/* One that is to be: takes its GIL for good, and may wait for that without end. By a
	 * thread that was made for this, and ends behind it. */
	void (*beside_jail)(struct guest *guest);
	/* What is left of one whose thread has ended. */
	void (*beside_free)(struct guest *guest);
};

typedef const struct python_plugin *python_entry_fn(const struct python_host *host);

/* NULL: there is a plug-in; else why no guest can be had, one sentence of this thread. Looks
 * for the file, and loads nothing. */
const char *python_why_not(void);

/* Files the failure that an exception is. Its place is where it was raised, which the trace says,
 * and not here; the name of an ACRE_EGUEST is its type. */
int python_failure(int class, struct acre_bytes type, struct acre_bytes text,
		   struct acre_bytes trace);

/* The same of texts; where the class is ours the message begins with the type. */
int python_fail(int class, const char *type, const char *text, const char *trace);

/* Loads it into this process, for good: 0, or EOPNOTSUPP with the reason. Takes more stack
 * than a task has: not on a fiber. */
int python_load(const struct python_plugin **ret);
