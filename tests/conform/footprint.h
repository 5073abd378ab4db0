/* SPDX-License-Identifier: MIT */
/* footprint.h - what an actor has at one moment, looked at from inside and by its caller. */
#pragma once

#include "conform/tree.h"

#include <stdio.h>

#include "actor/context.h"
#include "base/mem.h"
#include "base/util.h"
#include "unit/forks.h"

/* `queued`: bytes of data that wait for the socket. */
#define FOOTPRINT(F)                                                                 \
	F(uint64_t, blocks) F(uint64_t, contexts) F(uint64_t, entries)               \
	F(uint64_t, queued) F(uint64_t, fds) F(uint64_t, threads)                    \
	F(uint64_t, mappings) F(uint64_t, kib)
ACRE_MSG(footprint, FOOTPRINT)

static inline uint64_t count_mappings(void)
{
	FILE *f = fopen("/proc/self/maps", "re");
	uint64_t n = 0;
	int c;

	assert_non_null(f);
	while ((c = fgetc(f)) != EOF)
		n += c == '\n';
	fclose(f);
	return n;
}

static inline uint64_t resident_kib(void)
{
	FILE *f = fopen("/proc/self/statm", "re");
	unsigned long all, resident = 0;

	assert_non_null(f);
	assert_int_equal(fscanf(f, "%lu %lu", &all, &resident), 2);
	fclose(f);
	return resident * (uint64_t)getpagesize() / 1024;
}

static inline struct footprint footprint_of(const struct acre_actor *peer)
{
	struct test_census census = test_census();

	return (struct footprint){ .blocks = mem_live(),
				   .contexts = peer->n_contexts,
				   .entries = map_n(&peer->contexts),
				   .queued = buf_len(&peer->link.data),
				   .fds = census.fds,
				   .threads = census.threads,
				   .mappings = count_mappings(),
				   .kib = resident_kib() };
}

ACRE_CONTEXT(look, acre_nil, .kind = ACRE_ENDPOINT_ONESHOT)
{
	struct footprint f = footprint_of(acre_context_peer(ctx));

	return acre_return_(ctx, footprint_msg_(), &f);
}
