/* SPDX-License-Identifier: MIT */
/* test_reference_peer.c - the recorded dialogue of a client and its registrar of the reference, with acre in each role. */
#include "conform/compare.h"
#include "conform/root.h"
#include "conform/unix_at.h"
#include "conform/wirefns.h"

#include "actor/runtime.h"

/*
 * First acre is the registrar, and the recorded client is played to it. What it answers must be
 * what the reference answered, field by field and for each cid in order; apart are only who
 * it is, and texts for people. Then acre is the client of a registrar that is made of the
 * recording.
 */

static struct dialogue recorded;

static const char *own_path(void)
{
	static char address[1][ACRE_ADDRESS_SIZE];

	assert_int_equal(acre_self_addresses(address, 1), 1);
	return address[0] + strlen("/unix");
}

static int run_with_reference(int (*run)(void), const char *registrar)
{
	static const char *const exposed[] = { "wirefns", NULL };
	const char *const registrars[] = { registrar, NULL };
	struct tree_body body = { run };
	int r = acre_run(tree_run_body, &body,
			 &(struct acre_run_options){
				 .name = registrar ? "client" : "root",
				 .expose = registrar ? NULL : exposed,
				 .seed = test_seed(),
				 .transports = "uds",
				 .registrars = registrar ? registrars : NULL,
				 .reference_peers = true });

	return r;
}

static struct slice value_of(struct slice map, const char *wanted)
{
	struct pack_reader in;

	pack_reader_init(&in, map.p, map.len, &wire_limits_default);
	for (size_t n = pack_read_map(&in); n > 0; n--) {
		struct pack_str key = pack_read_str(&in);
		struct pack_bytes value = pack_read_raw(&in);

		if (pack_str_is(key, wanted))
			return (struct slice){ (const char *)value.p, value.len };
	}
	fail_msg("no %s in the registry", wanted);
	return (struct slice){ NULL, 0 };
}

#define CLIENT "client.9d993db3-5439-4af4-9348-5a653dca8a55"

/* The registry: two entries, of which one is the client's. */
static bool is_registry(struct slice pld)
{
	return pld.len > 40 && (uint8_t)*pld.p == 0x82;
}

static void compare_payload(struct slice expected, struct slice came)
{
	if (is_registry(expected)) {
		assert_int_equal((uint8_t)*came.p, 0x82);
		expected = value_of(expected, CLIENT);
		came = value_of(came, CLIENT);
	}
	assert_slices_equal(expected, came);
}

#define CONNECTIONS 6

static void play(struct bare *b, const struct line *l)
{
	if (b->fd < 0)
		bare_dial(b, own_path());
	if (l->is_first && l->is_end) {
		shutdown(b->fd, SHUT_WR);
	} else if (l->is_first) {
		bare_send_bytes(b, l->bytes, l->len);
	} else if (l->is_end) { /* and nothing more than was recorded */
		assert_null(bare_next(b, (struct slice){ NULL, 0 }));
		assert_int_equal(b->n_in, 0);
	} else {
		compare(&l->frame, bare_next(b, l->frame.m.cid), compare_payload);
	}
}

static int play_client(void)
{
	static struct bare links[CONNECTIONS];

	us = (struct us){ "root", runtime_this->uuid, getpid() };
	for (size_t i = 0; i < CONNECTIONS; i++)
		bare_init(&links[i], -1);
	for (size_t i = 0; i < recorded.n; i++)
		play(&links[recorded.lines[i].connection], &recorded.lines[i]);
	for (size_t i = 0; i < CONNECTIONS; i++)
		if (links[i].fd >= 0)
			bare_close(&links[i]);
	assert_null(registry_find(&runtime_this->registry, slice_of("client")));
	return 0;
}

TEST(a_recorded_client_is_served_as_the_reference_serves_it)
{
	expose_wirefns();
	dialogue_load(&recorded, "client_registrar", "client");
	assert_ok(run_with_reference(play_client, NULL));
	report_thread_fini();
	dialogue_free(&recorded);
}

/*
 * A registrar made of the recording: each call of "self" gets the answers that were recorded to
 * the same call, with the caller's cid.
 */

static char registry[ACRE_ADDRESS_SIZE];

static int listen_at_registry(void)
{
	struct sockaddr_un at;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	snprintf(registry, sizeof registry, "/unix%s/registry.sock", test_dir());
	at = unix_at(registry + strlen("/unix"));
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
	assert_int_equal(listen(fd, 8), 0);
	return fd;
}

/* The recorded Start of that function; the line behind it answers it. */
static const struct line *recorded_start(struct slice func)
{
	for (size_t i = 0; i < recorded.n; i++)
		if (recorded.lines[i].frame.m.kind == MSG_START &&
		    slice_equal(recorded.lines[i].frame.m.start.func, func))
			return &recorded.lines[i];
	fail_msg("nobody was heard to call self.%.*s", (int)func.len, func.p);
	return NULL;
}

static void answer_as_recorded(struct bare *b, const struct frame *start)
{
	const struct line *line = recorded_start(start->m.start.func);
	char expected[256] = "", came[256] = "";
	struct slice cid = line->frame.m.cid;
	struct msg m;

	assert_keys_equal(&line->frame, start);
	keys_of(expected, sizeof expected, line->frame.m.start.kwargs);
	keys_of(came, sizeof came, start->m.start.kwargs);
	assert_string_equal(expected, came);
	while (++line < recorded.lines + recorded.n)
		if (!line->is_first && slice_equal(line->frame.m.cid, cid)) {
			m = line->frame.m;
			m.cid = start->m.cid;
			bare_send(b, &m);
		}
}

/* The first Aid that the registrar was recorded to send: before it has read one. */
static void say_hello_as_recorded(struct bare *b)
{
	for (size_t i = 0; i < recorded.n; i++)
		if (!recorded.lines[i].is_first && !recorded.lines[i].is_end) {
			bare_send_bytes(b, recorded.lines[i].bytes,
					recorded.lines[i].len);
			return;
		}
}

/* What was called, in order, one character each. */
static char letter_of(struct slice func)
{
	return slice_is(func, "get_registry") ? 'g' : *func.p;
}

static int be_recorded_registrar(int listener)
{
	static struct bare b;
	char calls[16] = "";
	struct frame *f;
	size_t n = 0;

	bare_init(&b, accept(listener, NULL, NULL));
	assert_true(b.fd >= 0);
	say_hello_as_recorded(&b);
	assert_true(bare_expect(&b, MSG_AID)->m.aid.acre_version > 0);
	while ((f = bare_next(&b, (struct slice){ NULL, 0 }))) {
		assert_int_equal(f->m.kind, MSG_START);
		assert_true(slice_is(f->m.start.ns, "self"));
		assert_true(n < sizeof calls - 1);
		calls[n++] = letter_of(f->m.start.func);
		answer_as_recorded(&b, f);
	}
	bare_close(&b);
	assert_string_equal(calls, "rfgu"); /* registered, found, listed, taken back */
	return 0;
}

static int count_client(const struct acre_registered *entry, void *arg)
{
	*(int *)arg += !strcmp(entry->name, "client") &&
		       !strcmp(entry->uuid, &CLIENT[strlen("client.")]) &&
		       !strcmp(entry->address, "/ip4/127.0.0.1/tcp/42241");
	return 0;
}

static int use_recorded_registrar(void)
{
	struct acre_actor *nobody;
	int n = 0;

	assert_false(runtime_this->is_registrar);
	assert_int_equal(acre_find(&nobody, "nobody"), 0);
	assert_null(nobody);
	assert_ok(acre_registry(NULL, count_client, &n));
	assert_int_equal(n, 1);
	return 0;
}

TEST(a_recorded_registrar_is_used_as_the_reference_uses_it)
{
	int listener = listen_at_registry(), status;
	pid_t pid;

	dialogue_load(&recorded, "client_registrar", "client");
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(be_recorded_registrar(listener));
	close(listener);
	assert_ok(run_with_reference(use_recorded_registrar, registry));
	report_thread_fini();
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	unlink(registry + strlen("/unix"));
	dialogue_free(&recorded);
}
