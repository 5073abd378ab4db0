/* SPDX-License-Identifier: MIT */
/* server.c - accepting links, admitting who is at their other end, and closing what was dialled. */
#include "actor/server.h"

#include <string.h>
#include <unistd.h>

#include "actor/hello.h"
#include "actor/runtime.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/mem.h"
#include "base/sys.h"
#include "base/util.h"
#include "core/trace.h"

/* Callers taken at one readiness of a listener: others have their turn in between. */
#define ACCEPTS_PER_EVENT 16

void server_init(struct server *s)
{
	*s = (struct server){ .hello = wire_limits_default };
	s->hello.frame = s->hello.hello;
}

/* What a caller has to introduce itself, in ms. */
static uint32_t hello_ms(void)
{
	return runtime_this->discovery.reference_peers
		       ? wire_limits_default.hello_reference_ms
		       : wire_limits_default.hello_ms;
}

static void hello_is_late(struct timer *t)
{
	struct acre_actor *a = container_of(t, struct acre_actor, hello);

	link_close(&a->link, acre_fail(ACRE_ECLOSED, "a caller sent no Aid within %u ms",
				       hello_ms()));
}

/* A caller that is not known yet may send one short frame. */
int server_take(const struct server_listener *l, int take_fd)
{
	struct acre_actor *a = peer_new(PEER_CALLER, "a caller");
	struct server *s = &runtime_this->server;
	int r;

	if (!a) {
		sys_close(take_fd);
		return -ENOMEM;
	}
	list_push(&runtime_this->strangers, &a->node);
	r = peer_open(a, take_fd, a->name);
	if (r < 0) {
		peer_bury(a);
		return r;
	}
	a->address = l->listener.address;
	a->is_keyed = hello_is_keyed(&a->address);
	a->listening_since_us = l->since_us;
	a->link.limits = &s->hello;
	a->link.mute = true;
	if (a->is_keyed)
		link_look_at_host(&a->link, &runtime_this->discovery.links);
	s->n_unadmitted++;
	timer_set(&a->hello, clock_now() + (int64_t)hello_ms() * LIFE_MS, hello_is_late);
	return 0;
}

/* TCP tells nobody's uid: who that is its Aid has to prove. */
static bool may_be_ours(const struct listener *l, int fd)
{
	struct transport_peer who;

	if (hello_is_keyed(&l->address))
		return true;
	if (transport_peer(fd, &who) < 0)
		return false;
	sys_close(TAKE_FD(who.pidfd));
	return who.uid == sys_geteuid() || PLANTED(STRANGER_ADMITTED);
}

/* Out of descriptors or memory, the caller waits in the kernel until the loop comes by again. */
static void accept_some(struct watch *w, uint32_t events)
{
	struct server_listener *l = container_of(w, struct server_listener, watch);
	struct server *s = &runtime_this->server;
	struct address from;
	int fd;

	(void)events;
	for (int i = 0; i < ACCEPTS_PER_EVENT; i++) {
		if (transport_accept(&l->listener, &fd, &from) < 0)
			return;
		if (s->n_unadmitted >= wire_limits_default.unadmitted ||
		    !may_be_ours(&l->listener, fd))
			sys_close(fd);
		else
			acre_ignore(server_take(l, fd));
	}
}

int server_listen(const struct address *address)
{
	struct server *s = &runtime_this->server;
	struct server_listener *l = &s->listeners[s->n_listeners];
	int r;

	if (s->n_listeners == SERVER_LISTENERS_MAX)
		return acre_fail(ENOSPC, "an actor has at most %d listeners",
				 SERVER_LISTENERS_MAX);
	r = hello_may_use(address);
	if (r >= 0)
		r = transport_listen(&l->listener, address,
				     &runtime_this->discovery.links);
	if (r < 0)
		return r;
	l->since_us = clock_wall_us();
	r = loop_watch(&l->watch, l->listener.fd, EPOLLIN, accept_some);
	if (r < 0) {
		transport_unlisten(&l->listener);
		return acre_fail(report_class(r), "watching a listener");
	}
	s->n_listeners++;
	return 0;
}

void server_stop_listening(void)
{
	struct server *s = &runtime_this->server;

	while (s->n_listeners) {
		struct server_listener *l = &s->listeners[--s->n_listeners];

		loop_unwatch(&l->watch);
		transport_unlisten(&l->listener);
	}
}

static struct acre_actor *still_linked(void)
{
	struct acre_actor *a;

	list_for_each(a, &runtime_this->strangers, node)
		if (!a->link.closed)
			return a;
	return NULL;
}

void server_say_goodbye(void)
{
	struct acre_actor *a;

	if (loop_is_forked(loop_this))
		return;
	list_for_each(a, &runtime_this->strangers, node)
		peer_say_goodbye(a);
	while ((a = still_linked())) {
		struct wait w = { .task = task_this() };

		list_push(&a->end_waits, &w.node);
		park_shielded_on(WAIT_LINK, a, &w, 1);
	}
}

void server_close(void)
{
	struct acre_actor *a, *next;

	server_stop_listening();
	list_for_each_safe(a, next, &runtime_this->strangers, node) {
		if (a->link.ops && !loop_is_forked(loop_this))
			link_close(&a->link,
				   acre_fail(ACRE_ECLOSED, "this actor has ended"));
		peer_free(a);
	}
	auth_heard_fini(&runtime_this->server.heard);
}

bool server_admits(struct acre_actor *caller, const struct msg_aid *aid)
{
	int r;

	if (!peer_may_stay(caller, aid))
		return false;
	if (!aid->uid.name.len || aid->uid.name.len >= ACTOR_NAME_MAX ||
	    !aid->uid.uuid.len || aid->uid.uuid.len >= UUID_SIZE) {
		link_close(&caller->link,
			   acre_fail(EPROTO, "a caller without a name or uuid of its own"));
		return false;
	}
	r = hello_check(caller, aid);
	if (r < 0) {
		link_close(&caller->link, r);
		return false;
	}
	runtime_this->server.n_unadmitted--;
	timer_stop(&caller->hello);
	caller->link.limits = &wire_limits_default;
	caller->link.mute = false;
	return true;
}

void server_welcome(struct acre_actor *caller, bool is_probe)
{
	if (is_probe)
		peer_say_goodbye(caller);
}

void server_caller_lost(struct acre_actor *caller)
{
	if (!caller->introduced)
		runtime_this->server.n_unadmitted--;
	peer_bury(caller);
}
