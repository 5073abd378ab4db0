/* SPDX-License-Identifier: MIT */
/* runtime.c - one actor's own state: identity, signals, service, end hooks. */
#include "actor/runtime.h"

#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>

#include "actor/command.h"
#include "actor/dumper.h"
#include "actor/endpoint.h"
#include "actor/guest.h"
#include "actor/shm.h"
#include "actor/snap.h"
#include "actor/spawner.h"
#include "actor/watchdog.h"
#include "base/fault.h"
#include "base/mem.h"
#include "base/panic.h"
#include "base/sys.h"
#include "base/utf8.h"
#include "base/util.h"
#include "core/debug.h"
#include "core/sched.h"
#include "core/trace.h"

_Thread_local struct runtime *runtime_this;

int uuid_new(char ret[UUID_SIZE])
{
	uint8_t b[16];
	ssize_t r = sys_getrandom(b, sizeof b, 0);

	if (r < 0)
		return (int)r;
	b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
	b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
	snprintf(ret, UUID_SIZE,
		 "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
		 b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11],
		 b[12], b[13], b[14], b[15]);
	return 0;
}

void runtime_cid(struct runtime *rt, char ret[UUID_SIZE])
{
	static const char digits[] = "0123456789abcdef";
	uint64_t n = rt->next_cid++;

	memcpy(ret, rt->cid_head, UUID_SIZE);
	for (int i = UUID_SIZE - 2; n && i >= UUID_SIZE - 13; i--, n >>= 4)
		ret[i] = digits[n & 15];
}

int runtime_check_name(const char *name)
{
	size_t len = strlen(name);

	if (!len || len >= ACTOR_NAME_MAX)
		return acre_fail(EINVAL, "an actor's name has 1 to %d bytes, not %zu",
				 ACTOR_NAME_MAX - 1, len);
	if (!utf8_is_valid(name, len))
		return acre_fail(EINVAL, "an actor's name is not UTF-8 at byte %zu",
				 utf8_valid_len(name, len));
	return 0;
}

static int init_identity(struct runtime *rt, const char *name, const char *uuid)
{
	int r = runtime_check_name(name);

	if (r < 0)
		return r;
	snprintf(rt->name, sizeof rt->name, "%s", name);
	if (uuid)
		snprintf(rt->uuid, sizeof rt->uuid, "%s", uuid);
	else
		r = uuid_new(rt->uuid);
	if (r >= 0)
		r = uuid_new(rt->cid_head);
	memset(rt->cid_head + UUID_SIZE - 13, '0', 12); /* counted from here */
	return r;
}

int runtime_open(struct runtime **ret, const char *name, const char *uuid)
{
	struct runtime *rt = mem_zalloc(sizeof *rt);
	int r;

	if (!rt)
		return -ENOMEM;
	rt->signal_fd = rt->root_pidfd = rt->parent_pidfd = -1;
	rt->self = PIDREF_NULL;
	list_init(&rt->children);
	list_init(&rt->strangers);
	server_init(&rt->server);
	discovery_init(&rt->discovery);
	registry_init(&rt->registry);
	list_init(&rt->segments);
	list_init(&rt->publishers);
	list_init(&rt->commands);
	list_init(&rt->end_hooks);
	r = init_identity(rt, name, uuid);
	if (r >= 0)
		r = pidref_self(&rt->self);
	if (r < 0) {
		mem_free(rt);
		return r;
	}
	spawner_hold();
	rt->loop = loop_this;
	memcpy(loop_this->logger.name, rt->name, sizeof loop_this->logger.name);
	rt->loop->actor = rt;
	atomic_store_explicit(&acre_debug_root.actor_layout, snap_layout(),
			      memory_order_relaxed);
	runtime_set_state(rt, STATUS_BOOTS);
	runtime_this = rt;
	report_set_actor(rt->name, rt->uuid);
	*ret = rt;
	return 0;
}

/* Who was started with SIGCHLD ignored would not be told how its children end: the kernel drops
 * that. */
static void mind_sigchld(struct runtime *rt)
{
	static const struct sigaction usual = { .sa_handler = SIG_DFL };
	struct sigaction now;

	if (PLANTED(SIGCHLD_IGNORED) || sys_sigaction(SIGCHLD, NULL, &now) < 0 ||
	    now.sa_handler != SIG_IGN)
		return;
	rt->chld_was_ignored = sys_sigaction(SIGCHLD, &usual, NULL) >= 0;
}

static void give_sigchld_back(struct runtime *rt)
{
	static const struct sigaction ignored = { .sa_handler = SIG_IGN };
	struct sigaction now;

	if (rt->chld_was_ignored && sys_sigaction(SIGCHLD, NULL, &now) >= 0 &&
	    now.sa_handler == SIG_DFL) /* else the program has set another meanwhile */
		acre_ignore(sys_sigaction(SIGCHLD, &ignored, NULL));
	rt->chld_was_ignored = false;
}

static void give_signals_back(struct runtime *rt)
{
	loop_unwatch(&rt->signal_watch);
	sys_close(TAKE_FD(rt->signal_fd));
	if (!rt->masked)
		return;
	dumper_leave_signal();
	give_sigchld_back(rt);
	sys_sigmask(SIG_SETMASK, &rt->old_mask, NULL);
}

struct runtime *runtime_free(struct runtime *rt)
{
	struct list *node;

	if (!rt)
		return NULL;
	CHECK(list_is_empty(&rt->children));
	server_close();
	discovery_fini(&rt->discovery);
	registry_fini(&rt->registry);
	spawner_stop(); /* with the forkserver: the last sweep need not look at it */
	contain_close(&rt->containment);
	watchdog_stop(rt);
	shm_end(rt); /* after that sweep: whose memory it is has then ended */
	give_signals_back(rt);
	while ((node = list_pop(&rt->end_hooks)))
		mem_free(list_entry(node, struct end_hook, node));
	for (size_t i = 0; rt->preload[i]; i++)
		mem_free(rt->preload[i]);
	mem_free(rt->guest_text);
	endpoint_exposed_fini(&rt->exposed);
	oom_fini(&rt->oom);
	pidref_fini(&rt->self);
	sys_close(TAKE_FD(rt->root_pidfd));
	sys_close(TAKE_FD(rt->parent_pidfd));
	report_set_actor("", "");
	rt->loop->actor = NULL;
	runtime_set_state(rt, STATUS_ENDED);
	loop_set_status(rt->loop, NULL);
	rt->shown_status = status_unmap(rt->shown_status);
	runtime_this = NULL;
	return mem_free(rt);
}

/* The third SIGINT: the user has lost patience with us, and may end this process as if
 * nothing held the signal. */
void runtime_die_of_interrupt(const struct runtime *rt)
{
	sigset_t only;

	sigemptyset(&only);
	sigaddset(&only, SIGINT);
	acre_ignore(pidref_signal(&rt->self, SIGINT));
	sys_sigmask(SIG_UNBLOCK, &only, NULL);
}

bool runtime_is_orphan(const struct runtime *rt)
{
	struct pollfd parent = { .fd = rt->parent_pidfd, .events = POLLIN };

	return !rt->is_root && sys_poll(&parent, 1, 0) > 0 && !PLANTED(ORPHAN_DEAF);
}

static bool minds_interrupt(const struct runtime *rt)
{
	return rt->is_root || rt->sigint == ACRE_SIGINT_CANCEL ||
	       (rt->sigint == ACRE_SIGINT_PARENT && runtime_is_orphan(rt));
}

/* The operating system cancels us, for the user or for nobody: our last words. */
static void cancel(struct runtime *rt, int sig, enum acre_reason reason)
{
	bool orphan = runtime_is_orphan(rt);

	trace(ACRE_EVENT_OS_CANCEL, (uint64_t)sig, orphan);
	log_say(ACRE_LOG_CANCEL, "%s cancels %s%s", sig == SIGINT ? "SIGINT" : "SIGTERM",
		rt->is_root ? "the tree" : "this actor", orphan ? ", an orphan" : "");
	scope_cancel(&rt->loop->root.scope, reason);
}

void runtime_was_interrupted(struct runtime *rt)
{
	cancel(rt, SIGINT, ACRE_REASON_INTERRUPT);
}

static void kill_children(struct runtime *rt)
{
	struct acre_command *c;
	struct acre_actor *a;

	list_for_each(a, &rt->children, node)
		life_kill(&a->life, "a second SIGINT came");
	list_for_each(c, &rt->commands, node)
		command_event(c, COMMAND_EV_KILL);
}

static void interrupted(struct runtime *rt)
{
	uint32_t n;

	if (!minds_interrupt(rt) || watchdog_has_taken_interrupt())
		return;
	n = atomic_fetch_add(&rt->n_interrupts, 1) + 1;
	if (n == 2)
		kill_children(rt);
	else if (n > 2)
		runtime_die_of_interrupt(rt);
	runtime_was_interrupted(rt);
}

static void read_signals(struct watch *w, uint32_t events)
{
	struct runtime *rt = container_of(w, struct runtime, signal_watch);
	struct signalfd_siginfo info;

	(void)events;
	while (sys_read(w->fd, &info, sizeof info) == (ssize_t)sizeof info) {
		trace(ACRE_EVENT_SIGNAL, info.ssi_signo, 0);
		if (info.ssi_signo == SIGINT)
			interrupted(rt);
		else if (info.ssi_signo == SIGTERM)
			cancel(rt, SIGTERM, ACRE_REASON_TERMINATE);
	}
}

/*
 * Who reads the terminal while another one has it is to fail, not to be stopped for ever
 * (kernel-facts K34): a stopped root could not even take it back. And ^Z in an actor that has
 * it would stop only that one, which no shell sees.
 */
static void block_terminal(sigset_t *set, bool is_root)
{
	sigaddset(set, SIGTTIN);
	sigaddset(set, SIGTTOU);
	if (!is_root)
		sigaddset(set, SIGTSTP);
}

int runtime_take_signals(struct runtime *rt)
{
	sigset_t ours, ours_and_tty;
	int r;

	sigemptyset(&ours);
	sigaddset(&ours, SIGINT);
	sigaddset(&ours, SIGTERM);
	sigaddset(&ours, SIGUSR1);
	ours_and_tty = ours;
	block_terminal(&ours_and_tty, rt->is_root);
	if (rt->is_root)
		mind_sigchld(rt);
	sys_sigmask(SIG_BLOCK, &ours_and_tty, &rt->old_mask);
	rt->masked = true;
	sigdelset(&ours, SIGUSR1);
	atomic_store(&rt->minds_interrupts, rt->is_root);
	r = rt->signal_fd = sys_signalfd(-1, &ours, SFD_NONBLOCK);
	return r < 0 ? r : loop_watch(&rt->signal_watch, r, EPOLLIN, read_signals);
}

void runtime_serve(struct runtime *rt, struct nursery *service)
{
	nursery_open(service, __FILE__, __LINE__);
	rt->service = service;
}

int runtime_serve_no_more(struct runtime *rt, int r)
{
	struct nursery *service = rt->service;
	int served;

	rt->service = NULL;
	runtime_set_state(rt, STATUS_ENDS);
	server_stop_listening();
	scope_cancel(&service->scope, ACRE_REASON_PARENT);
	served = nursery_close(service, 0);
	discovery_end();
	server_say_goodbye();
	guest_pair_end(rt);
	runtime_run_end_hooks(rt);
	return r < 0 || served >= 0 ? r : served;
}

int runtime_preload(struct runtime *rt, const char *path, size_t len)
{
	size_t n = 0;

	while (rt->preload[n])
		n++;
	if (n == ENDPOINT_SPACES_MAX)
		return acre_fail(ENOSPC, "%d modules are to be preloaded already",
				 ENDPOINT_SPACES_MAX);
	rt->preload[n] = mem_strndup(path, len);
	return rt->preload[n] ? 0 : acre_fail(ENOMEM, "no memory for a module's path");
}

void runtime_run_end_hooks(struct runtime *rt)
{
	struct list *node;

	while ((node = list_pop(&rt->end_hooks))) {
		struct end_hook *hook = list_entry(node, struct end_hook, node);

		hook->fn(hook->arg);
		mem_free(hook);
	}
}

int acre_at_end(void (*fn)(void *arg), void *arg)
{
	struct end_hook *hook;

	if (!runtime_this)
		return acre_fail(ACRE_ENORUNTIME, "acre_at_end() outside of an actor");
	hook = mem_zalloc(sizeof *hook);
	if (!hook)
		return acre_fail(ENOMEM, "no memory for an end hook");
	*hook = (struct end_hook){ .fn = fn, .arg = arg };
	list_push_front(&runtime_this->end_hooks, &hook->node);
	return 0;
}

const char *acre_self_name(void)
{
	return runtime_this ? runtime_this->name : "";
}

const char *acre_self_uuid(void)
{
	return runtime_this ? runtime_this->uuid : "";
}

struct acre_actor *acre_parent(void)
{
	return runtime_this ? runtime_this->parent : NULL;
}

size_t acre_children(struct acre_actor **ret, size_t n)
{
	struct acre_actor *a;
	size_t count = 0;

	if (!runtime_this)
		return 0;
	list_for_each(a, &runtime_this->children, node) {
		if (count < n)
			ret[count] = a;
		count++;
	}
	return count;
}
