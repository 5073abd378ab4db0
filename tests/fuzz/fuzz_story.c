/* SPDX-License-Identifier: MIT */
/* fuzz_story.c - any Error at all, read as a failure, passed on and read again.
 *
 * The first byte of the input says what the rest is: the body of a frame, or a script
 * of which a map `acre` is made that is often almost right. What a peer can make us
 * believe is then held against what every report keeps: its limits, and that no peer's
 * failure is a cancellation. Passing it on must not change its classes, nor how many
 * there are.
 */
#include <stdlib.h>
#include <string.h>

#include "actor/context.h"
#include "actor/runtime.h"
#include "actor/story.h"
#include "base/mem.h"
#include "base/panic.h"
#include "base/util.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FRAME_MAX = 16 * 1024, QUEUE_MAX = 64 * 1024, KEYS_MAX = 24 };

struct script {
	const uint8_t *p, *end;
};

static uint8_t next(struct script *s)
{
	return s->p < s->end ? *s->p++ : 0;
}

/*
 * A map that is almost right: each key has values of its form, most of the time.
 */

/* The parts of one value: t a text, n a number, b bytes. Those that are `many` come in
 * an array. */
static const struct form {
	const char *key;
	const char *parts;
	bool many;
} forms[] = {
	{ "src", "tt", false }, { "path", "tt", true }, { "notes", "ttnt", true },
	{ "bt", "nn", true },	{ "mods", "tb", true },
};

static void put_number(struct pack_writer *w, struct script *s)
{
	uint32_t small = next(s);

	pack_u64(w, small & 1 ? small / 2 : small << 5 | next(s));
}

static void put_text(struct pack_writer *w, struct script *s)
{
	static const char text[] = "ACRE_EGROUP\xc3\xa9 a text of some length";
	static const uint8_t lens[] = { 0, 11, 13, sizeof text - 1 };

	pack_str(w, text, lens[next(s) % ARRAY_N(lens)]);
}

static void put_part(struct pack_writer *w, struct script *s, char part)
{
	if (next(s) == 255)
		pack_nil(w); /* wrong everywhere */
	else if (part == 't')
		put_text(w, s);
	else if (part == 'b')
		pack_bin(w, "build", next(s) % 6);
	else
		put_number(w, s);
}

static void put_row(struct pack_writer *w, struct script *s, const char *parts)
{
	if (parts[1])
		pack_array(w, strlen(parts));
	for (; *parts; parts++)
		put_part(w, s, *parts);
}

static void put_flat_map(struct pack_writer *w, struct script *s,
			 const struct story_map *map)
{
	const struct story_key *key;
	size_t n = next(s) % 6;

	pack_map(w, n);
	for (size_t i = 0; i < n; i++) {
		key = &map->keys[next(s) % map->n];
		pack_cstr(w, key->name);
		if (key->form == STORY_TRUTH)
			pack_bool(w, true);
		else if (key->form == STORY_PACKED)
			put_row(w, s, "tt");
		else
			put_part(w, s, key->form == STORY_TEXT ? 't' : 'n');
	}
}

static void put_cancel(struct pack_writer *w, struct script *s)
{
	pack_map(w, 2);
	pack_cstr(w, "reason");
	put_part(w, s, 't');
	pack_cstr(w, "canceller");
	put_row(w, s, "tt");
}

static const struct form *form_of(const struct story_key *key)
{
	for (size_t i = 0; i < ARRAY_N(forms); i++)
		if (strcmp(forms[i].key, key->name) == 0)
			return &forms[i];
	return NULL;
}

static void put_packed(struct pack_writer *w, struct script *s,
		       const struct story_key *key)
{
	const struct form *form = form_of(key);
	size_t n = form && !form->many ? 1 : next(s);

	if (strcmp(key->name, "died") == 0) {
		put_flat_map(w, s, &story_map_of_death);
		return;
	}
	if (strcmp(key->name, "cancel") == 0) {
		put_cancel(w, s);
		return;
	}
	if (!form || form->many)
		pack_array(w, n);
	for (size_t i = 0; i < n; i++)
		if (form)
			put_row(w, s, form->parts);
		else
			put_flat_map(w, s, &story_map); /* nodes */
}

static void put_value(struct pack_writer *w, struct script *s,
		      const struct story_key *key)
{
	if (key->form == STORY_PACKED)
		put_packed(w, s, key);
	else
		put_part(w, s, key->form == STORY_TEXT ? 't' : 'n');
}

static void put_map(struct buf *out, struct script *s)
{
	size_t n = next(s) % KEYS_MAX;
	const struct story_key *key;
	struct pack_writer w;

	pack_writer_init(&w, out, &wire_limits_default);
	pack_map(&w, n);
	for (size_t i = 0; i < n; i++) {
		key = &story_map.keys[next(s) % story_map.n];
		pack_cstr(&w, key->name);
		put_value(&w, s, key);
	}
	acre_ignore(pack_writer_result(&w));
}

/*
 * Two actors.
 */

static struct runtime here = { .name = "fuzzer", .uuid = "an uuid" };
static struct acre_actor peer;

static void closed(struct link *l, int r)
{
	BUG("link %s was closed: %d", l->name, r);
}

static const struct link_ops ops = { .closed = closed };

static void open_peer(uint32_t features)
{
	runtime_this = &here;
	peer = (struct acre_actor){ .features = features };
	peer.link = (struct link){ .fd = -1, .ops = &ops };
	peer.link.watch.events = EPOLLOUT; /* nothing is flushed */
	buf_init(&peer.link.data, QUEUE_MAX);
}

/* What the next actor makes of it. */
static struct report *pass_on(struct report *rep, uint32_t features)
{
	struct msg_fault fault;
	struct report *next_one;
	struct msg m;

	open_peer(features);
	CHECK(story_write(&peer, slice_of("cid"), rep) == 0);
	CHECK(buf_len(&peer.link.data) <= FRAME_MAX);
	CHECK(msg_read(&m, buf_bytes(&peer.link.data) + 4, buf_len(&peer.link.data) - 4,
		       &wire_limits_default, &fault) == 0);
	CHECK(!(features & MSG_FEATURE(TREE)) == !m.error.acre.p);
	next_one = story_read(&m.error, "fuzzer");
	CHECK(next_one);
	link_fini(&peer.link);
	return next_one;
}

/* One number for all classes and where they are. */
static uint64_t check(const struct acre_report *why)
{
	struct report_walk w;
	uint64_t shape = 0;
	size_t n = 0, n_hops;

	report_walk_begin(&w, why);
	while ((why = report_walk_next(&w))) {
		CHECK(why->remote && why->code > 0 && why->code <= ACRE_CLASS_MAX);
		CHECK(why->code != ECANCELED);
		CHECK(++n <= REPORT_NODES_MAX);
		n_hops = story_count_hops(why);
		CHECK(n_hops > 0 && n_hops <= REPORT_HOPS_MAX);
		shape = shape * 1000003 + (uint64_t)why->code * 100 + w.depth;
	}
	return shape;
}

static void follow(const struct msg_error *e)
{
	struct report *rep = story_read(e, "peer"), *again;
	uint64_t shape;

	CHECK(rep);
	shape = check(report_public(rep));
	again = pass_on(rep, MSG_FEATURE(TREE));
	CHECK(check(report_public(again)) == shape);
	CHECK(report_count(report_public(again)) == report_count(report_public(rep)));
	report_unref(again);
	again = pass_on(rep, 0);
	check(report_public(again));
	report_unref(again);
	report_unref(rep);
}

static void follow_script(struct script s)
{
	struct msg_error e = {
		.src_uid = { slice_of("peer"), slice_of("its uuid") },
		.src_type = slice_of("OSError"),
		.boxed_type = slice_of("OSError"),
		.relay_path = { "\x90", 1 },
		.message = slice_of("[Errno 28] no room"),
	};
	struct buf map;

	buf_init(&map, QUEUE_MAX);
	put_map(&map, &s);
	if (buf_len(&map) > 0) {
		e.acre = (struct slice){ (const char *)buf_bytes(&map), buf_len(&map) };
		follow(&e);
	}
	buf_fini(&map);
}

static void follow_body(const uint8_t *data, size_t len)
{
	uint8_t *body =
		malloc(len ? len : 1); /* of its size, so that ASan sees its end */
	struct msg_fault fault;
	struct msg m;

	if (!body)
		return;
	memcpy(body, data, len);
	if (msg_read(&m, body, len, &wire_limits_default, &fault) >= 0 &&
	    m.kind == MSG_ERROR)
		follow(&m.error);
	free(body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	if (data[0] & 1)
		follow_body(data + 1, size - 1);
	else
		follow_script((struct script){ data + 1, data + size });
	return 0;
}
