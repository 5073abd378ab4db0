/* SPDX-License-Identifier: MIT */
/* test_reference_peer.c - recorded dialogues of the reference, with acre in one of the two roles. */
#include "conform/dialogue.h"
#include "conform/unix_at.h"
#include "conform/root.h"

#include "actor/context.h"
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

/*
 * The endpoints that the recorded actor exposed.
 */

#define ADDENDS(F) F(int64_t, a) F(int64_t, b)
ACRE_MSG(addends, ADDENDS)
#define NUMBER(F) F(int64_t, n)
ACRE_MSG(number, NUMBER)
#define HELLO(F) F(int64_t, hello)
ACRE_MSG(hello, HELLO)

ACRE_CONTEXT(add, addends, .kind = ACRE_ENDPOINT_ONESHOT)
{
	return acre_return(ctx, acre_int, .value = in->a + in->b);
}

ACRE_CONTEXT(fail, acre_nil, .kind = ACRE_ENDPOINT_ONESHOT)
{
	return acre_fail(EINVAL, "%s", "");
}

/* Any item goes back as it came. */
static int send_back(struct acre_context *ctx)
{
	struct msg m = { .kind = MSG_YIELD, .cid = context_cid(ctx) };
	uint32_t len;
	int r;

	memcpy(&len, buf_bytes(&ctx->inbox), sizeof len);
	m.pld = (struct slice){ (const char *)buf_bytes(&ctx->inbox) + sizeof len, len };
	r = peer_send(ctx->peer, &m);
	buf_consume(&ctx->inbox, sizeof len + len);
	ctx->n_inbox--;
	return r;
}

ACRE_CONTEXT(echo, number)
{
	int r = acre_started(ctx, hello, in->n);

	while (r >= 0 && (ctx->n_inbox || !ctx->peer_finished))
		r = ctx->n_inbox ? send_back(ctx)
				 : context_wait(ctx, &ctx->recv_waits, WAIT_RECV);
	return r < 0 ? r : acre_return(ctx, acre_text, .value = "echoed");
}

ACRE_CONTEXT(count, number)
{
	int r = acre_started(ctx, acre_nil);

	for (int64_t i = 0; r >= 0 && i < in->n; i++)
		r = acre_send(ctx, acre_int, .value = i);
	if (r >= 0)
		r = acre_stop(ctx);
	return r < 0 ? r : acre_return(ctx, acre_int, .value = in->n);
}

ACRE_CONTEXT(forever, acre_nil)
{
	int r = acre_started(ctx, acre_text, .value = "up");

	return r < 0 ? r : acre_sleep(acre_secs(3600));
}

ACRE_CONTEXT(fail_midway, acre_nil)
{
	int r = acre_started(ctx, acre_text, .value = "ok");

	if (r >= 0)
		r = acre_send(ctx, acre_int, .value = 1);
	if (r >= 0)
		r = acre_stop(ctx);
	return r < 0 ? r : acre_fail(T_VALUE, "%s", "");
}

/* Under the namespace that the recorded client calls. */
static void expose_wirefns(void)
{
	static const struct acre_endpoint *const all[] = {
		&add_endpoint_,	  &fail_endpoint_,    &echo_endpoint_,
		&count_endpoint_, &forever_endpoint_, &fail_midway_endpoint_,
	};
	static struct acre_endpoint renamed[ARRAY_N(all)];

	for (size_t i = 0; i < ARRAY_N(all); i++) {
		renamed[i] = *all[i];
		renamed[i].name_space = "wirefns";
		assert_ok(acre_endpoint_register(&renamed[i]));
	}
}

/*
 * Comparing.
 */

static void assert_slices_equal(struct slice a, struct slice b)
{
	assert_int_equal(!a.p, !b.p);
	assert_int_equal(a.len, b.len);
	if (a.p)
		assert_memory_equal(a.p, b.p, a.len);
}

static void assert_is_us(struct uid uid)
{
	assert_true(slice_is(uid.name, "root"));
	assert_true(slice_is(uid.uuid, runtime_this->uuid));
}

/* An acre Aid has one key more, at its end. */
static void compare_aid(const struct frame *expected, const struct frame *came)
{
	char keys[2][512] = { "", "" };

	keys_of(keys[0], sizeof keys[0], bytes_of(expected));
	keys_of(keys[1], sizeof keys[1], bytes_of(came));
	assert_memory_equal(keys[0], keys[1], strlen(keys[0]));
	assert_string_equal(keys[1] + strlen(keys[0]), "acre ");
	assert_is_us(came->m.aid.uid);
	assert_int_equal(came->m.aid.pid, getpid());
	assert_int_equal(came->m.aid.is_registrar, expected->m.aid.is_registrar);
	assert_int_equal(came->m.aid.registrar_was_nil,
			 expected->m.aid.registrar_was_nil);
	assert_int_equal(came->m.aid.is_probe, expected->m.aid.is_probe);
}

/* The only type that has no class here is KeyError: it stands for one of the program. */
static struct slice our_type(struct slice recorded_type)
{
	return slice_is(recorded_type, "KeyError") ? slice_of("T_VALUE") : recorded_type;
}

static void compare_error(const struct msg_error *expected, const struct msg_error *came)
{
	struct pack_reader in;
	struct uid hop;

	assert_is_us(came->src_uid);
	assert_slices_equal(our_type(expected->src_type), came->src_type);
	assert_slices_equal(our_type(expected->boxed_type), came->boxed_type);
	pack_reader_init(&in, came->relay_path.p, came->relay_path.len,
			 &wire_limits_default);
	assert_int_equal(pack_read_array(&in), 1);
	assert_int_equal(pack_read_array(&in), 2);
	for (int i = 0; i < 2; i++) {
		struct pack_str s = pack_read_str(&in);

		*(i ? &hop.uuid : &hop.name) = (struct slice){ s.s, s.len };
	}
	assert_is_us(hop);
	assert_slices_equal(expected->canceller.name, came->canceller.name);
	assert_slices_equal(expected->canceller.uuid, came->canceller.uuid);
	assert_slices_equal(expected->sender.name, came->sender.name);
	assert_slices_equal(expected->bad_msg, came->bad_msg);
	assert_slices_equal(expected->bad_msg_dict, came->bad_msg_dict);
	if (!expected->message
		     .len) /* for people, but where there is none there is none */
		assert_int_equal(came->message.len, 0);
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

static void compare(const struct frame *expected, const struct frame *came)
{
	assert_non_null(came);
	assert_string_equal(msg_name(came->m.kind), msg_name(expected->m.kind));
	if (expected->m.kind == MSG_AID) {
		compare_aid(expected, came);
		return;
	}
	assert_keys_equal(expected, came);
	switch ((int)expected->m.kind) {
	case MSG_START_ACK:
		assert_slices_equal(expected->m.start_ack.functype,
				    came->m.start_ack.functype);
		break;
	case MSG_ERROR:
		compare_error(&expected->m.error, &came->m.error);
		break;
	case MSG_CANCEL_ACK:
		assert_int_equal(expected->m.cancel_ack.pld, came->m.cancel_ack.pld);
		break;
	default:
		compare_payload(expected->m.pld, came->m.pld);
		break;
	}
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
		compare(&l->frame, bare_next(b, l->frame.m.cid));
	}
}

static int play_client(void)
{
	static struct bare links[CONNECTIONS];

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
