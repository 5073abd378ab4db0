/* SPDX-License-Identifier: MIT */
/* cli.h - the verbs of the command `acre`, a file each. */
#pragma once

/* name, what it does; its function is verb_NAME(argc, argv), where argv[0] is "acre NAME" and
 * what it returns is the exit status */
#define CLI_VERBS(V)                                                                   \
	V(doctor, "tells what this host gives to acre, and what to do about the rest") \
	V(dump, "tells all of a process that hangs, and of the actors below it")       \
	V(run, "runs a program, and ends all that it has started")

#define CLI_AS_FUNCTION(name, text) int verb_##name(int argc, char **argv);
CLI_VERBS(CLI_AS_FUNCTION)

#define CLI_FAILED 1
#define CLI_USAGE  2
