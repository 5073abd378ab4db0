/* SPDX-License-Identifier: MIT */
/* fuzz_dialogue.c - any frames in any order on a link that is open, with contexts on both sides.
 *
 * The first byte of the input chooses what the peer is told that the puppet can do (part B or
 * none of it), and what the peer is. After the Aids each byte chooses a frame, of any kind, for one
 * of a few cids (the puppet's own, and those of the contexts that the peer has opened to it), or
 * something that the peer does of its own. Whatever was said: what is left when the puppet has
 * hung up is nothing, every task of the peer has gone on, and no input took more memory than
 * FUZZ_MEMORY_MAX.
 */
#include "fuzz/puppet.h"

#include "actor/server.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PIECES_MAX = 256, OPENED_MAX = 4, OPENERS_MAX = 8 };

/* Bits of the first byte. */
enum { WITHOUT_PART_B = 1, WITHOUT_CREDIT = 2, IS_REGISTRAR = 4, IS_MANY = 8 };

static uint8_t choice;

/*
 * What the peer serves.
 */

ACRE_CONTEXT(echo, acre_int)
{
	struct acre_int item;
	int r = acre_started(ctx, acre_int, .value = in->value);

	while (r >= 0 && (r = acre_recv(ctx, acre_int, &item)) > 0)
		r = acre_send(ctx, acre_int, .value = item.value);
	return r < 0 ? r : acre_return(ctx, acre_text, .value = "echoed");
}

ACRE_CONTEXT(pour, acre_int)
{
	int r = 0;

	for (int i = 0; r >= 0 && i < 200; i++)
		r = acre_send(ctx, acre_int, .value = i);
	return r;
}

ACRE_CONTEXT(sleeps, acre_nil)
{
	return acre_sleep(acre_secs(3600));
}

ACRE_CONTEXT(fails, acre_nil)
{
	return acre_fail(EINVAL, "as it was told");
}

ACRE_CONTEXT(ten, acre_nil, .kind = ACRE_ENDPOINT_ONESHOT)
{
	return acre_return(ctx, acre_int, .value = 10);
}

ACRE_CONTEXT(cancels_itself, acre_nil)
{
	int r = acre_context_cancel(ctx);

	return r < 0 ? r : acre_checkpoint();
}

/*
 * What the peer does of its own: tasks that open contexts to the puppet.
 */

static char opened[OPENED_MAX][UUID_SIZE]; /* their cids, as the puppet has heard them */
static size_t n_opened;

static void heard(struct puppet *u, const struct msg *m)
{
	char *cid = opened[n_opened % OPENED_MAX];

	(void)u;
	if (m->kind != MSG_START || m->cid.len >= UUID_SIZE)
		return;
	memcpy(cid, m->cid.p, m->cid.len);
	cid[m->cid.len] = '\0';
	n_opened++;
}

struct opener {
	const struct puppet *puppet;
	uint8_t what;
};

static int use_context(struct acre_context *ctx, uint8_t what)
{
	struct acre_int item;
	struct acre_text text;
	int r = 0;

	if (what & 1)
		acre_ignore(acre_first(ctx, acre_int, &item));
	for (int i = 0; r >= 0 && i < (what & 2 ? 100 : 1); i++)
		r = acre_send(ctx, acre_int, .value = i);
	if (what & 4)
		acre_ignore(acre_stop(ctx));
	while (r >= 0 && what & 8 && (r = acre_recv(ctx, acre_int, &item)) > 0)
		;
	if (what & 16)
		r = acre_context_cancel(ctx);
	if (r >= 0 && what & 32)
		r = acre_result(ctx, acre_text, &text);
	return r;
}

/* Its failures are the puppet's doing. A caller's handle lives as long as its link, or a context
 * with it: the link may have ended before this task begins. */
ACRE_TASK(open_one, struct opener *o)
{
	struct acre_actor *peer = o->puppet->peer;
	struct acre_int item;
	struct acre_context *ctx;
	int r;

	if (!puppet_has_peer(o->puppet))
		return 0;
	if (o->what & 64) {
		acre_ignore(
			acre_call(peer, ten, &(struct acre_nil){ 0 }, acre_int, &item));
		return 0;
	}
	r = acre_open(&ctx, peer, echo, &(struct acre_int){ 7 });
	if (r >= 0) {
		r = use_context(ctx, o->what);
		acre_ignore(acre_context_close(&ctx, r));
	}
	return 0;
}

/*
 * What the puppet says.
 */

static const char *const own_cids[] = { "cid-a", "cid-b", "cid-c", "" };

static struct slice choose_cid(struct puppet *u)
{
	uint8_t which = next(&u->script) % 8;

	if (which < ARRAY_N(own_cids))
		return slice_of(own_cids[which]);
	if (which < 7)
		return slice_of(opened[which - ARRAY_N(own_cids)]);
	return (struct slice){ NULL, 0 };
}

static const struct slice payloads[] = {
	{ "\xc0", 1 },
	{ "\x81\xa5value\x07", 8 },
	{ "\x81\xa5value\xa3yes", 11 },
	{ "\x80", 1 },
	{ "\x93\x01\x02\x03", 4 },
	{ "\x81\xa4name\xa6puppet", 13 },
	{ "\x81\xa3"
	  "cid\xa5"
	  "cid-a",
	  11 },
	{ "\x82\xa3uid\x92\xa6puppet\xd9\x24" PUPPET_UUID "\xa4"
	  "addr\x92\xa9"
	  "127.0.0.1\x01",
	  69 },
	{ "\x81\xa4"
	  "addr\x92\xa9"
	  "127.0.0.1\x01",
	  18 },
};

static struct slice choose_payload(struct puppet *u)
{
	uint8_t which = next(&u->script);

	return which < 200 ? payloads[which % ARRAY_N(payloads)] : next_bytes(&u->script);
}

static struct uid own_uid(void)
{
	return (struct uid){ slice_of("puppet"), slice_of(PUPPET_UUID) };
}

static struct msg_credit choose_credit(struct puppet *u)
{
	static const uint64_t counts[] = { 0, 1, 64, 1024, UINT32_MAX, UINT64_MAX };
	uint8_t which = next(&u->script);

	return (struct msg_credit){ which & 1, counts[which / 2 % 6],
				    counts[which / 12 % 6] };
}

static struct msg_start choose_start(struct puppet *u)
{
	static const char *const served[] = { "echo", "pour",		"sleeps", "fails",
					      "ten",  "cancels_itself", "none" };
	static const char *const runtime_calls[] = {
		"register_actor", "unregister_actor", "find_actor",
		"wait_for_actor", "get_registry",     "delete_addr",
		"_cancel_task",	  "no_such_call",     "cancel",
	};
	uint8_t which = next(&u->script), more = next(&u->script);
	bool is_self = which & 1;

	which /= 2;
	return (struct msg_start){
		.ns = slice_of(is_self	      ? "self"
			       : which == 127 ? "other"
					      : "main"),
		.func = slice_of(is_self ? runtime_calls[which % ARRAY_N(runtime_calls)]
					 : served[which % ARRAY_N(served)]),
		.kwargs = choose_payload(u),
		.uid = more == 255 ? (struct uid){ slice_of("x"), slice_of("y") }
				   : own_uid(),
		.remaining_us = more < 240    ? -1
				: more == 240 ? INT64_MAX
					      : more - 241,
		.credit = choose_credit(u),
		.hops = more % 32,
	};
}

static struct msg_error choose_error(struct puppet *u)
{
	static const char *const types[] = { "ContextCancelled", "StreamOverrun",
					     "ValueError",	 "MsgTypeError",
					     "TransportClosed",	 "" };
	const char *type = types[next(&u->script) % ARRAY_N(types)];

	return (struct msg_error){
		.src_uid = own_uid(),
		.src_type = slice_of(type),
		.boxed_type = slice_of(type),
		.relay_path = { "\x90", 1 },
		.message = next_bytes(&u->script),
		.canceller = own_uid(),
		.sender = own_uid(),
	};
}

static struct msg_cancel choose_cancel(struct puppet *u)
{
	static const char *const reasons[] = { "asked", "deadline", "died", "whatever",
					       "" };
	uint8_t which = next(&u->script);

	return (struct msg_cancel){
		.req = which,
		.reason = slice_of(reasons[which % ARRAY_N(reasons)]),
		.canceller = own_uid(),
		.remaining_us = which < 128    ? -1
				: which == 128 ? INT64_MAX
					       : which,
	};
}

static void say_frame(struct puppet *u, enum msg_kind kind)
{
	struct msg m = { .kind = kind, .cid = choose_cid(u) };

	switch (kind) {
	case MSG_AID:
		m.aid = (struct msg_aid){ .uid = own_uid(), .pid = 1 };
		break;
	case MSG_SPAWN_SPEC:
		m.spec = (struct msg_spawn_spec){ .runtime_vars = { "\x80", 1 },
						  .enable_modules = { "\x80", 1 },
						  .reg_addrs = { "\x90", 1 } };
		break;
	case MSG_START:
		m.start = choose_start(u);
		break;
	case MSG_START_ACK:
		m.start_ack.functype = slice_of(next(&u->script) & 1 ? "context" : "x");
		m.start_ack.credit = choose_credit(u);
		break;
	case MSG_STARTED:
	case MSG_YIELD:
	case MSG_RETURN:
		m.pld = choose_payload(u);
		break;
	case MSG_STOP:
		m.stop_left = next(&u->script) & 1;
		break;
	case MSG_CANCEL_ACK:
		m.cancel_ack.has_req = next(&u->script) & 1;
		m.cancel_ack.req = next(&u->script);
		m.cancel_ack.pld = m.cancel_ack.req & 1;
		break;
	case MSG_ERROR:
		m.error = choose_error(u);
		break;
	case MSG_CANCEL:
		m.cancel = choose_cancel(u);
		break;
	case MSG_CREDIT:
		m.credit = choose_credit(u);
		break;
	case MSG_NONE:
	case N_MSG:
		return;
	}
	puppet_say(u, &m);
}

/* The same a hundred times: beyond a window of items. */
static void say_many(struct puppet *u)
{
	struct script again = u->script;

	for (int i = 0; i < 100; i++) {
		u->script = again;
		say_frame(u, next(&u->script) % N_MSG);
	}
}

static void open_context(struct puppet *u, struct acre_nursery *n, struct opener *o)
{
	o->puppet = u;
	o->what = next(&u->script);
	if (puppet_has_peer(u) && u->peer->introduced)
		acre_ignore(acre_go(n, open_one, o));
}

enum { SAY_BYTES = N_MSG, SETTLE, OPEN, SAY_MANY, N_PIECES };

static void play_pieces(struct puppet *u, struct acre_nursery *n)
{
	struct opener openers[OPENERS_MAX];
	size_t n_openers = 0;
	struct slice bytes;

	for (int i = 0; i < PIECES_MAX && u->script.p < u->script.end; i++) {
		uint8_t piece = next(&u->script) % N_PIECES;

		if (piece == SAY_BYTES) {
			bytes = next_bytes(&u->script);
			puppet_say_bytes(u, bytes.p, bytes.len);
		} else if (piece == SETTLE || piece == MSG_NONE) {
			puppet_settle(u);
		} else if (piece == OPEN && n_openers < OPENERS_MAX) {
			open_context(u, n, &openers[n_openers++]);
		} else if (piece == SAY_MANY) {
			say_many(u);
		} else if (piece < N_MSG) {
			say_frame(u, piece);
		}
	}
	puppet_hang_up(u);
	acre_ignore(acre_nursery_close(n, 0));
}

static void say_hello(struct puppet *u)
{
	struct msg m = { .kind = MSG_AID };
	uint32_t all = (1u << MSG_N_FEATURES) - 1;

	m.aid = (struct msg_aid){
		.uid = own_uid(),
		.pid = 1,
		.acre_version = choice & WITHOUT_PART_B ? 0 : 1,
		.features = choice & WITHOUT_CREDIT ? all & ~MSG_FEATURE(CREDIT) : all,
		.credit = { !(choice & WITHOUT_PART_B), choice & IS_MANY ? 1024 : 2,
			    4096 },
	};
	puppet_say(u, &m);
	puppet_settle(u);
	CHECK(u->peer->introduced);
}

static void play(struct script s)
{
	static struct server_listener listener;
	struct puppet u = { .script = s, .fd = -1, .heard = heard };
	struct acre_nursery n;
	struct address_fault fault;

	CHECK(address_parse(&listener.listener.address, "/unix/nowhere", 13, &fault) >=
	      0);
	runtime_this->is_registrar = choice & IS_REGISTRAR;
	runtime_this->discovery.reference_peers = true;
	CHECK(server_take(&listener, puppet_connect(&u)) >= 0);
	u.peer = container_of(runtime_this->strangers.prev, struct acre_actor, node);
	say_hello(&u);
	acre_nursery_open(&n);
	play_pieces(&u, &n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const exposed[] = { "main", NULL };
	struct puppet_run run = {
		.play = play,
		.script = { data + 1, data + size },
		.options = &(struct acre_run_options){ .seed = 1, .expose = exposed },
	};

	if (size == 0)
		return 0;
	choice = data[0];
	memset(opened, 0, sizeof opened);
	n_opened = 0;
	puppet_run(&run);
	return 0;
}
