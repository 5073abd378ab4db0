/* SPDX-License-Identifier: MIT */
/* actor.c - children: spawning, booting, ending, and what their death means to the nursery. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "actor/context.h"
#include "actor/guest.h"
#include "actor/patience.h"
#include "actor/portal.h"
#include "actor/runtime.h"
#include "actor/shm.h"
#include "actor/spec.h"
#include "actor/watchdog.h"
#include "base/mem.h"
#include "base/sys.h"
#include "base/util.h"
#include "core/sched.h"

/*
 * A child is a member of its nursery from the moment its process exists. acre_spawn()
 * returns when the child has answered the ready probe, which it does once it serves, or
 * when it is gone. Its end has three witnesses, the process, the link and its answers,
 * and one judge: gone() below, which runs when the process was reaped and the link
 * drained.
 */

static const struct life_ops life_ops;

static struct acre_actor *actor_of(struct life *l)
{
	return container_of(l, struct acre_actor, life);
}

/*
 * How it ended, as a failure: nothing if it ended as it was asked.
 */

static struct report *death_report(struct acre_actor *a, int class)
{
	struct report *rep = report_new(class);

	if (!rep)
		return NULL;
	acre_ignore(report_set_text(rep, &report_public(rep)->actor, a->name,
				    strlen(a->name)));
	acre_ignore(report_set_text(rep, &report_public(rep)->actor_uuid, a->uuid,
				    strlen(a->uuid)));
	report_public(rep)->pid = a->pid;
	rep->of_end = a->end_number;
	acre_ignore(report_set_death(rep, &a->life.death));
	if (a->link_error)
		acre_ignore(report_add_member(rep, TAKE_PTR(a->link_error)));
	return rep;
}

/* The failure of a child that never served: what it said itself, else how it died. */
static struct report *boot_report(struct acre_actor *a)
{
	struct report *rep = death_report(a, ACRE_EBOOT);

	if (rep && a->boot_error)
		acre_ignore(report_add_member(rep, TAKE_PTR(a->boot_error)));
	return rep;
}

/* By the watchdog, while our loop was stuck: its entry is as it was when it was reaped. */
static bool child_was_told(const struct acre_actor *a)
{
	return a->life.entry.was_told;
}

static bool ended_as_asked(const struct acre_actor *a)
{
	const struct acre_death *d = &a->life.death;

	if (a->link_error) /* what it sent was refused: perhaps nobody has heard of that */
		return false;
	if (child_was_told(a))
		return d->signal == SIGTERM || d->signal == SIGKILL ||
		       (!d->signal && !d->status);
	if (!a->life.was_asked) /* but by an interrupt, or a peer that it told us of */
		return (a->sigint == ACRE_SIGINT_CANCEL || a->acked) && !d->signal &&
		       !d->status;
	if (d->hard_kill)
		return a->member.nursery->scope.covered || a->cancel_called;
	return d->signal == SIGTERM || (!d->signal && !d->status);
}

static bool died_for_memory(const struct acre_actor *a)
{
	const struct acre_death *d = &a->life.death;

	return d->signal == SIGKILL && !d->hard_kill &&
	       oom_explains(&runtime_this->oom, a->oom_at_birth);
}

/* Sets a->ended and a->failure; the failure that the nursery is to have, 0 for none. */
static int judge(struct acre_actor *a)
{
	if (!a->served) { /* acre_spawn() returns it */
		a->failure = boot_report(a);
		a->ended = -ACRE_EBOOT;
		return 0;
	}
	if (ended_as_asked(a))
		return 0;
	a->ended = a->life.was_asked && a->life.death.hard_kill ? -ACRE_ETOOSLOW
								: -ACRE_EDIED;
	a->failure = death_report(a, -a->ended);
	return report_file(report_ref(a->failure), -a->ended);
}

static void count_actors(int more)
{
	_Atomic uint32_t *n = &loop_this->status->n_actors;

	status_set(n, status_get(n) + (uint32_t)more);
}

/* Last of its life: reaped. What it had written is read first; then its end is known
 * to everyone in the same turn. */
static void gone(struct life *l)
{
	struct acre_actor *a = actor_of(l);
	int r;

	link_drain(&a->link);
	list_remove(&a->node);
	count_actors(-1);
	a->life.death.oom = died_for_memory(a);
	if (a->pid != runtime_this->self.pid) { /* not a thread of ours */
		discovery_clean_up_after(a);
		shm_child_has_ended();
	}
	r = judge(a);
	unpark_all(&a->end_waits, 0);
	nursery_member_ended(&a->member, r);
}

/* It could not even be watched: it was killed and reaped at once, and is no news for
 * the nursery. */
static void gone_before_birth(struct acre_actor *a)
{
	list_remove(&a->node);
	count_actors(-1);
	nursery_member_ended(&a->member, 0);
}

/* A thread cannot be killed: its link is all that ends. */
static void say_killed(const struct acre_actor *a)
{
	const char *why = a->life.why_killed;

	log_say(ACRE_LOG_WARNING, "%s actor %s (pid %d): %s",
		a->life.body == &life_body_process ? "killed" : "cut off the thread of", a->name,
		(int)a->pid, why ? why : patience_words(a->acked));
}

static void cut(struct life *l)
{
	struct acre_actor *a = actor_of(l);

	say_killed(a);
	link_close(&a->link,
		   acre_fail(ACRE_ECLOSED, "the link to %s was cut: it is being killed",
			     a->name));
}

static void ask_over_link(struct life *l, enum acre_reason reason, int64_t remaining_ns)
{
	struct acre_actor *a = actor_of(l);

	peer_send_cancel(a, (struct slice){ NULL, 0 }, ++a->next_req, reason,
			 remaining_ns);
}

static const struct life_ops life_ops = { .ask = ask_over_link,
					  .cut = cut,
					  .gone = gone };

static void ask(struct member *m, enum acre_reason reason)
{
	life_ask(&container_of(m, struct acre_actor, member)->life, reason);
}

void actor_free(struct acre_actor *a)
{
	peer_fini(a);
	life_fini(&a->life);
	a->status = status_unmap(a->status);
	report_unref(a->boot_error);
	report_unref(a->failure);
	mem_free(a);
}

static void bury(struct member *m)
{
	struct acre_actor *a = container_of(m, struct acre_actor, member);

	a->ready_probe = context_free(a->ready_probe);
	peer_bury(a);
}

/*
 * Events from the link.
 */

void actor_booted(struct acre_actor *a)
{
	life_event(&a->life, LIFE_EV_SERVING);
	a->served = true;
	unpark_all(&a->end_waits, 0);
}

void actor_acked(struct acre_actor *a)
{
	a->acked = true;
	if (peer_is_child(a) && a->life.was_asked)
		life_event(&a->life, LIFE_EV_ACK);
	unpark_all(&a->end_waits, 0);
}

void actor_link_lost(struct acre_actor *a)
{
	if (!life_is_over(&a->life))
		life_event(&a->life, LIFE_EV_LINK_LOST);
}

void actor_boot_error(struct acre_actor *a, struct report *take_why)
{
	report_unref(a->boot_error);
	a->boot_error = take_why;
}

void actor_cannot_boot(struct acre_actor *a, struct report *take_why)
{
	actor_boot_error(a, take_why);
	life_kill(&a->life, "it cannot say that it serves");
}

/*
 * Spawning.
 */

static int check_options(const struct acre_spawn_options *o)
{
	int r = o->name ? runtime_check_name(o->name) : 0;

	if (r < 0)
		return r;
	if (o->flags & ~ACRE_SPAWN_STRANGERS)
		return acre_fail(EINVAL, "unknown flags 0x%llx for an actor",
				 (unsigned long long)o->flags);
	if (o->linger.ns < 0)
		return acre_fail(EINVAL, "a linger of %lld ns: it must not be negative",
				 (long long)o->linger.ns);
	if ((unsigned int)o->sigint > ACRE_SIGINT_IGNORE)
		return acre_fail(EINVAL, "there is no enum acre_sigint %d",
				 (int)o->sigint);
	if ((unsigned int)o->log >= ACRE_N_LOG_LEVELS_)
		return acre_fail(EINVAL, "there is no level %d of the log", (int)o->log);
	for (size_t i = 0; i < ARRAY_N(o->reserved); i++)
		if (o->reserved[i])
			return acre_fail(EINVAL,
					 "the reserved options of an actor must be 0");
	return 0;
}

static int choose_backend(const struct backend **ret, const struct nursery *n,
			  const struct acre_spawn_options *o)
{
	if (o->backend)
		return backend_find(ret, o->backend);
	if (o->program) /* another image: there is one backend that can do that */
		return backend_find(ret, "exec");
	if (n->backend)
		return backend_find(ret, n->backend);
	*ret = runtime_this->backend;
	return 0;
}

int acre_nursery_backend(struct acre_nursery *nursery, const char *name)
{
	const struct backend *b = NULL;
	int r = name ? backend_find(&b, name) : 0;

	if (r >= 0)
		nursery_of(nursery)->backend = b ? b->name : NULL;
	return r;
}

static int actor_new(struct acre_actor **ret, const struct acre_spawn_options *o)
{
	struct acre_actor *a = peer_new(PEER_CHILD, o->name ? o->name : "actor");
	int r;

	if (!a)
		return acre_fail(ENOMEM, "no memory for an actor");
	a->sigint = o->sigint;
	life_init(&a->life, &life_ops, o->linger);
	r = uuid_new(a->uuid);
	if (r < 0) {
		mem_free(a);
		return acre_fail(report_class(r), "no random numbers to name an actor");
	}
	*ret = a;
	return 0;
}

/* A process that did not get to its program failed to boot; why is told, and the cause. */
static int not_made(struct acre_actor *a, int r)
{
	char text[512];
	struct report *rep;

	if (!a->life.death.step)
		return acre_note(r, "spawning actor %s", a->name);
	snprintf(text, sizeof text, "actor %s could not be made: %s", a->name,
		 acre_why(r)->message);
	a->boot_error = report_take(r);
	rep = boot_report(a);
	report_unref(TAKE_PTR(a->boot_error));
	if (rep)
		acre_ignore(report_set_text(rep, &report_public(rep)->message, text,
					    strlen(text)));
	return report_file(rep, ACRE_EBOOT);
}

/* One end of what the link goes over: a descriptor, or memory. */
struct way {
	int fd;
	struct memory_end *memory;
};

static void way_close(struct way *w)
{
	sys_close(TAKE_FD(w->fd));
	w->memory = memory_close(w->memory);
}

static int way_pair(struct way *ret_ours, struct way *ret_theirs, bool shares_memory)
{
	struct memory_end *ends[2] = { NULL, NULL };
	int fds[2] = { -1, -1 };
	int r = shares_memory ? memory_pair(ends)
			      : sys_socketpair(AF_UNIX, SOCK_STREAM, 0, fds);

	*ret_ours = (struct way){ fds[0], ends[0] };
	*ret_theirs = (struct way){ fds[1], ends[1] };
	return r;
}

/* The process exists afterwards, or nothing does. */
static int make_process(struct acre_actor *a, const struct backend *b,
			const struct acre_spawn_options *o, const struct way *theirs)
{
	char title[ACTOR_TITLE_MAX];
	auto_close int status = -1;
	int r = watchdog_start_sweeping(runtime_this);

	if (r < 0)
		return r;
	r = status_make(&a->status, &status);
	if (r < 0)
		return acre_fail(report_class(r), "no status page for actor %s", a->name);
	a->life.status = a->status;
	snprintf(title, sizeof title, "_subactor[%s@%s]", a->name, a->uuid);
	a->oom_at_birth = oom_unexplained(&runtime_this->oom);
	r = b->make(&a->life,
		    &(struct birth){ .name = a->name,
				     .title = title,
				     .program = o->program,
				     .guest = o->guest,
				     .link_fd = theirs->fd,
				     .link_memory = theirs->memory,
				     .with_strangers = o->flags & ACRE_SPAWN_STRANGERS,
				     .status_fd = status });
	if (r < 0)
		return not_made(a, r);
	a->pid = a->life.pid.pid;
	return 0;
}

/* The process and our end of its link. */
static int make_with_link(struct acre_actor *a, const struct backend *b,
			  const struct acre_spawn_options *o, struct way *ret_link)
{
	struct way ours, theirs;
	int r = way_pair(&ours, &theirs, b->shares_memory);

	if (r < 0)
		return acre_fail(report_class(r), "no link for actor %s", a->name);
	r = make_process(a, b, o, &theirs);
	if (r >= 0 && b->shares_memory)
		theirs.memory = NULL; /* its own now */
	way_close(&theirs);
	if (r < 0)
		way_close(&ours);
	else
		*ret_link = ours;
	return r;
}

/* Introduces us, tells it what to be, and asks for the sign that it serves. */
static int greet(struct acre_actor *a, struct way take_link, const struct acre_spawn_options *o)
{
	int r = take_link.memory ? peer_open_memory(a, take_link.memory, a->name)
				 : peer_open(a, take_link.fd, a->name);

	if (r >= 0)
		r = spec_send(a, o);
	if (r >= 0)
		r = opener_start(&a->ready_probe, a, "self", "get_registry",
				 acre_nil_msg_(), NULL);
	return r;
}

static int wait_end(struct acre_actor *a, enum wait_what what, bool cancellable)
{
	struct wait w = { .task = task_this() };
	int r;

	list_push(&a->end_waits, &w.node);
	park_begin_naming(a->name, NULL);
	r = cancellable ? park_on(what, a, &w, 1) : park_shielded_on(what, a, &w, 1);
	park_end_naming();
	return r;
}

/* A checkpoint until it serves; cancelled, it is asked to end, and the wait goes on
 * until it is gone. */
static int await_boot(struct acre_actor *a)
{
	int r = 0;

	while (r >= 0 && !a->served && !life_is_over(&a->life))
		r = wait_end(a, WAIT_SPAWN, true);
	if (r < 0)
		life_ask(&a->life, scope_why(task_this()->scope));
	while (r < 0 && !life_is_over(&a->life)) /* bound: the ladder */
		wait_end(a, WAIT_SPAWN, false);
	if (r >= 0 && !a->served)
		r = report_file(report_ref(a->failure), -a->ended);
	return r;
}

/* From here on its end is an event, whatever fails. */
static int begin(struct acre_actor *a, struct way take_link, const struct acre_spawn_options *o)
{
	int r = life_begin(&a->life);

	if (r < 0) {
		way_close(&take_link);
		gone_before_birth(a);
		return r;
	}
	r = greet(a, take_link, o);
	if (r < 0 || a->member.nursery->scope.covered)
		life_kill(&a->life,
			  r < 0 ? "it cannot be asked to be anything"
				: "its nursery was cancelled while it was made");
	if (r < 0)
		acre_ignore(
			await_boot(a)); /* it is gone on return; why is told already */
	return r;
}

int acre_spawn_(struct acre_nursery *nursery, struct acre_actor **ret,
		const struct acre_spawn_options *options)
{
	struct nursery *n = nursery_of(nursery);
	const struct backend *b = NULL;
	struct acre_actor *a = NULL;
	struct way link = { .fd = -1 };
	int r = checkpoint(sched_task("acre_spawn"));

	if (r >= 0 && !runtime_this)
		r = acre_fail(ACRE_ENORUNTIME, "acre_spawn() outside of an actor");
	if (r >= 0)
		r = check_options(options);
	if (r >= 0)
		r = choose_backend(&b, n, options);
	if (r >= 0)
		r = guest_check(options->guest, b->needs_python, b->name);
	if (r >= 0)
		r = actor_new(&a, options);
	if (!a)
		return r;
	r = make_with_link(a, b, options, &link);
	if (r < 0) {
		life_fini(&a->life);
		a->status = status_unmap(a->status);
		mem_free(a);
		return r;
	}
	a->member = (struct member){ .ask = ask, .bury = bury };
	list_push(&runtime_this->children, &a->node);
	count_actors(1);
	nursery_add(n, &a->member);
	r = begin(a, link, options);
	if (r >= 0)
		r = await_boot(a);
	if (r >= 0)
		*ret = a;
	return r;
}

/*
 * What a program asks of a handle.
 */

int acre_actor_wait(struct acre_actor *actor)
{
	int r = checkpoint(sched_task("acre_actor_wait"));

	if (r < 0)
		return r;
	if (!actor)
		return acre_fail(EINVAL, "waiting for an actor that is NULL");
	if (!peer_is_child(actor))
		return acre_fail(EINVAL, "%s is not a child of this actor", actor->name);
	while (r >= 0 && !life_is_over(&actor->life))
		r = wait_end(actor, WAIT_ACTOR_END, true);
	if (r >= 0 && actor->ended < 0)
		r = report_file(report_ref(actor->failure), -actor->ended);
	return r;
}

void actor_end(struct acre_actor *a)
{
	if (loop_is_forked(loop_this))
		return;
	a->cancel_called = true;
	life_ask(&a->life, ACRE_REASON_ASKED);
	while (!life_is_over(&a->life))
		wait_end(a, WAIT_ACTOR_END, false);
}

static int too_slow(struct acre_actor *a)
{
	return acre_fail(ACRE_ETOOSLOW, "actor %s %s", a->name, patience_words(a->acked));
}

int acre_actor_cancel(struct acre_actor *actor)
{
	struct patience p;
	int r = checkpoint(sched_task("acre_actor_cancel"));

	if (r < 0)
		return r;
	if (!actor) /* acre_parent() in the root */
		return acre_fail(EINVAL, "cancelling an actor that is NULL");
	if (actor->role == PEER_PARENT)
		return acre_fail(EINVAL, "%s is the parent of this actor: it ends us, not we it",
				 actor->name);
	actor->cancel_called = true;
	if (peer_is_stranger(actor))
		return portal_cancel(actor);
	/* It is over no later than the ladder's rung: by the SIGTERM a stopped child goes on, and
	 * its ack then is too late, also where this loop is slow. */
	patience_begin(&p, &actor->end_waits, LIFE_ACK_NS);
	if (!life_is_over(&actor->life))
		life_ask(&actor->life, ACRE_REASON_ASKED);
	while (r >= 0 && !life_is_over(&actor->life) && (actor->acked || !p.over))
		r = wait_end(actor, WAIT_ACTOR_END, true);
	patience_end(&p);
	if (r >= 0 && (!life_is_over(&actor->life) || actor->life.death.hard_kill))
		r = too_slow(actor);
	return r;
}

const char *acre_actor_name(const struct acre_actor *actor)
{
	return actor->name;
}

const char *acre_actor_uuid(const struct acre_actor *actor)
{
	return actor->uuid;
}

pid_t acre_actor_pid(const struct acre_actor *actor)
{
	return actor->pid;
}

bool acre_actor_is_connected(const struct acre_actor *actor)
{
	return actor->introduced && !actor->link_lost;
}

bool acre_actor_cancel_called(const struct acre_actor *actor)
{
	return actor->cancel_called || (peer_is_child(actor) && actor->life.was_asked);
}
