/* SPDX-License-Identifier: MIT */
/* guest_root.c - a Python script as the root of a tree. */
#include <acre/python.h>

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actor/guest.h"
#include "actor/guest_life.h"
#include "actor/run.h"
#include "actor/runtime.h"
#include "base/mem.h"
#include "base/util.h"
#include "core/scope.h"

#define STATUS_NOT_BEGUN 2 /* as python3 has it */

struct script {
	char path[PATH_MAX];
	const struct acre_run_options *options;
	int status;
	enum acre_reason reason; /* why the tree was cancelled, or NONE */
};

/* Actors that it starts run the same file, unless they are told another. */
static int name_guest(struct runtime *rt, const char *path)
{
	snprintf(rt->guest_kind, sizeof rt->guest_kind, "file");
	rt->guest_text = mem_strdup(path);
	return rt->guest_text ? 0 : acre_fail(ENOMEM, "no memory for a script's path");
}

struct started {
	struct guest *guest;
	struct script *script;
};

static int root_task(void *arg)
{
	struct started *s = arg;
	struct runtime *rt = runtime_this;
	int r = name_guest(rt, s->script->path);

	rt->guest = s->guest;
	guest_set_loop(s->guest, rt->loop);
	if (r >= 0)
		r = acre_expose("main");
	if (r >= 0)
		r = guest_run_script(rt, &s->script->status);
	guest_set_loop(s->guest, NULL);
	s->script->reason = (enum acre_reason)rt->loop->root.scope.reason;
	return r;
}

/* The traceback alone is what python3 would tell. */
static void tell(int r)
{
	const struct acre_report *why = acre_why(r);

	if (why->code == ACRE_EGUEST && why->trace && *why->trace)
		fputs(why->trace, stderr);
	else
		acre_print(stderr, r);
}

static int live_as_root(struct guest *guest, void *arg)
{
	struct started s = { guest, arg };
	struct acre_run_options options = { .name = NULL };
	int r;

	if (s.script->options)
		options = *s.script->options;
	options.signals = true;
	r = acre_run(root_task, &s, &options);
	return r < 0 ? run_status(r, s.script->reason, tell) : s.script->status;
}

static int begin(const struct python_plugin **ret, struct script *script, int argc,
		 char **argv)
{
	int r;

	if (argc < 1)
		return acre_fail(EINVAL, "acre_python_main() without a script");
	if (!realpath(argv[0], script->path))
		return acre_fail(ENOENT, "there is no script %s", argv[0]);
	r = python_load(ret);
	if (r >= 0)
		r = (*ret)->guest_warm();
	if (r >= 0)
		r = (*ret)->guest_is_warm();
	return r < 0 ? r : (*ret)->set_arguments(argc, argv);
}

int acre_python_main(int argc, char **argv, const struct acre_run_options *options)
{
	static struct script script; /* a path is larger than what a frame should be */
	const struct python_plugin *plugin;
	int r;

	script.options = options;
	r = begin(&plugin, &script, argc, argv);
	if (r < 0) {
		acre_print(stderr, r);
		return STATUS_NOT_BEGUN;
	}
	return guest_host(plugin, live_as_root, &script);
}
