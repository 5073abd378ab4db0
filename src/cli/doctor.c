/* SPDX-License-Identifier: MIT */
/* doctor.c - `acre doctor`: what this host gives to acre, what that means, what to do. */
#include "cli/doctor.h"

#include <argp.h>
#include <stdbool.h>
#include <string.h>

#include <acre/run.h>

#include "base/util.h"
#include "cli/cli.h"

#define DOCTOR_FINE    0
#define DOCTOR_WEAK    1 /* a promise is weaker */
#define DOCTOR_CANNOT  2 /* acre does not run here */
#define WIDTH_OF_NAMES 18

#define AS_CHECK(id, name, weight, promises, means, remedy) \
	{ name, DOCTOR_##weight, promises, means, remedy, doctor_##id },

static const struct check {
	const char *name;
	enum doctor_weight weight;
	const char *promises, *means, *remedy;
	void (*look)(struct doctor_finding *ret);
} checks[] = { DOCTOR_CHECKS(AS_CHECK) };

static const char *const states[] = {
	[DOCTOR_OK] = "ok", [DOCTOR_LIMITED] = "limited", [DOCTOR_MISSING] = "missing"
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	bool *is_json = state->input;

	(void)arg;
	switch (key) {
	case 'j':
		*is_json = true;
		return 0;
	case ARGP_KEY_ARG:
		cli_refuse("expected no argument, came %s", arg);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option options[] = {
	{ "json", 'j', NULL, 0, "Tells it as one JSON object", 0 }, { 0 }
};

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.doc = "Tells what this host gives to acre: of each thing whether it is ok, "
	       "limited "
	       "or missing, and if not, which promise (doc/PROMISES.md) is weaker and "
	       "what to "
	       "do.\v"
	       "Each thing is tried out, as the user that asks; nothing is changed.\n\n"
	       "The exit status is 0 if all that counts is ok, 1 if a promise is weaker, "
	       "2 if acre does not run here.",
};

static int status_of(const struct check *c, const struct doctor_finding *f)
{
	if (f->state == DOCTOR_OK || c->weight == DOCTOR_MERELY)
		return DOCTOR_FINE;
	return c->weight == DOCTOR_NEEDED ? DOCTOR_CANNOT : DOCTOR_WEAK;
}

static void print(const struct check *c, const struct doctor_finding *f)
{
	printf("%-8s %-*s %s\n", states[f->state], WIDTH_OF_NAMES, c->name, f->found);
	if (f->state == DOCTOR_OK)
		return;
	printf("         means: %s\n", c->means);
	printf("         weaker: %s\n", c->promises);
	printf("         to do: %s\n", c->remedy);
}

static void print_sum(int status)
{
	static const char *const sums[] = {
		[DOCTOR_FINE] = "All promises hold here.",
		[DOCTOR_WEAK] = "acre runs here; some promises are weaker, see above.",
		[DOCTOR_CANNOT] =
			"acre does not run here: something that it needs is missing.",
	};

	printf("\n%s\n", sums[status]);
}

static void print_string(const char *text)
{
	putchar('"');
	for (; *text; text++)
		if (*text == '"' || *text == '\\')
			printf("\\%c", *text);
		else if ((unsigned char)*text < 0x20)
			printf("\\u%04x", (unsigned)*text);
		else
			putchar(*text);
	putchar('"');
}

static void print_member(const char *key, const char *text)
{
	printf(", \"%s\": ", key);
	print_string(text);
}

static void print_json(const struct check *c, const struct doctor_finding *f,
		       bool is_first)
{
	printf("%s\n  { \"name\": ", is_first ? "" : ",");
	print_string(c->name);
	print_member("state", states[f->state]);
	print_member("found", f->found);
	if (f->state != DOCTOR_OK) {
		print_member("means", c->means);
		print_member("weaker", c->promises);
		print_member("remedy", c->remedy);
	}
	printf(" }");
}

int verb_doctor(int argc, char **argv)
{
	bool is_json = false;
	int status = DOCTOR_FINE;

	cli_parse(&argp, argc, argv, 0, &is_json);
	if (is_json)
		printf("{ \"acre\": \"%s\", \"checks\": [", acre_version());
	for (size_t i = 0; i < ARRAY_N(checks); i++) {
		struct doctor_finding f = { .state = DOCTOR_OK };

		fflush(stdout); /* what is tried makes processes */
		checks[i].look(&f);
		status = (int)int64_max(status, status_of(&checks[i], &f));
		if (is_json)
			print_json(&checks[i], &f, i == 0);
		else
			print(&checks[i], &f);
	}
	if (is_json)
		printf("\n], \"status\": %d }\n", status);
	else
		print_sum(status);
	return status;
}
