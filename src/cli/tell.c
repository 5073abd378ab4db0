/* SPDX-License-Identifier: MIT */
/* tell.c - what went wrong, in one line that says what to do. */
#include <acre/error.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

int cli_tell(int status, const char *fmt, ...)
{
	va_list args;

	fprintf(stderr, "%s: ", cli_title);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	return status;
}

int cli_tell_unreached(int r, const char *where)
{
	int code = acre_code(r);

	if (code == ECANCELED)
		return r;
	if ((code == EACCES || code == EOPNOTSUPP) && strncmp(where, "/unix/", 6) != 0)
		return cli_tell(CLI_FAILED,
				"%s; this command calls by the sockets of this host that "
				"`acre ls` and `acre find` tell",
				acre_why(r)->message); /* which begins with the address */
	switch (code) {
	case EINVAL:
	case ENAMETOOLONG:
		return cli_tell(CLI_USAGE,
				"%s; an address is like /unix/run/a.sock or "
				"/ip4/127.0.0.1/tcp/1616",
				acre_why(r)->message);
	case ENOENT:
	case ECONNREFUSED:
		return cli_tell(CLI_NOBODY,
				"nobody listens at %s: `acre ls` tells who is there",
				where);
	case ACRE_ETOOSLOW:
		return cli_tell(
			CLI_FAILED,
			"who listens at %s does not answer: look at it with `acre dump "
			"PID`, or try again",
			where);
	case ACRE_ECLOSED:
		return cli_tell(
			CLI_FAILED,
			"who listens at %s closed the link: it ends, or is no acre "
			"actor of yours; `acre ls` tells who is there",
			where);
	default:
		return cli_tell(CLI_FAILED, "%s: %s; `acre ls` tells who is there", where,
				acre_why(r)->message);
	}
}

/* errno value of what may be there again later, what to do */
static const struct {
	int code;
	const char *text;
} lacks[] = {
	{ EMFILE, "raise the limit of open files, see `ulimit -n`" },
	{ ENFILE, "close what holds files, this system has no more" },
	{ EAGAIN, "end some processes, or raise their limit, see `ulimit -u`" },
	{ ENOMEM, "free some memory, or raise its limit, see `ulimit -v`" },
	{ ENOSPC, "make room" },
};

const char *cli_advice(int code)
{
	for (size_t i = 0; i < sizeof lacks / sizeof *lacks; i++)
		if (lacks[i].code == code)
			return lacks[i].text;
	return NULL;
}

int cli_tell_failure(int r)
{
	const char *advice = cli_advice(acre_code(r));

	if (acre_is(r, ECANCELED))
		return r;
	if (!advice) /* of a directory, or of the environment: it says what to do */
		return cli_tell(CLI_FAILED, "%s", acre_why(r)->message);
	return cli_tell(CLI_FAILED, "%s (%s): %s, and try again", acre_why(r)->message,
			acre_class_name(acre_code(r)), advice);
}
