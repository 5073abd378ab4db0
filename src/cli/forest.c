/* SPDX-License-Identifier: MIT */
/* forest.c - looking for trees, and asking their registrars. */
#include "cli/forest.h"

#include <acre/task.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actor/discovery.h"
#include "base/mem.h"
#include "base/sys.h"
#include "base/util.h"
#include "cli/procs.h"
#include "wire/rundir.h"

#define STATE_WORD(word, text) #word,
static const char *const state_words[] = { TREE_STATES(STATE_WORD) };

const char *tree_state_word(enum tree_state state)
{
	return state_words[state];
}

/*
 * Looking.
 */

struct look {
	struct forest *forest;
	const struct rundir *folder; /* of all trees */
	size_t room;
	char registry[NAME_MAX + 1]; /* the file of a registrar */
};

/* The multiaddr of a socket; "" if its path is one that no socket can have. */
static void address_in(const struct look *l, const char *tree,
		       char ret[ACRE_ADDRESS_SIZE])
{
	struct rundir d = { .fd = -1 };
	struct address address;
	int len = snprintf(d.path, sizeof d.path, "%s%s%s", l->folder->path,
			   *tree ? "/" : "", tree);

	ret[0] = '\0';
	if ((size_t)len < sizeof d.path &&
	    rundir_socket(&d, DISCOVERY_REGISTRY, DISCOVERY_REGISTRY_NUMBER, &address) >=
		    0)
		address_text(&address, ret);
}

static struct tree *add(struct look *l)
{
	struct tree *all;

	if (l->forest->n == l->room) {
		l->room = l->room ? 2 * l->room : 16;
		all = mem_realloc(l->forest->trees, l->room * sizeof *all);
		if (!all)
			return NULL;
		l->forest->trees = all;
	}
	all = &l->forest->trees[l->forest->n++];
	*all = (struct tree){ .state = TREE_dead };
	return all;
}

static int look_at_folder(struct look *l, int fd, const char *name)
{
	auto_close int tree_fd =
		sys_openat(fd, name, O_DIRECTORY | O_NOFOLLOW | O_RDONLY, 0);
	struct stat st;
	struct tree *t;

	if (tree_fd < 0) /* it ended meanwhile, or is not ours to see */
		return 0;
	t = add(l);
	if (!t)
		return -ENOMEM;
	snprintf(t->uuid, sizeof t->uuid, "%s", name);
	if (rundir_is_held(tree_fd))
		t->state = TREE_elsewhere;
	if (sys_fstatat(tree_fd, l->registry, &st, AT_SYMLINK_NOFOLLOW) >= 0)
		address_in(l, name, t->registrar);
	return 0;
}

static int look_at(int fd, const char *name, unsigned char type, void *arg)
{
	struct look *l = arg;
	struct tree *t;

	if (type == DT_DIR)
		return look_at_folder(l, fd, name);
	if (type != DT_SOCK || strcmp(name, l->registry) != 0)
		return 0;
	t = add(l);
	if (t)
		address_in(l, "", t->registrar);
	return t ? 0 : -ENOMEM;
}

static int by_uuid(const void *a, const void *b)
{
	return strcmp(((const struct tree *)a)->uuid, ((const struct tree *)b)->uuid);
}

int forest_look(struct forest *ret)
{
	struct rundir folder;
	struct look l = { .forest = ret, .folder = &folder };
	int r = rundir_open(&folder, DISCOVERY_PROGRAM, NULL);

	*ret = (struct forest){ .trees = NULL };
	if (r < 0)
		return r;
	snprintf(l.registry, sizeof l.registry, "%s@%d.sock", DISCOVERY_REGISTRY,
		 DISCOVERY_REGISTRY_NUMBER);
	r = rundir_each(folder.fd, look_at, &l);
	rundir_close(&folder);
	if (r < 0) {
		forest_free(ret);
		return acre_fail(-r, "no memory to list the trees of %s", folder.path);
	}
	if (ret->n)
		qsort(ret->trees, ret->n, sizeof *ret->trees, by_uuid);
	return 0;
}

void forest_free(struct forest *f)
{
	for (size_t i = 0; i < f->n; i++)
		mem_free(f->trees[i].entries);
	f->trees = mem_free(f->trees);
	f->n = 0;
}

/*
 * Asking.
 */

static int keep(const struct acre_registered *told, void *arg)
{
	struct tree *t = arg;
	struct entry *e;

	if (t->n_entries == t->room) {
		t->room = t->room ? 2 * t->room : 16;
		e = mem_realloc(t->entries, t->room * sizeof *e);
		if (!e)
			return acre_fail(ENOMEM, "no memory to list the actors of %s",
					 t->registrar);
		t->entries = e;
	}
	e = &t->entries[t->n_entries++];
	snprintf(e->name, sizeof e->name, "%s", told->name);
	snprintf(e->uuid, sizeof e->uuid, "%s", told->uuid);
	snprintf(e->address, sizeof e->address, "%s", told->address);
	e->pid = !strcmp(e->uuid, t->uuid) ? t->pid : procs_pid_of(e->address);
	return 0;
}

int tree_ask(struct tree *t)
{
	struct acre_actor *registrar;
	int r = acre_dial(&registrar, t->registrar);

	if (r < 0)
		return r;
	snprintf(t->uuid, sizeof t->uuid, "%s", acre_actor_uuid(registrar));
	snprintf(t->name, sizeof t->name, "%s", acre_actor_name(registrar));
	t->pid = acre_actor_pid(registrar);
	r = acre_registry(registrar, keep, t);
	acre_release(&registrar);
	if (r >= 0)
		t->state = TREE_alive;
	return r;
}

/* What a refusal means depends on whether anybody is behind it. */
ACRE_TASK(ask_one, struct tree *t)
{
	int r = tree_ask(t);

	if (r >= 0)
		return 0;
	if (acre_is(r, ECANCELED) || acre_is(r, ENOMEM))
		return r;
	if (t->state != TREE_dead || !(acre_is(r, ECONNREFUSED) || acre_is(r, ENOENT)))
		t->state = TREE_silent;
	snprintf(t->why, sizeof t->why, "%s", acre_why(r)->message);
	return 0;
}

/* A registrar of all trees has a folder of its own, too, in which nothing lies. */
static void join_halves(struct forest *f)
{
	for (size_t i = 0; i < f->n; i++)
		for (size_t k = 0; k < f->n; k++)
			if (i != k && *f->trees[i].registrar && !*f->trees[k].registrar &&
			    !strcmp(f->trees[i].uuid, f->trees[k].uuid)) {
				mem_free(f->trees[k].entries);
				f->trees[k] = f->trees[--f->n];
				return;
			}
}

int forest_ask(struct forest *f)
{
	int r = 0;

	ACRE_NURSERY(n, r)
		for (size_t i = 0; r >= 0 && i < f->n; i++)
			if (*f->trees[i].registrar)
				r = acre_go(&n, ask_one, &f->trees[i]);
	if (r < 0)
		return r;
	join_halves(f);
	if (f->n)
		qsort(f->trees, f->n, sizeof *f->trees, by_uuid);
	return 0;
}

int tree_each(const struct tree *t, const char *who, each_actor *each, void *arg)
{
	size_t n;
	int r = 0;

	for (size_t i = 0; r == 0 && i < t->n_entries; i += n) {
		const struct entry *e = &t->entries[i];

		for (n = 1; i + n < t->n_entries && !strcmp(e[n].uuid, e->uuid);)
			n++;
		if (!who || !strcmp(e->name, who) || !strcmp(e->uuid, who))
			r = each(e, n, arg);
	}
	return r;
}
