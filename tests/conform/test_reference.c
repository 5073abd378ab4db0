/* SPDX-License-Identifier: MIT */
/* test_reference.c - peers without part B of the protocol, at their best and at their worst: cases C021, C052, C073, C074. */
#include "conform/dialogue.h"
#include "conform/unix_at.h"

#include "actor/runtime.h"
#include "base/clock.h"
#include "lib/run.h"

/*
 * The other side is a bare end of a link: over our listener in the same process, or, where it is
 * dialled, in a process of its own that plays its part and whose status is the verdict.
 */

#define RUDE "4d1e6f3a-0000-4000-8000-000000000001"
#define CID  "4d1e6f3a-0000-4000-8000-00000000000a"
#define CID2 "4d1e6f3a-0000-4000-8000-00000000000b"

static const struct slice any = { NULL, 0 };

static int run_among_references(int (*run)(void))
{
	static const char *const exposed[] = { "main", NULL };
	struct tree_body body = { run };

	return acre_run(tree_run_body, &body,
			&(struct acre_run_options){ .expose = exposed,
						    .seed = test_seed(),
						    .transports = "uds",
						    .reference_peers = true });
}

#define TEST_REFERENCE(name)                                   \
	static int name##_body_(void);                         \
	TEST(name)                                             \
	{                                                      \
		assert_ok(run_among_references(name##_body_)); \
		report_thread_fini();                          \
	}                                                      \
	static int name##_body_(void)

static const char *own_path(void)
{
	static char address[1][ACRE_ADDRESS_SIZE];

	assert_int_equal(acre_self_addresses(address, 1), 1);
	return address[0] + strlen("/unix");
}

static struct uid rude(void)
{
	return (struct uid){ slice_of("rude"), slice_of(RUDE) };
}

static void send_aid(struct bare *b, bool is_acre)
{
	struct msg m = { .kind = MSG_AID };

	m.aid = (struct msg_aid){ .uid = rude(), .pid = 1, .acre_version = is_acre };
	bare_send(b, &m);
}

static void send_start(struct bare *b, const char *cid, const char *ns, const char *func)
{
	struct msg m = { .kind = MSG_START, .cid = slice_of(cid) };

	m.start = (struct msg_start){ .ns = slice_of(ns),
				      .func = slice_of(func),
				      .kwargs = { "\x80", 1 },
				      .uid = rude(),
				      .remaining_us = -1 };
	bare_send(b, &m);
}

/* A caller that was admitted, and has called an endpoint. */
static struct bare *caller_of(const char *func)
{
	static struct bare b;

	bare_dial(&b, own_path());
	send_aid(&b, false);
	bare_expect(&b, MSG_AID);
	send_start(&b, CID, "main", func);
	bare_expect(&b, MSG_START_ACK);
	return &b;
}

static void send_items(struct bare *b, int n)
{
	for (int i = 0; i < n; i++)
		bare_send(b, &(struct msg){ .kind = MSG_YIELD,
					    .cid = slice_of(CID),
					    .pld = { "\x07", 1 } });
}

static void send_overrun(struct bare *b, struct slice cid, struct uid sender)
{
	struct msg m = { .kind = MSG_ERROR, .cid = cid };

	m.error = (struct msg_error){ .src_uid = rude(),
				      .src_type = slice_of("StreamOverrun"),
				      .boxed_type = slice_of("StreamOverrun"),
				      .relay_path = { "\x90", 1 },
				      .message = slice_of("too much"),
				      .sender = sender };
	bare_send(b, &m);
}

static void await_no_peers(void)
{
	while (!list_is_empty(
		&runtime_this->strangers)) /* bound: their links have ended */
		assert_ok(acre_yield());
}

/*
 * Who may stay.
 */

/* Nothing that the reference's Aid has not; before it is read the other side is mute. */
static bool is_let_in(bool is_acre)
{
	static struct bare b;
	bool came;

	bare_dial(&b, own_path());
	send_aid(&b, is_acre);
	came = bare_next(&b, any) != NULL;
	assert_int_equal(b.n_in, 0);
	bare_close(&b);
	await_no_peers();
	assert_int_equal(runtime_this->server.n_unadmitted, 0);
	return came;
}

TEST_FOUND(g23_a_reference_peer_is_not_let_in_unasked)
{
	assert_false(is_let_in(false));
	assert_true(is_let_in(true));
	return 0;
}

TEST_REFERENCE(a_reference_peer_is_let_in_where_it_is_asked_for)
{
	assert_true(is_let_in(false));
	assert_true(is_let_in(true));
	return 0;
}

/* On a clock that stands still while anybody does something. */
static int64_t silent_for(void)
{
	static struct bare b;
	int64_t begun;

	test_virtual_clock();
	begun = clock_now();
	bare_dial(&b, own_path());
	assert_null(bare_next(&b, any));
	bare_close(&b);
	await_no_peers();
	return (clock_now() - begun) / 1000000;
}

TEST_FOUND(c074_a_silent_caller_is_dropped_after_two_seconds)
{
	assert_in_range(silent_for(), 2000, 2500);
	return 0;
}

TEST_REFERENCE(c074_among_references_after_ten)
{
	assert_in_range(silent_for(), 10000, 10500);
	return 0;
}

static void throw_garbage(const void *bytes, size_t len)
{
	static struct bare b;

	bare_dial(&b, own_path());
	bare_send_bytes(&b, bytes, len);
	shutdown(b.fd, SHUT_WR);
	assert_null(bare_next(&b, any));
	assert_int_equal(b.n_in, 0);
	bare_close(&b);
}

/* Another caller is served before and after. */
TEST_REFERENCE(c073_garbage_hurts_nobody_else)
{
	static const char http[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
	static const char framed[] = "\x02\0\0\0\xc1\xc1";
	static const char cut[] = "\x15\0\0\0\x82\xa8msg_ty";
	static const char unknown[] = "\x13\0\0\0\x82\xa8msg_type\xa5Hello\xa1v\x01";
	struct bare *b = caller_of("ten");

	bare_expect(b, MSG_RETURN);
	throw_garbage(http, sizeof http - 1);
	throw_garbage(framed, sizeof framed - 1);
	throw_garbage(cut, sizeof cut - 1);
	throw_garbage(unknown, sizeof unknown - 1);
	send_start(b, CID2, "main", "ten");
	bare_expect(b, MSG_START_ACK);
	bare_expect(b, MSG_RETURN);
	bare_close(b);
	await_no_peers();
	return 0;
}

/* In the name of another actor: the link ends, with the reason, and nothing has begun. */
static void forge(const char *ns, const char *func)
{
	static struct bare b;
	struct msg m = { .kind = MSG_START, .cid = slice_of(CID) };

	bare_dial(&b, own_path());
	send_aid(&b, false);
	bare_expect(&b, MSG_AID);
	m.start = (struct msg_start){ .ns = slice_of(ns),
				      .func = slice_of(func),
				      .kwargs = { "\x80", 1 },
				      .uid = { slice_of("rude"), slice_of(CID2) },
				      .remaining_us = -1 };
	bare_send(&b, &m);
	assert_null(bare_expect(&b, MSG_ERROR)->m.cid.p);
	assert_null(bare_next(&b, any));
	bare_close(&b);
}

TEST_REFERENCE(c021_a_forged_caller_loses_its_link)
{
	forge("main", "ten");
	forge("self", "cancel");
	forge("self", "_cancel_task");
	await_no_peers();
	assert_true(is_let_in(false)); /* this actor goes on */
	return 0;
}

/*
 * Overruns.
 */

ACRE_CONTEXT(never_reads, acre_nil)
{
	return acre_sleep(acre_secs(3600));
}

static int n_overruns(struct bare *b)
{
	struct frame *f;
	int n = 0;

	while ((f = bare_next(b, slice_of(CID))) && f->m.kind == MSG_ERROR &&
	       slice_is(f->m.error.src_type, "StreamOverrun")) {
		assert_true(slice_is(f->m.error.sender.uuid, RUDE));
		assert_null(f->m.error.acre.p);
		n++;
	}
	assert_non_null(f);
	assert_int_equal(f->m.kind, MSG_ERROR);
	assert_true(slice_is(f->m.error.src_type, "ContextCancelled"));
	return n;
}

/* 70 items, of which 64 are held. That it was cancelled ends what would be endless. */
TEST_REFERENCE(c052_each_item_beyond_the_window_is_answered)
{
	struct bare *b = caller_of("never_reads");
	struct msg m = { .kind = MSG_START, .cid = slice_of(CID2) };

	send_items(b, 70);
	m.start = (struct msg_start){ .ns = slice_of("self"),
				      .func = slice_of("_cancel_task"),
				      .kwargs = { "\x81\xa3"
						  "cid\xd9\x24" CID,
						  7 + 36 },
				      .uid = rude(),
				      .remaining_us = -1 };
	bare_send(b, &m);
	assert_int_equal(n_overruns(b), 6);
	assert_int_equal(bare_next(b, slice_of(CID2))->m.kind, MSG_START_ACK);
	assert_int_equal(bare_next(b, slice_of(CID2))->m.kind, MSG_CANCEL_ACK);
	bare_close(b);
	await_no_peers();
	return 0;
}

/* A reader takes more than any window, and says how it gets on; no credit is granted. */
#define BATCH 30
ACRE_CONTEXT(reads_all, acre_nil)
{
	struct acre_int item;
	int64_t n = 0;
	int r;

	while ((r = acre_recv(ctx, acre_int, &item)) > 0)
		if (++n % BATCH == 0)
			assert_ok(acre_send(ctx, acre_int, .value = n));
	return r < 0 ? r : acre_return(ctx, acre_int, .value = n);
}

TEST_REFERENCE(who_reads_is_never_granted_what_a_reference_peer_cannot_read)
{
	struct bare *b = caller_of("reads_all");

	bare_expect(b, MSG_STARTED);
	for (int i = 0; i < 4; i++) {
		send_items(b, BATCH);
		bare_expect(b, MSG_YIELD);
	}
	bare_send(b, &(struct msg){ .kind = MSG_STOP, .cid = slice_of(CID) });
	assert_int_equal((uint8_t)*bare_expect(b, MSG_RETURN)->m.pld.p, 4 * BATCH);
	bare_close(b);
	await_no_peers();
	return 0;
}

ACRE_CONTEXT(sends_for_ever, acre_nil)
{
	int r = 0;

	while (r >= 0) {
		r = acre_send(ctx, acre_int, .value = 1);
		if (r >= 0)
			r = acre_sleep(acre_ms(1));
	}
	assert_remote(r, ACRE_EOVERRUN);
	return r;
}

TEST_REFERENCE(c052_an_overrun_is_relayed_back)
{
	struct uid us = runtime_uid();
	struct bare *b = caller_of("sends_for_ever");
	struct frame *f;

	bare_expect(b, MSG_STARTED);
	send_overrun(b, slice_of(CID), us);
	while ((f = bare_next(b, any)) && f->m.kind == MSG_YIELD)
		;
	assert_non_null(f);
	assert_int_equal(f->m.kind, MSG_ERROR);
	assert_true(slice_is(f->m.error.src_type, "StreamOverrun"));
	assert_true(slice_is(f->m.error.boxed_type, "RemoteActorError"));
	bare_close(b);
	await_no_peers();
	return 0;
}

/*
 * A reference actor that is dialled: a process of its own.
 */

static char place[ACRE_ADDRESS_SIZE];

static int listen_there(void)
{
	struct sockaddr_un at;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	snprintf(place, sizeof place, "/unix%s/rude.sock", test_dir());
	at = unix_at(place + strlen("/unix"));
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
	assert_int_equal(listen(fd, 8), 0);
	return fd;
}

static void with_dialled(void (*play)(struct bare *b), int (*run)(void))
{
	static struct bare b;
	int listener = listen_there(), status;
	pid_t pid = fork();
	struct frame *f;

	assert_true(pid >= 0);
	if (pid == 0) {
		bare_init(&b, accept(listener, NULL, NULL));
		send_aid(&b, false);
		bare_expect(&b, MSG_AID);
		play(&b);
		while ((f = bare_next(&b, any))) /* a stream's end may be late */
			assert_int_equal(f->m.kind, MSG_STOP);
		_exit(0);
	}
	close(listener);
	assert_ok(run_among_references(run));
	report_thread_fini();
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	unlink(place + strlen("/unix"));
}

/* The other side has called, and is told that it was started. */
static struct frame *be_called(struct bare *b)
{
	struct frame *start = bare_expect(b, MSG_START);
	char keys[256] = "";
	struct msg m = { .kind = MSG_START_ACK, .cid = start->m.cid };

	keys_of(keys, sizeof keys, bytes_of(start));
	assert_string_equal(keys, "msg_type cid ns func kwargs uid pld_spec ");
	m.start_ack.functype = slice_of("context");
	bare_send(b, &m);
	bare_send(b, &(struct msg){ .kind = MSG_STARTED,
				    .cid = start->m.cid,
				    .pld = { "\xc0", 1 } });
	return start;
}

static void ack_cancel(struct bare *b, const struct frame *cancel)
{
	struct msg m = { .kind = MSG_CANCEL_ACK, .cid = cancel->m.cid };

	m.cancel_ack.pld = true;
	bare_send(b, &m);
}

static struct frame *be_asked(struct bare *b, const char *func)
{
	struct frame *f;
	struct msg ack = { .kind = MSG_START_ACK };

	do
		f = bare_next(b, any);
	while (f && (f->m.kind == MSG_YIELD || f->m.kind == MSG_STOP));
	assert_non_null(f);
	assert_string_equal(msg_name(f->m.kind), "Start");
	assert_true(slice_is(f->m.start.ns, "self"));
	assert_true(slice_is(f->m.start.func, func));
	ack.cid = f->m.cid;
	ack.start_ack.functype = slice_of("asyncfunc");
	bare_send(b, &ack);
	return f;
}

/* As the reference does it: the target's end comes before the ack. */
static void be_cancelled(struct bare *b, const struct frame *start)
{
	struct frame *f = be_asked(b, "_cancel_task");
	struct msg m = { .kind = MSG_ERROR, .cid = start->m.cid };
	struct pack_reader in;
	struct pack_str target;

	pack_reader_init(&in, f->m.start.kwargs.p, f->m.start.kwargs.len,
			 &wire_limits_default);
	assert_int_equal(pack_read_map(&in), 1);
	assert_true(pack_str_is(pack_read_str(&in), "cid"));
	target = pack_read_str(&in);
	assert_true(slice_equal(start->m.cid, (struct slice){ target.s, target.len }));
	m.error = (struct msg_error){ .src_uid = rude(),
				      .src_type = slice_of("ContextCancelled"),
				      .boxed_type = slice_of("ContextCancelled"),
				      .relay_path = { "\x90", 1 },
				      .canceller = start->m.start.uid };
	bare_send(b, &m);
	ack_cancel(b, f);
}

static void play_cancelled(struct bare *b)
{
	struct frame *start = be_called(b);

	be_cancelled(b, start);
	/* that it was started is enough: who asks may have left by now */
	be_asked(b, "cancel");
}

static int cancel_context_and_actor(void)
{
	struct acre_context *ctx, *none;
	struct acre_actor *a;
	int r = 0;

	assert_ok(acre_dial(&a, place));
	ACRE_WITHIN(acre_secs(3600), r)
		r = acre_open_named(&ctx, a, "main", "f", acre_nil_msg_(), &nil);
	assert_ok(r);
	assert_class(acre_open_named(&none, a, "self", "fancy", acre_nil_msg_(), &nil),
		     ACRE_ENOTEXPOSED); /* it would die of it */
	assert_ok(acre_context_cancel(ctx));
	assert_true(acre_outcome(ctx).cancel_acked);
	assert_ok(acre_context_close(&ctx, 0)); /* absorbed */
	assert_ok(acre_actor_cancel(a));
	assert_ok(acre_actor_cancel(a)); /* is not asked again */
	acre_release(&a);
	return 0;
}

TEST(a_reference_peer_is_cancelled_by_calls)
{
	with_dialled(play_cancelled, cancel_context_and_actor);
}

static void play_overrun(struct bare *b)
{
	struct frame *start = be_called(b);

	for (int i = 0; i < 100; i++)
		bare_expect(b, MSG_YIELD);
	send_overrun(b, start->m.cid, start->m.start.uid);
	be_cancelled(b, start);
}

static int overrun_it(void)
{
	struct acre_context *ctx;
	struct acre_actor *a;
	struct acre_int item;
	int r = 0;

	assert_ok(acre_dial(&a, place));
	assert_ok(acre_open_named(&ctx, a, "main", "f", acre_nil_msg_(), &nil));
	for (int i = 0; i < 100; i++) /* beyond any window: nobody waits */
		assert_ok(acre_send(ctx, acre_int, .value = i));
	r = acre_recv(ctx, acre_int, &item);
	assert_remote(r, ACRE_EOVERRUN);
	r = acre_send(ctx, acre_int, .value = 1);
	assert_remote(r, ACRE_EOVERRUN);
	r = acre_context_close(&ctx, 0);
	assert_remote(r, ACRE_EOVERRUN);
	acre_release(&a);
	return 0;
}

TEST(c052_who_overruns_a_reference_peer_is_told_and_cancels)
{
	with_dialled(play_overrun, overrun_it);
}
