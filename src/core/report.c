/* SPDX-License-Identifier: MIT */
/* report.c - filing failures and finding them again: homes and tickets. */
/*
 * A failure is an int, and what is known about it a report in the home of the running task. The
 * ticket in the int says where: slot and generation. A slot is used again after 30 failures,
 * and then the old ticket does not fit any more; it still has its class.
 *
 *	acre_fail(ENOENT, "no %s", path)
 *		slot 7 of the home	<- report { ENOENT, "no /etc/x", main.c:12, ... }
 *		generation 511		<- counted for the whole process
 *		returns -(511 << 17 | 7 << 12 | ENOENT)
 *
 * Failures move between tasks by report_take() in the home of the one and report_file() in the
 * home of the other, which gives them a new ticket.
 *
 * The failing path needs no memory to go on: if none can be had, one of two spare reports,
 * which are part of each home, is used; they have a text but no backtrace.
 *
 * The public calls are in error.c. What a report says is written in report_fill.c, trees of them
 * in report_tree.c.
 */
#include "core/report.h"

#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/panic.h"
#include "base/sys.h"
#include "core/loop.h"

#define SLOT_SHIFT       12
#define GENERATION_SHIFT 17
#define SLOT_MASK        31
#define GENERATION_MAX   0x3fff

_Static_assert(REPORT_SLOTS + REPORT_SPARES == SLOT_MASK + 1, "a number for each place");

struct report_slots {
	struct report *report[REPORT_SLOTS]; /* referenced; NULL until used */
	uint16_t generation[REPORT_SLOTS];
};

#define LOST_TEXT                                                                    \
	"(%d: the story is lost: it is of another task, or of a failure before the " \
	"last 30, "                                                                  \
	"or there was none)"
#define LOST_TEXT_MAX (sizeof LOST_TEXT + 16)

_Thread_local struct report_home *report_home_now;

static _Thread_local struct {
	struct report_home home;
	struct report_spare spares[REPORT_SPARES];
	bool is_set_up;
} thread_own;

static _Thread_local const char *actor_name, *actor_uuid;
static _Atomic(const char *) host = ""; /* set once */
static pthread_once_t host_once = PTHREAD_ONCE_INIT;

static pthread_key_t thread_key;
static pthread_once_t thread_key_once = PTHREAD_ONCE_INIT;
static bool thread_key_is_made;

/* Homes. */

static void end_thread(void *home)
{
	report_home_fini(home);
}

static void make_thread_key(void)
{
	thread_key_is_made = pthread_key_create(&thread_key, end_thread) == 0;
}

/* Without a key, for want of memory, the reports of this thread are never freed. */
static void set_up_thread(void)
{
	report_home_init(&thread_own.home, thread_own.spares);
	thread_own.is_set_up = true;
	pthread_once(&thread_key_once, make_thread_key);
	if (thread_key_is_made)
		pthread_setspecific(thread_key, &thread_own.home);
}

struct report_home *report_home_here(void)
{
	if (report_home_now)
		return report_home_now;
	if (!thread_own.is_set_up)
		set_up_thread();
	return &thread_own.home;
}

void report_thread_fini(void)
{
	report_home_fini(&thread_own.home);
}

/* How many of the spares were used, and so can be read. */
static uint32_t n_spares(const struct report_home *home)
{
	return (uint32_t)size_min(home->next_spare, REPORT_SPARES);
}

void report_home_clear(struct report_home *home)
{
	for (uint32_t i = 0; home->slots && i < REPORT_SLOTS; i++)
		report_unref(home->slots->report[i]);
	for (uint32_t i = 0; i < n_spares(home); i++)
		report_fini(&home->spares[i].report);
	mem_free(home->slots);
	report_home_init(home, home->spares);
}

/* Tickets. */

static uint16_t next_generation(void)
{
	static _Atomic uint32_t last;

	return (uint16_t)(atomic_fetch_add_explicit(&last, 1, memory_order_relaxed) %
				  GENERATION_MAX +
			  1);
}

static int ticket(int code, uint32_t slot, uint16_t generation)
{
	return -(generation << GENERATION_SHIFT | (int)slot << SLOT_SHIFT | code);
}

/* The slot of the ticket if it still has this generation, else -1. */
static int slot_of(const struct report_home *home, int r)
{
	uint32_t number = 0U - (uint32_t)r;
	uint32_t slot = number >> SLOT_SHIFT & SLOT_MASK;
	uint32_t generation = number >> GENERATION_SHIFT;

	if (r >= 0 || generation == 0)
		return -1;
	if (slot >= REPORT_SLOTS) {
		slot -= REPORT_SLOTS;
		if (slot >= n_spares(home) || home->spares[slot].generation != generation)
			return -1;
		return (int)slot + REPORT_SLOTS;
	}
	if (!home->slots || home->slots->generation[slot] != generation)
		return -1;
	return (int)slot;
}

struct report *report_find(const struct report_home *home, int r)
{
	struct report *rep;
	int slot = slot_of(home, r);

	if (slot < 0)
		return NULL;
	rep = slot < REPORT_SLOTS ? home->slots->report[slot]
				  : &home->spares[slot - REPORT_SLOTS].report;
	return rep->public_part.code == report_class(r) ? rep : NULL;
}

static bool is_only_ours(struct report *rep)
{
	return atomic_load_explicit(&rep->refs, memory_order_acquire) == 1;
}

static bool has_slots(struct report_home *home)
{
	if (!home->slots)
		home->slots = mem_zalloc(sizeof *home->slots);
	return home->slots;
}

static int stamp_slot(struct report_home *home, int code)
{
	uint8_t slot = home->next;

	home->next = (uint8_t)((slot + 1) % REPORT_SLOTS);
	home->slots->generation[slot] = next_generation();
	return ticket(code, slot, home->slots->generation[slot]);
}

/* A spare, for use: the one that was used longer ago. */
static struct report *use_spare(struct report_home *home, int code, int *ret_r)
{
	uint32_t i = home->next_spare % REPORT_SPARES;
	struct report_spare *spare = &home->spares[i];

	if (home->next_spare >= REPORT_SPARES)
		report_fini(&spare->report);
	report_init(&spare->report, code, spare->room, sizeof spare->room);
	spare->report.is_spare = true;
	spare->generation = next_generation();
	home->next_spare = (uint8_t)(home->next_spare + 1);
	if (home->next_spare == 2 * REPORT_SPARES)
		home->next_spare = REPORT_SPARES;
	*ret_r = ticket(code, REPORT_SLOTS + i, spare->generation);
	return &spare->report;
}

/* The memory of the report that lay there is used again if nobody else has it. */
struct report *report_file_new(struct report_home *home, int code, int *ret_r)
{
	struct report **place, *fresh;

	if (!has_slots(home))
		return use_spare(home, code, ret_r);
	place = &home->slots->report[home->next];
	if (*place && is_only_ours(*place)) {
		report_reset(*place, code);
	} else {
		fresh = report_new(code);
		if (!fresh)
			return use_spare(home, code, ret_r);
		report_unref(*place);
		*place = fresh;
	}
	*ret_r = stamp_slot(home, code);
	return *place;
}

/* Who and where. */

static void read_host(void)
{
	static char name[HOST_NAME_MAX + 2]; /* the kernel ends it with a newline */
	static const char path[] = "/proc/sys/kernel/hostname";
	auto_close int fd = sys_openat(AT_FDCWD, path, O_RDONLY, 0);
	ssize_t len = fd < 0 ? fd : sys_read(fd, name, sizeof name - 1);

	name[len > 0 ? len : 0] = '\0';
	name[strcspn(name, "\n")] = '\0';
	host = name;
}

void report_set_actor(const char *name, const char *uuid)
{
	pthread_once(&host_once, read_host);
	actor_name = name;
	actor_uuid = uuid;
}

size_t report_path_here(char path[REPORT_PATH_MAX])
{
	struct task *t = task_this();

	path[0] = '\0';
	return t ? task_path(t, path, REPORT_PATH_MAX) : 0;
}

void report_say_who(struct report *rep)
{
	struct acre_report *why = &rep->public_part;
	char path[REPORT_PATH_MAX];

	if (!*why->task)
		why->task = report_text(rep, path, report_path_here(path));
	why->host = host;
	if (!actor_name)
		return;
	why->actor = report_text(rep, actor_name, strlen(actor_name));
	if (actor_uuid)
		why->actor_uuid = report_text(rep, actor_uuid, strlen(actor_uuid));
}

/* A system call, and a third of the cost of a failure: for readers only. */
void report_say_pid(struct report *rep)
{
	if (rep->public_part.pid == 0 && !rep->public_part.remote)
		rep->public_part.pid = sys_getpid();
}

/* What can be told of a failure that has no report here; *ret, unless it has a text already. */
static const char *text_without_story(int r, char ret[LOST_TEXT_MAX])
{
	if ((0U - (uint32_t)r) >> SLOT_SHIFT) {
		snprintf(ret, LOST_TEXT_MAX, LOST_TEXT, r);
		return ret;
	}
	if (r == -ECHILD && loop_this && loop_is_forked(loop_this))
		return "this process is a child of fork, and what it has of acre is its "
		       "parent's: only copies, that cannot be used here";
	return acre_class_text(report_class(r));
}

static void say_without_story(struct report *rep, int r)
{
	char text[LOST_TEXT_MAX];
	const char *message = text_without_story(r, text);

	acre_ignore(report_set_text(rep, &rep->public_part.message, message,
				    strlen(message)));
	report_say_who(rep);
}

struct report *report_file_plain(struct report_home *home, int *r)
{
	int old = *r;
	struct report *rep = report_file_new(home, report_class(old), r);

	say_without_story(rep, old);
	return rep;
}

/* Moving. */

static struct report *copy_of(struct report *rep)
{
	struct report *copy = report_new(rep->public_part.code);

	if (copy)
		report_copy(copy, rep);
	return copy;
}

static struct report *take_without_story(int r)
{
	struct report *rep = report_new(report_class(r));

	if (!rep)
		return NULL;
	say_without_story(rep, r);
	report_say_pid(rep);
	return rep;
}

struct report *report_take(int r)
{
	struct report *rep;

	CHECK(r < 0);
	if (report_class(r) == ECANCELED)
		return NULL;
	rep = report_find(report_home_here(), r);
	if (!rep)
		return take_without_story(r);
	report_say_pid(rep);
	return rep->is_spare ? copy_of(rep) : report_ref(rep);
}

static void adopt(struct report *rep)
{
	const struct acre_report *why = &rep->public_part;

	if (!*why->actor && !why->remote && is_only_ours(rep))
		report_say_who(rep);
}

int report_file(struct report *take_report, int code)
{
	struct report_home *home = report_home_here();
	struct report *rep = take_report;
	int r = -code;

	if (!rep)
		return -code;
	CHECK(rep->public_part.code == code);
	if (code == ECANCELED) {
		report_unref(rep);
	} else if (has_slots(home)) {
		adopt(rep);
		report_unref(home->slots->report[home->next]);
		home->slots->report[home->next] = rep;
		r = stamp_slot(home, code);
	} else {
		report_copy(use_spare(home, code, &r), rep);
		report_unref(rep);
	}
	return r;
}

static int group_of(struct report **take_members, uint32_t n_members, uint32_t n)
{
	struct report *rep;
	struct acre_report *why;
	char text[32];
	int r;

	rep = report_file_new(report_home_here(), ACRE_EGROUP, &r);
	why = &rep->public_part;
	why->n_more = n - n_members;
	for (uint32_t i = 0; i < n_members; i++) {
		if (take_members[i])
			report_add_member(rep, take_members[i]);
		else
			why->n_more++;
	}
	snprintf(text, sizeof text, "%u failures", report_count(why));
	why->message = report_text(rep, text, strlen(text));
	report_say_who(rep);
	return r;
}

int report_group(struct report **take_members, uint32_t n_members, uint32_t n)
{
	CHECK(n > 0 && n >= n_members);
	if (n == 1 && n_members == 1 && take_members[0])
		return report_file(take_members[0], take_members[0]->public_part.code);
	return group_of(take_members, n_members, n);
}

struct report *report_own(struct report_home *home, int r, struct report *rep)
{
	struct report *copy;

	if (rep->is_spare || is_only_ours(rep))
		return rep;
	copy = copy_of(rep);
	if (!copy)
		return NULL;
	report_unref(rep);
	home->slots->report[slot_of(home, r)] = copy;
	return copy;
}

/* Borrows all of its strings, so that nothing has to be freed. */
struct report *report_made_up(int r)
{
	static _Thread_local struct report_spare plain;
	static _Thread_local char path[REPORT_PATH_MAX], text[LOST_TEXT_MAX];
	struct acre_report *why = &plain.report.public_part;

	report_init(&plain.report, report_class(r), plain.room, sizeof plain.room);
	report_path_here(path);
	why->task = path;
	why->host = host;
	why->actor = actor_name ? actor_name : "";
	why->actor_uuid = actor_uuid ? actor_uuid : "";
	why->message = r < 0 ? text_without_story(r, text) : "no failure";
	if (r >= 0)
		why->name = "";
	return &plain.report;
}
