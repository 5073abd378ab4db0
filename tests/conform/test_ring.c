/* SPDX-License-Identifier: MIT */
/* test_ring.c - bytes through shared memory: small, large, and who waits for them: case C119. */
#include "conform/tree.h"

#include "actor/shm.h"

/*
 * A flow of messages: each is its length and bytes that tell its number.
 */

#define FLOW(F)                \
	F(const char *, token) \
	F(int64_t, n)          \
	F(int64_t, least)      \
	F(int64_t, most)
ACRE_MSG(flow, FLOW)

static size_t length_of(const struct flow *f, int64_t i)
{
	return (size_t)(f->least + i * 7919 % (f->most - f->least + 1));
}

static uint8_t byte_of(int64_t i)
{
	return (uint8_t)(i * 31 + 7);
}

static int write_flow(struct acre_shm *ring, struct acre_context *ctx,
		      const struct flow *f, int64_t *ret_total)
{
	uint8_t *bytes = malloc((size_t)f->most);
	int r = bytes ? 0 : -ENOMEM;

	for (int64_t i = 0; i < f->n && r >= 0; i++) {
		uint64_t len = length_of(f, i);

		memset(bytes, byte_of(i), len);
		r = acre_ring_write(ring, ctx, &len, sizeof len);
		if (r >= 0)
			r = acre_ring_write(ring, ctx, bytes, len);
		*ret_total += (int64_t)(sizeof len + len);
	}
	free(bytes);
	return r < 0 ? r : acre_finish(ctx);
}

/* All n bytes: 1, or 0 at the end before the first one. */
static int read_all(struct acre_shm *ring, struct acre_context *ctx, void *ret, size_t n)
{
	ssize_t part = 1;
	size_t at = 0;

	while (at < n && part > 0) {
		part = acre_ring_read(ring, ctx, (uint8_t *)ret + at, n - at);
		at += part > 0 ? (size_t)part : 0;
	}
	if (part == 0 && at)
		return acre_fail(T_VALUE, "the end after %zu bytes of %zu", at, n);
	return part < 0 ? (int)part : part > 0;
}

static bool is_all(const uint8_t *bytes, size_t n, uint8_t expected)
{
	return bytes[0] == expected && (n < 2 || !memcmp(bytes, bytes + 1, n - 1));
}

static int read_flow(struct acre_shm *ring, struct acre_context *ctx,
		     const struct flow *f, int64_t *ret_total)
{
	uint8_t *bytes = malloc((size_t)f->most);
	uint64_t len = 0;
	int64_t i = 0;
	int r = bytes ? 1 : -ENOMEM;

	while (r > 0 && (r = read_all(ring, ctx, &len, sizeof len)) > 0) {
		if (len != length_of(f, i))
			r = acre_fail(T_VALUE, "message %lld", (long long)i);
		else
			r = read_all(ring, ctx, bytes, len);
		if (r > 0 && !is_all(bytes, len, byte_of(i)))
			r = acre_fail(T_VALUE, "a byte of message %lld", (long long)i);
		*ret_total += (int64_t)(sizeof len + len);
		i++;
	}
	free(bytes);
	if (r >= 0)
		assert_int_equal(i, f->n);
	return r;
}

ACRE_CONTEXT(reads_flow, flow)
{
	struct acre_shm *ring = NULL;
	int64_t total = 0;
	int r = acre_shm_attach(&ring, in->token, ACRE_SHM_WRITE);

	if (r >= 0)
		r = read_flow(ring, ctx, in, &total);
	acre_shm_close(ring);
	return r < 0 ? r : acre_return(ctx, acre_int, .value = total);
}

ACRE_CONTEXT(writes_flow, flow)
{
	struct acre_shm *ring = NULL;
	int64_t total = 0;
	int r = acre_shm_attach(&ring, in->token, ACRE_SHM_WRITE);

	if (r >= 0)
		r = write_flow(ring, ctx, in, &total);
	acre_shm_close(ring);
	return r < 0 ? r : acre_return(ctx, acre_int, .value = total);
}

/* Through a ring of that size, from the opener to the callee or back. */
static int flow_through(struct acre_actor *a, size_t size, struct flow f, bool back)
{
	acre_instant begun = acre_now();
	struct acre_int theirs = { 0 };
	struct acre_shm *ring;
	int64_t ours = 0;
	int r = acre_ring_create(&ring, size);

	assert_ok(r);
	f.token = acre_shm_token(ring);
	if (back) {
		ACRE_OPEN(ctx, r, a, writes_flow, &f) {
			r = read_flow(ring, ctx, &f, &ours);
			if (r >= 0)
				r = acre_result(ctx, acre_int, &theirs);
		}
	} else {
		ACRE_OPEN(ctx, r, a, reads_flow, &f) {
			r = write_flow(ring, ctx, &f, &ours);
			if (r >= 0)
				r = acre_result(ctx, acre_int, &theirs);
		}
	}
	acre_shm_close(ring);
	if (r < 0)
		return r;
	assert_int_equal(ours, theirs.value);
	test_note("%lld bytes in %lld messages: %.0f MB/s", (long long)ours,
		  (long long)f.n, (double)ours / 1e6 / seconds_since(begun));
	return 0;
}

TEST_ACTOR(c119_a_hundred_thousand_small_messages)
{
	const struct flow f = { .n = 100000, .least = 1, .most = 64 };
	int r = flow_through(a, 4096, f, false);

	return r < 0 ? r : flow_through(a, 4096, f, true);
}

TEST_ACTOR(c119_messages_that_are_larger_than_the_ring)
{
	const struct flow f = { .n = 100, .least = 10001, .most = 50000 };
	int r = flow_through(a, 10000, f, false);

	if (r >= 0)
		r = flow_through(a, 10000, f, true);
	return r < 0 ? r
		     : flow_through(a, 1, (struct flow){ .n = 10, .least = 2, .most = 9 },
				    false);
}

/* Fewer under a tool that makes each byte dear. */
static int64_t n_large(void)
{
#if defined __SANITIZE_THREAD__ || defined __SANITIZE_ADDRESS__
	return 1000;
#elif defined __has_feature
	return __has_feature(thread_sanitizer) || __has_feature(address_sanitizer) ||
			       __has_feature(memory_sanitizer)
		       ? 1000
		       : 10000;
#else
	return 10000;
#endif
}

TEST_ACTOR(c119_large_messages_through_ten_mebibytes)
{
	const struct flow f = { .n = n_large(), .least = 256 * 1024, .most = 512 * 1024 };

	return flow_through(a, 10 * 1024 * 1024, f, false);
}

/*
 * Who waits at a ring is cancelled as anywhere.
 */

static int leave_waiting(struct acre_actor *a, bool back)
{
	const struct flow f = { .n = 1000, .least = 1000, .most = 1000 };
	struct acre_outcome outcome = { 0 };
	struct acre_shm *ring;
	struct flow in = f;
	int r = acre_ring_create(&ring, 5000);

	assert_ok(r);
	in.token = acre_shm_token(ring);
	r = 0;
	if (back) {
		ACRE_OPEN(ctx, r, a, writes_flow, &in) { /* which nobody reads */
			assert_ok(acre_context_cancel(ctx));
			assert_int_equal(acre_result(ctx, acre_nil, &nil), 0);
			outcome = acre_outcome(ctx);
		}
	} else {
		ACRE_OPEN(ctx, r, a, reads_flow, &in) { /* what nobody writes */
			assert_ok(acre_context_cancel(ctx));
			assert_int_equal(acre_result(ctx, acre_nil, &nil), 0);
			outcome = acre_outcome(ctx);
		}
	}
	acre_shm_close(ring);
	assert_int_equal(outcome.r, -ACRE_ECTXC);
	assert_string_equal(outcome.canceller, "root");
	return r;
}

TEST_ACTOR(c119_a_blocked_reader_is_cancelled)
{
	return leave_waiting(a, false);
}

TEST_ACTOR(c119_a_blocked_writer_is_cancelled)
{
	return leave_waiting(a, true);
}

ACRE_CONTEXT(sits_at_the_ring, acre_nil)
{
	int r = acre_started(ctx, acre_nil);

	return r < 0 ? r : acre_sleep(acre_secs(3600));
}

/* A wait that its own scope ends has taken and given nothing: the ring goes on. */
TEST_ACTOR(c119_a_wait_that_ran_out_of_time_spoils_nothing)
{
	struct acre_shm *ring;
	uint8_t bytes[16] = { 0 };
	int late = 0, r = acre_ring_create(&ring, sizeof bytes);

	assert_ok(r);
	ACRE_OPEN(ctx, r, a, sits_at_the_ring, &nil) {
		ACRE_WITHIN(acre_ms(20), late)
			late = (int)acre_ring_read(ring, ctx, bytes, 1);
		assert_class(late, ETIMEDOUT);
		assert_ok(acre_ring_write(ring, ctx, bytes, sizeof bytes));
		late = 0;
		ACRE_WITHIN(acre_ms(20), late)
			late = acre_ring_write(ring, ctx, bytes, 1);
		assert_class(late, ETIMEDOUT);
		assert_int_equal(acre_ring_read(ring, ctx, bytes, sizeof bytes),
				 sizeof bytes);
		assert_ok(acre_context_cancel(ctx));
	}
	acre_shm_close(ring);
	return r;
}

/*
 * The other side's end.
 */

ACRE_CONTEXT(writes_a_little_and_sits, flow)
{
	static const uint8_t bytes[10];
	struct acre_shm *ring = NULL;
	int r = acre_shm_attach(&ring, in->token, ACRE_SHM_WRITE);

	if (r >= 0)
		r = acre_ring_write(ring, ctx, bytes, sizeof bytes);
	if (r >= 0)
		r = acre_sleep(acre_secs(3600));
	acre_shm_close(ring);
	return r;
}

/* A callee that writes has started, also if it never waits at the ring. */
TEST_ACTOR(c119_a_callee_that_writes_has_started)
{
	struct acre_shm *ring;
	struct flow in = { 0 };
	uint8_t bytes[10];
	int r = acre_ring_create(&ring, 1000);

	assert_ok(r);
	in.token = acre_shm_token(ring);
	ACRE_OPEN(ctx, r, a, writes_a_little_and_sits, &in) {
		assert_int_equal(read_all(ring, ctx, bytes, sizeof bytes), 1);
		assert_ok(acre_context_cancel(ctx));
	}
	acre_shm_close(ring);
	return r;
}

/* An opener that has read enough leaves, and its writer has not failed. */
TEST_ACTOR(c119_a_reader_may_leave_early)
{
	struct flow in = { .n = 1000, .least = 1000, .most = 1000 };
	struct acre_shm *ring;
	uint8_t byte;
	int r = acre_ring_create(&ring, 5000);

	assert_ok(r);
	in.token = acre_shm_token(ring);
	ACRE_OPEN(ctx, r, a, writes_flow, &in)
		assert_int_equal(read_all(ring, ctx, &byte, 1), 1);
	acre_shm_close(ring);
	return r;
}

ACRE_CONTEXT(writes_a_little_and, flow)
{
	static const uint8_t bytes[100];
	struct acre_shm *ring = NULL;
	int r = acre_shm_attach(&ring, in->token, ACRE_SHM_WRITE);

	if (r >= 0)
		r = acre_ring_write(ring, ctx, bytes, sizeof bytes);
	acre_shm_close(ring);
	if (r >= 0 && in->n)
		r = acre_fail(T_VALUE, "something else");
	return r;
}

/* What was written before the writer's end, or its failure, is read before that is told. */
TEST_ACTOR(c119_all_that_a_writer_has_left_is_read)
{
	for (int fails = 0; fails < 2; fails++) {
		struct flow in = { .n = fails };
		struct acre_shm *ring;
		uint8_t bytes[100];
		int end = 0, r = acre_ring_create(&ring, 1000);

		assert_ok(r);
		in.token = acre_shm_token(ring);
		ACRE_OPEN(ctx, r, a, writes_a_little_and, &in) {
			assert_int_equal(read_all(ring, ctx, bytes, 100), 1);
			for (int i = 0; i < 2; i++) {
				end = (int)acre_ring_read(ring, ctx, bytes, 1);
				if (fails)
					assert_remote(end, T_VALUE);
				else
					assert_int_equal(end, 0);
			}
		}
		acre_shm_close(ring);
		if (fails)
			assert_remote(r, T_VALUE);
		else
			assert_ok(r);
	}
	return 0;
}

/* A writer that gave up a wait may end before it can be told that there is room. */
TEST_ACTOR(c119_the_end_of_a_writer_that_wanted_room_is_an_end)
{
	struct flow in = { 0 };
	struct acre_shm *ring;
	uint8_t bytes[100];
	uint64_t wanted = 1;
	int r = acre_ring_create(&ring, 1000);

	assert_ok(r);
	in.token = acre_shm_token(ring);
	ACRE_OPEN(ctx, r, a, writes_a_little_and, &in) {
		assert_int_equal(acre_result(ctx, acre_nil, &nil), 0);
		/* the third line: what was put, and what its writer wants */
		memcpy((uint8_t *)shm_memory(ring) + 256 + 8, &wanted, sizeof wanted);
		assert_int_equal(read_all(ring, ctx, bytes, sizeof bytes), 1);
		for (int i = 0; i < 2; i++)
			assert_int_equal(acre_ring_read(ring, ctx, bytes, 1), 0);
	}
	acre_shm_close(ring);
	return r;
}

ACRE_CONTEXT(reads_a_little, flow)
{
	struct acre_shm *ring = NULL;
	uint8_t bytes[10];
	int r = acre_shm_attach(&ring, in->token, ACRE_SHM_WRITE);

	if (r >= 0)
		r = read_all(ring, ctx, bytes, sizeof bytes);
	acre_shm_close(ring);
	return r < 0 ? r : 0;
}

TEST_ACTOR(c119_a_writer_without_a_reader_is_told)
{
	static const uint8_t bytes[4096];
	struct acre_shm *ring;
	struct flow in = { 0 };
	int r = acre_ring_create(&ring, 100);

	assert_ok(r);
	in.token = acre_shm_token(ring);
	ACRE_OPEN(ctx, r, a, reads_a_little, &in)
		assert_class(acre_ring_write(ring, ctx, bytes, sizeof bytes),
			     ACRE_ECLOSED);
	acre_shm_close(ring);
	return r;
}

ACRE_CONTEXT(dies_at_the_ring, acre_nil)
{
	int r = acre_started(ctx, acre_nil);

	if (r >= 0)
		r = acre_sleep(acre_ms(1)); /* so that it goes out */
	kill(getpid(), SIGKILL);
	return r;
}

TEST_TREE(c119_a_reader_whose_writer_is_killed_is_told)
{
	struct acre_shm *ring;
	struct acre_actor *a;
	uint8_t byte;
	int r = acre_ring_create(&ring, 100);

	needs_a_process("it is killed");
	assert_ok(r);
	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "writer");
		ACRE_OPEN(ctx, r, a, dies_at_the_ring, &nil) {
			r = (int)acre_ring_read(ring, ctx, &byte, 1);
			assert_class(r, ACRE_ECLOSED);
		}
	}
	assert_class(r, ACRE_EDIED);
	acre_shm_close(ring);
	return 0;
}

/*
 * Misuse.
 */

TEST_ACTOR(what_is_no_ring_is_refused)
{
	struct acre_shm *array, *ring, *reader;
	uint8_t byte = 0;
	int r = 0;

	assert_class(acre_ring_create(&ring, 0), EINVAL);
	assert_class(acre_ring_create(&ring, SIZE_MAX), EINVAL);
	assert_ok(acre_shm_create(&array, .element_size = 1, .n = 4096));
	assert_ok(acre_ring_create(&ring, 1));
	assert_ok(acre_shm_attach(&reader, acre_shm_token(ring), 0));
	ACRE_OPEN(ctx, r, a, sits_at_the_ring, &nil) {
		assert_class(acre_ring_write(array, ctx, &byte, 1), EINVAL);
		assert_class((int)acre_ring_read(array, ctx, &byte, 1), EINVAL);
		assert_class((int)acre_ring_read(reader, ctx, &byte, 1), EACCES);
		assert_class((int)acre_ring_read(ring, ctx, &byte, 0), EINVAL);
		assert_ok(acre_ring_write(ring, ctx, &byte, 0));
		assert_ok(acre_context_cancel(ctx));
	}
	acre_shm_close(array);
	acre_shm_close(reader);
	acre_shm_close(ring);
	return r;
}

/* Whoever has it mapped may write anything, and harms nobody. */
TEST_ACTOR(ends_that_make_no_sense_are_refused)
{
	struct acre_shm *ring;
	uint8_t byte = 0;
	int r = acre_ring_create(&ring, 100);

	assert_ok(r);
	ACRE_OPEN(ctx, r, a, sits_at_the_ring, &nil) {
		assert_ok(acre_ring_write(ring, ctx, &byte, 1));
		/* all but the first line, which says that it is a ring */
		memset((uint8_t *)shm_memory(ring) + 128, 0xa5, 128);
		assert_class((int)acre_ring_read(ring, ctx, &byte, 1), EPROTO);
		assert_class(acre_ring_write(ring, ctx, &byte, 1), EPROTO);
		assert_ok(acre_context_cancel(ctx));
	}
	acre_shm_close(ring);
	return r;
}
