/* SPDX-License-Identifier: MIT */
/* ask.h - what `acre call` and `acre stream` have in common: their arguments, and their end. */
#pragma once

#include <acre/value.h>

#include <argp.h>

#include "cli/json.h"
#include "cli/reach.h"

struct ask {
	const char *who, *at;
	char name_space[128]; /* of NS.FUNC */
	const char *func;
	double deadline;	    /* seconds; 0: none */
	struct acre_packer *packer; /* owned */
	struct acre_value arg;	    /* packed; nil if none was given */
	int reason;		    /* enum acre_reason: why we were to end */
	int n_words;
};

/* Nobody waits for a century, and it fits a span. */
#define ASK_SECONDS_MOST 4e9

#define ASK_OPTIONS                                                         \
	CLI_AT_OPTION,                                                      \
	{                                                                   \
		"deadline", 'd', "SECONDS", 0, "Cancel it after so long", 0 \
	}
#define ASK_ARGS_DOC "NAME|ADDRESS NS.FUNC [JSON]"
/* Ends the help of both. */
#define ASK_STATUS_TEXT                                                               \
	CLI_STATUS_TEXT " It is 130 if SIGINT has ended it, 143 if SIGTERM has; the " \
			"other side is cancelled then."

/* Of both verbs' argp; ARGP_ERR_UNKNOWN for what is the verb's own. */
error_t ask_parse(struct ask *a, int key, char *arg);

/* Runs fn(arg), which returns an exit status or a failure, as a root task, within the deadline;
 * tells how it failed. Frees what `a` has. */
int ask_run(struct ask *a, int (*fn)(void *arg), void *arg);
