/* SPDX-License-Identifier: MIT */
/* reap.c - `acre reap`: removes what trees have left whose roots were killed. */
#include <argp.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "actor/discovery.h"
#include "base/sys.h"
#include "base/util.h"
#include "cli/cli.h"
#include "wire/rundir.h"
#include "wire/transport.h"

/*
 * A folder is removed if nobody holds it and nobody listens in it. It is held meanwhile, so
 * nothing can begin in it. In it are only sockets, and the locks of those who began to listen;
 * where there is more than that, it was not made by acre and stays.
 *
 * The socket of a registrar of all trees is spared, unless it is asked for: who starts one
 * takes a dead one's place anyway.
 */

struct job {
	bool dry, registry;
	const struct rundir *folder;
	size_t failed;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct job *job = state->input;

	switch (key) {
	case 'n':
		job->dry = true;
		return 0;
	case 'r':
		job->registry = true;
		return 0;
	case ARGP_KEY_ARG:
		cli_refuse("expected no argument, came %s", arg);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option options[] = {
	{ "dry-run", 'n', NULL, 0, "Only tell what would be removed", 0 },
	{ "registry", 'r', NULL, 0,
	  "Also the socket of `acre registry`, if nobody listens there", 0 },
	{ 0 }
};

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.doc = "Removes the folders and sockets of trees of this user whose roots are "
	       "gone, and tells each: a line with its path. What lives is left alone, "
	       "also if it is stopped.\v" CLI_STATUS_TEXT,
};

/* Nobody listens at that socket, in the folder of a tree or ("") beside those. A path that no
 * socket can have is spared. */
static bool is_dead(const struct rundir *folder, const char *tree, const char *name)
{
	char path[ADDRESS_PATH_MAX + 1];
	struct address_fault fault;
	struct address address;
	int len = snprintf(path, sizeof path, "%s%s%s/%s", folder->path, *tree ? "/" : "",
			   tree, name);
	int fd = -1, r;

	if ((size_t)len >= sizeof path ||
	    address_of_path(&address, path, (size_t)len, &fault) < 0)
		return false;
	r = transport_dial(&fd, &address, &transport_options_default);
	acre_ignore(sys_close(TAKE_FD(fd)));
	return acre_is(r, ECONNREFUSED) || acre_is(r, ENOENT);
}

struct look {
	const struct job *job;
	const char *tree;
};

/* 1: somebody lives there. */
static int look_for_life(int fd, const char *name, unsigned char type, void *arg)
{
	const struct look *l = arg;

	(void)fd;
	return type == DT_SOCK && !is_dead(l->job->folder, l->tree, name);
}

static bool is_lock(const char *name)
{
	size_t len = strlen(name), end = strlen(".lock");

	return len > end && !strcmp(name + len - end, ".lock");
}

static int remove_one(int fd, const char *name, unsigned char type, void *arg)
{
	(void)arg;
	if (type == DT_SOCK || (type == DT_REG && is_lock(name)))
		acre_ignore(sys_unlinkat(fd, name, 0));
	return 0;
}

/* For reading from its beginning, again. */
static int open_tree(int fd, const char *name)
{
	return sys_openat(fd, name, O_DIRECTORY | O_NOFOLLOW | O_RDONLY, 0);
}

static void removed(struct job *job, const char *name, int r)
{
	if (r >= 0)
		printf("%s/%s\n", job->folder->path, name);
	else if (r != -ENOENT) {
		job->failed++;
		acre_ignore(
			cli_tell(0,
				 "%s/%s stays: %s; look into it, and remove it yourself",
				 job->folder->path, name, strerrordesc_np(-r)));
	}
}

static int reap_tree(struct job *job, int fd, const char *name)
{
	struct look look = { job, name };
	auto_close int held = open_tree(fd, name), again = -1;

	if (held < 0 || rundir_take(held) < 0)
		return 0;
	if (rundir_each(held, look_for_life, &look))
		return 0;
	if (!job->dry) {
		again = open_tree(fd, name);
		acre_ignore(rundir_each(again, remove_one, NULL));
	}
	removed(job, name, job->dry ? 0 : sys_unlinkat(fd, name, AT_REMOVEDIR));
	return 0;
}

static int reap_one(int fd, const char *name, unsigned char type, void *arg)
{
	struct job *job = arg;

	if (type == DT_DIR)
		return reap_tree(job, fd, name);
	if (type == DT_SOCK && job->registry && is_dead(job->folder, "", name))
		removed(job, name, job->dry ? 0 : sys_unlinkat(fd, name, 0));
	return 0;
}

int verb_reap(int argc, char **argv)
{
	struct rundir folder;
	struct job job = { .folder = &folder };
	int r;

	cli_parse(&argp, argc, argv, 0, &job);
	r = rundir_open(&folder, DISCOVERY_PROGRAM, NULL);
	if (r < 0)
		return cli_tell_failure(r);
	acre_ignore(rundir_each(folder.fd, reap_one, &job));
	rundir_close(&folder);
	return job.failed ? CLI_FAILED : 0;
}
