/* SPDX-License-Identifier: MIT */
/* torture.c - runs a scenario again and again, and each time the next thing in it fails. */
/*
 * The idea is that of SQLite's tests for out-of-memory and I/O errors. A scenario that works
 * is run with its first allocation failing, then with its second one, and so on, until a run
 * ends in which nothing was left to fail; then the same for system calls, with each errno
 * that the call may have, once and for ever; for threads; and with short reads and writes.
 * No path of error handling has to be thought of by who writes the test, and none is left out.
 *
 * What is asked of each run:
 *
 *	- it ends: no crash, and no hang;
 *	- its result is a success, or a failure that says so: of the class of the injected
 *	  errno, or of one that the scenario names;
 *	- what only means "again" (EINTR, EAGAIN, a short read) is not noticed at all;
 *	- the house is clean: no descriptor, memory, thread, process or signal setting is left.
 *
 * Runs are cheap (some 200 us), so they are made in one process, a worker, as long as
 * nothing goes wrong; a new one takes over after CHUNK runs and after each complaint. The
 * point at which it is lies in memory that the watcher sees too, which therefore can say
 * where a worker has crashed or hangs, and go on behind it.
 *
 * One point again, in a debugger:
 *
 *	ACRE_TORTURE='calls once:12:0' gdb --args test_torture_x --no-fork NAME
 */
#define _GNU_SOURCE
#include "torture/torture.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "core/report.h"
#include "lib/house.h"
#include "lib/proc.h"
#include "lib/sweep.h"
#include "lib/text.h"
#include "torture/inject.h"

#define CHUNK 500 /* runs of a worker: what a fork costs is spread over them */
#define HANG_MS \
	8000 /* no run takes so long: the ladder of a child has 3 s; but its boot 10 s */
#define COMPLAINTS_MAX 6    /* then the scenario is left: more would say the same */
#define LIMIT_S	       280  /* of the whole scenario */
#define COMPLAINT_MAX  8192 /* bytes */

/* Shared by the watcher and its worker. */
struct progress {
	struct injection at; /* of the run under way, or of the next one */
	_Atomic uint64_t runs;
	_Atomic uint64_t beats; /* runs, and those that warm up */
	bool over; /* a run had nothing left to fail */
	char complaint[COMPLAINT_MAX];
};

struct root_body {
	const struct torture *t;
};

static int run_root_body(void *arg)
{
	const struct root_body *body = arg;

	if (body->t->virtual_clock)
		clock_use_virtual(clock_now());
	return body->t->body();
}

static int run_scenario(const struct torture *t)
{
	static const char *const exposed[] = { "main", NULL };
	struct root_body body = { t };
	int r;

	if (t->is_whole)
		r = t->body();
	else
		r = acre_run(run_root_body, &body,
			     &(struct acre_run_options){ .expose = exposed,
							 .seed = test_seed(),
							 .stack_size = t->stack_size,
							 .signals = t->signals });
	clock_use_real();
	return r;
}

/* "Again" is none of the program's business. EAGAIN for want of something is another one. */
static bool is_invisible(const struct injected *what)
{
	static const char *const transfers[] = { "read", "write", "sendmsg" };

	if (!*what->call)
		return true;
	if (what->err == EINTR)
		return true;
	for (size_t i = 0; what->err == EAGAIN && i < ARRAY_N(transfers); i++)
		if (!strcmp(transfers[i], what->call))
			return true;
	return false;
}

static bool is_documented(const struct torture *t, int r, const struct injected *what,
			  const struct inject_mode *mode)
{
	bool no_memory = what->err == ENOMEM || mode->then_no_memory;

	if (acre_has(r, what->err) || (no_memory && acre_has(r, ENOMEM)))
		return true;
	if (no_memory && acre_code(r) == ACRE_EGROUP)
		return true; /* nor for its members */
	for (const int *may = t->may; may && *may; may++)
		if (acre_has(r, *may))
			return true;
	return false;
}

static void judge(const struct torture *t, int r, const struct injected *what,
		  const struct inject_mode *mode, struct text *to)
{
	bool is_visible = !is_invisible(what) || (*what->call && mode->then_no_memory);
	char *story;

	if (r >= 0 ||
	    (is_visible && is_documented(t, r, what, mode) && !acre_has(r, EINTR)))
		return;
	story = acre_story(r);
	text_say(to, "the result is %s, which it may not be:\n%s",
		 acre_class_name(acre_code(r)), story ? story : "");
	free(story);
}

/* One run; what is wrong goes into `to`. */
static struct injected run_once(const struct torture *t, const struct injection *at,
				struct text *to)
{
	struct house before, after;
	struct injected what;
	int r;

	house_look(&before, test_dir());
	inject_begin(at, t->in_actors);
	r = run_scenario(t);
	what = inject_end();
	judge(t, r, &what, &inject_modes[at->mode], to);
	report_thread_fini();
	house_look(&after, test_dir());
	house_compare(&before, &after, to);
	house_fini(&before);
	house_fini(&after);
	sweep_children(to);
	return what;
}

static void advance(struct injection *at, const struct injected *what)
{
	if (*what->call && at->choice + 1 < what->n_choices) {
		at->choice++;
		return;
	}
	at->nth++;
	at->choice = 0;
}

static void complain(struct progress *p, const struct injected *what,
		     const struct text *text)
{
	char *said = text_string(text);

	snprintf(p->complaint, sizeof p->complaint, "%s fails with %s\n%s",
		 *what->call ? what->call : "nothing",
		 what->err ? strerrorname_np(what->err) : "nothing", said);
	free(said);
	_exit(1);
}

/* What is kept for the whole process, as the libc does at first use, is there before. */
static void warm_up(const struct torture *t, struct progress *p, struct text *text)
{
	struct injection none = { .mode = p->at.mode };
	struct injected nothing = { .call = "" };

	run_once(t, &none, text);
	atomic_fetch_add(&p->beats, 1);
	*text = (struct text){ 0 };
	run_once(t, &none, text);
	atomic_fetch_add(&p->beats, 1);
	if (text->len > 0)
		complain(p, &nothing, text);
}

static void work(const struct torture *t, struct progress *p)
{
	static struct text text;
	struct injected what = { .call = "" };
	int chunk = CHUNK;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (inject_modes[p->at.mode].first_use)
		chunk = 1;
	else
		warm_up(t, p, &text);
	for (int i = 0; i < chunk && !p->over; i++) {
		what = run_once(t, &p->at, &text);
		atomic_fetch_add(&p->runs, 1);
		atomic_fetch_add(&p->beats, 1);
		if (text.len > 0)
			complain(p, &what, &text);
		p->over = !*what.call && p->at.choice == 0;
		advance(&p->at, &what);
	}
	house_check_leaks(&text);
	if (text.len > 0)
		complain(p, &what, &text);
	_exit(0);
}

static void describe_point(const struct torture *t, const struct injection *at, char *to,
			   size_t size)
{
	snprintf(to, size, "%s, ACRE_TORTURE='%s:%llu:%u'", t->name,
		 inject_modes[at->mode].name, (unsigned long long)at->nth, at->choice);
}

/* Waits for a worker; false: it hangs, and was ended. */
static bool watch(pid_t pid, struct progress *p)
{
	struct pollfd end = { .fd = (int)syscall(SYS_pidfd_open, pid, 0),
			      .events = POLLIN };
	static struct text dump;
	uint64_t seen;
	int n;

	do {
		seen = atomic_load(&p->beats);
		n = poll(&end, 1, HANG_MS);
	} while (n < 0 || (n == 0 && seen != atomic_load(&p->beats)));
	close(end.fd);
	if (n > 0)
		return true;
	dump = (struct text){ 0 };
	proc_dump_tree(pid, &dump);
	text_print(&dump, stderr, "  ");
	kill(pid, SIGKILL);
	return false;
}

/* A worker from where the last one was; true: it had nothing to complain of. */
static bool run_chunk(const struct torture *t, struct progress *p)
{
	struct injection at;
	char point[256];
	bool ended;
	int status;
	pid_t pid;

	p->complaint[0] = '\0';
	fflush(NULL);
	pid = fork();
	if (pid == 0)
		work(t, p);
	assert_true(pid > 0);
	ended = watch(pid, p);
	waitpid(pid, &status, 0);
	if (ended && WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return true;
	at = p->at;
	describe_point(t, &at, point, sizeof point);
	if (!ended)
		test_note("HUNG: %s", point);
	else if (WIFSIGNALED(status))
		test_note("DIED of signal %d: %s", WTERMSIG(status), point);
	else
		test_note("WRONG: %s: %s", point, p->complaint);
	return false;
}

/* The next point after one whose run did not come back to say how many choices there are. */
static void go_past(struct injection *at)
{
	static const uint32_t choices_max = 6;

	if (++at->choice < choices_max && inject_modes[at->mode].calls)
		return;
	at->nth++;
	at->choice = 0;
}

static void run_mode(const struct torture *t, struct progress *p, uint32_t mode,
		     int *complaints)
{
	p->at = (struct injection){ .mode = mode, .nth = 1 };
	p->over = false;
	while (!p->over && *complaints < COMPLAINTS_MAX) {
		if (run_chunk(t, p))
			continue;
		++*complaints;
		go_past(&p->at);
	}
}

/* One point, in this process. */
static void run_again(const struct torture *t, const char *point)
{
	static struct text text;
	struct injection at = { .nth = 0 };
	const char *colon = strchr(point, ':');
	unsigned long long nth = 0;
	struct injected what;

	while (at.mode < inject_n_modes && colon &&
	       strncmp(inject_modes[at.mode].name, point, (size_t)(colon - point)) != 0)
		at.mode++;
	if (at.mode == inject_n_modes || !colon ||
	    sscanf(colon, ":%llu:%u", &nth, &at.choice) != 2)
		fail_msg("ACRE_TORTURE wants MODE:N:CHOICE, not %s", point);
	run_once(t, &at, &text);
	text = (struct text){ 0 };
	at.nth = nth;
	what = run_once(t, &at, &text);
	test_note("%s failed with %s", *what.call ? what.call : "nothing",
		  what.err ? strerrorname_np(what.err) : "nothing");
	text_print(&text, stderr, "  ");
	assert_int_equal(text.len, 0);
}

void torture(const struct torture *t)
{
	const char *point = getenv("ACRE_TORTURE");
	struct progress *p;
	int complaints = 0;

	test_limit(LIMIT_S);
	/* actors are killed while they end, when LeakSanitizer looks at them from a process
	 * of its own, which would be left; this one has read its options already */
	setenv("LSAN_OPTIONS", "detect_leaks=0", 1);
	if (point) {
		run_again(t, point);
		return;
	}
	p = mmap(NULL, sizeof *p, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		 0);
	assert_ptr_not_equal(p, MAP_FAILED);
	for (uint32_t mode = 0; mode < inject_n_modes; mode++)
		run_mode(t, p, mode, &complaints);
	test_note("%llu runs", (unsigned long long)atomic_load(&p->runs));
	munmap(p, sizeof *p);
	assert_int_equal(complaints, 0);
}

int acre_boot_if_actor(int argc, char **argv);

int acre_boot_if_actor(int argc, char **argv)
{
	inject_in_actor();
	return acre_boot(argc, argv);
}
