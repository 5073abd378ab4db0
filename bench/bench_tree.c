/* SPDX-License-Identifier: MIT */
/* bench_tree.c - across processes: call and stream round trip, stream throughput. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <acre.h>

#include "bench.h"

#define WARM_UP	    500
#define TRIPS	    10000
#define BYTES_SMALL 64
#define BYTES_TOTAL (256u << 20) /* moved per repetition with the larger items */

/*
 * The floor of a round trip: 64 bytes there and back over a socketpair, an epoll_wait
 * before each read, as any loop must.
 */

static int watch_with_epoll(int fd)
{
	struct epoll_event ev = { .events = EPOLLIN };
	int set = epoll_create1(EPOLL_CLOEXEC);

	bench_must(set >= 0 && epoll_ctl(set, EPOLL_CTL_ADD, fd, &ev) == 0);
	return set;
}

static void echo_for_ever(int fd)
{
	struct epoll_event ev;
	int set = watch_with_epoll(fd);
	char text[BYTES_SMALL];
	ssize_t n;

	while (epoll_wait(set, &ev, 1, -1) == 1 && (n = read(fd, text, sizeof text)) > 0)
		if (write(fd, text, (size_t)n) != n)
			break;
	_exit(0);
}

/* A forked partner at the other end of a socketpair. */
static int partner(void (*run)(int fd), pid_t *ret_pid)
{
	int pair[2];

	bench_must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
	*ret_pid = fork();
	bench_must(*ret_pid >= 0);
	if (*ret_pid == 0) {
		close(pair[0]);
		run(pair[1]);
	}
	close(pair[1]);
	return pair[0];
}

static void dismiss(int fd, pid_t pid)
{
	close(fd);
	bench_must(waitpid(pid, NULL, 0) == pid);
}

static double raw_trip(void)
{
	char text[BYTES_SMALL] = "";
	struct epoll_event ev;
	double begun = 0;
	pid_t pid;
	int fd = partner(echo_for_ever, &pid);
	int set = watch_with_epoll(fd);

	for (int i = -WARM_UP; i < TRIPS; i++) {
		if (i == 0)
			begun = bench_wall();
		bench_must(write(fd, text, sizeof text) == sizeof text);
		bench_must(epoll_wait(set, &ev, 1, -1) == 1);
		bench_must(read(fd, text, sizeof text) == sizeof text);
	}
	begun = (bench_wall() - begun) / TRIPS * 1e6;
	close(set);
	dismiss(fd, pid);
	return begun;
}

/*
 * Ours: the same 64 bytes of payload, packed, checked, within a context.
 */

#define LOAD(F) F(uint64_t, number) F(struct acre_bytes, rest)
ACRE_MSG(load, LOAD)

static const char rest[BYTES_SMALL - 16];

ACRE_CONTEXT(answer, load, .kind = ACRE_ENDPOINT_ONESHOT)
{
	return acre_return(ctx, load, .number = in->number, .rest = in->rest);
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

static double calls(void)
{
	struct acre_actor *a;
	struct load out = { .rest = { rest, sizeof rest } }, back;
	double begun = 0;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "answerer");
		for (int i = -WARM_UP; i < TRIPS && r >= 0; i++) {
			if (i == 0)
				begun = bench_wall();
			out.number = (uint64_t)i;
			r = acre_call(a, answer, &out, load, &back);
			if (back.number != (uint64_t)i)
				abort();
		}
		begun = bench_wall() - begun;
	}
	bench_check(r);
	return begun / TRIPS * 1e6;
}

static double our_call(void)
{
	return bench_in_task(calls);
}

static double items(void)
{
	struct acre_nil none = { 0 };
	struct acre_actor *a;
	struct load back;
	double begun = 0;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "echo");
		ACRE_OPEN(ctx, r, a, echo, &none) {
			for (int i = -WARM_UP; i < TRIPS && r >= 0; i++) {
				if (i == 0)
					begun = bench_wall();
				r = acre_send(ctx, load, .number = (uint64_t)i,
					      .rest = { rest, sizeof rest });
				if (r >= 0)
					r = acre_recv(ctx, load, &back);
			}
			begun = bench_wall() - begun;
		}
	}
	bench_check(r);
	return begun / TRIPS * 1e6;
}

static double our_item(void)
{
	return bench_in_task(items);
}

/*
 * Throughput in one direction, from the first item that came to the last: neither the
 * partner's birth nor the opening of a context is in it. The floor moves the same payload
 * in writes as large as a socket takes well: what is left for a stream that costs nothing.
 */

static size_t item_size;

static size_t n_items(void)
{
	return item_size == BYTES_SMALL ? 1000000 : BYTES_TOTAL / item_size;
}

/* Writes as a loop does that batches: 64 KiB, or one larger item, at a time. */
static void write_for_ever(int fd)
{
	size_t chunk = item_size > 65536 ? item_size : 65536,
	       left = n_items() * item_size;
	char *bytes = calloc(1, chunk);

	bench_must(bytes != NULL);
	while (left) {
		ssize_t n = write(fd, bytes, left < chunk ? left : chunk);

		if (n <= 0)
			break;
		left -= (size_t)n;
	}
	_exit(0);
}

/* In M/s of small items, in MB/s of larger ones. */
static double rate(double begun)
{
	double n = (double)n_items() / (bench_wall() - begun) / 1e6;

	return item_size == BYTES_SMALL ? n : n * (double)item_size;
}

/* Reads all that the partner writes; what `heard` says to each read goes back to it. */
static double read_from(void (*writer)(int fd), void (*heard)(int fd, size_t n))
{
	static char bytes[1 << 20];
	size_t left = n_items() * item_size;
	struct epoll_event ev;
	double begun = 0;
	pid_t pid;
	int fd = partner(writer, &pid);
	int set = watch_with_epoll(fd);

	while (left) {
		ssize_t n;

		bench_must(epoll_wait(set, &ev, 1, -1) == 1);
		if (begun == 0)
			begun = bench_wall();
		n = read(fd, bytes, sizeof bytes);
		bench_must(n > 0);
		left -= (size_t)n;
		if (heard)
			heard(fd, (size_t)n);
	}
	begun = rate(begun);
	close(set);
	dismiss(fd, pid);
	return begun;
}

static double raw_flood(void)
{
	return read_from(write_for_ever, NULL);
}

/*
 * The floor of a window: items of equal size, no more of them under way than our streams
 * allow at their start, one byte back for each half of them.
 */

#define WINDOW 64

static void write_windows(int fd)
{
	static char items[WINDOW * BYTES_SMALL], acks[WINDOW];
	size_t left = n_items(), credit = WINDOW;
	struct epoll_event ev;
	int set = watch_with_epoll(fd);

	while (left) {
		size_t n = credit < left ? credit : left;
		ssize_t got;

		if (n && write(fd, items, n * BYTES_SMALL) != (ssize_t)(n * BYTES_SMALL))
			break;
		left -= n;
		credit -= n;
		if (!left || epoll_wait(set, &ev, 1, -1) != 1)
			break;
		got = read(fd, acks, sizeof acks);
		if (got <= 0)
			break;
		credit += (size_t)got * WINDOW / 2;
	}
	_exit(0);
}

static void grant_halves(int fd, size_t n)
{
	static const char acks[WINDOW];
	static size_t taken;
	size_t halves;

	taken += n;
	halves = taken / (WINDOW / 2 * BYTES_SMALL);
	taken %= WINDOW / 2 * BYTES_SMALL;
	if (halves) /* the writer may have ended with its last item */
		bench_must(send(fd, acks, halves, MSG_NOSIGNAL) > 0 || errno == EPIPE);
}

static double raw_windows(void)
{
	item_size = BYTES_SMALL;
	return read_from(write_windows, grant_halves);
}

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
	struct flood_job job = { .items = n_items(), .bytes = item_size };
	struct acre_actor *a;
	struct load l;
	uint64_t next = 0;
	double begun = 0, result = 0;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "source");
		ACRE_OPEN(ctx, r, a, flood, &job) {
			while ((r = acre_recv(ctx, load, &l)) > 0) {
				if (next == 0)
					begun = bench_wall();
				if (l.number != next++ || l.rest.len != item_size - 16)
					abort();
			}
			result = rate(begun);
		}
	}
	bench_check(r);
	if (next != n_items())
		abort();
	return result;
}

static double raw_small(void)
{
	item_size = BYTES_SMALL;
	return raw_flood();
}

static double our_small(void)
{
	item_size = BYTES_SMALL;
	return bench_in_task(floods);
}

static double raw_64k(void)
{
	item_size = 65536;
	return raw_flood();
}

static double our_64k(void)
{
	item_size = 65536;
	return bench_in_task(floods);
}

static double raw_1m(void)
{
	item_size = 1000000; /* with its head within the limit of a bin */
	return raw_flood();
}

static double our_1m(void)
{
	item_size = 1000000;
	return bench_in_task(floods);
}

int main(int argc, char **argv)
{
	static const struct bench_row rows[] = {
		{ "call", "us", "socketpair+epoll", raw_trip, our_call,
		  .sense = BENCH_COST, .bar = 1.6 },
		{ "stream item and back", "us", "socketpair+epoll", raw_trip, our_item,
		  .sense = BENCH_COST, .bar = 1.3 },
		{ "stream of 64 B", "M/s", "64 KiB writes", raw_small, our_small,
		  .sense = BENCH_RATE, .bar = 0 },
		{ "stream of 64 B, window", "M/s", "64 items a window", raw_windows,
		  our_small, .sense = BENCH_RATE, .bar = 0 },
		{ "stream of 64 KiB", "MB/s", "64 KiB writes", raw_64k, our_64k,
		  .sense = BENCH_RATE, .bar = 0 },
		{ "stream of 1 MB", "MB/s", "1 MB writes", raw_1m, our_1m,
		  .sense = BENCH_RATE, .bar = 0 },
	};

	acre_boot(argc, argv);
	return bench_main(argc, argv, rows, sizeof rows / sizeof *rows);
}
