/* SPDX-License-Identifier: MIT */
/* stuck.h - actors that hang on purpose, and what a dump says of them. */
#pragma once

#include "conform/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <sched.h>
#include <stdio.h>
#include <sys/stat.h>

#include "actor/peer.h"
#include "core/fiber.h"
#include "core/status.h"

/* Where a thread is stopped and its stack told, it is told with file and line by libdw. */
#ifdef ACRE_HAVE_LIBDW
#define HAVE_LINES true
#else
#define HAVE_LINES false
#endif

static volatile int goes_on = 1;

static inline const char *file_of_test(const char *name)
{
	static char path[256];

	snprintf(path, sizeof path, "%s/%s", test_dir(), name);
	return path;
}

/* The hang: no call, no checkpoint, no way out. */
__attribute__((noinline)) static int busy_in_c(void)
{
	close(open(file_of_test("spins"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	while (goes_on)
		;
	return 1;
}

ACRE_CONTEXT(spins, acre_nil)
{
	int r = acre_started(ctx, acre_nil);

	if (r >= 0)
		r = acre_sleep(acre_us(1)); /* a turn of the loop: what was sent goes out */
	if (r >= 0)
		r = busy_in_c() - 1;
	return r;
}

/* An actor below this one spins; this one waits for it. */
ACRE_CONTEXT(waits_for_one_that_spins, acre_nil)
{
	struct acre_actor *a;
	int r = acre_started(ctx, acre_nil);

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "leaf", .linger = acre_ms(1));
		if (r >= 0)
			ACRE_OPEN(below, r, a, spins, &nil) {
				r = acre_send(ctx, acre_int, .value = (int)acre_actor_pid(a));
				if (r >= 0)
					r = acre_recv(below, acre_nil, &nil);
			}
	}
	return r;
}

/* The whole file; "" if there is none. */
static inline const char *text_of(const char *path)
{
	static char text[4 << 20];
	FILE *f = fopen(path, "re");
	size_t n = f ? fread(text, 1, sizeof text - 1, f) : 0;

	if (f)
		fclose(f);
	text[n] = '\0';
	return text;
}

/* The lines of a pattern, with wildcards, are lines of the text in that order; others may lie
 * between them. */
static inline void assert_lines(const char *text, const char *const *patterns)
{
	char line[4096];
	size_t len;

	test_note("%s", text);
	for (; *patterns; patterns++) {
		do {
			len = strcspn(text, "\n");
			snprintf(line, sizeof line, "%.*s", (int)len, text);
			if (*text == '\0')
				fail_msg("no line (any more) like: %s", *patterns);
			text += len + (text[len] == '\n');
		} while (fnmatch(*patterns, line, 0) != 0);
	}
}
#define assert_lines(text, ...) \
	assert_lines((text), (const char *const[]){ __VA_ARGS__, NULL })

/* The pattern of the first line on the process of an actor. A forked one has the arguments
 * of its parent; that of a thread is told already. */
static inline const char *head_of(const char *name)
{
	static char heads[2][64];
	static int n;
	char *head = heads[n++ % 2];

	if (backend_is("thread"))
		return "*";
	if (backend_is("fork"))
		return "process *";
	snprintf(head, sizeof heads[0], "process *: _subactor\\[%s@*", name);
	return head;
}

/* Until an actor spins. */
static inline void wait_until_it_spins(void)
{
	assert_true(test_wait_file(file_of_test("spins"), 30));
}

/* As ps has it. */
static inline char state_of(pid_t pid)
{
	char path[64], state = '?';
	const char *end;

	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	end = strrchr(text_of(path), ')');
	if (end)
		sscanf(end, ") %c", &state);
	return state;
}

/* The thread that its loop is, which beside a guest is not the main one. */
static inline pid_t loop_thread_of(const struct acre_actor *a)
{
	return (pid_t)status_get(&a->status->tid);
}

/* Until it stands still, or runs; a hang guard is the test's limit. */
static inline void wait_for_state(pid_t pid, char state)
{
	while (state_of(pid) != state)
		sched_yield();
}

/* The end of an actor that would never end by itself: its nursery fails, as it is to. */
static inline int kill_stuck(const struct acre_actor *a)
{
	if (backend_is("thread"))
		return goes_on = 0; /* it cannot be killed, and ends well */
	return kill(acre_actor_pid(a), SIGKILL);
}
