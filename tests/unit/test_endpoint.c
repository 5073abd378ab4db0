/* SPDX-License-Identifier: MIT */
/* test_endpoint.c - the table of endpoints, while threads load modules. */
#include "actor/endpoint.h"

#include <dlfcn.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/sys.h"
#include "core/report.h"
#include "lib/proc.h"
#include "lib/test.h"

static sem_t begun, may_go_on;

void program_lets_module_go_on(void);

/* Of module_waits: this thread has the loader's lock. */
void program_lets_module_go_on(void)
{
	sem_post(&begun);
	sem_wait(&may_go_on);
}

/* Beside the test's own program. */
static void find_module(char path[4096], const char *name)
{
	ssize_t n = readlink("/proc/self/exe", path, 4000);

	assert_true(n > 0);
	while (path[n - 1] != '/')
		n--;
	snprintf(path + n, 4096 - (size_t)n, "%s.so", name);
}

static void *load_by_program(void *path)
{
	return dlopen(path, RTLD_NOW | RTLD_LOCAL);
}

static _Atomic pid_t loads_in;

static void *load_for_actor(void *path)
{
	struct endpoint_exposed exposed = { .n = 0 };

	loads_in = sys_gettid();
	assert_ok(endpoint_load(&exposed, path));
	assert_int_equal(exposed.n, 1);
	assert_string_equal(exposed.names[0], "module_adds");
	return NULL;
}

static void wait_until_it_sleeps(void)
{
	struct proc p = { .state = 'R' };

	do
		sched_yield();
	while (!loads_in || !proc_look_at_thread(&p, loads_in) || p.state != 'S');
}

/* The loader's lock and the table's are taken in one order. */
TEST(an_actor_and_the_program_may_load_modules_at_once)
{
	char waits[4096], adds[4096];
	pthread_t program, actor;
	void *object;

	find_module(waits, "module_waits");
	find_module(adds, "module_adds");
	sem_init(&begun, 0, 0);
	sem_init(&may_go_on, 0, 0);
	assert_int_equal(pthread_create(&program, NULL, load_by_program, waits), 0);
	sem_wait(&begun);
	assert_int_equal(pthread_create(&actor, NULL, load_for_actor, adds), 0);
	wait_until_it_sleeps();
	sem_post(&may_go_on);
	pthread_join(program, &object);
	pthread_join(actor, NULL);
	assert_non_null(object);
	report_thread_fini();
}

TEST(what_is_not_exposed_is_refused_with_what_is)
{
	const struct acre_endpoint *found;
	struct slice other = slice_of("other"), name = slice_of("any");
	struct endpoint_exposed exposed = { .n = 0 };
	int r = endpoint_find(&found, &exposed, other, name);

	assert_text_has(acre_why(r)->message,
			"the namespace \"other\" is not exposed (none is)");
	for (; exposed.n < ENDPOINT_SPACES_MAX; exposed.n++)
		snprintf(exposed.names[exposed.n], ENDPOINT_SPACE_NAME_MAX, "space%zu",
			 exposed.n);
	r = endpoint_find(&found, &exposed, other, name);
	assert_text_has(acre_why(r)->message, "(exposed: \"space0\" \"space1\"");
	assert_text_has(acre_why(r)->message, " \"space15\")");
	memset(exposed.names[1], 'x', ENDPOINT_SPACE_NAME_MAX - 1);
	memset(exposed.names[2], 'y', ENDPOINT_SPACE_NAME_MAX - 1);
	r = endpoint_find(&found, &exposed, other, name);
	assert_text_has(acre_why(r)->message, "xxx\" and 14 more)");
	report_thread_fini();
}
