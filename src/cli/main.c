/* SPDX-License-Identifier: MIT */
/* main.c - the command `acre`: finds the verb and hands it its arguments. */
#include <acre/run.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/util.h"
#include "cli/cli.h"

#define AS_VERB(name, text) { #name, text, verb_##name },

static const struct verb {
	const char *name, *text;
	int (*run)(int argc, char **argv);
} verbs[] = { CLI_VERBS(AS_VERB) };

const char *cli_title = "acre";

static void tell_usage(FILE *f)
{
	fprintf(f, "usage: acre VERB [ARGUMENT]...\n\n");
	for (size_t i = 0; i < ARRAY_N(verbs); i++)
		fprintf(f, "  %-8s %s\n", verbs[i].name, verbs[i].text);
	fprintf(f, "\n`acre VERB --help` tells more.\n");
}

/* What nobody can read is not done. */
int cli_written(int status)
{
	if ((fflush(stdout) || ferror(stdout)) && !status)
		return cli_tell(CLI_FAILED,
				"its output cannot be written: is there room?");
	return status;
}

/* A standard descriptor that was closed would be that of the next file or socket we open.
 * There is nothing to read from what stands there instead, and who writes to it is told. */
static int hold_standard(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDONLY);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	return fd < 0 ? fd : close(fd);
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";
	static char title[64];

	/* What a script starts comes by here; a verb that is made to be an actor is a mistake,
	 * which its root tells. */
	if (!strncmp(name, "--acre-", strlen("--acre-")))
		acre_boot(argc, argv);
	if (hold_standard() < 0)
		return cli_tell(CLI_FAILED,
				"/dev/null cannot be opened (%m): give this system one");
	if (!strcmp(name, "--version")) {
		printf("acre %s\n", acre_version());
		return cli_written(0);
	}
	if (!strcmp(name, "--help") || !strcmp(name, "help")) {
		tell_usage(stdout);
		return cli_written(0);
	}
	for (size_t i = 0; i < ARRAY_N(verbs); i++) {
		if (strcmp(verbs[i].name, name) != 0)
			continue;
		snprintf(title, sizeof title, "acre %s", name);
		argv[1] = title;
		cli_title = title;
		return cli_written(verbs[i].run(argc - 1, argv + 1));
	}
	if (*name)
		return cli_tell(CLI_USAGE,
				"there is no verb %s: `acre --help` lists them", name);
	tell_usage(stderr);
	return CLI_USAGE;
}
