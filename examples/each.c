/* SPDX-License-Identifier: MIT */
/* each.c - runs a program for each item, one per core at a time; the first failure ends the rest. */

/*
 * each PROGRAM [ARGUMENT]... -- ITEM...
 *
 * Like xargs -P, but that nothing outlives it: neither what fails, nor what is killed, nor
 * what these have started. What they write comes line by line, with the item before it.
 */
#include <acre.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ARGUMENTS_MAX 64

struct work {
	const char *
		argv[ARGUMENTS_MAX + 2]; /* the program; then there is room for an item */
	size_t n_argv;
	const char *const *next; /* item that nobody has taken yet */
};

static int run_for(const struct work *w, const char *item)
{
	const char *argv[ARGUMENTS_MAX + 2];
	char label[ACRE_COMMAND_LABEL_SIZE];

	memcpy(argv, w->argv, sizeof argv);
	argv[w->n_argv] = item;
	snprintf(label, sizeof label, "%s", item);
	return acre_note(acre_command_run(NULL, .argv = argv, .label = label,
					  .out = ACRE_COMMAND_RELAY,
					  .err = ACRE_COMMAND_RELAY),
			 "running %s for %s", argv[0], item);
}

ACRE_TASK(worker, struct work *w)
{
	int r = 0;

	while (r >= 0 && *w->next)
		r = run_for(w, *w->next++);
	return r;
}

ACRE_MAIN()
{
	static const char *const usual[] = { "each", "echo", "hello,", "--",
					     "you",  "all",  NULL };
	const char *const *arg = argc > 1 ? (const char *const *)argv : usual;
	struct work w = { .n_argv = 0 };
	int r = 0;

	while (*++arg && strcmp(*arg, "--") != 0 && w.n_argv < ARGUMENTS_MAX)
		w.argv[w.n_argv++] = *arg;
	if (!w.n_argv || !*arg || strcmp(*arg, "--") != 0)
		return acre_fail(EINVAL, "usage: each PROGRAM [ARGUMENT]... -- ITEM...");
	w.next = arg + 1;
	ACRE_NURSERY(n, r)
		for (long i = 0; i < sysconf(_SC_NPROCESSORS_ONLN) && r >= 0; i++)
			r = acre_go(&n, worker, &w);
	return r;
}
