/* SPDX-License-Identifier: MIT */
/* registry.c - `acre registry`: a registrar that is nobody's root but its own. */
#include <acre/actor.h>
#include <acre/discovery.h>
#include <acre/error.h>
#include <acre/run.h>
#include <acre/time.h>

#include <argp.h>
#include <stdio.h>
#include <string.h>

#include "actor/discovery.h"
#include "cli/cli.h"
#include "wire/rundir.h"

/* Addresses of its own: the one of the registrar, and one to see that there are no more. */
#define ADDRESSES_MAX 2
/* It sleeps until it is ended; a day at a time, since a span has an end. */
#define DAY 86400

struct job {
	char listen[ACRE_ADDRESS_SIZE];
	const char *key_file; /* NULL: none */
	bool served;
};

static bool is_tcp(const char *address)
{
	return strncmp(address, "/ip", 3) == 0;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct job *job = state->input;

	switch (key) {
	case 'l':
		if (!*arg)
			cli_refuse("expected an address to listen at, came \"\"");
		if (strlen(arg) >= sizeof job->listen)
			cli_refuse("an address has at most %zu bytes, not %zu: %s",
				   sizeof job->listen - 1, strlen(arg), arg);
		snprintf(job->listen, sizeof job->listen, "%s", arg);
		return 0;
	case 'k':
		job->key_file = arg;
		return 0;
	case ARGP_KEY_ARG:
		cli_refuse("expected nothing, came %s: say --listen %s", arg, arg);
		return 0;
	case ARGP_KEY_END:
		if (is_tcp(job->listen) && !job->key_file)
			cli_refuse("over TCP only who has its key may call it: give "
				   "--key the .key_file of the trees");
		if (!is_tcp(job->listen) && job->key_file)
			cli_refuse("a key is for TCP: --listen is no such address");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option options[] = {
	{ "listen", 'l', "ADDRESS", 0,
	  "Where to listen; else registry@1616.sock in the folder of all trees", 0 },
	{ "key", 'k', "FILE", 0,
	  "For an address of TCP: the .key_file of the trees; made if it is missing", 0 },
	{ 0 }
};

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.doc = "Is a registrar, for trees whose roots name its address among their "
	       ".registrars. Writes that address to stdout once it serves.\vIt ends on "
	       "SIGINT, SIGTERM, and by `acre cancel ADDRESS`, all with exit status "
	       "0.\n\n" CLI_STATUS_TEXT,
};

/* Beside the folders of trees, where `acre ls` looks, too. */
static int usual_place(struct job *job)
{
	struct address address;
	struct rundir d;
	int r = rundir_open(&d, DISCOVERY_PROGRAM, NULL);

	if (r < 0)
		return r;
	r = rundir_socket(&d, DISCOVERY_REGISTRY, DISCOVERY_REGISTRY_NUMBER, &address);
	rundir_close(&d);
	if (r >= 0)
		address_text(&address, job->listen);
	return r;
}

/* Where another one was, the root has attached to that, and listens elsewhere. A port of 0 is
 * told as the one that it has become. */
static bool is_mine(char address[ACRE_ADDRESS_SIZE])
{
	char mine[ADDRESSES_MAX][ACRE_ADDRESS_SIZE];
	size_t n = acre_self_addresses(mine, ADDRESSES_MAX);

	if (n != 1 || (strcmp(mine[0], address) != 0 && !is_tcp(address)))
		return false;
	snprintf(address, ACRE_ADDRESS_SIZE, "%s", mine[0]);
	return true;
}

static int serve(void *arg)
{
	struct job *job = arg;
	int r = 0;

	job->served = true;
	if (!is_mine(job->listen))
		return cli_tell(CLI_FAILED,
				"a registrar is at %s already: use it, end it with "
				"`acre cancel %s`, or choose another address with "
				"--listen",
				job->listen, job->listen);
	if (puts(job->listen) < 0 || fflush(stdout) != 0)
		return 0; /* nobody could know of it; told by whoever writes all that is left */
	while (r >= 0) /* bound: none; a signal or a cancel ends it */
		r = acre_sleep(acre_secs(DAY));
	return r;
}

static int failed(const struct job *job, int r)
{
	if (cli_advice(acre_code(r)) || !*job->listen)
		return cli_tell_failure(r);
	return cli_tell(CLI_FAILED, "%s: %s; choose another address with --listen",
			job->listen, acre_why(r)->message);
}

int verb_registry(int argc, char **argv)
{
	struct job job = { .listen = "" };
	const char *registrars[] = { job.listen, NULL };
	int r = 0;

	cli_parse(&argp, argc, argv, 0, &job);
	if (!*job.listen)
		r = usual_place(&job);
	if (r < 0)
		return failed(&job, r);
	r = acre_run(serve, &job,
		     &(struct acre_run_options){ .name = DISCOVERY_REGISTRY,
						 .signals = true,
						 .transports = is_tcp(job.listen) ? "tcp"
										  : "uds",
						 .key_file = job.key_file,
						 .registrars = registrars });
	if (r < 0 && !job.served && acre_is(r, EINVAL))
		return cli_tell_unreached(r, job.listen);
	if (r < 0 && !acre_is(r, EINTR))
		return failed(&job, r);
	return r < 0 ? 0 : r;
}
