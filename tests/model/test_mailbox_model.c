/* SPDX-License-Identifier: MIT */
/* test_mailbox_model.c - no schedule of two posters and a reader loses a letter. */
/*
 * src/core/mailbox.c itself, compiled over atomics that are steps of the explorer, and
 * over an eventfd that is a number. Two posters post two letters each; the reader makes
 * turns as the loop does and ends when it has all four. In every schedule with at most
 * three preemptions:
 *
 *	- each letter is read once, those of one poster in their order;
 *	- the reader does not wait for ever;
 *	- one sleep is rung for at most once.
 *
 * Sequentially consistent memory only (explore.h): that the memory orders suffice is for
 * the comments of mailbox.c to say and for ThreadSanitizer to watch
 * (tests/unit/test_mailbox.c).
 */
#include "lib/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/fault.h"
#include "base/panic.h"
#include "base/sys.h"
#include "model/explore.h"

static bool without_recheck;

/* Planted here, and also where the suite is run with the bug planted. */
static bool forgets_recheck(void)
{
	return without_recheck || PLANTED(MAILBOX_NO_RECHECK);
}

#undef PLANTED
#define PLANTED(name) forgets_recheck()

#define EACH_STEP(access)                                                                \
	({                                                                               \
		explore_step();                                                          \
		access;                                                                  \
	})
#define ATOM_LOAD(p, order)     EACH_STEP(atomic_load(p))
#define ATOM_STORE(p, v, order) EACH_STEP(atomic_store((p), (v)))
#define ATOM_XCHG(p, v, order)  EACH_STEP(atomic_exchange((p), (v)))
#define ATOM_CAS(p, old, v, order)                                                       \
	EACH_STEP(atomic_compare_exchange_strong((p), (old), (v)))

#include "core/mailbox.c"

enum { N_POSTERS = 2, N_LETTERS = 2, READER = N_POSTERS, BELL = 1000 };

struct numbered {
	struct letter letter;
	unsigned poster, number;
};

static struct mailbox box;
static struct numbered letters[N_POSTERS][N_LETTERS];
static struct sys_table table;

static unsigned n_read[N_POSTERS]; /* letters of this poster that were read */
static unsigned n_sleeps, n_rings, n_rings_unanswered;
static const char *wrong;

static int make_bell(unsigned first, int flags)
{
	(void)first;
	(void)flags;
	n_rings_unanswered = 0;
	return BELL;
}

static ssize_t ring_bell(int fd, const void *bytes, size_t len)
{
	(void)bytes;
	CHECK(fd == BELL);
	explore_step();
	n_rings++;
	n_rings_unanswered++;
	return (ssize_t)len;
}

static ssize_t answer_bell(int fd, void *bytes, size_t len)
{
	(void)bytes;
	CHECK(fd == BELL);
	explore_step();
	if (n_rings_unanswered == 0)
		return -EAGAIN;
	n_rings_unanswered = 0;
	return (ssize_t)len;
}

static int remove_bell(int fd)
{
	CHECK(fd == BELL);
	return 0;
}

static bool bell_is_readable(void)
{
	return n_rings_unanswered > 0;
}

static void read_letter(struct letter *l)
{
	struct numbered *letter = container_of(l, struct numbered, letter);

	if (n_read[letter->poster] != letter->number)
		wrong = "a letter is read twice, or before an older one of its poster";
	n_read[letter->poster]++;
	l->next = NULL; /* the letter is its poster's again */
}

static void begin(void)
{
	CHECK(mailbox_init(&box) == 0);
	for (unsigned i = 0; i < N_POSTERS; i++) {
		n_read[i] = 0;
		for (unsigned k = 0; k < N_LETTERS; k++)
			letters[i][k] = (struct numbered){ { NULL, read_letter }, i, k };
	}
	n_sleeps = n_rings = 0;
	wrong = NULL;
}

static bool all_are_read(void)
{
	for (unsigned i = 0; i < N_POSTERS; i++)
		if (n_read[i] < N_LETTERS)
			return false;
	return true;
}

/* One turn of the loop: see mailbox.h. */
static void turn(void)
{
	n_sleeps++;
	if (mailbox_sleep(&box))
		explore_wait(bell_is_readable);
	mailbox_wake(&box);
	if (bell_is_readable())
		mailbox_answer(&box);
	mailbox_read(&box);
}

static void run(unsigned i)
{
	if (i == READER)
		while (!all_are_read())
			turn();
	else
		for (unsigned k = 0; k < N_LETTERS; k++)
			mailbox_post(&box, &letters[i][k].letter);
}

static const char *judge(void)
{
	if (n_rings > n_sleeps)
		return "a sleep is rung for twice";
	mailbox_fini(&box); /* stops if a letter is left */
	return wrong;
}

static struct explore_result explore_mailbox(unsigned preemptions)
{
	static const struct explore_program program = { N_POSTERS + 1, begin, run,
							judge };
	struct explore_result result;

	table = sys_real;
	table.eventfd = make_bell;
	table.write = ring_bell;
	table.read = answer_bell;
	table.close = remove_bell;
	sys_use(&table);
	explore(&program, preemptions, &result);
	sys_use(&sys_real);
	printf("%u preemptions: %llu schedules\n", preemptions,
	       (unsigned long long)result.n_runs);
	if (result.wrong)
		printf("wrong in the last: %s; steps made by: %s\n", result.wrong,
		       result.schedule);
	return result;
}

TEST(no_schedule_of_three_preemptions_loses_a_letter_or_a_wake_up)
{
	struct explore_result result = explore_mailbox(3);

	assert_null(result.wrong);
	assert_true(result.n_runs > 10000);
}

TEST(no_schedule_of_five_preemptions_loses_a_letter_or_a_wake_up)
{
	if (!getenv("ACRE_LONG"))
		test_skip("4 million schedules: ACRE_LONG=1 runs it");
	test_limit(0);
	assert_null(explore_mailbox(4).wrong);
	assert_null(explore_mailbox(5).wrong);
}

TEST(without_the_second_look_a_lost_wake_up_shows_at_once)
{
	struct explore_result result;

	without_recheck = true;
	result = explore_mailbox(3);

	assert_string_equal(result.wrong, "a thread waits for ever");
	assert_true(result.n_runs <= 10);
}
