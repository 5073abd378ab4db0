/* SPDX-License-Identifier: MIT */
/* fuzz_spec.c - what an actor is to be: anything at all said to one that has just been made.
 *
 * The puppet is the parent. The first byte of the input chooses whether it has an Aid and whether
 * that is acre's; each byte after it what comes next: a SpawnSpec whose keys are right, wrong, many
 * or bytes of the input; the ready probe; an answer to what the actor asks its parent as its
 * registrar; a Cancel; bytes. Whatever was said: the actor ends when its parent hangs up, leaves
 * nothing, and took no more memory than FUZZ_MEMORY_MAX. One that was told right answers the probe;
 * one that was told wrong says why, and ends with a failure.
 *
 * It finds nobody: every connect() is refused, and below ROOM is the only place for a socket.
 */
#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include "actor/child.h"
#include "base/clock.h"
#include "base/sys.h"
#include "core/timer.h"
#include "fuzz/puppet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PIECES_MAX = 32, KEYS_MAX = 16, PACKED_MAX = 64 * 1024 };
/* Turns of the actor's loop after the last piece: what it has to say is said by then. */
enum { TURNS_AT_LAST = 16 };

/* Bits of the first byte. */
enum { WITHOUT_AID = 1, IS_REFERENCE = 2 };

static uint8_t choice;

ACRE_CONTEXT(ten, acre_nil, .kind = ACRE_ENDPOINT_ONESHOT)
{
	return acre_return(ctx, acre_int, .value = 10);
}

/*
 * The world.
 */

static char room[64]; /* a folder of its own, for the sockets of the actor */

static bool is_in_room(int dir, const char *path)
{
	char link[sizeof "/proc/self/fd/" + 10], folder[4096] = "";

	if (path[0] == '/')
		return !strncmp(path, room, strlen(room));
	snprintf(link, sizeof link, "/proc/self/fd/%d", dir);
	return readlink(link, folder, sizeof folder - 1) > 0 &&
	       !strncmp(folder, room, strlen(room));
}

/* What is there may be looked at. */
static int open_in_room(int dir, const char *path, int flags, mode_t mode)
{
	return flags & O_CREAT && !is_in_room(dir, path)
		       ? -EACCES
		       : sys_real.openat(dir, path, flags, mode);
}

static int make_in_room(int dir, const char *path, mode_t mode)
{
	return is_in_room(dir, path) ? sys_real.mkdirat(dir, path, mode) : -EACCES;
}

static int unlink_in_room(int dir, const char *path, int flags)
{
	return is_in_room(dir, path) ? sys_real.unlinkat(dir, path, flags) : -EACCES;
}

static int bind_in_room(int fd, const struct sockaddr *addr, socklen_t len)
{
	const struct sockaddr_un *un = (const void *)addr;

	if (addr->sa_family == AF_UNIX && !is_in_room(-1, un->sun_path))
		return -EACCES;
	return sys_real.bind(fd, addr, len);
}

static int refuse(int fd, const struct sockaddr *addr, socklen_t len)
{
	(void)fd;
	(void)addr;
	(void)len;
	return -ECONNREFUSED;
}

static void make_world(void)
{
	static struct sys_table table;
	const char *tmp = getenv("TMPDIR");

	if (room[0])
		return;
	snprintf(room, sizeof room, "%.40s/acre-fuzz-XXXXXX", tmp ? tmp : "/tmp");
	CHECK(mkdtemp(room));
	table = sys_real;
	table.openat = open_in_room;
	table.mkdirat = make_in_room;
	table.unlinkat = unlink_in_room;
	table.bind = bind_in_room;
	table.connect = refuse;
	sys_use(&table);
	CHECK(mem_hook_set(counted_memory, NULL) == 0);
}

static void remove_room(void)
{
	rmdir(room);
}

/*
 * What was told, as far as it is known.
 */

static struct {
	size_t n_specs;
	bool is_open;	   /* bytes of the input were among it: it may be anything */
	bool is_wrong;	   /* something that nothing mends */
	bool wrong_method; /* the last one counts */
	bool has_module;
	size_t n_preload;
	bool finds; /* it listens, and waits for its registrars */
	size_t n_probes;
} told;

static struct {
	char asked[UUID_SIZE]; /* the cid of what it has asked */
	size_t n_returns, n_errors;
} answered;

static void heard(struct puppet *u, const struct msg *m)
{
	(void)u;
	if (m->kind == MSG_START && m->cid.len < UUID_SIZE) {
		memcpy(answered.asked, m->cid.p, m->cid.len);
		answered.asked[m->cid.len] = '\0';
	}
	answered.n_returns += m->kind == MSG_RETURN;
	answered.n_errors += m->kind == MSG_ERROR && !m->cid.p;
}

/*
 * A SpawnSpec.
 */

/* Any bytes in place of a value: then nothing is known of the whole. */
static bool put_bytes(struct puppet *u, struct pack_writer *w)
{
	struct slice bytes = next_bytes(&u->script);

	told.is_open = true;
	pack_raw(w, bytes.p, bytes.len);
	return true;
}

static void put_method(struct puppet *u, struct pack_writer *w)
{
	static const char *const names[] = {
		"exec", "thread", "mp_forkserver",
		"",	"none",	  "a name that is much longer than any of them"
	};
	size_t which = next(&u->script) % ARRAY_N(names);

	told.wrong_method = which == 4;
	told.is_wrong |= which == 5;
	pack_cstr(w, names[which]);
}

static void put_module(struct puppet *u, struct pack_writer *w)
{
	static char long_one[5000];
	uint8_t which = next(&u->script) % 4;

	memset(long_one, '/', sizeof long_one - 1);
	told.has_module = which == 2;
	told.is_wrong |= which == 3;
	pack_cstr(w, which < 2 ? "" : which == 2 ? "/nowhere/module.so" : long_one);
}

static void put_preload(struct puppet *u, struct pack_writer *w)
{
	size_t n = next(&u->script) % 20;

	told.n_preload += n;
	told.is_wrong |= told.n_preload > 16;
	pack_array(w, n);
	while (n--)
		pack_cstr(w, "/nowhere/preloaded.so");
}

static void put_guest(struct puppet *u, struct pack_writer *w)
{
	uint8_t which = next(&u->script) % 4;

	told.is_wrong |= which > 1;
	pack_array(w, which == 3 ? 3 : 2);
	pack_cstr(w, which == 2 ? "source" : "");
	pack_cstr(w, "pass");
	if (which == 3)
		pack_nil(w);
}

static void put_key(struct puppet *u, struct pack_writer *w)
{
	static const uint8_t bytes[64];
	uint8_t which = next(&u->script);
	size_t len = which < 200 ? 32 : which % 64;

	told.is_wrong |= len != 32;
	pack_bin(w, bytes, len);
}

static void put_folder(struct puppet *u, struct pack_writer *w)
{
	static char long_one[300];
	uint8_t which = next(&u->script) % 4;

	memset(long_one, 'x', sizeof long_one - 1);
	memcpy(long_one, "/", 1);
	told.is_wrong |= which == 3;
	pack_cstr(w, which < 2 ? room : which == 2 ? "" : long_one);
}

static void put_discovery(struct puppet *u, struct pack_writer *w)
{
	size_t n = next(&u->script) % 8;

	pack_map(w, n);
	while (n--) {
		uint8_t what = next(&u->script), value = next(&u->script);

		switch (what % 7) {
		case 0:
			pack_cstr(w, "key");
			put_key(u, w);
			break;
		case 1:
			told.finds = true;
			pack_cstr(w, "transports");
			pack_u64(w, value < 250 ? value % 4 : UINT32_MAX);
			break;
		case 2:
			pack_cstr(w, "reference");
			pack_bool(w, value & 1);
			break;
		case 3:
			pack_cstr(w, "folder");
			put_folder(u, w);
			break;
		case 5:
			told.is_wrong |= value < 2;
			pack_cstr(w, "timeout");
			pack_u64(w, value * UINT64_C(1000));
			break;
		case 4:
			pack_cstr(w, "here");
			pack_array(w, value % 12);
			for (int i = 0; i < value % 12; i++)
				pack_bool(w, value & 16);
			break;
		default:
			pack_cstr(w, "later");
			put_bytes(u, w);
			break;
		}
	}
}

static void put_ours(struct puppet *u, struct pack_writer *w)
{
	size_t n = next(&u->script) % KEYS_MAX;

	pack_map(w, n);
	while (n--) {
		static const struct {
			const char *key;
			void (*put)(struct puppet *u, struct pack_writer *w);
		} keys[] = {
			{ "method", put_method },	{ "module", put_module },
			{ "preload", put_preload },	{ "guest", put_guest },
			{ "discovery", put_discovery },
		};
		uint8_t which = next(&u->script);

		if (which < 200) {
			pack_cstr(w, keys[which % ARRAY_N(keys)].key);
			keys[which % ARRAY_N(keys)].put(u, w);
		} else if (which < 230) {
			pack_cstr(w, which & 1 ? "sigint" : "log");
			pack_u64(w, which & 2);
		} else {
			pack_cstr(w, which & 1 ? "sigint" : "later");
			put_bytes(u, w);
		}
	}
}

static void put_exposed(struct puppet *u, struct pack_writer *w)
{
	static const char *const names[] = { "main", "none", "" };
	size_t n = next(&u->script) % 4;

	pack_map(w, n);
	while (n--) {
		size_t which = next(&u->script) % ARRAY_N(names);

		told.is_open |= which > 0; /* a reference may name what is not there */
		pack_cstr(w, names[which]);
		pack_cstr(w, "");
	}
}

static void put_registrars(struct puppet *u, struct pack_writer *w)
{
	static const struct address tcp = { .kind = ADDRESS_TCP4, .port = 1616 };
	static const struct address unix_ = { .kind = ADDRESS_UNIX, .path = "/r/y.sock" };
	size_t n = next(&u->script) % 10;

	told.is_wrong |= n > 8;
	pack_array(w, n);
	while (n--) {
		uint8_t which = next(&u->script);

		if (which < 200)
			address_pack(w, which & 1 ? &tcp : &unix_);
		else
			put_bytes(u, w);
	}
}

/* A map, an array: whatever it is called. */
static struct slice packed_by(struct puppet *u, struct buf *to,
			      void (*put)(struct puppet *u, struct pack_writer *w))
{
	struct pack_writer w;

	buf_init(to, PACKED_MAX);
	pack_writer_init(&w, to, &wire_limits_default);
	put(u, &w);
	if (pack_writer_result(&w) < 0) { /* bytes that are no value */
		told.is_open = true;
		buf_consume(to, buf_len(to));
		return (struct slice){ put == put_registrars ? "\x90" : "\x80", 1 };
	}
	return (struct slice){ (const char *)buf_bytes(to), buf_len(to) };
}

static void say(struct puppet *u, const struct msg *m)
{
	struct buf out;

	buf_init(&out, PACKED_MAX);
	if (msg_write(&out, m) < 0 || send(u->fd, buf_bytes(&out), buf_len(&out),
					   MSG_NOSIGNAL) != (ssize_t)buf_len(&out))
		told.is_open = true;
	buf_fini(&out);
}

static void say_spec(struct puppet *u)
{
	struct msg m = { .kind = MSG_SPAWN_SPEC };
	struct buf exposed, registrars, ours;
	bool is_ours = next(&u->script) & 3;

	told.n_specs++;
	m.spec.runtime_vars = (struct slice){ "\x80", 1 };
	m.spec.enable_modules = packed_by(u, &exposed, put_exposed);
	m.spec.reg_addrs = packed_by(u, &registrars, put_registrars);
	m.spec.acre = packed_by(u, &ours, put_ours);
	if (!is_ours) {
		m.spec.acre = (struct slice){ NULL, 0 };
		told.is_open = true;
	}
	say(u, &m);
	buf_fini(&exposed);
	buf_fini(&registrars);
	buf_fini(&ours);
}

/*
 * The rest of what a parent says.
 */

static struct uid own_uid(void)
{
	return (struct uid){ slice_of("puppet"), slice_of(PUPPET_UUID) };
}

static void say_aid(struct puppet *u)
{
	struct msg m = { .kind = MSG_AID };

	m.aid = (struct msg_aid){
		.uid = own_uid(),
		.pid = 1,
		.acre_version = choice & IS_REFERENCE ? 0 : 1,
		.features = (1u << MSG_N_FEATURES) - 1,
		.is_registrar = true,
	};
	say(u, &m);
}

static void say_probe(struct puppet *u)
{
	struct msg m = { .kind = MSG_START, .cid = slice_of("probe") };

	m.start = (struct msg_start){ .ns = slice_of("self"),
				      .func = slice_of("get_registry"),
				      .kwargs = { "\x80", 1 },
				      .uid = own_uid(),
				      .remaining_us = -1 };
	told.n_probes++;
	say(u, &m);
}

static void say_answer(struct puppet *u)
{
	struct msg m = { .kind = MSG_START_ACK, .cid = slice_of(answered.asked) };

	m.start_ack.functype = slice_of("asyncfunc");
	say(u, &m);
	m = (struct msg){ .kind = MSG_RETURN,
			  .cid = slice_of(answered.asked),
			  .pld = { "\xc0", 1 } };
	say(u, &m);
}

static void say_cancel(struct puppet *u)
{
	struct msg m = { .kind = MSG_CANCEL };

	m.cancel = (struct msg_cancel){ .reason = slice_of("asked"),
					.canceller = own_uid(),
					.remaining_us = -1 };
	say(u, &m);
	told.is_open = true;
}

static void say_bytes(struct puppet *u)
{
	struct slice bytes = next_bytes(&u->script);

	acre_ignore((int)send(u->fd, bytes.p, bytes.len, MSG_NOSIGNAL));
	told.is_open = true;
}

static void say_piece(struct puppet *u)
{
	static void (*const pieces[])(struct puppet * u) = {
		say_spec, say_probe, say_answer, say_cancel, say_bytes,
	};
	size_t which = next(&u->script) % (ARRAY_N(pieces) + 1);

	if (which < ARRAY_N(pieces)) /* else: a turn of the loop */
		pieces[which](u);
}

/*
 * The puppet speaks once in each turn of the actor's loop.
 */

static struct {
	struct puppet puppet;
	struct timer turn;
	int n_pieces, n_turns_left;
} play;

static void speak(struct timer *t)
{
	struct puppet *u = &play.puppet;

	puppet_hear(u);
	if (u->script.p < u->script.end && play.n_pieces++ < PIECES_MAX)
		say_piece(u);
	else if (play.n_turns_left-- == 0)
		shutdown(u->fd, SHUT_WR);
	if (play.n_turns_left >= 0)
		timer_set(t, clock_now(), speak);
}

static void has_loop(void *unused, struct loop *loop)
{
	(void)unused;
	if (loop)
		timer_set(&play.turn, clock_now(), speak);
	else
		timer_stop(&play.turn);
}

static char words[LAST_WORDS_MAX + 1]; /* for who looks with a debugger */

static int live(struct puppet *u)
{
	struct child_boot boot = {
		.title = "_subactor[child@4d1e6f3a-0000-4000-8000-000000000002]",
		.parent_pidfd = -1,
		.root_pidfd = -1,
		.status_fd = -1,
		.has_loop = has_loop,
		.words = words,
	};

	boot.link_fd = puppet_connect(u);
	if (!(choice & WITHOUT_AID))
		say_aid(u);
	return child_live(&boot);
}

/* Alone, and in a dialogue without surprises, it decides what becomes of the actor. */
static void check(int status)
{
	bool is_wrong = told.is_wrong || told.wrong_method || told.has_module;

	if (choice & WITHOUT_AID || told.is_open || told.finds || told.n_specs != 1)
		return;
	if (is_wrong) {
		CHECK(status != 0 && answered.n_errors == 1);
		return;
	}
	CHECK(answered.n_errors == 0 && answered.n_returns == told.n_probes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint64_t
		live_blocks; /* after the first actor: what stays for good is there */
	static bool is_warm;
	struct puppet *u = &play.puppet;
	int status;

	if (size == 0)
		return 0;
	make_world();
	memset(&told, 0, sizeof told);
	memset(&answered, 0, sizeof answered);
	memset(&play, 0, sizeof play);
	choice = data[0];
	play.n_turns_left = TURNS_AT_LAST;
	play.puppet =
		(struct puppet){ .script = { data + 1, data + size }, .heard = heard };
	memory_peak = 0;
	status = live(u);
	puppet_hear(u);
	close(TAKE_FD(u->fd));
	buf_fini(&u->in);
	report_thread_fini();
	check(status);
	if (is_warm && live_blocks != mem_live())
		BUG("%lld blocks are left", (long long)(mem_live() - live_blocks));
	if (!is_warm)
		atexit(remove_room);
	live_blocks = mem_live();
	is_warm = true;
	CHECK(memory_peak <= FUZZ_MEMORY_MAX);
	return 0;
}
