/* SPDX-License-Identifier: MIT */
/* test_mailbox.c - letters from other threads arrive once, in order, and wake the loop. */
/*
 * The orders in which threads can meet here are walked through by
 * tests/model/test_mailbox_model.c. What a model cannot say, whether the memory orders
 * are strong enough, is for the last tests, run under ThreadSanitizer too.
 */
#include "lib/test.h"

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include "base/sys.h"
#include "base/util.h"
#include "core/mailbox.h"
#include "core/sched.h"

enum { SLOTS = 8 };

static struct mailbox box;
static struct letter letters[SLOTS];
static struct letter *seen[SLOTS];
static size_t n_seen;

static void see(struct letter *l)
{
	assert_true(n_seen < SLOTS);
	seen[n_seen++] = l;
}

static void see_and_post_the_last(struct letter *l)
{
	see(l);
	mailbox_post(&box, &letters[SLOTS - 1]);
}

static void make_box(void)
{
	assert_int_equal(mailbox_init(&box), 0);
	for (size_t i = 0; i < SLOTS; i++)
		letters[i] = (struct letter){ .fn = see };
}

static bool is_rung(void)
{
	struct pollfd fd = { .fd = box.fd, .events = POLLIN };

	return poll(&fd, 1, 0) == 1;
}

TEST(letters_are_read_in_order_of_posting)
{
	make_box();

	for (size_t i = 0; i < 3; i++)
		mailbox_post(&box, &letters[i]);

	assert_true(mailbox_read(&box));
	assert_int_equal(n_seen, 3);
	for (size_t i = 0; i < 3; i++)
		assert_ptr_equal(seen[i], &letters[i]);
	assert_false(mailbox_read(&box));
	mailbox_fini(&box);
}

TEST(a_letter_posted_while_reading_is_for_the_next_read)
{
	make_box();
	letters[0].fn = see_and_post_the_last;

	mailbox_post(&box, &letters[0]);

	assert_true(mailbox_read(&box));
	assert_int_equal(n_seen, 1);
	assert_true(mailbox_read(&box));
	assert_int_equal(n_seen, 2);
	assert_ptr_equal(seen[1], &letters[SLOTS - 1]);
	mailbox_fini(&box);
}

TEST(posting_to_a_reader_that_is_awake_does_not_ring)
{
	make_box();

	mailbox_post(&box, &letters[0]);

	assert_false(is_rung());
	mailbox_read(&box);
	mailbox_fini(&box);
}

TEST(only_the_first_post_to_a_sleeper_rings)
{
	uint64_t n_rings = 0;

	make_box();
	assert_true(mailbox_sleep(&box));
	assert_false(is_rung());

	mailbox_post(&box, &letters[0]);
	mailbox_post(&box, &letters[1]);

	assert_int_equal(sys_read(box.fd, &n_rings, sizeof n_rings), sizeof n_rings);
	assert_int_equal(n_rings, 1);
	mailbox_wake(&box);
	mailbox_read(&box);
	mailbox_fini(&box);
}

TEST(a_reader_does_not_sleep_over_a_letter)
{
	make_box();
	mailbox_post(&box, &letters[0]);

	assert_false(mailbox_sleep(&box));

	mailbox_wake(&box);
	mailbox_read(&box);
	assert_true(mailbox_sleep(&box));
	mailbox_wake(&box);
	mailbox_fini(&box);
}

TEST(a_ring_is_heard_until_it_is_answered)
{
	make_box();
	mailbox_sleep(&box);
	mailbox_post(&box, &letters[0]);
	mailbox_wake(&box);
	mailbox_read(&box);
	assert_true(is_rung());

	mailbox_answer(&box);
	assert_false(is_rung());
	mailbox_answer(&box); /* does nothing, and does not wait */

	mailbox_fini(&box);
}

TEST(a_box_that_cannot_be_made_needs_no_end)
{
	sys_use(&sys_fault);
	sys_fault_at(1, EMFILE, false);

	assert_int_equal(mailbox_init(&box), -EMFILE);

	mailbox_fini(&box);
	mailbox_fini(&box);
}

TEST_FAILS(a_letter_that_nobody_will_read_is_a_bug, "CHECK at")
{
	make_box();
	mailbox_post(&box, &letters[0]);
	mailbox_fini(&box);
}

/*
 * A poster owns as many letters as it may have under way, and waits for one to come back
 * before it posts that again. With few of them the loop often sleeps and must be woken,
 * with many it is kept busy.
 */
#define N_POSTERS 4
#define UNDER_WAY_MAX 1024

struct numbered {
	struct letter letter;
	struct poster *poster;
	uint64_t number;
	_Atomic bool is_under_way;
};

struct poster {
	pthread_t thread;
	struct loop *loop;
	struct flood *flood;
	size_t n_letters; /* under way at most */
	struct numbered letters[UNDER_WAY_MAX];
	uint64_t n_read;  /* the loop's thread only */
};

struct flood {
	uint64_t n_each;  /* letters of one poster */
	size_t n_ended;   /* posters that have had all their letters read */
	struct task *waiter;
	struct poster posters[N_POSTERS];
};

static void read_numbered(struct letter *l)
{
	struct numbered *n = container_of(l, struct numbered, letter);
	struct flood *flood = n->poster->flood;

	assert_int_equal(n->number, n->poster->n_read);
	n->poster->n_read++;
	if (n->poster->n_read == flood->n_each && ++flood->n_ended == N_POSTERS)
		unpark(flood->waiter, 0);
	atomic_store_explicit(&n->is_under_way, false, memory_order_release);
}

static void *post_all(void *arg)
{
	struct poster *p = arg;
	struct numbered *n;

	for (uint64_t i = 0; i < p->flood->n_each; i++) {
		n = &p->letters[i % p->n_letters];
		while (atomic_load_explicit(&n->is_under_way, memory_order_acquire))
			sched_yield();
		n->letter.fn = read_numbered;
		n->poster = p;
		n->number = i;
		atomic_store_explicit(&n->is_under_way, true, memory_order_relaxed);
		mailbox_post(&p->loop->mailbox, &n->letter);
	}
	return NULL;
}

static int be_flooded(void *arg)
{
	static const size_t under_way[N_POSTERS] = { 2, 8, 64, UNDER_WAY_MAX };
	struct flood *flood = arg;
	int r;

	flood->waiter = task_this();
	for (size_t i = 0; i < N_POSTERS; i++) {
		flood->posters[i].loop = loop_this;
		flood->posters[i].flood = flood;
		flood->posters[i].n_letters = under_way[i];
		assert_int_equal(pthread_create(&flood->posters[i].thread, NULL, post_all,
						&flood->posters[i]),
				 0);
	}
	r = park(WAIT_EVENT, flood);
	for (size_t i = 0; i < N_POSTERS; i++)
		pthread_join(flood->posters[i].thread, NULL);
	return r;
}

static void flood_loop(uint64_t n_each)
{
	static const struct acre_task_kind kind = { .name = "flooded", .run = be_flooded };
	const struct loop_options options = { .seed = test_seed() };
	static struct flood flood;
	struct loop *loop = NULL;

	flood.n_each = n_each;
	assert_int_equal(loop_open(&loop, &options), 0);

	assert_int_equal(loop_run(loop, &kind, &flood), 0);

	for (size_t i = 0; i < N_POSTERS; i++)
		assert_int_equal(flood.posters[i].n_read, n_each);
	loop_free(loop);
}

TEST(a_million_letters_of_four_threads_arrive_in_order)
{
	flood_loop(250000);
}

TEST(ten_million_letters_of_four_threads_arrive_in_order)
{
	if (!getenv("ACRE_LONG"))
		test_skip("a long run: ACRE_LONG=1 runs it");
	test_limit(0);
	flood_loop(2500000);
}
