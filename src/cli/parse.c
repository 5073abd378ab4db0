/* SPDX-License-Identifier: MIT */
/* parse.c - reading a verb's arguments: what is wrong with them is one line, that says what to do. */
#include <argp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

/*
 * argp tells of a wrong option in two lines, of which the second only leads to --help. It is told
 * to be silent, and then gives no help either: so that is an option of ours, beside the verb's.
 */

int cli_usage_status = CLI_USAGE;

void cli_refuse(const char *fmt, ...)
{
	va_list args;

	fprintf(stderr, "%s: ", cli_title);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fprintf(stderr, "; see `%s --help`\n", cli_title);
	exit(cli_usage_status);
}

enum { KEY_HELP = '?', KEY_USAGE = 0x100 };

static error_t parse_help(int key, char *arg, struct argp_state *state)
{
	(void)arg;
	if (key != KEY_HELP && key != KEY_USAGE)
		return ARGP_ERR_UNKNOWN;
	argp_help(state->root_argp, stdout,
		  key == KEY_USAGE
			  ? ARGP_HELP_USAGE
			  : ARGP_HELP_SHORT_USAGE | ARGP_HELP_LONG | ARGP_HELP_DOC,
		  (char *)(uintptr_t)cli_title);
	exit(cli_written(0));
}

static const struct argp_option help_options[] = {
	{ "help", KEY_HELP, NULL, 0, "Give this help list", -1 },
	{ "usage", KEY_USAGE, NULL, 0, "Give a short usage message", 0 },
	{ 0 }
};
static const struct argp help = { .options = help_options, .parser = parse_help };

/* Where it has stopped: argp tells only the parsers. */
static int stopped_at;

static error_t parse_top(int key, char *arg, struct argp_state *state)
{
	(void)arg;
	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = state->input;
		return 0;
	case ARGP_KEY_ERROR:
		stopped_at = state->next;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* The option that a word means: its name, or the beginning of one; or its letter. */
static const struct argp_option *option_of(const struct argp *argp, const char *word)
{
	size_t len = strcspn(word, "=");

	for (const struct argp_option *o = argp->options; o && (o->name || o->key); o++) {
		if (word[1] != '-' && o->key == word[1])
			return o;
		if (word[1] == '-' && o->name && len > 2 &&
		    !strncmp(o->name, word + 2, len - 2))
			return o;
	}
	return NULL;
}

/* A word of several letters is still being read, so it may be the next one. */
static const char *wrong_word(char **argv, int argc, int next)
{
	if (next < argc && argv[next][0] == '-' && argv[next][1] != '-' &&
	    argv[next][1] && argv[next][2])
		return argv[next];
	return argv[next > 0 ? next - 1 : 0];
}

static void refuse_option(const struct argp *argp, const char *word)
{
	const struct argp_option *o = option_of(argp, word);

	if (!o)
		cli_refuse("there is no option %s", word);
	if (o->arg)
		cli_refuse("the option %s lacks its %s", word, o->arg);
	cli_refuse("the option %s is not one, or takes no argument", word);
}

void cli_parse(const struct argp *argp, int argc, char **argv, unsigned int flags,
	       void *input)
{
	const struct argp_child children[] = { { argp, 0, NULL, 0 },
					       { &help, 0, NULL, 0 },
					       { 0 } };
	const struct argp top = { .parser = parse_top, .children = children };
	error_t err = argp_parse(&top, argc, argv, flags | ARGP_NO_ERRS | ARGP_NO_HELP,
				 NULL, input);

	if (err == EINVAL)
		refuse_option(argp, wrong_word(argv, argc, stopped_at));
	if (err)
		exit(cli_tell(CLI_FAILED, "reading the arguments: %s: try again",
			      strerrordesc_np(err)));
}
