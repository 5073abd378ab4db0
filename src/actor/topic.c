/* SPDX-License-Identifier: MIT */
/* topic.c - one generator for many subscribers, and to each the topics it asks for. */
#include <acre/topic.h>

#include <string.h>

#include <acre/chan.h>

#include "actor/context.h"
#include "actor/runtime.h"
#include "base/mem.h"
#include "base/util.h"
#include "core/report.h"
#include "core/sched.h"

/*
 * A subscriber is the task that serves its context: it reads the changes that come, and so
 * learns when the other side has left. Items are sent by the generator, which is one more task
 * of the actor's service.
 *
 * Each may end first. A subscriber that leaves while the generator sends to it, and maybe
 * waits for its credit, cancels that send and waits until it is out. A generator that ends,
 * or cannot send, cancels the scope around the reading.
 *
 * A publisher is in the runtime's list until its generator has ended, so there is never a
 * second one: who comes while it is ending waits for that, and looks again.
 */

#define TOPICS_MAX 1024 /* of a subscriber: more are meant for one with a longer name */

struct acre_publisher {
	struct list node; /* in the publishers of the runtime, until it is over */
	const struct acre_publication *publication;
	const char *task; /* of publication->tasks, or "" */
	size_t refs;	  /* the generator, subscribers, and who waits for its end */
	struct list subscribers; /* on the stacks of their tasks */
	struct list
		*next; /* subscriber that the item goes to next, while one is published */
	struct acre_scope *run; /* around the generator; NULL before and after */
	bool ending;		/* it has no subscriber any more */
	bool is_over;
	struct acre_event over;
	const struct subscriber *receiver; /* that is being sent to; NULL: none */
	struct acre_scope *send;	   /* around that */
	struct task *leaver;	/* borrowed: the receiver's, if it waits for that */
	struct report *failure; /* owned: the generator's */
	int failed;		/* its class, or 0 */
};

struct topic {
	struct list node;
	char name[ACRE_TOPIC_SIZE];
};

struct subscriber {
	struct list node;
	struct acre_publisher *publisher; /* referenced */
	struct acre_context *ctx;	  /* borrowed */
	struct acre_scope reading;
	struct list topics; /* struct topic, owned */
	size_t n_topics;
};

static void unref(struct acre_publisher *p)
{
	if (--p->refs > 0)
		return;
	if (p->failure)
		report_unref(p->failure);
	mem_free(p);
}

/*
 * Topics of a subscriber.
 */

static struct topic *find_topic(const struct subscriber *s, const char *name)
{
	struct topic *t;

	list_for_each(t, &s->topics, node)
		if (!strcmp(t->name, name))
			return t;
	return NULL;
}

static void forget(struct subscriber *s, struct topic *t)
{
	if (!t)
		return;
	list_remove(&t->node);
	s->n_topics--;
	mem_free(t);
}

static int want(struct subscriber *s, const char *name)
{
	struct topic *t;

	if (find_topic(s, name))
		return 0;
	if (s->n_topics == TOPICS_MAX)
		return acre_fail(ENOSPC, "a subscriber has at most %d topics",
				 TOPICS_MAX);
	t = mem_zalloc(sizeof *t);
	if (!t)
		return acre_fail(ENOMEM, "no memory for the topic %s", name);
	memcpy(t->name, name, strlen(name) + 1);
	list_push(&s->topics, &t->node);
	s->n_topics++;
	return 0;
}

/* Of a list with commas. */
static int change(struct subscriber *s, const char *names, bool wanted)
{
	char name[ACRE_TOPIC_SIZE];
	size_t len;
	int r = 0;

	for (const char *p = names; r >= 0 && p; p = p[len] ? p + len + 1 : NULL) {
		len = strcspn(p, ",");
		if (!len || len >= sizeof name)
			return acre_fail(
				ACRE_ETYPE,
				"expected names of topics of 1 to %zu bytes with "
				"commas between them, came \"%.200s\"",
				sizeof name - 1, names);
		memcpy(name, p, len);
		name[len] = '\0';
		if (wanted)
			r = want(s, name);
		else
			forget(s, find_topic(s, name));
	}
	return r;
}

/*
 * The generator.
 */

static void over(struct acre_publisher *p)
{
	struct subscriber *s;

	p->is_over = true;
	p->run = NULL;
	list_remove(&p->node);
	list_for_each(s, &p->subscribers, node)
		acre_scope_cancel(&s->reading);
	acre_event_set(&p->over);
}

static int generate(void *arg)
{
	struct acre_publisher *p = arg;
	struct acre_scope scope;
	int r;

	acre_scope_open(&scope);
	p->run = &scope;
	if (p->ending) /* before it began */
		acre_scope_cancel(&scope);
	r = p->publication->run(p);
	r = acre_scope_close(&scope, r);
	if (report_class(r) == ECANCELED && checkpoint(task_this()) >= 0)
		r = acre_fail(EPROTO, "a generator of topics returned -ECANCELED without "
				      "being cancelled");
	if (r < 0 && report_class(r) != ECANCELED) {
		p->failed = report_class(r);
		p->failure = report_take(r);
		r = 0; /* that of the subscribers, not of this actor */
	}
	over(p);
	unref(p);
	return r < 0 ? r : 0;
}

static const struct acre_task_kind generate_kind = { "generate", generate, __FILE__,
						     __LINE__ };

static struct acre_publisher *find_publisher(const struct acre_publication *publication,
					     const char *task)
{
	struct acre_publisher *p;

	list_for_each(p, &runtime_this->publishers, node)
		if (p->publication == publication && !strcmp(p->task, task))
			return p;
	return NULL;
}

static int start(struct acre_publisher **ret, const struct acre_publication *publication,
		 const char *task)
{
	struct acre_publisher *p;
	int r;

	if (!runtime_this->service)
		return acre_fail(ACRE_ECLOSED, "%s serves no more", runtime_this->name);
	p = mem_zalloc(sizeof *p);
	if (!p)
		return acre_fail(ENOMEM, "no memory for a publisher");
	p->publication = publication;
	p->task = task;
	p->refs = 1;
	list_init(&p->subscribers);
	acre_event_init(&p->over);
	r = task_start(runtime_this->service, &generate_kind, p,
		       &(const struct acre_task_options){
			       .name = *task ? task : NULL,
			       .stack_size = publication->stack_size });
	if (r < 0) {
		mem_free(p);
		return r;
	}
	list_push(&runtime_this->publishers, &p->node);
	*ret = p;
	return 0;
}

/* One that is not ending, with a reference. Its bound: generators that end were cancelled. */
static int get_publisher(struct acre_publisher **ret,
			 const struct acre_publication *publication, const char *task)
{
	struct acre_publisher *p = NULL;
	int r = 0;

	while (r >= 0 && (p = find_publisher(publication, task)) && p->ending) {
		p->refs++;
		r = acre_event_wait(&p->over);
		unref(p);
	}
	if (r >= 0 && !p)
		r = start(&p, publication, task);
	if (r < 0 || !p)
		return r;
	p->refs++;
	*ret = p;
	return 0;
}

/*
 * A subscriber.
 */

/* Not before nobody uses its context any more. */
static void leave(struct subscriber *s)
{
	struct acre_publisher *p = s->publisher;

	if (p->next == &s->node)
		p->next = s->node.next;
	list_remove(&s->node);
	if (p->receiver == s) {
		acre_scope_cancel(p->send);
		p->leaver = task_this();
		while (p->receiver == s && /* bound: its checkpoint is cancelled */
		       park_shielded(WAIT_SUBSCRIBER, p) >= 0)
			;
	}
	if (list_is_empty(&p->subscribers) && !p->is_over) {
		p->ending = true;
		if (p->run)
			acre_scope_cancel(p->run);
	}
}

/* Until the other side has left. One that only sends no more goes on reading. */
static int read_changes(struct subscriber *s)
{
	struct acre_topic_change c;
	int r;

	while ((r = acre_recv(s->ctx, acre_topic_change, &c)) > 0) {
		r = change(s, c.topics, c.wanted);
		if (r < 0)
			return r;
	}
	while (r >= 0 && !s->ctx->peer_left && s->ctx->state != CONTEXT_DONE)
		r = context_wait(s->ctx, &s->ctx->recv_waits, WAIT_RECV);
	return r;
}

static int serve(struct subscriber *s, const struct acre_publication *publication,
		 const char *task)
{
	struct acre_publisher *p;
	int r = get_publisher(&s->publisher, publication, task);

	p = s->publisher;
	if (!p)
		return r;
	acre_scope_open(&s->reading);
	list_push(&p->subscribers, &s->node);
	r = acre_started(s->ctx, acre_nil);
	if (r >= 0)
		r = read_changes(s);
	leave(s);
	r = acre_scope_close(&s->reading, r);
	if (r >= 0 && p->failed)
		r = report_file(report_ref(p->failure), p->failed);
	unref(p);
	return r;
}

/* The publication's own text of that name: it outlives the call that asked for it. */
static int choose_task(const char **ret, const struct acre_publication *publication,
		       const char *task)
{
	*ret = "";
	if (!publication->run)
		return acre_fail(ACRE_ETYPE, "a publication without a generator");
	if (!publication->tasks && *task)
		return acre_fail(ACRE_ETYPE,
				 "expected no name of a generator, came \"%.100s\"",
				 task);
	if (!publication->tasks)
		return 0;
	for (size_t i = 0; publication->tasks[i]; i++)
		if (!strcmp(publication->tasks[i], task)) {
			*ret = publication->tasks[i];
			return 0;
		}
	return acre_fail(ACRE_ETYPE, "expected the name of a generator, came \"%.100s\"",
			 task);
}

int acre_topic_serve(struct acre_context *ctx, const struct acre_subscription *in,
		     const struct acre_publication *publication)
{
	struct subscriber s = { .ctx = ctx };
	struct list *node;
	const char *task;
	int r = choose_task(&task, publication, in->task);

	list_init(&s.topics);
	if (r >= 0)
		r = change(&s, in->topics, true);
	if (r >= 0)
		r = serve(&s, publication, task);
	while ((node = list_pop(&s.topics)))
		mem_free(list_entry(node, struct topic, node));
	return r;
}

/*
 * Publishing.
 */

static int topic_of(const char **ret, const struct acre_msg_kind *kind, const void *value)
{
	for (uint32_t i = 0; i < kind->n_fields; i++) {
		const struct acre_field *f = &kind->fields[i];

		if (strcmp(f->name, "topic") != 0 || f->type != ACRE_FIELD_TEXT)
			continue;
		memcpy(ret, (const uint8_t *)value + f->offset, sizeof *ret);
		if (*ret && **ret && strlen(*ret) < ACRE_TOPIC_SIZE && !strchr(*ret, ','))
			return 0;
		return acre_fail(ACRE_ETYPE,
				 "expected a topic in .topic of %s, came "
				 "\"%.200s\"",
				 kind->name, *ret ? *ret : "(null)");
	}
	return acre_fail(ACRE_ETYPE,
			 "expected a text .topic in %s, which has no such field",
			 kind->name);
}

/* What is wrong with the item and not with who gets it. */
static bool is_of_item(int r)
{
	int class = report_class(r);

	return class == ACRE_ETYPE || class == EMSGSIZE || class == ENOMEM ||
	       class == ECANCELED;
}

/* 1: it got it; 0: it has left, or cannot be sent to. */
static int send_to(struct acre_publisher *p, struct subscriber *s,
		   const struct acre_msg_kind *kind, const void *value)
{
	struct acre_scope scope;
	struct task *leaver;
	bool got;
	int r;

	acre_scope_open(&scope);
	p->receiver = s;
	p->send = &scope;
	r = acre_send_(s->ctx, kind, value);
	p->receiver = NULL;
	p->send = NULL;
	leaver = TAKE_PTR(
		p->leaver); /* it goes on later: nothing is sent to it any more */
	if (leaver)
		unpark(leaver, 0);
	if (r < 0 && !is_of_item(r)) {
		if (!leaver)
			acre_scope_cancel(&s->reading);
		return acre_scope_close(&scope, 0);
	}
	got = r >= 0;
	r = acre_scope_close(&scope, r); /* 0 if it was cancelled, because s left */
	return r < 0 ? r : got;
}

int acre_publish_(struct acre_publisher *publisher, const struct acre_msg_kind *kind,
		  const void *value)
{
	struct acre_publisher *p = publisher;
	const char *topic = NULL;
	int n = 0, r = checkpoint(sched_task("acre_publish"));

	if (r >= 0)
		r = topic_of(&topic, kind, value);
	p->next = p->subscribers.next;
	while (r >= 0 && p->next != &p->subscribers) {
		struct subscriber *s = list_entry(p->next, struct subscriber, node);

		p->next = p->next->next; /* who leaves meanwhile moves it on */
		if (!find_topic(s, topic))
			continue;
		r = send_to(p, s, kind, value);
		n += r > 0;
	}
	p->next = NULL;
	if (r >= 0 && !n) /* a generator without an audience lets others run */
		r = acre_yield();
	return r < 0 ? r : n;
}

bool acre_topic_is_wanted(const struct acre_publisher *publisher, const char *topic)
{
	const struct subscriber *s;

	list_for_each(s, &publisher->subscribers, node)
		if (find_topic(s, topic))
			return true;
	return false;
}

/* Whether one before `last` wants it, too. */
static bool was_listed(const struct acre_publisher *p, const struct subscriber *last,
		       const char *topic)
{
	const struct subscriber *s;

	list_for_each(s, &p->subscribers, node) {
		if (s == last)
			return false;
		if (find_topic(s, topic))
			return true;
	}
	return false;
}

size_t acre_topic_list(const struct acre_publication *publication, const char *task,
		       char (*ret)[ACRE_TOPIC_SIZE], size_t n)
{
	const struct acre_publisher *p;
	const struct subscriber *s;
	const struct topic *t;
	size_t count = 0;

	p = runtime_this ? find_publisher(publication, task ? task : "") : NULL;
	if (!p)
		return 0;
	list_for_each(s, &p->subscribers, node)
		list_for_each(t, &s->topics, node) {
			if (was_listed(p, s, t->name))
				continue;
			if (count < n)
				memcpy(ret[count], t->name, sizeof t->name);
			count++;
		}
	return count;
}
