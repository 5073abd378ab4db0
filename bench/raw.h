/* SPDX-License-Identifier: MIT */
/* raw.h - what crosses processes: the ways there are, and what bare sockets cost on them. */
#pragma once

#include <stddef.h>

/*
 * The way is bench_now->way: NULL is the socketpair that a child is born with, "uds" and "tcp"
 * are names of transports: a listener is dialled. On each the floor is two processes, a bare
 * socket and an epoll_wait() before each read, as any loop must.
 */

#define RAW_TRIPS   10000
#define RAW_WARM_UP 500
#define RAW_SMALL   64 /* bytes of an item of which many are meant to be under way */

/* 64 bytes there and back, in us. */
double raw_trip(void);

/*
 * Throughput in one direction, of items of bench_now->item bytes, from the first that came to
 * the last: neither the partner's birth nor a handshake is in it. raw_flood() moves the same
 * bytes in writes of 64 KiB, or of one larger item: what is left for a stream that costs
 * nothing. raw_windows() has no more items under way than our streams allow at their start,
 * and one byte comes back for each half of them.
 */
double raw_flood(void);
double raw_windows(void);

/* How many items are moved, and the rate since `begun`: M/s of small ones, MB/s of larger. */
size_t raw_n_items(void);
double raw_rate(double begun);
