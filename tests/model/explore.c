/* SPDX-License-Identifier: MIT */
/* explore.c - runs a small concurrent program under every schedule. */
#include "model/explore.h"

#include <stdlib.h>
#include <string.h>

#include "base/panic.h"
#include "core/fiber.h"

/*
 * A depth-first search without stored states. A run is known by the choices it made where
 * there was one; the next run repeats them up to the last that has an alternative left,
 * takes that, and from there on always the first alternative, which is to stay with the
 * running thread. Threads are fibers, so a switch costs some nanoseconds and a run some
 * microseconds.
 */
#define STACK_SIZE (64 * 1024)
#define NOBODY     EXPLORE_THREADS_MAX

struct thread {
	struct fiber fiber;
	void *stack;
	bool (*may)(void); /* NULL unless it waits */
	bool ended;
};

/* One place where more than one thread could go on. */
struct choice {
	unsigned taken, n;
};

static struct {
	const struct explore_program *program;
	struct fiber fiber; /* of explore() itself */
	struct thread threads[EXPLORE_THREADS_MAX];
	unsigned running;   /* NOBODY while explore() is */
	unsigned preemptions_left;
	const char *wrong;

	struct choice path[EXPLORE_STEPS_MAX];
	unsigned n_path;    /* choices to repeat, and made, in this run */
	unsigned at_path;   /* the next one */
	char schedule[EXPLORE_STEPS_MAX + 1];
	unsigned n_steps;
} all;

static bool can_run(unsigned i)
{
	struct thread *t = &all.threads[i];

	return !t->ended && (!t->may || t->may());
}

/* Who may make the next step: the running thread first, the others only if that costs no
 * preemption too many. */
static unsigned find_candidates(unsigned ret[EXPLORE_THREADS_MAX])
{
	unsigned n = 0;
	bool stays = all.running != NOBODY && can_run(all.running);

	if (stays)
		ret[n++] = all.running;
	if (stays && all.preemptions_left == 0)
		return n;
	for (unsigned i = 0; i < all.program->n_threads; i++)
		if (i != all.running && can_run(i))
			ret[n++] = i;
	return n;
}

static unsigned choose(unsigned n)
{
	struct choice *choice = &all.path[all.at_path];

	if (n == 1)
		return 0;
	if (all.at_path == all.n_path) {
		*choice = (struct choice){ .n = n };
		all.n_path++;
	}
	if (choice->n != n)
		BUG("the program is not the same in each run");
	all.at_path++;
	return choice->taken;
}

/* Who makes the next step, NOBODY if none can. */
static unsigned next_thread(void)
{
	unsigned candidates[EXPLORE_THREADS_MAX];
	unsigned n = find_candidates(candidates), next;

	if (n == 0)
		return NOBODY;
	if (all.n_steps == EXPLORE_STEPS_MAX) {
		all.wrong = "a thread never ends";
		return NOBODY;
	}
	next = candidates[choose(n)];
	if (next != all.running && candidates[0] == all.running)
		all.preemptions_left--;
	all.schedule[all.n_steps++] = (char)('0' + next);
	return next;
}

static void switch_to(unsigned next)
{
	struct fiber *from = &all.threads[all.running].fiber;
	struct fiber *to = next == NOBODY ? &all.fiber : &all.threads[next].fiber;

	if (next == all.running)
		return;
	all.running = next;
	fiber_switch(from, to);
}

void explore_step(void)
{
	switch_to(next_thread());
}

void explore_wait(bool (*may)(void))
{
	struct thread *t = &all.threads[all.running];

	t->may = may;
	explore_step();
	t->may = NULL;
}

static void run_thread(void *arg)
{
	struct thread *t = arg;
	unsigned next;

	all.program->thread((unsigned)(t - all.threads));
	t->ended = true;
	next = next_thread();
	all.running = next;
	fiber_leave(&t->fiber, next == NOBODY ? &all.fiber : &all.threads[next].fiber);
}

static void begin_run(void)
{
	all.at_path = all.n_steps = 0;
	memset(all.schedule, 0, sizeof all.schedule);
	all.running = NOBODY;
	all.wrong = NULL;
	all.program->begin();
	for (unsigned i = 0; i < all.program->n_threads; i++) {
		struct thread *t = &all.threads[i];

		t->may = NULL;
		t->ended = false;
		fiber_init(&t->fiber, t->stack, STACK_SIZE, run_thread, t);
	}
}

static void end_run(void)
{
	for (unsigned i = 0; i < all.program->n_threads; i++) {
		if (!all.threads[i].ended && !all.wrong)
			all.wrong = "a thread waits for ever";
		fiber_fini(&all.threads[i].fiber);
	}
	if (!all.wrong)
		all.wrong = all.program->judge();
}

static void run(unsigned preemptions)
{
	unsigned first;

	all.preemptions_left = preemptions;
	begin_run();
	first = next_thread();
	if (first != NOBODY) {
		all.running = first;
		fiber_switch(&all.fiber, &all.threads[first].fiber);
	}
	end_run();
}

/* Turns to the last choice that has an alternative left; false: there is none. */
static bool backtrack(void)
{
	struct choice *last;

	while (all.n_path > 0) {
		last = &all.path[all.n_path - 1];
		if (++last->taken < last->n)
			return true;
		all.n_path--;
	}
	return false;
}

static void *make_stack(void)
{
	void *stack = aligned_alloc(64, STACK_SIZE);

	CHECK(stack);
	return stack;
}

void explore(const struct explore_program *program, unsigned preemptions,
	     struct explore_result *ret)
{
	memset(&all, 0, sizeof all);
	memset(ret, 0, sizeof *ret);
	all.program = program;
	fiber_adopt(&all.fiber);
	for (unsigned i = 0; i < program->n_threads; i++)
		all.threads[i].stack = make_stack();
	do {
		run(preemptions);
		ret->n_runs++;
	} while (!all.wrong && backtrack());
	ret->wrong = all.wrong;
	memcpy(ret->schedule, all.schedule, sizeof ret->schedule);
	for (unsigned i = 0; i < program->n_threads; i++)
		free(all.threads[i].stack);
	fiber_fini(&all.fiber);
}
