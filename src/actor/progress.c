/* SPDX-License-Identifier: MIT */
/* progress.c - whether a process could run, so that its time is counted only then. */
#include "actor/progress.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/sys.h"
#include "base/util.h"

#define TEXT_SIZE 512 /* of /proc/PID/stat the name and the state behind it are in 64 */

/* The beginning of /proc/PID/NAME, as a string; false: it cannot be read. */
static bool read_proc(char *ret, size_t size, pid_t pid, const char *name)
{
	auto_close int fd = -1;
	char path[64];
	ssize_t n;

	snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
	fd = sys_openat(AT_FDCWD, path, O_RDONLY, 0);
	n = fd < 0 ? fd : sys_read(fd, ret, size - 1);
	if (n <= 0)
		return false;
	ret[n] = '\0';
	return true;
}

/* The name in parentheses may hold anything, so the last one counts. */
static char state_in(const char *stat)
{
	const char *end = strrchr(stat, ')');

	return end && end[1] == ' ' ? end[2] : '?';
}

static bool read_sample(struct progress_sample *ret, pid_t pid, bool with_state)
{
	char text[TEXT_SIZE], *at = text;

	if (clock_is_virtual()) /* its time is not that of the process */
		return false;
	if (!read_proc(text, sizeof text, pid, "schedstat"))
		return false;
	ret->ran_ns = strtoll(at, &at, 10);
	ret->waited_ns = strtoll(at, &at, 10);
	ret->slices = strtoull(at, &at, 10);
	if (with_state && !read_proc(text, sizeof text, pid, "stat"))
		return false;
	ret->state = with_state ? state_in(text) : '?';
	return true;
}

bool (*progress_read)(struct progress_sample *ret, pid_t pid,
		      bool with_state) = read_sample;

/* The child writes it: what it may gain by lies is the time that it waited. */
static uint64_t turns_on(const struct status *page)
{
	return page ? atomic_load_explicit(&page->n_turns, memory_order_relaxed) : 0;
}

void progress_begin_newborn(struct progress *p, pid_t pid, const struct status *page)
{
	*p = (struct progress){
		.pid = pid, .page = page, .turns = turns_on(page), .since = clock_now()
	};
	p->known = true;
}

void progress_begin(struct progress *p, pid_t pid, const struct status *page)
{
	progress_begin_newborn(p, pid, page);
	p->known = progress_read(&p->first, pid, false);
	p->last = p->first;
}

static bool is_same(const struct progress_sample *a, const struct progress_sample *b)
{
	return a->ran_ns == b->ran_ns && a->waited_ns == b->waited_ns &&
	       a->slices == b->slices;
}

/* It is held up now, and what of that will be booked is not known yet. At the first look
 * every process that is ready to run may be. */
static bool is_held_up(const struct progress *p, const struct progress_sample *now,
		       bool stops_count)
{
	if (now->state == 'T' || now->state == 't')
		return stops_count;
	return now->state == 'R' && (is_same(now, &p->last) || p->granted_ns == 0);
}

static bool is_deaf(const struct status *page)
{
	return page && status_get(&page->n_deaf) > 0 && !PLANTED(DEAF_GUEST_AWAITED);
}

static bool looks(const struct progress *p, const struct progress_sample *now, bool acked)
{
	bool has_shown = acked || turns_on(p->page) - p->turns >= PROGRESS_TURNS;

	return (has_shown && !is_deaf(p->page)) ||
	       now->ran_ns - p->first.ran_ns < PROGRESS_ENOUGH_NS;
}

int64_t progress_grant(struct progress *p, bool acked, bool stops_count)
{
	struct progress_sample now;
	int64_t waited, grant;

	if (!p->known || !progress_read(&now, p->pid, true) || !looks(p, &now, acked))
		return 0;
	waited = int64_min(now.waited_ns - p->first.waited_ns, clock_now() - p->since);
	grant = waited - p->granted_ns;
	if (is_held_up(p, &now, stops_count))
		grant = int64_max(grant, PROGRESS_PIECE_NS);
	p->last = now;
	if (grant < PROGRESS_LEAST_NS)
		return 0;
	p->granted_ns += grant;
	return grant;
}
