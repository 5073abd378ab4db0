/* SPDX-License-Identifier: MIT */
/* ask.c - reading who is to be asked for what, and telling how that failed. */
#include "cli/ask.h"

#include <acre/run.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "core/loop.h"

/* Values are read and written by recursion, as deep as a message may be: 32 levels. */
#define STACK_SIZE  (1024 * 1024)
#define EXIT_SIGNAL 128 /* and its number, as a shell reports it */

static void take_endpoint(struct ask *a, const char *text)
{
	const char *dot = strrchr(text, '.');
	const char *meant = dot ? dot + 1 : text;

	if (!dot || dot == text || !dot[1] ||
	    (size_t)(dot - text) >= sizeof a->name_space)
		cli_refuse("expected NAMESPACE.FUNCTION, such as main.%s, not \"%s\"",
			   *meant ? meant : "add", text);
	snprintf(a->name_space, sizeof a->name_space, "%.*s", (int)(dot - text), text);
	a->func = dot + 1;
}

static void take_json(struct ask *a, const char *text)
{
	char why[256];
	json_t *json = json_of_text(text, strlen(text), why);
	int r;

	if (!json)
		cli_refuse("the argument is no JSON: %s", why);
	if (!json_is_object(json) && !json_is_null(json))
		cli_refuse("arguments are an object, such as '{\"lo\": 1}': a key for "
			   "each that %s takes",
			   a->func);
	r = json_pack_into(a->packer, json);
	json_decref(json);
	if (r < 0)
		cli_refuse("a $key of the argument has no value that fits it: see "
			   "acre-call(1)");
}

static void end(struct ask *a)
{
	int r;

	if (a->n_words < 2)
		cli_refuse(a->n_words ? "expected what to call, as NAMESPACE.FUNCTION"
				      : "expected an actor, and what to call");
	if (a->n_words == 2)
		acre_pack_nil(a->packer);
	r = acre_pack_end(a->packer, &a->arg);
	if (r < 0)
		cli_refuse("the argument cannot travel: %s", acre_why(r)->message);
}

static void take_word(struct ask *a, char *arg)
{
	switch (a->n_words++) {
	case 0:
		a->who = arg;
		a->packer = acre_pack_new();
		break;
	case 1:
		take_endpoint(a, arg);
		break;
	case 2:
		take_json(a, arg);
		break;
	default:
		cli_refuse("expected one JSON value, came %s, too: quote it", arg);
	}
}

error_t ask_parse(struct ask *a, int key, char *arg)
{
	char *rest;

	switch (key) {
	case 'a':
		a->at = arg;
		return 0;
	case 'd':
		a->deadline = strtod(arg, &rest);
		if (rest == arg || *rest ||
		    !(a->deadline > 0 && a->deadline <= ASK_SECONDS_MOST))
			cli_refuse("the deadline is a number of seconds above 0, at most "
				   "%.0f, not %s",
				   ASK_SECONDS_MOST, arg);
		return 0;
	case ARGP_KEY_ARG:
		take_word(a, arg);
		return 0;
	case ARGP_KEY_END:
		end(a);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/*
 * Its end.
 */

/* class, what to do then; the first one that fits */
#define ADVICE(A)                                                                 \
	A(ACRE_ENOTEXPOSED,                                                       \
	  "choose another namespace, or let it expose that one: `.expose` "       \
	  "of its spawn, or of its root")                                         \
	A(ACRE_ENOENDPOINT, "look for the name in its ACRE_CONTEXTs")             \
	A(ACRE_ETYPE,                                                             \
	  "give an object with the keys that it takes, or use acre call for "     \
	  "what is no stream, acre stream for what is one")                       \
	A(ACRE_ECTXC, "somebody has cancelled it: ask again if it is to be done") \
	A(ACRE_ECLOSED, "its actor has ended: `acre ls` tells who is there")      \
	A(EMSGSIZE, "send less at a time: large things are items of a stream")

static const struct {
	int class;
	const char *text;
} advice[] = {
#define ADVICE_ROW(class, text) { class, text },
	ADVICE(ADVICE_ROW)
#undef ADVICE_ROW
};

static int tell_failed(const struct ask *a, int r)
{
	const struct acre_report *why = acre_why(r);

	if (acre_is(r, ETIMEDOUT) && a->deadline > 0 && !why->remote)
		return cli_tell(CLI_FAILED,
				"%s.%s of %s has not ended within %g s and was "
				"cancelled: give it a longer --deadline",
				a->name_space, a->func, a->who, a->deadline);
	for (size_t i = 0; i < sizeof advice / sizeof *advice; i++)
		if (acre_is(r, advice[i].class))
			return cli_tell(CLI_FAILED, "%s.%s of %s: %s; %s", a->name_space,
					a->func, a->who, why->message, advice[i].text);
	if (!why->remote && cli_advice(acre_code(r)))
		return cli_tell_failure(r);
	cli_tell(CLI_FAILED, "%s.%s of %s has failed; its story:", a->name_space, a->func,
		 a->who);
	acre_print(stderr, r);
	return CLI_FAILED;
}

struct run {
	struct ask *ask;
	int (*fn)(void *arg);
	void *arg;
};

static int root(void *arg)
{
	struct run *run = arg;
	struct ask *a = run->ask;
	int r = 0;

	if (a->deadline > 0) {
		ACRE_WITHIN(((acre_span){ .ns = (int64_t)(a->deadline * 1e9) }), r)
			r = run->fn(run->arg);
	} else {
		r = run->fn(run->arg);
	}
	a->reason = loop_this->root.scope.reason;
	return r;
}

int ask_run(struct ask *a, int (*fn)(void *arg), void *arg)
{
	struct run run = { a, fn, arg };
	int r = acre_run(root, &run,
			 &(struct acre_run_options){ .signals = true,
						     .stack_size = STACK_SIZE });

	a->packer = acre_pack_free(a->packer);
	if (a->reason == ACRE_REASON_INTERRUPT)
		return EXIT_SIGNAL + SIGINT;
	if (a->reason == ACRE_REASON_TERMINATE)
		return EXIT_SIGNAL + SIGTERM;
	return r < 0 ? tell_failed(a, r) : r;
}
