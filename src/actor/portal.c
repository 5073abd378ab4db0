/* SPDX-License-Identifier: MIT */
/* portal.c - dialling an actor, sharing the link with who has dialled it before, and letting go. */
#include "actor/portal.h"

#include <poll.h>

#include "actor/hello.h"
#include "actor/patience.h"
#include "actor/runtime.h"
#include "base/clock.h"
#include "base/sys.h"
#include "base/util.h"
#include "core/sched.h"
#include "core/waitfd.h"
#include "wire/transport.h"

/*
 * Every wait here is a checkpoint with a bound, so that a host that is gone, or a process that is
 * stopped, costs so much and no more.
 */

/* A Unix socket whose backlog is full has nothing that could be waited for. */
#define BACKLOG_RETRY_NS (10 * LIFE_MS)

static struct acre_actor *portal_to(const struct address *address)
{
	struct acre_actor *a;

	list_for_each(a, &runtime_this->strangers, node)
		if (a->role == PEER_CALLED && !a->link_lost && !a->link.finishing &&
		    address_is_equal(&a->address, address))
			return a;
	return NULL;
}

/* Connects, and waits until that is over. */
static int connect_to(int *ret_fd, const struct address *to)
{
	int r = transport_dial(ret_fd, to, &runtime_this->discovery.links);

	while (report_class(r) == EAGAIN) {
		r = acre_sleep((acre_span){ .ns = BACKLOG_RETRY_NS });
		if (r >= 0)
			r = transport_dial(ret_fd, to, &runtime_this->discovery.links);
	}
	while (r > 0) {
		r = waitfd_wait(*ret_fd, POLLOUT, WAIT_DIAL, false);
		if (r >= 0)
			r = transport_dialled(*ret_fd, to);
		if (r < 0)
			sys_close(TAKE_FD(*ret_fd));
	}
	return r;
}

int portal_take(struct acre_actor **ret, const struct address *address, int take_fd)
{
	char text[ADDRESS_TEXT_SIZE];
	struct acre_actor *a;
	int r;

	address_text(address, text);
	a = peer_new(PEER_CALLED, text);
	if (!a) {
		sys_close(take_fd);
		return -ENOMEM;
	}
	a->address = *address;
	a->is_keyed = hello_is_keyed(address);
	a->n_holders = 1;
	list_push(&runtime_this->strangers, &a->node);
	r = peer_open(a, take_fd, a->name);
	if (r < 0) {
		portal_release(a);
		return r;
	}
	a->link.limits = &runtime_this->server.hello;
	if (a->is_keyed) { /* it may be anyone, anywhere */
		link_look_at_host(&a->link, &runtime_this->discovery.links);
		a->link.mute = true;
	}
	*ret = a;
	return 0;
}

static int dial(struct acre_actor **ret, const struct address *address)
{
	int fd = -1, r = hello_may_use(address);

	if (r >= 0)
		r = connect_to(&fd, address);
	return r < 0 ? r : portal_take(ret, address, TAKE_FD(fd));
}

static int wait_for(struct acre_actor *a, enum wait_what what)
{
	struct wait w = { .task = task_this() };
	int r;

	list_push(&a->end_waits, &w.node);
	park_begin_naming(a->name, NULL);
	r = park_on(what, a, &w, 1);
	park_end_naming();
	return r;
}

static int await_hello(struct acre_actor *a)
{
	int r = 0;

	while (r >= 0 && !a->introduced && !a->link_lost)
		r = wait_for(a, WAIT_DIAL);
	if (r < 0 || a->introduced)
		return r;
	if (a->link_error)
		return report_file(report_ref(a->link_error),
				   report_public(a->link_error)->code);
	return acre_fail(ACRE_ECLOSED, "%s closed its link without an Aid%s", a->name,
			 a->is_keyed ? "; has it another key?" : "");
}

bool portal_admits(struct acre_actor *a, const struct msg_aid *aid)
{
	int r = hello_check(a, aid);

	if (r < 0) {
		link_close(&a->link, r);
		return false;
	}
	a->link.limits = &wire_limits_default;
	a->link.mute = false;
	return true;
}

static int open_in_time(struct acre_actor **ret, const struct address *address)
{
	struct acre_actor *a = portal_to(address);
	int r = 0;

	if (a)
		a->n_holders++;
	else
		r = dial(&a, address);
	if (r >= 0)
		r = await_hello(a);
	if (r < 0 && a)
		a = portal_release(a);
	*ret = a;
	return r;
}

int portal_open(struct acre_actor **ret, const struct address *address, int64_t span_ns)
{
	char text[ADDRESS_TEXT_SIZE];
	int r = 0;

	*ret = NULL;
	address_text(address, text);
	ACRE_WITHIN((acre_span){ .ns = span_ns }, r)
		r = open_in_time(ret, address);
	if (report_class(r) == ETIMEDOUT)
		return acre_fail(ACRE_ETOOSLOW, "%s did not answer within %d ms", text,
				 (int)(span_ns / LIFE_MS));
	return r;
}

/* Nobody has asked for it, or does any more: once nothing is under way, it is closed. */
void portal_is_idle(struct acre_actor *a)
{
	if (a->role == PEER_CALLED && !a->n_holders && !a->n_contexts)
		peer_say_goodbye(a);
}

/* A holder is told by what it does next; its handle stays. */
void portal_link_lost(struct acre_actor *a)
{
	if (!a->n_holders)
		peer_bury(a);
}

struct acre_actor *portal_release(struct acre_actor *a)
{
	if (!a || a->role != PEER_CALLED)
		return NULL;
	a->n_holders--;
	if (!a->n_holders && (a->link_lost || a->link.fd < 0))
		peer_bury(a);
	else
		portal_is_idle(a);
	return NULL;
}

int portal_cancel(struct acre_actor *a)
{
	struct patience p;
	int r = 0;

	if (!a->link_lost)
		peer_send_cancel(a, (struct slice){ NULL, 0 }, ++a->next_req,
				 ACRE_REASON_ASKED, -1);
	patience_begin(&p, &a->end_waits, LIFE_ACK_NS);
	while (r >= 0 && !a->acked && !a->link_lost && !p.over)
		r = wait_for(a, WAIT_CANCEL_ACK);
	patience_end(&p);
	if (r >= 0 && !a->acked && !a->link_lost)
		r = acre_fail(ACRE_ETOOSLOW, "actor %s %s", a->name, patience_words(false));
	return r;
}
