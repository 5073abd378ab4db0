/* SPDX-License-Identifier: MIT */
/* child.c - the life of an actor from its own side: boot, service, and an orderly end. */
#include "actor/child.h"

#include <acre/run.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "actor/birth.h"
#include "actor/context.h"
#include "actor/endpoint.h"
#include "actor/forkserver.h"
#include "actor/guest.h"
#include "actor/runtime.h"
#include "actor/self.h"
#include "actor/spec.h"
#include "actor/tty.h"
#include "actor/watchdog.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/mem.h"
#include "base/sys.h"
#include "base/util.h"
#include "core/crash.h"
#include "core/sched.h"

/*
 * An actor's process begins in main() like any other; its arguments and three descriptors
 * say that it is one. It introduces itself, is told what to be (SpawnSpec), and serves
 * until the parent asks it to end, the link is lost, or a signal that it minds comes.
 * Then its service is cancelled and joined, every caller gets its answer, the end hooks
 * run, and the link is closed behind the last frame.
 *
 * That the process dies with its parent is not done here: the kernel does it (be_exec.c),
 * and behind it the watchdog.
 */

#define TITLE_HEAD "_subactor["

bool child_outlives_parent;

/* Tells the parent why this actor cannot be; a reference parent drops it. */
static void send_boot_error(struct acre_actor *parent, int r)
{
	struct report *rep = report_take(r);

	acre_ignore(story_write(parent, (struct slice){ NULL, 0 }, rep));
	report_unref(rep);
	runtime_this->boot_failed = true;
	scope_cancel(&runtime_this->loop->root.scope, ACRE_REASON_LIMIT);
}

/*
 * The watchdog. To make a thread is a fifth of a boot by a forkserver, so it is made when the
 * answer to the ready probe is out: nothing of the program has run here by then. It is made
 * at once if there is a module to load, and if the parent does not say for so long what this
 * actor is to be.
 */
#define WATCH_AT_LAST_NS INT64_C(100000000)

static struct {
	struct deferred behind_answer;
	struct timer at_last;
	bool is_behind_answer;
	bool is_wanted; /* and not there yet */
} watch;

/* It is the process's: an actor that is a thread in it has nothing to do with that. */
static bool watch_is_wanted(void)
{
	return runtime_this->masked && watch.is_wanted;
}

static void watch_no_more(void)
{
	watch.is_wanted = false;
	timer_stop(&watch.at_last);
	loop_undefer(&watch.behind_answer);
}

int child_watch_now(void)
{
	if (!watch_is_wanted())
		return 0;
	watch_no_more();
	return watchdog_start_sweeping(runtime_this);
}

static void watch_or_end(void)
{
	int r = child_watch_now();

	if (r < 0)
		send_boot_error(runtime_this->parent, r);
}

static void watch_at_last(struct timer *unused)
{
	(void)unused;
	watch_or_end();
}

/* Twice: the first time the link has yet to flush, behind us. */
static void watch_behind_answer(struct deferred *d)
{
	if (watch.is_behind_answer)
		watch_or_end();
	else
		loop_defer(d, watch_behind_answer);
	watch.is_behind_answer = true;
}

/* What was there of a parent's, in a child of fork, is nothing here. */
static void watch_soon(void)
{
	memset(&watch, 0, sizeof watch);
	watch.is_wanted = true;
	timer_set(&watch.at_last, int64_add(clock_now(), WATCH_AT_LAST_NS), watch_at_last);
}

/* Without discovery it serves at once; else the main task sees to that first. */
void child_spec_came(struct acre_actor *parent, const struct msg *m)
{
	int r = spec_take(&m->spec);

	parent->spec_came = true;
	runtime_set_state(runtime_this, STATUS_SERVES);
	runtime_this->is_booting =
		r >= 0 && (runtime_this->discovery.transports || runtime_this->guest);
	if (r < 0)
		send_boot_error(parent, r);
	else
		unpark_all(&parent->end_waits, 0);
	if (r >= 0 && watch_is_wanted())
		loop_defer(&watch.behind_answer, watch_behind_answer);
}

void child_lost_parent(struct acre_actor *parent)
{
	if (!child_outlives_parent)
		scope_cancel(&runtime_this->loop->root.scope, ACRE_REASON_DIED);
	if (parent->waiter)
		unpark(TAKE_PTR(parent->waiter), 0);
}

/* Everything that was answered goes out; bound: the parent reads it, or its ladder for
 * us goes on. */
static void say_goodbye(struct acre_actor *parent)
{
	link_finish(&parent->link);
	while (!parent->link_lost && !loop_is_forked(loop_this)) {
		parent->waiter = task_this();
		park_shielded(WAIT_LINK, parent);
	}
}

/* What it takes to be found is not done in a callback, nor is what a guest loads: others are
 * asked. Bound: the registrars answer, or their links end, and the parent's patience. */
static int become_findable(struct runtime *rt)
{
	int r = 0;

	while (r >= 0 && !rt->parent->spec_came) {
		struct wait w = { .task = task_this() };

		list_push(&rt->parent->end_waits, &w.node);
		r = park_on(WAIT_SERVE, rt->parent, &w, 1);
	}
	if (r < 0 || !rt->is_booting)
		return r;
	if (rt->guest)
		r = guest_load(rt);
	if (r >= 0 && rt->discovery.transports)
		r = discovery_join();
	if (r >= 0)
		r = self_serves();
	if (r < 0 && report_class(r) != ECANCELED)
		send_boot_error(rt->parent, r);
	return r;
}

static int child_main(void *arg)
{
	struct runtime *rt = arg;
	struct nursery service;
	int r = 0;

	runtime_serve(rt, &service);
	r = become_findable(rt);
	while (r >= 0)
		r = park(WAIT_SERVE, rt->parent);
	r = runtime_serve_no_more(rt, r);
	say_goodbye(rt->parent);
	return r;
}

static const struct acre_task_kind main_kind = { "actor", child_main, __FILE__,
						 __LINE__ };

/* _subactor[NAME@UUID]: the uuid has a fixed length, a name may hold anything. */
static int parse_title(const char *title, char name[ACTOR_NAME_MAX], char uuid[UUID_SIZE])
{
	size_t head = strlen(TITLE_HEAD), len = strlen(title), name_len;

	if (len < head + UUID_SIZE + 1 || strncmp(title, TITLE_HEAD, head) != 0 ||
	    title[len - 1] != ']')
		return -EINVAL;
	name_len = len - head - UUID_SIZE - 1;
	if (name_len >= ACTOR_NAME_MAX || title[head + name_len] != '@')
		return -EINVAL;
	memcpy(name, title + head, name_len);
	name[name_len] = '\0';
	memcpy(uuid, title + head + name_len + 1, UUID_SIZE - 1);
	uuid[UUID_SIZE - 1] = '\0';
	return 0;
}

/* From here on the parent sees how this actor is doing. */
static void show_status(struct runtime *rt, int status_fd)
{
	struct status *page;
	int r = status_join(&page, status_fd);

	sys_close(status_fd);
	if (r < 0)
		return; /* it is for looking only */
	rt->shown_status = page;
	loop_set_status(rt->loop, page);
}

static int set_up(struct runtime *rt, struct acre_actor *parent, struct child_boot *boot)
{
	int r = 0;

	show_status(rt, TAKE_FD(boot->status_fd));
	rt->root_pidfd = TAKE_FD(boot->root_pidfd);
	rt->parent_pidfd = TAKE_FD(boot->parent_pidfd);
	rt->parent = parent;
	rt->is_in_root = boot->is_in_root;
	rt->contained_by = boot->contained_by;
	rt->guest = boot->guest;
	if (rt->guest)
		guest_set_loop(rt->guest, loop_this);
	parent->pid = boot->has_loop ? sys_getpid() : sys_getppid();
	if (!boot->has_loop)
		r = acre_note(runtime_take_signals(rt), "taking its signals");
	if (r >= 0 && boot->link_memory)
		r = peer_open_memory(parent, TAKE_PTR(boot->link_memory), "parent");
	else if (r >= 0)
		r = peer_open(parent, TAKE_FD(boot->link_fd), "parent");
	if (r >= 0 && !boot->has_loop)
		watch_soon();
	return r;
}

void child_boot_close(struct child_boot *boot)
{
	sys_close(TAKE_FD(boot->link_fd));
	boot->link_memory = memory_close(boot->link_memory);
	sys_close(TAKE_FD(boot->parent_pidfd));
	sys_close(TAKE_FD(boot->root_pidfd));
	sys_close(TAKE_FD(boot->status_fd));
}

/* Why it could not be, or has failed: its last words. */
static void say_failure(const struct child_boot *boot, int r)
{
	FILE *f = boot->words ? fmemopen(boot->words, LAST_WORDS_MAX, "w") : stderr;

	if (!f)
		return;
	acre_print(f, r);
	if (boot->words)
		fclose(f);
}

static int run_loop(struct child_boot *boot, struct loop *loop, struct runtime *rt)
{
	int r;

	if (boot->has_loop)
		boot->has_loop(boot->arg, loop);
	r = loop_run(loop, &main_kind, rt);
	if (boot->has_loop)
		boot->has_loop(boot->arg, NULL);
	else
		watch_no_more();
	return r;
}

/* If its loop has never run; a process would leave that to its exit. */
static void close_link(struct acre_actor *parent)
{
	if (!parent->link.ops || loop_is_forked(loop_this))
		return;
	link_close(&parent->link, acre_fail(ACRE_ECLOSED, "this actor has ended"));
}

int child_live(struct child_boot *boot)
{
	struct acre_actor *parent = peer_new(PEER_PARENT, "parent");
	char name[ACTOR_NAME_MAX], uuid[UUID_SIZE];
	struct runtime *rt = NULL;
	struct loop *loop = NULL;
	int status, r = parent ? parse_title(boot->title, name, uuid) : -ENOMEM;

	if (r >= 0)
		r = acre_note(loop_open(&loop, &(struct loop_options){ .seed = 0 }),
			      "making the loop of actor %s", name);
	if (r >= 0)
		r = acre_note(runtime_open(&rt, name, uuid),
			      "making the runtime of actor %s", name);
	if (r >= 0)
		r = set_up(rt, parent, boot);
	if (r >= 0)
		r = crash_catch();
	if (r >= 0)
		r = run_loop(boot, loop, rt);
	if (boot->guest && loop)
		guest_set_loop(boot->guest, NULL);
	status = (r < 0 && report_class(r) != ECANCELED) || (rt && rt->boot_failed);
	if (status)
		say_failure(boot, r);
	if (parent) {
		close_link(parent);
		peer_fini(parent);
	}
	crash_release();
	runtime_free(rt);
	loop_free(loop);
	mem_free(parent);
	child_boot_close(boot);
	return status;
}

int child_live_in_process(const char *title, struct guest *guest)
{
	/* ps and top find actors by it; the kernel keeps its beginning */
	acre_ignore(sys_prctl(PR_SET_NAME, (uintptr_t)title, 0, 0, 0));
	for (int fd = BIRTH_FD_LINK; fd < BIRTH_FD_END; fd++)
		if (sys_fcntl(fd, F_SETFD, FD_CLOEXEC) < 0) {
			fprintf(stderr, "%s: descriptor %d is for actors that a parent makes\n",
				title, fd);
			return EXIT_FAILURE;
		}
	tty_take(BIRTH_FD_TTY);
	return child_live(&(struct child_boot){ .title = title,
						.link_fd = BIRTH_FD_LINK,
						.parent_pidfd = BIRTH_FD_PARENT,
						.root_pidfd = BIRTH_FD_ROOT,
						.status_fd = BIRTH_FD_STATUS,
						.guest = guest });
}

static bool is_title(const char *text)
{
	char name[ACTOR_NAME_MAX], uuid[UUID_SIZE];

	return parse_title(text, name, uuid) >= 0;
}

static bool has_booted; /* only main()'s thread is there to write it */

bool child_forgot_to_boot(void)
{
	const char *title = program_invocation_name;

	if (has_booted || PLANTED(NO_BOOT_CHECK))
		return false;
	return is_title(title) || forkserver_is_title(title);
}

int acre_boot(int argc, char **argv)
{
	has_booted = true;
	if (forkserver_profile_of(argc, argv) >= 0)
		forkserver_main(argc, argv);
	if (argc != 2 || strcmp(argv[1], ACTOR_ARGUMENT) != 0)
		return 0;
	if (!is_title(argv[0])) {
		fprintf(stderr,
			"%s: %s is for actors that a parent makes, not for people\n",
			argv[0], ACTOR_ARGUMENT);
		exit(EXIT_FAILURE);
	}
	exit(child_live_in_process(argv[0], NULL));
}
