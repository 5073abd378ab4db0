/* SPDX-License-Identifier: MIT */
/* bench_tree.c - across processes: call and stream round trip, stream throughput. */
#include <errno.h>
#include <stdlib.h>

#include <acre.h>

#include "bench.h"
#include "peers.h"
#include "raw.h"

/*
 * The same 64 bytes of payload as the floors move, packed, checked, within a context. The
 * partner is a child, called over the link that it was born with, or a second one that was
 * dialled: both ends then have admitted each other, over TCP by the tree's key.
 */

#define LOAD(F) F(uint64_t, number) F(struct acre_bytes, rest)
ACRE_MSG(load, LOAD)

static const char rest[RAW_SMALL - 16];

/* Starts a partner; what is to be called, and, in the end, to be released. */
static int spawn_partner(struct acre_nursery *n, struct acre_actor **ret)
{
	char address[ACRE_ADDRESS_SIZE];
	int r = acre_spawn(n, ret, .name = "partner");

	if (r < 0 || !bench_now->way)
		return r;
	r = acre_query("partner", address);
	if (r == 0)
		return acre_fail(ENOENT, "nobody knows the partner");
	return r < 0 ? r : acre_dial(ret, address);
}

/*
 * There and back.
 */

ACRE_CONTEXT(answer, load, .kind = ACRE_ENDPOINT_ONESHOT)
{
	return acre_return(ctx, load, .number = in->number, .rest = in->rest);
}

static double calls(void)
{
	struct acre_actor *a = NULL;
	struct load out = { .rest = { rest, sizeof rest } }, back;
	double begun = 0;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = spawn_partner(&n, &a);
		for (int i = -RAW_WARM_UP; i < RAW_TRIPS && r >= 0; i++) {
			if (i == 0)
				begun = bench_wall();
			out.number = (uint64_t)i;
			r = acre_call(a, answer, &out, load, &back);
			if (r >= 0 && back.number != (uint64_t)i)
				abort();
		}
		begun = bench_wall() - begun;
		acre_release(&a);
	}
	bench_check(r);
	return begun / RAW_TRIPS * 1e6;
}

static double our_call(void)
{
	return bench_in_tree(bench_now->way, calls);
}

ACRE_CONTEXT(echo, acre_nil)
{
	struct load l;
	int r;

	while ((r = acre_recv(ctx, load, &l)) > 0) {
		r = acre_send(ctx, load, .number = l.number, .rest = l.rest);
		if (r < 0)
			break;
	}
	return r;
}

static double items(void)
{
	struct acre_nil none = { 0 };
	struct acre_actor *a = NULL;
	struct load back;
	double begun = 0;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = spawn_partner(&n, &a);
		ACRE_OPEN(ctx, r, a, echo, &none) {
			for (int i = -RAW_WARM_UP; i < RAW_TRIPS && r >= 0; i++) {
				if (i == 0)
					begun = bench_wall();
				r = acre_send(ctx, load, .number = (uint64_t)i,
					      .rest = { rest, sizeof rest });
				if (r >= 0)
					r = acre_recv(ctx, load, &back);
			}
			begun = bench_wall() - begun;
		}
		acre_release(&a);
	}
	bench_check(r);
	return begun / RAW_TRIPS * 1e6;
}

static double our_item(void)
{
	return bench_in_tree(bench_now->way, items);
}

/*
 * Throughput in one direction.
 */

#define FLOOD(F) F(uint64_t, items) F(uint64_t, bytes)
ACRE_MSG(flood_job, FLOOD)

ACRE_CONTEXT(flood, flood_job)
{
	char *bytes = calloc(1, in->bytes);
	int r = bytes ? 0 : -ENOMEM;

	for (uint64_t i = 0; i < in->items && r >= 0; i++)
		r = acre_send(ctx, load, .number = i, .rest = { bytes, in->bytes - 16 });
	free(bytes);
	return r;
}

static double floods(void)
{
	struct flood_job job = { .items = raw_n_items(), .bytes = bench_now->item };
	struct acre_actor *a = NULL;
	struct load l;
	uint64_t next = 0;
	double begun = 0, result = 0;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = spawn_partner(&n, &a);
		ACRE_OPEN(ctx, r, a, flood, &job) {
			while ((r = acre_recv(ctx, load, &l)) > 0) {
				if (next == 0)
					begun = bench_wall();
				if (l.number != next++ ||
				    l.rest.len != bench_now->item - 16)
					abort();
			}
			result = raw_rate(begun);
		}
		acre_release(&a);
	}
	bench_check(r);
	if (next != raw_n_items())
		abort();
	return result;
}

static double our_flood(void)
{
	return bench_in_tree(bench_now->way, floods);
}

/*
 * The rows: those of a way, and those against a peer.
 */

#define CALL_BAR  1.6
#define ITEM_BAR  1.3
#define SMALL_BAR 3 /* M/s */

struct way {
	const char *name;
	const char *way; /* of the rows */
	int has_bars;
};

static const struct way ways[] = {
	{ "socketpair", NULL, 1 },
	{ "uds", "uds", 1 },
	{ "tcp", "tcp", 0 },
};

static const struct bench_row of_each_way[] = {
	{ .name = "call",
	  .unit = "us",
	  .floor_name = "socket+epoll",
	  .floor = raw_trip,
	  .ours = our_call,
	  .sense = BENCH_COST,
	  .bar = CALL_BAR },
	{ .name = "stream item and back",
	  .unit = "us",
	  .floor_name = "socket+epoll",
	  .floor = raw_trip,
	  .ours = our_item,
	  .sense = BENCH_COST,
	  .bar = ITEM_BAR },
	{ .name = "stream of 64 B",
	  .unit = "M/s",
	  .floor_name = "64 KiB writes",
	  .floor = raw_flood,
	  .ours = our_flood,
	  .sense = BENCH_RATE,
	  .limit = SMALL_BAR,
	  .item = RAW_SMALL },
	{ .name = "64 B in a window",
	  .unit = "M/s",
	  .floor_name = "64 items a window",
	  .floor = raw_windows,
	  .ours = our_flood,
	  .sense = BENCH_RATE,
	  .item = RAW_SMALL },
	{ .name = "stream of 64 KiB",
	  .unit = "MB/s",
	  .floor_name = "64 KiB writes",
	  .floor = raw_flood,
	  .ours = our_flood,
	  .sense = BENCH_RATE,
	  .item = 65536 },
	/* with its head within the limit of a bin */
	{ .name = "stream of 1 MB",
	  .unit = "MB/s",
	  .floor_name = "1 MB writes",
	  .floor = raw_flood,
	  .ours = our_flood,
	  .sense = BENCH_RATE,
	  .item = 1000000 },
};

#define N_WAYS	  (sizeof ways / sizeof *ways)
#define N_OF_WAY  (sizeof of_each_way / sizeof *of_each_way)
#define N_OF_PEER 3

static size_t rows_of_way(const struct way *w, struct bench_row *ret)
{
	for (size_t i = 0; i < N_OF_WAY; i++) {
		ret[i] = of_each_way[i];
		ret[i].name = bench_name(w->name, ret[i].name);
		ret[i].way = w->way;
		if (!w->has_bars)
			ret[i].bar = ret[i].limit = 0;
	}
	return N_OF_WAY;
}

/* Ours goes the way that the peer's bytes go. */
static size_t rows_of_peer(const struct peer_row *p, struct bench_row *ret)
{
	struct bench_row row = { .unit = "us",
				 .floor_name = p->what,
				 .floor = peer_trip,
				 .sense = BENCH_COST,
				 .way = p->way,
				 .peer = p };

	row.name = bench_name(p->name, "call");
	row.ours = our_call;
	ret[0] = row;
	row.name = bench_name(p->name, "item and back");
	row.ours = our_item;
	ret[1] = row;
	row.name = bench_name(p->name, "stream of 64 B");
	row.unit = "M/s";
	row.floor = peer_flood;
	row.ours = our_flood;
	row.sense = BENCH_RATE;
	row.item = RAW_SMALL;
	ret[2] = row;
	return N_OF_PEER;
}

int main(int argc, char **argv)
{
	static struct bench_row rows[N_WAYS * N_OF_WAY + PEERS_MAX * N_OF_PEER];
	size_t n = 0;

	acre_boot(argc, argv);
	for (size_t i = 0; i < N_WAYS; i++)
		n += rows_of_way(&ways[i], &rows[n]);
	for (const struct peer_row *p = peer_rows; p->name; p++)
		n += rows_of_peer(p, &rows[n]);
	return bench_main(argc, argv, rows, n);
}
