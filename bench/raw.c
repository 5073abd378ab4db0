/* SPDX-License-Identifier: MIT */
/* raw.c - bare sockets and epoll between two processes: trips, floods, windows. */
#include "raw.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

#define BYTES_TOTAL (256u << 20) /* moved per repetition with the larger items */
#define ITEMS_SMALL 1000000

/*
 * Two processes, connected.
 */

static int watch_with_epoll(int fd)
{
	struct epoll_event ev = { .events = EPOLLIN };
	int set = epoll_create1(EPOLL_CLOEXEC);

	bench_must(set >= 0 && epoll_ctl(set, EPOLL_CTL_ADD, fd, &ev) == 0);
	return set;
}

/* Wherever the kernel likes: an abstract name, a free port. */
static int listener(int family)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	bench_must(fd >= 0);
	if (family == AF_INET)
		bench_must(bind(fd, (struct sockaddr *)&in, sizeof in) == 0);
	else
		bench_must(bind(fd, (struct sockaddr *)&un, sizeof un.sun_family) == 0);
	bench_must(listen(fd, 1) == 0);
	return fd;
}

static void without_delay(int family, int fd)
{
	int on = 1;

	if (family == AF_INET)
		bench_must(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0);
}

static int dial(int family, int to)
{
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_storage addr;
	socklen_t len = sizeof addr;

	bench_must(fd >= 0 && getsockname(to, (struct sockaddr *)&addr, &len) == 0);
	bench_must(connect(fd, (struct sockaddr *)&addr, len) == 0);
	without_delay(family, fd);
	return fd;
}

static int partner_by_dialling(int family, void (*run)(int fd), pid_t *ret_pid)
{
	int listening = listener(family), fd;

	*ret_pid = fork();
	bench_must(*ret_pid >= 0);
	if (*ret_pid == 0)
		run(dial(family, listening));
	fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
	bench_must(fd >= 0);
	without_delay(family, fd);
	close(listening);
	return fd;
}

static int partner_by_birth(void (*run)(int fd), pid_t *ret_pid)
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

/* A forked partner that runs `run`, which does not return. */
static int partner(void (*run)(int fd), pid_t *ret_pid)
{
	const char *way = bench_now->way;

	if (!way)
		return partner_by_birth(run, ret_pid);
	return partner_by_dialling(strcmp(way, "tcp") ? AF_UNIX : AF_INET, run, ret_pid);
}

static void dismiss(int fd, pid_t pid)
{
	close(fd);
	bench_must(waitpid(pid, NULL, 0) == pid);
}

/*
 * There and back.
 */

static void echo_for_ever(int fd)
{
	struct epoll_event ev;
	int set = watch_with_epoll(fd);
	char text[RAW_SMALL];
	ssize_t n;

	while (epoll_wait(set, &ev, 1, -1) == 1 && (n = read(fd, text, sizeof text)) > 0)
		if (write(fd, text, (size_t)n) != n)
			break;
	_exit(0);
}

double raw_trip(void)
{
	char text[RAW_SMALL] = "";
	struct epoll_event ev;
	double begun = 0;
	pid_t pid;
	int fd = partner(echo_for_ever, &pid);
	int set = watch_with_epoll(fd);

	for (int i = -RAW_WARM_UP; i < RAW_TRIPS; i++) {
		if (i == 0)
			begun = bench_wall();
		bench_must(write(fd, text, sizeof text) == sizeof text);
		bench_must(epoll_wait(set, &ev, 1, -1) == 1);
		bench_must(read(fd, text, sizeof text) == sizeof text);
	}
	begun = (bench_wall() - begun) / RAW_TRIPS * 1e6;
	close(set);
	dismiss(fd, pid);
	return begun;
}

/*
 * One direction.
 */

static int is_small(void)
{
	return bench_now->item == RAW_SMALL;
}

size_t raw_n_items(void)
{
	return is_small() ? ITEMS_SMALL : BYTES_TOTAL / bench_now->item;
}

double raw_rate(double begun)
{
	double n = (double)raw_n_items() / (bench_wall() - begun) / 1e6;

	return is_small() ? n : n * (double)bench_now->item;
}

/* Writes as a loop does that batches: 64 KiB, or one larger item, at a time. */
static void write_for_ever(int fd)
{
	size_t chunk = bench_now->item > 65536 ? bench_now->item : 65536,
	       left = raw_n_items() * bench_now->item;
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

/* Reads all that the partner writes; what `heard` says to each read goes back to it. */
static double read_from(void (*writer)(int fd), void (*heard)(int fd, size_t n))
{
	static char bytes[1 << 20];
	size_t left = raw_n_items() * bench_now->item;
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
	begun = raw_rate(begun);
	close(set);
	dismiss(fd, pid);
	return begun;
}

double raw_flood(void)
{
	return read_from(write_for_ever, NULL);
}

#define WINDOW 64 /* items that may be under way: what a stream of ours starts with */

static void write_windows(int fd)
{
	static char items[WINDOW * RAW_SMALL], acks[WINDOW];
	size_t left = raw_n_items(), credit = WINDOW;
	struct epoll_event ev;
	int set = watch_with_epoll(fd);

	while (left) {
		size_t n = credit < left ? credit : left;
		ssize_t got;

		if (n && write(fd, items, n * RAW_SMALL) != (ssize_t)(n * RAW_SMALL))
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
	halves = taken / (WINDOW / 2 * RAW_SMALL);
	taken %= WINDOW / 2 * RAW_SMALL;
	if (halves) /* the writer may have ended with its last item */
		bench_must(send(fd, acks, halves, MSG_NOSIGNAL) > 0 || errno == EPIPE ||
			   errno == ECONNRESET);
}

double raw_windows(void)
{
	return read_from(write_windows, grant_halves);
}
