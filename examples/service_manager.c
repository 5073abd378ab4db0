/* SPDX-License-Identifier: MIT */
/* service_manager.c - services by name: begun once, stopped one by one, and a death that is told. */
#include <acre.h>

#include <signal.h>
#include <string.h>

/* A service is an actor, and a task that looks after it: its block holds the actor until somebody
 * wants it stopped, or it dies. The manager is the nursery of these tasks and a table of names. */

#define SERVICES_MAX 4

struct service {
	char name[16];
	struct acre_actor *actor; /* NULL: it does not run */
	struct acre_event changed, stop;
};

struct manager {
	struct acre_nursery *nursery;
	struct service services[SERVICES_MAX];
	int n;
};

ACRE_CONTEXT(greet, acre_nil, .kind = ACRE_ENDPOINT_ONESHOT)
{
	return acre_return(ctx, acre_text, .value = acre_self_name());
}

ACRE_CONTEXT(crash, acre_nil)
{
	return raise(SIGKILL);
}

/* One service's death is not the end of the others: it is told here, and goes no further. */
ACRE_TASK(look_after, struct service *s)
{
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &s->actor, .name = s->name);
		acre_event_set(&s->changed);
		if (r >= 0)
			r = acre_event_wait(&s->stop);
		acre_nursery_cancel(&n);
	}
	s->actor = NULL;
	acre_event_set(&s->changed);
	if (!acre_has(r, ACRE_EDIED))
		return r;
	printf("%s has died\n", s->name);
	return 0;
}

static struct service *find(struct manager *m, const char *name)
{
	for (int i = 0; i < m->n; i++)
		if (!strcmp(m->services[i].name, name))
			return &m->services[i];
	return NULL;
}

/* Of a name there is one service: who asks a second time gets the same. */
static int start(struct manager *m, const char *name)
{
	struct service *s = find(m, name);
	int r;

	if (s && s->actor)
		return 0;
	if (!s && m->n == SERVICES_MAX)
		return acre_fail(ENOSPC, "%d services are enough", SERVICES_MAX);
	if (!s) {
		s = &m->services[m->n++];
		snprintf(s->name, sizeof s->name, "%s", name);
	}
	acre_event_init(&s->changed);
	acre_event_init(&s->stop);
	r = acre_go(m->nursery, look_after, s);
	return r < 0 ? r : acre_event_wait(&s->changed);
}

/* Until it runs no more. */
static int stop(struct manager *m, const char *name)
{
	struct service *s = find(m, name);

	if (!s || !s->actor)
		return acre_fail(ENOENT, "no service %s runs", name);
	acre_event_reset(&s->changed);
	acre_event_set(&s->stop);
	return acre_event_wait(&s->changed);
}

static void list(const struct manager *m)
{
	printf("running:");
	for (int i = 0; i < m->n; i++)
		if (m->services[i].actor)
			printf(" %s", m->services[i].name);
	printf("\n");
}

static int use(struct manager *m)
{
	struct service *s;
	struct acre_text who;
	int r = start(m, "clock");

	if (r >= 0)
		r = start(m, "mail");
	if (r >= 0)
		r = start(m, "print");
	if (r >= 0)
		r = start(m, "mail"); /* runs already */
	if (r < 0)
		return r;
	list(m);
	r = acre_call(find(m, "mail")->actor, greet, NULL, acre_text, &who);
	if (r > 0)
		printf("%s is at your service\n", who.value);
	if (r >= 0)
		r = stop(m, "clock");
	if (r < 0)
		return r;
	s = find(m, "print");
	acre_event_reset(&s->changed);
	r = acre_call(s->actor, crash, NULL, acre_nil, NULL);
	if (!acre_has(r, ACRE_EDIED) && !acre_is(r, ACRE_ECLOSED))
		return r < 0 ? r : acre_fail(EPROTO, "it was to die");
	r = acre_event_wait(&s->changed);
	list(m);
	return r;
}

ACRE_MAIN()
{
	struct manager m = { .n = 0 };
	int r = 0;

	ACRE_NURSERY(n, r) {
		m.nursery = &n;
		r = use(&m);
		acre_nursery_cancel(&n); /* all that still runs */
	}
	printf("and all are stopped\n");
	return r;
}
