/* SPDX-License-Identifier: MIT */
/* cli.h - the verbs of the command `acre`, a file each, and how they say what went wrong. */
#pragma once

/* name, what it does; its function is verb_NAME(argc, argv), where argv[0] is "acre NAME" and
 * what it returns is the exit status */
#define CLI_VERBS(V)                                                                   \
	V(ls, "lists trees, or the actors that are registered at an address")          \
	V(find, "finds actors by name")                                                \
	V(call, "calls a function of an actor, JSON in and out")                       \
	V(stream, "the same, with items as lines, both ways")                          \
	V(cancel, "asks an actor to end")                                              \
	V(registry, "is a registrar for trees that have none")                         \
	V(reap, "removes the sockets of trees that are gone")                          \
	V(doctor, "tells what this host gives to acre, and what to do about the rest") \
	V(dump, "tells all of a process that hangs, and of the actors below it")       \
	V(selftest, "tries out the ways in which processes and Python get along")      \
	V(python, "runs a Python script as the root of a tree")                        \
	V(run, "runs a program, and ends all that it has started")

#define CLI_AS_FUNCTION(name, text) int verb_##name(int argc, char **argv);
CLI_VERBS(CLI_AS_FUNCTION)

/* Exit statuses; `acre run` has those of timeout(1). */
#define CLI_FAILED 1 /* the other side, or something on the way to it */
#define CLI_USAGE  2
#define CLI_NOBODY 3 /* nobody of that name, nobody at that address, no tree */

/* What argp's help of a verb ends with. */
#define CLI_STATUS_TEXT                                                                \
	"The exit status is 0 if it is done, 1 if the other side failed, 2 if it was " \
	"called wrongly, 3 if there is nobody of that name or at that address, or no " \
	"tree."

struct argp;

/* Reads a verb's arguments into `input` as argp_parse() does; or tells help, or what is wrong with
 * them, and exits. */
void cli_parse(const struct argp *argp, int argc, char **argv, unsigned int flags,
	       void *input);
/* The same line for what the verb itself does not take: what is wrong, or what was expected. */
_Noreturn void cli_refuse(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* How that exits; CLI_USAGE unless the verb has another. */
extern int cli_usage_status;

/* main.c: `status`, or CLI_FAILED, with a word, where stdout cannot be written. */
int cli_written(int status);

/* One line on stderr, "acre VERB: ...", that says what is wrong and what to do. Returns
 * `status`. */
int cli_tell(int status, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Such a line about dialling or asking who is at `where`; returns the exit status. A
 * cancellation is nothing to tell: -ECANCELED is returned. */
int cli_tell_unreached(int r, const char *where);
/* The same about a failure that is nobody's answer: of the loop, of memory. */
int cli_tell_failure(int r);
/* What to do where a process, or its system, has no more of what that class is about; NULL: it is
 * about something else. */
const char *cli_advice(int code);

/* main.c: "acre VERB" of this run */
extern const char *cli_title;
