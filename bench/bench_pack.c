/* SPDX-License-Identifier: MIT */
/* bench_pack.c - our msgpack against msgpack-c's, on the way of a message.
 *
 * The question behind it: is msgpack-c good enough, so that we need none of our own? It
 * is, as long as it costs less than twice as much.
 *
 * Two messages of doc/PROTOCOL.md, part D: a Yield of {value: u64} (V7) and a Start of a
 * context (V4). Encoding goes into a buffer that is kept. Decoding ends with the same
 * struct on both sides: fields found by their key, texts compared or kept as pointer and
 * length. msgpack-c decodes into a tree of objects in a zone, in two ways: a new zone for
 * a message, as its manual does it, and one zone that is kept and cleared, its best. Ours
 * also checks UTF-8, depth and limits, which theirs does not. That favours the floor.
 */
#include <inttypes.h>
#include <msgpack.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

#include "base/buf.h"
#include "base/util.h"
#include "wire/pack.h"

enum { ROUNDS = 200 * 1000, WARM_UP = 1000, REPETITIONS = 5, EXIT_SKIPPED = 77 };

static const char cid[] = "5f1d7a34-6c0e-4d82-b3f9-8a1b2c3d4e5f";
static const char uuid[] = "0b8ed1f2-4b5c-4a6f-9c60-7d2f3a1e5b90";

/* What a receiver wants to know. */
struct message {
	struct pack_str tag, cid, ns, func, name, uuid, spec;
	uint64_t value, lo, hi;
};

/*
 * Ours
 */

static struct buf our_buf;

static void our_yield(uint64_t value)
{
	struct pack_writer w;

	buf_consume(&our_buf, buf_len(&our_buf));
	pack_writer_init(&w, &our_buf, &wire_limits_default);
	pack_map(&w, 3);
	pack_cstr(&w, "msg_type");
	pack_cstr(&w, "Yield");
	pack_cstr(&w, "cid");
	pack_str(&w, cid, sizeof cid - 1);
	pack_cstr(&w, "pld");
	pack_map(&w, 1);
	pack_cstr(&w, "value");
	pack_u64(&w, value);
	if (pack_writer_result(&w) < 0)
		abort();
}

static void our_start(uint64_t hi)
{
	struct pack_writer w;

	buf_consume(&our_buf, buf_len(&our_buf));
	pack_writer_init(&w, &our_buf, &wire_limits_default);
	pack_map(&w, 7);
	pack_cstr(&w, "msg_type");
	pack_cstr(&w, "Start");
	pack_cstr(&w, "cid");
	pack_str(&w, cid, sizeof cid - 1);
	pack_cstr(&w, "ns");
	pack_cstr(&w, "demo");
	pack_cstr(&w, "func");
	pack_cstr(&w, "primes");
	pack_cstr(&w, "kwargs");
	pack_map(&w, 2);
	pack_cstr(&w, "lo");
	pack_u64(&w, 0);
	pack_cstr(&w, "hi");
	pack_u64(&w, hi);
	pack_cstr(&w, "uid");
	pack_array(&w, 2);
	pack_cstr(&w, "root");
	pack_str(&w, uuid, sizeof uuid - 1);
	pack_cstr(&w, "pld_spec");
	pack_cstr(&w, "typing.Any");
	if (pack_writer_result(&w) < 0)
		abort();
}

static void our_payload(struct pack_reader *r, struct message *m)
{
	size_t n = pack_read_map(r);

	while (n-- > 0) {
		struct pack_str key = pack_read_str(r);

		if (pack_str_is(key, "value"))
			m->value = pack_read_u64(r);
		else if (pack_str_is(key, "lo"))
			m->lo = pack_read_u64(r);
		else if (pack_str_is(key, "hi"))
			m->hi = pack_read_u64(r);
		else
			pack_skip(r);
	}
}

static void our_uid(struct pack_reader *r, struct message *m)
{
	const uint8_t *at = r->p;

	if (pack_read_array(r) != 2)
		pack_reader_refuse(r, at, "a uid", NULL);
	m->name = pack_read_str(r);
	m->uuid = pack_read_str(r);
}

/* As msg.c does it: the payload is taken whole, and so checked, then read by its type. */
static void our_decode(const void *bytes, size_t len, struct message *m)
{
	struct pack_reader r, payload;
	struct pack_bytes raw = { NULL, 0 };
	size_t n;

	pack_reader_init(&r, bytes, len, &wire_limits_default);
	n = pack_read_map(&r);
	while (n-- > 0) {
		struct pack_str key = pack_read_str(&r);

		if (pack_str_is(key, "msg_type"))
			m->tag = pack_read_str(&r);
		else if (pack_str_is(key, "cid"))
			m->cid = pack_read_str(&r);
		else if (pack_str_is(key, "pld") || pack_str_is(key, "kwargs"))
			raw = pack_read_raw(&r);
		else if (pack_str_is(key, "ns"))
			m->ns = pack_read_str(&r);
		else if (pack_str_is(key, "func"))
			m->func = pack_read_str(&r);
		else if (pack_str_is(key, "uid"))
			our_uid(&r, m);
		else if (pack_str_is(key, "pld_spec"))
			m->spec = pack_read_str(&r);
		else
			pack_skip(&r);
	}
	if (pack_reader_end(&r) < 0)
		abort();
	pack_reader_init(&payload, raw.p, raw.len, &wire_limits_default);
	our_payload(&payload, m);
	if (pack_reader_end(&payload) < 0)
		abort();
}

/*
 * msgpack-c
 */

static msgpack_sbuffer their_buf;
static msgpack_zone their_zone;

static void their_str(msgpack_packer *pk, const char *s)
{
	size_t len = strlen(s);

	msgpack_pack_str(pk, len);
	msgpack_pack_str_body(pk, s, len);
}

static void their_yield(uint64_t value)
{
	msgpack_packer pk;

	msgpack_sbuffer_clear(&their_buf);
	msgpack_packer_init(&pk, &their_buf, msgpack_sbuffer_write);
	msgpack_pack_map(&pk, 3);
	their_str(&pk, "msg_type");
	their_str(&pk, "Yield");
	their_str(&pk, "cid");
	their_str(&pk, cid);
	their_str(&pk, "pld");
	msgpack_pack_map(&pk, 1);
	their_str(&pk, "value");
	msgpack_pack_uint64(&pk, value);
}

static void their_start(uint64_t hi)
{
	msgpack_packer pk;

	msgpack_sbuffer_clear(&their_buf);
	msgpack_packer_init(&pk, &their_buf, msgpack_sbuffer_write);
	msgpack_pack_map(&pk, 7);
	their_str(&pk, "msg_type");
	their_str(&pk, "Start");
	their_str(&pk, "cid");
	their_str(&pk, cid);
	their_str(&pk, "ns");
	their_str(&pk, "demo");
	their_str(&pk, "func");
	their_str(&pk, "primes");
	their_str(&pk, "kwargs");
	msgpack_pack_map(&pk, 2);
	their_str(&pk, "lo");
	msgpack_pack_uint64(&pk, 0);
	their_str(&pk, "hi");
	msgpack_pack_uint64(&pk, hi);
	their_str(&pk, "uid");
	msgpack_pack_array(&pk, 2);
	their_str(&pk, "root");
	their_str(&pk, uuid);
	their_str(&pk, "pld_spec");
	their_str(&pk, "typing.Any");
}

static struct pack_str text_of(const msgpack_object *o)
{
	if (o->type != MSGPACK_OBJECT_STR)
		abort();
	return (struct pack_str){ o->via.str.ptr, o->via.str.size };
}

static uint64_t number_of(const msgpack_object *o)
{
	if (o->type != MSGPACK_OBJECT_POSITIVE_INTEGER)
		abort();
	return o->via.u64;
}

static void their_payload(const msgpack_object *o, struct message *m)
{
	if (o->type != MSGPACK_OBJECT_MAP)
		abort();
	for (uint32_t i = 0; i < o->via.map.size; i++) {
		const msgpack_object_kv *kv = &o->via.map.ptr[i];
		struct pack_str key = text_of(&kv->key);

		if (pack_str_is(key, "value"))
			m->value = number_of(&kv->val);
		else if (pack_str_is(key, "lo"))
			m->lo = number_of(&kv->val);
		else if (pack_str_is(key, "hi"))
			m->hi = number_of(&kv->val);
	}
}

static void their_uid(const msgpack_object *o, struct message *m)
{
	if (o->type != MSGPACK_OBJECT_ARRAY || o->via.array.size != 2)
		abort();
	m->name = text_of(&o->via.array.ptr[0]);
	m->uuid = text_of(&o->via.array.ptr[1]);
}

static void their_envelope(const msgpack_object *o, struct message *m)
{
	if (o->type != MSGPACK_OBJECT_MAP)
		abort();
	for (uint32_t i = 0; i < o->via.map.size; i++) {
		const msgpack_object_kv *kv = &o->via.map.ptr[i];
		struct pack_str key = text_of(&kv->key);

		if (pack_str_is(key, "msg_type"))
			m->tag = text_of(&kv->val);
		else if (pack_str_is(key, "cid"))
			m->cid = text_of(&kv->val);
		else if (pack_str_is(key, "pld") || pack_str_is(key, "kwargs"))
			their_payload(&kv->val, m);
		else if (pack_str_is(key, "ns"))
			m->ns = text_of(&kv->val);
		else if (pack_str_is(key, "func"))
			m->func = text_of(&kv->val);
		else if (pack_str_is(key, "uid"))
			their_uid(&kv->val, m);
		else if (pack_str_is(key, "pld_spec"))
			m->spec = text_of(&kv->val);
	}
}

static void their_decode(const void *bytes, size_t len, struct message *m)
{
	msgpack_unpacked result;
	size_t offset = 0;

	msgpack_unpacked_init(&result);
	if (msgpack_unpack_next(&result, bytes, len, &offset) != MSGPACK_UNPACK_SUCCESS)
		abort();
	their_envelope(&result.data, m);
	msgpack_unpacked_destroy(&result);
}

static void their_decode_kept_zone(const void *bytes, size_t len, struct message *m)
{
	msgpack_object object;
	size_t offset = 0;

	if (msgpack_unpack(bytes, len, &offset, &their_zone, &object) < 0)
		abort();
	their_envelope(&object, m);
	msgpack_zone_clear(&their_zone);
}

/*
 * Rows
 */

typedef void encode_fn(uint64_t value);
typedef void decode_fn(const void *bytes, size_t len, struct message *ret);

struct side {
	encode_fn *encode; /* NULL: only decode */
	decode_fn *decode; /* NULL: only encode */
};

static const struct row {
	const char *name;
	encode_fn *sample; /* makes what is decoded where nothing is encoded */
	struct side floor, ours;
} rows[] = {
	{ "Yield, encode", our_yield, { their_yield, NULL }, { our_yield, NULL } },
	{ "Yield, decode, new zone",
	  our_yield,
	  { NULL, their_decode },
	  { NULL, our_decode } },
	{ "Yield, decode, kept zone",
	  our_yield,
	  { NULL, their_decode_kept_zone },
	  { NULL, our_decode } },
	{ "Yield, both, new zone",
	  our_yield,
	  { their_yield, their_decode },
	  { our_yield, our_decode } },
	{ "Yield, both, kept zone",
	  our_yield,
	  { their_yield, their_decode_kept_zone },
	  { our_yield, our_decode } },
	{ "Start, encode", our_start, { their_start, NULL }, { our_start, NULL } },
	{ "Start, decode, new zone",
	  our_start,
	  { NULL, their_decode },
	  { NULL, our_decode } },
	{ "Start, decode, kept zone",
	  our_start,
	  { NULL, their_decode_kept_zone },
	  { NULL, our_decode } },
	{ "Start, both, new zone",
	  our_start,
	  { their_start, their_decode },
	  { our_start, our_decode } },
	{ "Start, both, kept zone",
	  our_start,
	  { their_start, their_decode_kept_zone },
	  { our_start, our_decode } },
};

static int64_t cpu_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static uint64_t checksum;

static void run(const struct side *side, const uint8_t *sample, size_t sample_len,
		int rounds)
{
	struct message m = { .value = 0 };

	for (int i = 0; i < rounds; i++) {
		bool is_ours = side->encode == our_yield || side->encode == our_start;
		const uint8_t *bytes = sample;
		size_t len = sample_len;

		if (side->encode) {
			side->encode(500 + ((uint64_t)i & 511));
			bytes = is_ours ? buf_bytes(&our_buf) : (uint8_t *)their_buf.data;
			len = is_ours ? buf_len(&our_buf) : their_buf.size;
		}
		if (side->decode)
			side->decode(bytes, len, &m);
		checksum += m.value + m.hi + m.lo + m.cid.len + bytes[len - 1];
	}
}

static double time_of(const struct side *side, const uint8_t *sample, size_t len)
{
	int64_t start = cpu_now();

	run(side, sample, len, ROUNDS);
	return (double)(cpu_now() - start) / ROUNDS;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

struct result {
	double floor, ours;
	double ratio, least, most; /* of floor / ours: the median is not that of both */
};

static double median(double *values)
{
	qsort(values, REPETITIONS, sizeof *values, compare);
	return values[REPETITIONS / 2];
}

static void measure(const struct row *row, struct result *ret)
{
	double floor[REPETITIONS], ours[REPETITIONS], ratio[REPETITIONS];
	uint8_t sample[256];
	size_t len;

	row->sample(997);
	len = buf_len(&our_buf);
	if (len > sizeof sample)
		abort();
	memcpy(sample, buf_bytes(&our_buf), len);
	run(&row->floor, sample, len, WARM_UP);
	run(&row->ours, sample, len, WARM_UP);
	for (int i = 0; i < REPETITIONS; i++) {
		floor[i] = time_of(&row->floor, sample, len);
		ours[i] = time_of(&row->ours, sample, len);
		ratio[i] = floor[i] / ours[i];
	}
	ret->floor = median(floor);
	ret->ours = median(ours);
	ret->ratio = median(ratio);
	ret->least = ratio[0];
	ret->most = ratio[REPETITIONS - 1];
}

/* Both sides write the same bytes, and read the same out of them. */
static void check_equal(encode_fn *ours, encode_fn *theirs)
{
	struct message a = { .value = 0 }, b = a;

	ours(997);
	theirs(997);
	if (buf_len(&our_buf) != their_buf.size ||
	    memcmp(buf_bytes(&our_buf), their_buf.data, their_buf.size) != 0)
		abort();
	our_decode(their_buf.data, their_buf.size, &a);
	their_decode_kept_zone(their_buf.data, their_buf.size, &b);
	if (memcmp(&a, &b, sizeof a) != 0)
		abort();
}

/* How long this thread was ready to run and did not get a CPU; -1 if nobody counts. */
static int64_t run_queue_delay(void)
{
	FILE *f = fopen("/proc/thread-self/schedstat", "r");
	int64_t running, waiting;
	int n;

	if (!f)
		return -1;
	n = fscanf(f, "%" SCNd64 " %" SCNd64, &running, &waiting);
	fclose(f);
	return n == 2 ? waiting : -1;
}

static void print(const struct result *results)
{
	struct utsname u;
	double load = 0;

	uname(&u);
	getloadavg(&load, 1);
	printf("msgpack-c %s; %s; %s %s %s; load %.1f\n", msgpack_version(), __VERSION__,
	       u.sysname, u.release, u.machine, load);
	printf("ns of CPU time a message, median of %d; ratio = floor / ours\n",
	       REPETITIONS);
	printf("%-26s %8s %8s %8s  (min to max)\n", "", "floor", "ours", "ratio");
	for (size_t i = 0; i < ARRAY_N(rows); i++)
		printf("%-26s %8.1f %8.1f %8.2f  (%.2f to %.2f)\n", rows[i].name,
		       results[i].floor, results[i].ours, results[i].ratio,
		       results[i].least, results[i].most);
}

int main(void)
{
	int64_t waited = run_queue_delay(), used = cpu_now();
	struct result results[ARRAY_N(rows)];

	buf_init(&our_buf, 1024 * 1024);
	msgpack_sbuffer_init(&their_buf);
	msgpack_zone_init(&their_zone, MSGPACK_ZONE_CHUNK_SIZE);
	check_equal(our_yield, their_yield);
	check_equal(our_start, their_start);

	for (size_t i = 0; i < ARRAY_N(rows); i++)
		measure(&rows[i], &results[i]);

	waited = run_queue_delay() - waited;
	used = cpu_now() - used;
	msgpack_zone_destroy(&their_zone);
	msgpack_sbuffer_destroy(&their_buf);
	buf_fini(&our_buf);
	if (waited * 7 > used * 3) { /* 30 % of the time that went by */
		printf("machine too loaded\n");
		return EXIT_SKIPPED;
	}
	print(results);
	return checksum == 0;
}
