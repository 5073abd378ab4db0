/* SPDX-License-Identifier: MIT */
/* body.c - what runs in the process of a test, and what it tells the runner. */
/*
 * The process of a test judges only what nobody else can see: its own fds, threads,
 * children. It sends its complaints to the runner over a socket, says that the body has
 * returned, and waits for an answer before it exits. In that time the runner looks for
 * orphans; later would not do, because an actor ends by itself when its root has ended,
 * and so a leak would look like something that was gone anyway.
 */
#define _GNU_SOURCE
#include "lib/body.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/dir.h"
#include "lib/house.h"
#include "lib/sweep.h"

#define DEFAULT_SEED 1 /* of an actor that was started without one */

/* ThreadSanitizer, where that is linked. */
void __tsan_acquire(void *address) __attribute__((weak));

static struct {
	pid_t pid;   /* the process of the test; 0 in every program that has none */
	int control; /* -1: --no-fork, there is no runner */
} here = { .control = -1 };

static void tell(enum tell kind, const char *text, size_t len)
{
	char packet[1 + TELL_MAX] = { (char)kind };
	ssize_t n;

	memcpy(packet + 1, text, len);
	do
		n = send(here.control, packet, 1 + len, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		fprintf(stderr, "the runner cannot be told %c: %s\n", kind,
			strerror(errno));
}

static void tell_complaints(const struct text *complaints)
{
	char *string = text_string(complaints), *rest = string;
	size_t len;

	while ((len = strnlen(rest, TELL_MAX)) > 0) {
		tell(TELL_COMPLAINT, rest, len);
		rest += len;
	}
	free(string);
}

static void wait_for_answer(void)
{
	char byte;
	ssize_t n;

	do
		n = recv(here.control, &byte, 1, 0);
	while (n < 0 && errno == EINTR);
}

/* For what a test may call in its own process only. */
static void must_be_the_test(const char *what)
{
	char complaint[128];

	if (getpid() == here.pid)
		return;
	snprintf(complaint, sizeof complaint,
		 "%s in process %d, which is not that of the test\n", what,
		 (int)getpid());
	fputs(complaint, stderr);
	if (here.control >= 0)
		tell(TELL_COMPLAINT, complaint, strlen(complaint));
	abort();
}

static void *return_at_once(void *arg)
{
	return arg;
}

/* ThreadSanitizer starts a thread of its own along with the first one of the program. */
static void start_the_sanitizers_thread(void)
{
	pthread_t thread;

	if (__tsan_acquire && pthread_create(&thread, NULL, return_at_once, NULL) == 0)
		pthread_join(thread, NULL);
}

void body_run(const struct test_case *test, struct text *complaints)
{
	struct test_census counted = { 0 };
	struct house before, after;

	here.pid = getpid();
	start_the_sanitizers_thread();
	if (getenv("ACRE_TEST_DELTAS"))
		counted = test_census();
	house_look(&before, test_dir());
	test->body();
	must_be_the_test("the body of the test returned");
	if (getenv("ACRE_TEST_DELTAS"))
		test_tell_deltas(test->name, &counted);
	house_look(&after, test_dir());
	house_compare(&before, &after, complaints);
	house_fini(&before);
	house_fini(&after);
	sweep_children(complaints);
	if (complaints->len == 0) /* LeakSanitizer itself needs free fds */
		house_check_leaks(complaints);
}

void body_process(const struct test_case *test, int control)
{
	static struct text complaints;

	here.control = control;
	body_run(test, &complaints);
	tell_complaints(&complaints);
	tell(TELL_END, "", 0);
	wait_for_answer();
	exit(0); /* the sanitizers and gcov have work to do at exit */
}

void test_skip(const char *fmt, ...)
{
	char reason[TELL_MAX];
	va_list args;

	must_be_the_test("test_skip()");
	va_start(args, fmt);
	vsnprintf(reason, sizeof reason, fmt, args);
	va_end(args);
	if (!*reason) {
		fprintf(stderr, "test_skip() without a reason\n");
		abort();
	}
	fflush(NULL);
	if (here.control < 0) {
		dir_remove(test_dir());
		printf("skipped (%s)\n", reason);
		fflush(stdout);
		_exit(EXIT_SKIPPED);
	}
	tell(TELL_SKIP, reason, strlen(reason));
	_exit(0);
}

void test_limit(int seconds)
{
	char text[16];

	must_be_the_test("test_limit()");
	snprintf(text, sizeof text, "%d", seconds);
	if (here.control >= 0)
		tell(TELL_LIMIT, text, strlen(text));
}

uint64_t test_seed(void)
{
	const char *seed = getenv("ACRE_SEED");

	return seed ? strtoull(seed, NULL, 0) : DEFAULT_SEED;
}

void test_note(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
}
