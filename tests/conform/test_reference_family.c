/* SPDX-License-Identifier: MIT */
/* test_reference_family.c - the recorded dialogue of a parent and its child of the reference, with acre in each role. */
#include "conform/compare.h"
#include "conform/wirefns.h"

#include <pthread.h>
#include <stdio.h>

#include "actor/birth.h"
#include "actor/child.h"

/*
 * The reference's child dials its parent; acre's has the link from its birth (PROTOCOL.md, B1).
 * What is said over it is the same. An acre parent says two things more: its Aid and its SpawnSpec
 * have our key, and before it calls anything it asks whether the child serves, which a child of
 * the reference would not be asked: this version starts none.
 */

static struct dialogue recorded;

static void compare_payload(struct slice expected, struct slice came)
{
	assert_slices_equal(expected, came);
}

static const struct line *first_of(enum msg_kind kind, bool is_first)
{
	for (size_t i = 0; i < recorded.n; i++)
		if (recorded.lines[i].frame.m.kind == kind &&
		    recorded.lines[i].is_first == is_first)
			return &recorded.lines[i];
	fail_msg("no %s was recorded", msg_name(kind));
	return NULL;
}

/*
 * Acre is the child, on a thread; the test is the parent that was recorded.
 */

static char title[128];

static void ignore_loop(void *arg, struct loop *loop)
{
	(void)arg;
	(void)loop;
}

static void *live(void *link_fd)
{
	struct child_boot boot = { .title = title,
				   .link_fd = *(int *)link_fd,
				   .parent_pidfd = -1,
				   .root_pidfd = -1,
				   .status_fd = -1,
				   .has_loop = ignore_loop };
	int status = child_live(&boot);

	report_thread_fini();
	return status ? link_fd : NULL;
}

static void play_parent(struct bare *b)
{
	for (size_t i = 0; i < recorded.n; i++) {
		const struct line *l = &recorded.lines[i];

		if (l->is_first && l->is_end)
			shutdown(b->fd, SHUT_WR);
		else if (l->is_first)
			bare_send_bytes(b, l->bytes, l->len);
		else if (l->is_end) /* and nothing more than was recorded */
			assert_null(bare_next(b, (struct slice){ NULL, 0 }));
		else
			compare(&l->frame, bare_next(b, l->frame.m.cid), compare_payload);
	}
	assert_int_equal(b->n_in, 0);
}

TEST(a_recorded_parent_has_an_acre_child)
{
	static struct bare b;
	static char uuid[64];
	struct uid child;
	pthread_t thread;
	void *failed;
	int ends[2];

	expose_wirefns();
	dialogue_load(&recorded, "parent_child", "parent");
	child = first_of(MSG_AID, false)->frame.m.aid.uid;
	snprintf(uuid, sizeof uuid, "%.*s", (int)child.uuid.len, child.uuid.p);
	snprintf(title, sizeof title, "_subactor[frank@%s]", uuid);
	us = (struct us){ "frank", uuid, getpid() };
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	assert_int_equal(pthread_create(&thread, NULL, live, &ends[1]), 0);
	bare_init(&b, ends[0]);
	play_parent(&b);
	assert_int_equal(pthread_join(thread, &failed), 0);
	assert_null(failed);
	bare_close(&b);
	dialogue_free(&recorded);
}

/*
 * Acre is the parent; in the process of its child the recording is played instead of acre_boot().
 */

#define PLAYED "ACRE_TEST_RECORDED_CHILD"
#define CIDS   8

/* The cids that were recorded, and those that came in their place. */
static struct {
	struct slice recorded, came;
} cids[CIDS];
static size_t n_cids;

static struct slice our_cid(struct slice recorded_cid)
{
	for (size_t i = 0; i < n_cids; i++)
		if (slice_equal(cids[i].recorded, recorded_cid))
			return cids[i].came;
	fail_msg("nothing was started with %.*s", (int)recorded_cid.len, recorded_cid.p);
	return recorded_cid;
}

/* _subactor[NAME@UUID] */
static void say_aid(struct bare *b, const struct line *l, const char *own_title)
{
	const char *name = strchr(own_title, '[') + 1, *at = strrchr(own_title, '@');
	struct msg m = l->frame.m;

	m.aid.uid.name = (struct slice){ name, (size_t)(at - name) };
	m.aid.uid.uuid = (struct slice){ at + 1, strlen(at + 1) - 1 };
	m.aid.pid = getpid();
	bare_send(b, &m);
}

/* What only an acre child is asked; it is answered as by one that is no registrar. */
static void say_that_it_serves(struct bare *b, const struct frame *start)
{
	struct msg ack = { .kind = MSG_START_ACK, .cid = start->m.cid };
	struct msg answer = { .kind = MSG_RETURN,
			      .cid = start->m.cid,
			      .pld = { "\x80", 1 } };

	assert_true(slice_is(start->m.start.ns, "self"));
	assert_true(slice_is(start->m.start.func, "get_registry"));
	ack.start_ack.functype = slice_of("asyncfunc");
	bare_send(b, &ack);
	bare_send(b, &answer);
}

static void hear_aid(const struct line *l, const struct frame *came)
{
	static char uuid[64];

	snprintf(uuid, sizeof uuid, "%.*s", (int)came->m.aid.uid.uuid.len,
		 came->m.aid.uid.uuid.p);
	us = (struct us){ "root", uuid, getppid() };
	compare(&l->frame, came, compare_payload);
}

static bool is_false(struct slice map, const char *wanted)
{
	struct pack_reader in;
	bool value = true;

	pack_reader_init(&in, map.p, map.len, &wire_limits_default);
	for (size_t n = pack_read_map(&in); n > 0; n--) {
		if (pack_str_is(pack_read_str(&in), wanted))
			value = pack_read_bool(&in);
		else
			pack_skip(&in);
	}
	assert_int_equal(pack_reader_end(&in), 0);
	return !value;
}

/* Its keys are the recorded ones and ours; its values are another tree's. */
static void hear_spec(const struct line *l, const struct frame *came)
{
	const struct msg_spawn_spec *spec = &came->m.spec;
	char keys[2][512] = { "", "" }, modules[64] = "";

	keys_of(keys[0], sizeof keys[0], bytes_of(&l->frame));
	keys_of(keys[1], sizeof keys[1], bytes_of(came));
	assert_memory_equal(keys[0], keys[1], strlen(keys[0]));
	assert_string_equal(keys[1] + strlen(keys[0]), "acre ");
	keys_of(modules, sizeof modules, spec->enable_modules);
	assert_string_equal(modules, "wirefns ");
	assert_true(is_false(spec->runtime_vars, "_debug_mode"));
	assert_true(is_false(spec->runtime_vars, "_is_infected_aio"));
	assert_true(is_false(spec->runtime_vars, "_is_root"));
}

static void hear_start(struct bare *b, const struct line *l)
{
	struct frame *came = bare_expect(b, MSG_START);

	if (slice_is(came->m.start.func, "get_registry")) {
		say_that_it_serves(b, came);
		came = bare_expect(b, MSG_START);
	}
	compare(&l->frame, came, compare_payload);
	assert_true(n_cids < CIDS);
	cids[n_cids].recorded = l->frame.m.cid;
	cids[n_cids++].came = came->m.cid;
}

static void hear(struct bare *b, const struct line *l)
{
	if (l->is_end) /* we have ended ourselves by then */
		return;
	if (l->frame.m.kind == MSG_AID)
		hear_aid(l, bare_expect(b, MSG_AID));
	else if (l->frame.m.kind == MSG_SPAWN_SPEC)
		hear_spec(l, bare_expect(b, MSG_SPAWN_SPEC));
	else if (l->frame.m.kind == MSG_START)
		hear_start(b, l);
	else
		compare(&l->frame, bare_next(b, our_cid(l->frame.m.cid)),
			compare_payload);
}

static void tell(struct bare *b, const struct line *l, const char *own_title)
{
	struct msg m = l->frame.m;

	if (l->is_end) {
		shutdown(b->fd, SHUT_WR);
	} else if (m.kind == MSG_AID) {
		say_aid(b, l, own_title);
	} else {
		m.cid = our_cid(m.cid);
		bare_send(b, &m);
	}
}

void be_another_actor(const char *own_title)
{
	static struct bare b;

	if (!getenv(PLAYED) || strncmp(own_title, "_subactor[", 10) != 0)
		return;
	dialogue_load(&recorded, "parent_child", "child");
	bare_init(&b, BIRTH_FD_LINK);
	for (size_t i = 0; i < recorded.n; i++)
		if (recorded.lines[i].is_first)
			tell(&b, &recorded.lines[i], own_title);
		else
			hear(&b, &recorded.lines[i]);
	_exit(0);
}

static int call_as_recorded(struct acre_actor *a)
{
	struct acre_context *ctx = NULL;
	struct acre_int sum;
	struct acre_text item;
	struct hello first;
	int r;

	assert_ok(acre_open_named(&ctx, a, "wirefns", "add", addends_msg_(),
				  &(struct addends){ 1, 2 }));
	assert_int_equal(acre_result(ctx, acre_int, &sum), 1);
	assert_int_equal(sum.value, 3);
	assert_ok(acre_context_close(&ctx, 0));

	assert_ok(acre_open_named(&ctx, a, "wirefns", "echo", number_msg_(),
				  &(struct number){ 1 }));
	assert_int_equal(acre_first(ctx, hello, &first), 1);
	assert_int_equal(first.hello, 1);
	assert_ok(acre_send(ctx, acre_text, .value = "x"));
	assert_int_equal(acre_recv(ctx, acre_text, &item), 1);
	assert_string_equal(item.value, "x");
	assert_ok(acre_finish(ctx));
	r = acre_result(ctx, acre_text, &item);
	assert_int_equal(r, 1);
	assert_string_equal(item.value, "echoed");
	return acre_context_close(&ctx, 0);
}

static int have_recorded_child(void)
{
	static const char *const exposed[] = { "wirefns", NULL };
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "frank", .expose = exposed);
		if (r >= 0)
			r = call_as_recorded(a);
		if (r >= 0)
			r = acre_actor_cancel(a);
	}
	return r;
}

TEST(a_recorded_child_has_an_acre_parent)
{
	use_backend("exec");
	setenv(PLAYED, "1", 1);
	assert_ok(found_result(have_recorded_child));
	report_thread_fini();
}
