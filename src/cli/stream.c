/* SPDX-License-Identifier: MIT */
/* stream.c - `acre stream WHO NS.FUNC [JSON]`: items out as lines, lines in as items. */
#include <acre/context.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/util.h"
#include "cli/ask.h"
#include "cli/cli.h"
#include "cli/lines.h"

struct job {
	struct ask ask;
	bool first, result; /* to be printed, too */
	struct acre_context *ctx;
	struct lines in;
	int status;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct job *job = state->input;

	switch (key) {
	case 'f':
		job->first = true;
		return 0;
	case 'r':
		job->result = true;
		return 0;
	default:
		return ask_parse(&job->ask, key, arg);
	}
}

static const struct argp_option options[] = {
	ASK_OPTIONS,
	{ "first", 'f', NULL, 0, "Print the value with which it has started, first", 0 },
	{ "result", 'r', NULL, 0, "Print its result, last", 0 },
	{ 0 }
};

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.args_doc = ASK_ARGS_DOC,
	.doc = "Calls a function that an actor exposes, and prints each item that it "
	       "sends as a line of JSON. Lines of stdin, a JSON value each, are sent to "
	       "it as items.\vIt ends when the function has; the end of stdin ends only "
	       "what is sent.\n\n" ASK_STATUS_TEXT,
};

/* stdout is ours alone while this runs: nothing is in stdio's buffer. */
static int print_value(struct acre_value value)
{
	json_t *json = json_of_value(&value);
	char *text = json ? json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
	size_t len = text ? strlen(text) : 0;
	int r;

	json_decref(json);
	if (!text)
		return acre_fail(ENOMEM, "no memory to print a value");
	text[len] = '\n'; /* in place of its end */
	r = lines_write(STDOUT_FILENO, text, len + 1);
	free(text);
	return r;
}

/* What is no item ends it all. */
static int bad_line(struct job *job, const char *why)
{
	job->status = cli_tell(CLI_USAGE,
			       "line %zu of stdin is no JSON value: %s: one value "
			       "a line",
			       job->in.number, why);
	return acre_fail(EINVAL, "a line that is no JSON");
}

static int send_line(struct job *job, struct acre_packer *p, const char *line, size_t len)
{
	json_t *json;
	struct acre_value item;
	char why[256];
	int r;

	json = json_of_text(line, len, why);
	if (!json)
		return bad_line(job, why);
	r = json_pack_into(p, json);
	json_decref(json);
	if (r < 0)
		return bad_line(job, "a $key has no value that fits it");
	r = acre_pack_end(p, &item);
	return r < 0 ? r : acre_send(job->ctx, acre_any, item);
}

static bool is_blank(const char *line, size_t len)
{
	return strspn(line, " \t\r") >= len;
}

static int feed_lines(struct job *job, struct acre_packer *p)
{
	char *line;
	size_t len;
	int r;

	while ((r = lines_next(&job->in, &line, &len)) > 0) {
		if (!is_blank(line, len))
			r = send_line(job, p, line, len);
		if (r < 0)
			return r;
	}
	return r < 0 ? r : acre_finish(job->ctx);
}

/* That the other side reads no more is no failure of ours: its result tells. */
ACRE_TASK(feed, struct job *job)
{
	struct acre_packer *p = acre_pack_new();
	int r = feed_lines(job, p);

	acre_pack_free(p);
	lines_free(&job->in);
	return acre_is(r, ACRE_ECLOSED) || acre_is(r, ACRE_ECTXC) ? 0 : r;
}

static int print_all(struct job *job)
{
	struct acre_any value;
	int r = 0;

	if (job->first) {
		r = acre_first(job->ctx, acre_any, &value);
		if (r > 0)
			r = print_value(value.value);
	}
	if (r < 0)
		return r;
	while ((r = acre_recv(job->ctx, acre_any, &value)) > 0) {
		r = print_value(value.value);
		if (r < 0)
			return r;
	}
	if (r >= 0 && job->result) {
		r = acre_result(job->ctx, acre_any, &value);
		if (r > 0)
			r = print_value(value.value);
	}
	return r;
}

static int talk(struct job *job, struct acre_actor *a)
{
	int r = acre_open_named(&job->ctx, a, job->ask.name_space, job->ask.func,
				ACRE_KIND(acre_any), &(struct acre_any){ job->ask.arg });

	if (r < 0)
		return r;
	ACRE_NURSERY(n, r) {
		r = acre_go(&n, feed, job);
		if (r >= 0)
			r = print_all(job);
		acre_nursery_cancel(&n);
	}
	return acre_context_close(&job->ctx, r);
}

static int stream(void *arg)
{
	struct job *job = arg;
	struct acre_actor *a;
	int r, status = reach_actor(&a, job->ask.who, job->ask.at);

	if (status)
		return status;
	r = talk(job, a);
	acre_release(&a);
	return job->status ? job->status : r < 0 ? r : 0;
}

int verb_stream(int argc, char **argv)
{
	struct job job = { .in.fd = STDIN_FILENO };

	cli_parse(&argp, argc, argv, 0, &job);
	return ask_run(&job.ask, stream, &job);
}
