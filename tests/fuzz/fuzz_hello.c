/* SPDX-License-Identifier: MIT */
/* fuzz_hello.c - who is let in: anything at all said to an actor that was dialled, or has dialled.
 *
 * The first byte of the input chooses the link: whether the peer was dialled, whether only the
 * tree's key tells who is there, whether actors of the reference are welcome. What follows is said
 * in pieces: Aids that are right, nearly right or wrong, other frames, bytes. Who has dialled and
 * not said an Aid hears nothing; who has not proved that it has the key is not introduced either
 * way; a proof is worth nothing the second time; and who is not let in costs no more memory than
 * MEMORY_UNADMITTED.
 */
#include "fuzz/puppet.h"

#include "actor/server.h"
#include "base/clock.h"
#include "wire/auth.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PIECES_MAX = 64, FRAME_MAX = 4096 + 4 };

/* Bytes that a root and two links take, as long as nobody was let in. */
#define MEMORY_UNADMITTED (1024 * 1024)

/* Bits of the first byte. */
enum { HAS_DIALLED = 1, IS_KEYED = 2, WITH_REFERENCE = 4 };

static uint8_t choice;
static struct auth_key *key, *other_key;
static struct server_listener listener;

static bool was_introduced;
static bool said_aid;		  /* or bytes that may have been one */
static bool has_proved;		  /* the last Aid but for bytes */
static struct auth_hello answers; /* what the peer said in its Aid */
static uint8_t proof[FRAME_MAX];  /* the frame of the first Aid that was right */
static size_t proof_len;

static const struct address *peer_address(void)
{
	return &listener.listener.address;
}

static void heard(struct puppet *u, const struct msg *m)
{
	const struct msg_auth *auth = &m->aid.auth;

	(void)u;
	if (m->kind != MSG_AID || !auth->given)
		return;
	CHECK(auth->nonce.len == AUTH_NONCE_SIZE && auth->proof.len == AUTH_PROOF_SIZE);
	memcpy(answers.nonce, auth->nonce.p, AUTH_NONCE_SIZE);
	memcpy(answers.proof, auth->proof.p, AUTH_PROOF_SIZE);
	answers.time_us = auth->time_us;
}

static bool is_introduced(const struct puppet *u)
{
	return puppet_has_peer(u) && u->peer->introduced;
}

static void check(struct puppet *u)
{
	bool may_be = choice & IS_KEYED ? has_proved : said_aid;

	puppet_hear(u);
	if (!(choice & HAS_DIALLED))
		CHECK(!u->n_heard || may_be);
	CHECK(!is_introduced(u) || may_be);
	was_introduced = was_introduced || is_introduced(u) ||
			 (u->n_heard && !(choice & HAS_DIALLED));
}

/*
 * What is said.
 */

/* A text of the input, or one that fits, or one that is too long. */
static struct slice choose_text(struct puppet *u, const char *usual)
{
	static const char long_one[200] = { [0 ... 199] = 'x' };
	uint8_t which = next(&u->script);

	if (which < 224)
		return slice_of(usual);
	return which < 240 ? next_bytes(&u->script)
			   : (struct slice){ long_one, 100 + which % 100 };
}

/* Whether that makes it a right one. */
static bool choose_proof(struct puppet *u, struct msg_aid *aid, struct auth_hello *hello)
{
	struct auth_claim claim = { .who = aid->uid, .at = peer_address() };
	struct address elsewhere = { .kind = ADDRESS_TCP4, .port = 2 };
	int64_t now_us = clock_wall_us();
	uint8_t which = next(&u->script) % 8;

	if (!key || which == 0)
		return false;
	if (choice & HAS_DIALLED)
		claim.answers = which == 1 ? NULL : &answers;
	if (which == 2)
		claim.at = &elsewhere;
	if (which == 3)
		claim.who.name = slice_of("another");
	if (which == 4)
		now_us += 2 * AUTH_WINDOW_US;
	CHECK(auth_prove(which == 5 ? other_key : key, &claim, now_us, hello) >= 0);
	if (which == 6)
		hello->proof[next(&u->script) % AUTH_PROOF_SIZE] ^= 1;
	aid->auth = auth_say(hello);
	if (choice & HAS_DIALLED) /* nobody minds the callee's clock; it has our nonce */
		return which == 7 || which == 4;
	return which == 7 || which == 1;
}

static void write_aid(struct puppet *u, struct buf *out)
{
	struct msg m = { .kind = MSG_AID };
	struct auth_hello hello;
	uint8_t flags = next(&u->script);
	bool is_right;

	m.aid = (struct msg_aid){
		.uid = { choose_text(u, "puppet"), choose_text(u, PUPPET_UUID) },
		.pid = flags & 1 ? -1 : 1,
		.is_registrar = flags & 2,
		.is_probe = flags & 4,
		.acre_version = flags & 8 ? 0 : 1,
		.features = flags >> 4,
		.credit = { flags & 16, next(&u->script), flags },
		.host = choose_text(u, "host"),
	};
	is_right = choose_proof(u, &m.aid, &hello);
	if (msg_write(out, &m) < 0)
		return;
	said_aid = true;
	if (!is_right)
		return;
	if (has_proved)
		return;
	has_proved = true;
	proof_len = buf_len(out);
	memcpy(proof, buf_bytes(out), proof_len);
}

/* At once, or in two parts. */
static void say_aid(struct puppet *u)
{
	struct buf out;
	size_t cut;

	buf_init(&out, FRAME_MAX);
	write_aid(u, &out);
	cut = size_min(next(&u->script), buf_len(&out));
	if (buf_len(&out)) {
		puppet_say_bytes(u, buf_bytes(&out), cut);
		if (cut)
			puppet_settle(u);
		puppet_say_bytes(u, buf_bytes(&out) + cut, buf_len(&out) - cut);
	}
	buf_fini(&out);
}

static void say_another(struct puppet *u)
{
	struct msg m = { .kind = next(&u->script) % N_MSG,
			 .cid = slice_of("a-cid"),
			 .pld = { "\xc0", 1 } };

	if (m.kind == MSG_NONE || m.kind == MSG_AID || m.kind == MSG_SPAWN_SPEC)
		m.kind = MSG_STOP;
	if (m.kind == MSG_START)
		m.start = (struct msg_start){ .ns = slice_of("self"),
					      .func = slice_of("get_registry"),
					      .kwargs = { "\x80", 1 },
					      .uid = { slice_of("puppet"),
						       slice_of(PUPPET_UUID) },
					      .remaining_us = -1 };
	puppet_say(u, &m);
}

static void say_piece(struct puppet *u)
{
	struct slice bytes;

	switch (next(&u->script) % 4) {
	case 0:
		say_aid(u);
		break;
	case 1:
		bytes = next_bytes(&u->script);
		said_aid = said_aid || bytes.len;
		puppet_say_bytes(u, bytes.p, bytes.len);
		break;
	case 2:
		say_another(u);
		break;
	default:
		puppet_settle(u);
		break;
	}
}

/*
 * The two ends.
 */

static void connect_peer(struct puppet *u)
{
	int fd = puppet_connect(u);

	if (choice & HAS_DIALLED) {
		CHECK(portal_take(&u->peer, peer_address(), fd) >= 0);
		return;
	}
	CHECK(server_take(&listener, fd) >= 0);
	u->peer = container_of(runtime_this->strangers.prev, struct acre_actor, node);
}

static void disconnect(struct puppet *u)
{
	shutdown(u->fd, SHUT_WR);
	while (!u->ended) {
		check(u);
		puppet_yield();
	}
	if (choice & HAS_DIALLED)
		portal_release(u->peer);
	puppet_hang_up(u);
	CHECK(runtime_this->server.n_unadmitted == 0);
}

static void replay(void)
{
	struct puppet u = { .fd = -1 };

	connect_peer(&u);
	puppet_say_bytes(&u, proof, proof_len);
	puppet_settle(&u);
	CHECK(u.n_heard == 0 && !is_introduced(&u));
	disconnect(&u);
}

static void play(struct script s)
{
	struct puppet u = { .script = s, .fd = -1, .heard = heard };
	bool was_let_in;

	runtime_this->discovery.key = key;
	runtime_this->discovery.reference_peers = choice & WITH_REFERENCE;
	connect_peer(&u);
	for (int i = 0; i < PIECES_MAX && u.script.p < u.script.end; i++) {
		say_piece(&u);
		check(&u);
	}
	was_let_in = has_proved && !(choice & HAS_DIALLED) && u.n_heard;
	disconnect(&u);
	if (was_let_in && (choice & IS_KEYED))
		replay();
}

static void choose_address(void)
{
	struct address_fault fault;
	const char *text = choice & IS_KEYED ? "/ip4/127.0.0.1/tcp/1" : "/unix/nowhere";

	listener = (struct server_listener){ .since_us = 0 };
	CHECK(address_parse(&listener.listener.address, text, strlen(text), &fault) >= 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct puppet_run run = { .play = play,
				  .script = { data + 1, data + size },
				  .options = &(struct acre_run_options){ .seed = 1 } };

	if (size == 0)
		return 0;
	choice = data[0];
	choose_address();
	said_aid = has_proved = was_introduced = false;
	proof_len = 0;
	memset(&answers, 0, sizeof answers);
	key = other_key = NULL;
	if (choice & IS_KEYED &&
	    (auth_key_new(&key, NULL) < 0 || auth_key_new(&other_key, NULL) < 0))
		return 0;
	puppet_run(&run); /* which frees the key */
	CHECK(was_introduced || run.memory <= MEMORY_UNADMITTED);
	auth_key_free(other_key);
	return 0;
}
