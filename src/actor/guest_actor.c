/* SPDX-License-Identifier: MIT */
/* guest_actor.c - a guest's nurseries, the actors in them, and others that it finds. */
#include <acre/call.h>
#include <acre/discovery.h>

#include "actor/forkserver.h"
#include "actor/guest_ask.h"
#include "actor/runtime.h"
#include "base/mem.h"
#include "base/util.h"
#include "core/task.h"

#define SOURCE_MAX     (1024 * 1024) /* as python.h has it */

static int give_actor(struct guest_ask *ask, const struct acre_actor *a)
{
	struct acre_packer *p = ask->result;

	acre_pack_list(p, 3);
	acre_pack_text(p, acre_actor_uuid(a));
	acre_pack_text(p, acre_actor_name(a));
	acre_pack_int(p, acre_actor_pid(a));
	return 0;
}

static int find_by(struct guest_ask *ask, const char *key,
		   int (*find)(struct acre_actor **ret, const char *text))
{
	char text[GUEST_NAME_BYTES];
	struct acre_actor *a = NULL;
	int r = guest_ask_text(ask, key, text, sizeof text);

	if (r >= 0)
		r = find(&a, text);
	if (r < 0)
		return r;
	if (a)
		return give_actor(ask, a);
	acre_pack_nil(ask->result);
	return 0;
}

int guest_op_find(struct guest_ask *ask)
{
	return find_by(ask, "name", acre_find);
}

int guest_op_wait_for(struct guest_ask *ask)
{
	return find_by(ask, "name", acre_wait_for);
}

int guest_op_dial(struct guest_ask *ask)
{
	return find_by(ask, "address", acre_dial);
}

int guest_op_parent(struct guest_ask *ask)
{
	if (acre_parent())
		return give_actor(ask, acre_parent());
	acre_pack_nil(ask->result);
	return 0;
}

int guest_op_release(struct guest_ask *ask)
{
	struct acre_actor *a;
	int r = guest_ask_actor(ask, &a);

	if (r >= 0)
		acre_release(&a);
	acre_pack_nil(ask->result);
	guest_ask_answer(ask, r);
	return 0;
}

int guest_op_call(struct guest_ask *ask)
{
	char space[GUEST_NAME_BYTES], name[GUEST_NAME_BYTES];
	struct acre_value arg, value;
	struct acre_actor *a;
	int r = guest_ask_actor(ask, &a);

	if (r >= 0)
		r = guest_ask_function(ask, space, name, &arg);
	if (r >= 0)
		r = acre_call_named(a, space, name, arg, &value);
	if (r > 0)
		acre_pack_value(ask->result, value);
	else if (r == 0)
		acre_pack_nil(ask->result);
	return r;
}

int guest_op_cancel_actor(struct guest_ask *ask)
{
	struct acre_actor *a;
	int r = guest_ask_actor(ask, &a);

	acre_pack_nil(ask->result);
	return r < 0 ? r : acre_actor_cancel(a);
}

int guest_op_wait_actor(struct guest_ask *ask)
{
	struct guest_holder *h;
	struct acre_actor *a;
	int r = guest_ask_actor(ask, &a);

	acre_pack_nil(ask->result);
	if (r < 0)
		return r;
	h = a->member.nursery ? guest_holder_of(ask->guest, a->member.nursery) : NULL;
	if (h && guest_holder_is_told(h))
		return acre_fail(EBADF,
				 "wait_actor(): the block of its nursery has ended");
	if (h) /* which is not to wait for who waits for its actors */
		guest_holder_use(h, ask);
	return acre_actor_wait(a);
}

/*
 * Nurseries.
 */

static int hold(struct guest_holder *h, struct guest_ask *ask)
{
	int r = 0;

	ACRE_NURSERY(n, r) {
		h->nursery = (struct nursery *)(void *)&n;
		guest_holder_begin(h, ask);
		acre_pack_natural(ask->result, h->number);
		guest_ask_answer(ask, 0);
		if (!guest_holder_wait(h))
			acre_nursery_cancel(&n);
		guest_holder_expel(h);
	}
	return guest_holder_end(h, r);
}

int guest_op_nursery(struct guest_ask *ask)
{
	return guest_holder_run(ask, hold);
}

int guest_op_cancel_nursery(struct guest_ask *ask)
{
	struct guest_holder *h;
	int r = guest_holder_of_nursery(ask, &h);

	if (r >= 0)
		acre_nursery_cancel((struct acre_nursery *)(void *)h->nursery);
	acre_pack_nil(ask->result);
	guest_ask_answer(ask, r);
	return 0;
}

/* Texts of the options of a spawn; those that are not there stay "". */
struct spawn_texts {
	char name[ACRE_ACTOR_NAME_SIZE];
	char backend[GUEST_NAME_BYTES];
	char kind[GUEST_NAME_BYTES];
	char *text; /* owned */
	char preload[FORKSERVER_IMPORTS_MAX];		     /* one comma between two */
	const char *modules[FORKSERVER_IMPORTS_MAX / 2 + 1]; /* what it is, taken apart */
};

static void take_apart(struct spawn_texts *texts)
{
	char *name = texts->preload;
	size_t n = 0;

	while (*name && n < ARRAY_N(texts->modules) - 1) {
		size_t len = strcspn(name, ",");
		char *next = name + len + (name[len] == ',');

		name[len] = '\0';
		if (len)
			texts->modules[n++] = name;
		name = next;
	}
	texts->modules[n] = NULL;
}

static int read_texts(const struct guest_ask *ask, struct spawn_texts *texts)
{
	int r = guest_ask_text(ask, "name", texts->name, sizeof texts->name);

	if (r >= 0)
		r = guest_ask_text(ask, "backend", texts->backend, sizeof texts->backend);
	if (r >= 0)
		r = guest_ask_text(ask, "kind", texts->kind, sizeof texts->kind);
	if (r >= 0)
		r = guest_ask_text(ask, "preload", texts->preload, sizeof texts->preload);
	if (r < 0)
		return r;
	take_apart(texts);
	texts->text = mem_alloc(SOURCE_MAX + 1);
	if (!texts->text)
		return acre_fail(ENOMEM, "no memory for a guest's source");
	return guest_ask_text(ask, "text", texts->text, SOURCE_MAX + 1);
}

/* "same": what this guest runs. "": none, its endpoints are those in C. */
static int choose_guest(struct spawn_texts *texts, struct acre_guest *ret)
{
	const struct runtime *rt = runtime_this;
	const char *kind = texts->kind, *text = texts->text;

	*ret = (struct acre_guest){ .preload = texts->modules };
	if (!strcmp(kind, "same")) {
		kind = rt->guest_kind;
		text = rt->guest_text;
	}
	if (!strcmp(kind, "source"))
		ret->source = text;
	else if (!strcmp(kind, "file"))
		ret->file = text;
	else if (!strcmp(kind, "module"))
		ret->module = text;
	else if (!strcmp(kind, "main"))
		ret->main = text;
	else if (*kind)
		return acre_fail(
			EINVAL,
			"a guest is a source, a file, a module or a main module, "
			"and not a `%s`",
			kind);
	return 0;
}

static int spawn(struct guest_ask *ask, struct spawn_texts *texts, struct nursery *in)
{
	struct acre_guest guest;
	struct acre_actor *a;
	int r = choose_guest(texts, &guest);
	bool has_guest = guest.source || guest.file || guest.module || guest.main;

	if (r >= 0)
		r = acre_spawn((struct acre_nursery *)(void *)in, &a, .name = texts->name,
			       .backend = *texts->backend ? texts->backend
					  : has_guest	  ? "subint_forkserver"
							  : NULL,
			       .guest = has_guest ? &guest : NULL);
	return r < 0 ? r : give_actor(ask, a);
}

int guest_op_spawn(struct guest_ask *ask)
{
	struct spawn_texts texts = { .text = NULL };
	struct guest_holder *h;
	int r = guest_holder_of_nursery(ask, &h);

	if (r >= 0)
		r = read_texts(ask, &texts);
	if (r >= 0)
		r = spawn(ask, &texts, h->nursery);
	mem_free(texts.text);
	return r;
}
