/* SPDX-License-Identifier: MIT */
/* test_progress.c - time in which a child could not run is not counted. */
/*
 * The samples are the test's, the clock is virtual, the processes are real where there is
 * a ladder to climb. That the kernel's samples say what they should is the last part.
 */
#include "actor/progress.h"

#include <pthread.h>
#include <sched.h>
#include <sys/wait.h>

#include "unit/forks.h"
#include "unit/lives.h"

#define MS(ns) ((ns) / LIFE_MS)

static struct progress_sample shown;

static bool show(struct progress_sample *ret, pid_t pid, bool with_state)
{
	(void)pid;
	(void)with_state;
	*ret = shown;
	return true;
}

static void use_samples(char state)
{
	test_virtual_clock();
	progress_read = show;
	shown = (struct progress_sample){ .state = state };
}

static void ran(int64_t ms)
{
	shown.ran_ns += ms * LIFE_MS;
	shown.slices++;
}

static void waited(int64_t ms)
{
	shown.waited_ns += ms * LIFE_MS;
}

static int64_t grant_ms(struct progress *p)
{
	return MS(progress_grant(p, true, true));
}

TEST(who_slept_gets_nothing)
{
	struct progress p;

	use_samples('S');
	progress_begin(&p, 1, NULL);
	clock_advance(1000 * LIFE_MS);
	ran(10);
	assert_int_equal(grant_ms(&p), 0);
}

TEST(who_waited_for_a_processor_gets_that_time_once)
{
	struct progress p;

	use_samples('S');
	progress_begin(&p, 1, NULL);
	clock_advance(1000 * LIFE_MS);
	ran(10);
	waited(700);
	assert_int_equal(grant_ms(&p), 700);
	assert_int_equal(grant_ms(&p), 0);
	clock_advance(700 * LIFE_MS);
	waited(100);
	assert_int_equal(grant_ms(&p), 100);
}

/* What was booked late belongs to the time before. */
TEST(nobody_gets_more_than_has_passed)
{
	struct progress p;

	use_samples('S');
	progress_begin(&p, 1, NULL);
	clock_advance(100 * LIFE_MS);
	ran(1);
	waited(5000);
	assert_int_equal(grant_ms(&p), 100);
}

/* kernel-facts K61: nothing is booked as long as it waits. */
TEST(who_starves_gets_a_little_until_it_shows)
{
	struct progress p;

	use_samples('R');
	progress_begin(&p, 1, NULL);
	clock_advance(500 * LIFE_MS);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(grant_ms(&p), MS(PROGRESS_PIECE_NS));
		clock_advance(PROGRESS_PIECE_NS);
	}
	ran(1);
	waited(750);
	assert_int_equal(grant_ms(&p), 500);
	clock_advance(500 * LIFE_MS);
	ran(400);
	waited(50);
	assert_int_equal(grant_ms(&p), 50);
	ran(50);
	assert_int_equal(grant_ms(&p), 0);
}

TEST(who_runs_and_does_not_acknowledge_gets_nothing)
{
	struct progress p;

	use_samples('R');
	progress_begin(&p, 1, NULL);
	clock_advance(500 * LIFE_MS);
	waited(480);
	ran(MS(PROGRESS_ENOUGH_NS) - 1);
	assert_int_equal(MS(progress_grant(&p, false, false)), 480);
	ran(1);
	waited(480);
	assert_int_equal(MS(progress_grant(&p, false, false)), 0);
}

TEST(who_is_kept_stopped_gets_time_if_stops_count)
{
	struct progress p;

	use_samples('T');
	progress_begin(&p, 1, NULL);
	clock_advance(500 * LIFE_MS);
	assert_int_equal(progress_grant(&p, true, false), 0);
	assert_int_equal(progress_grant(&p, true, true), PROGRESS_PIECE_NS);
}

/* It has run for 100 ms since its rung began. */
static struct progress begin_on_page(const struct status *page)
{
	struct progress p;

	use_samples('S');
	progress_begin(&p, 1, page);
	clock_advance(500 * LIFE_MS);
	ran(100);
	return p;
}

/* K63: turns are the witness that it looks, whatever it computes besides. */
TEST(whose_loop_turns_is_one_that_looks)
{
	struct status page = { .n_turns = 7 };
	struct progress p = begin_on_page(&page);

	waited(300);
	assert_int_equal(progress_grant(&p, false, true), 0);
	status_add(&page.n_turns); /* it may have begun before */
	assert_int_equal(progress_grant(&p, false, true), 0);
	status_add(&page.n_turns);
	assert_int_equal(MS(progress_grant(&p, false, true)), 300);
}

TEST(turns_alone_give_no_time)
{
	struct status page = { .n_turns = 7 };
	struct progress p = begin_on_page(&page);

	page.n_turns += 1000;
	assert_int_equal(progress_grant(&p, false, true), 0);
}

/* The loop beside it acknowledges and turns. */
TEST(who_has_a_guest_that_does_not_look_is_given_no_time)
{
	struct status page = { .n_turns = 7, .n_deaf = 1 };
	struct progress p = begin_on_page(&page);

	waited(300);
	page.n_turns += PROGRESS_TURNS;
	assert_int_equal(progress_grant(&p, true, true), 0);
	page.n_deaf = 0; /* it has seen its cancel, and cleans up */
	assert_int_equal(MS(progress_grant(&p, true, true)), 300);
}

/* One that has not run cannot have looked. */
TEST(who_has_a_guest_that_could_not_look_is_given_time)
{
	struct status page = { .n_deaf = 1 };
	struct progress p;

	use_samples('S');
	progress_begin(&p, 1, &page);
	clock_advance(500 * LIFE_MS);
	waited(300);
	assert_int_equal(MS(progress_grant(&p, true, true)), 300);
}

/*
 * The ladder.
 */

static int64_t ladder_of(bool acks, const struct status *page)
{
	struct child c;
	int64_t begun, ms;

	child_begin(&c, listen_to_nothing);
	c.life.status = page;
	life_event(&c.life, LIFE_EV_SERVING);
	begun = clock_now();
	life_ask(&c.life, ACRE_REASON_ASKED);
	if (acks)
		life_event(&c.life, LIFE_EV_ACK);
	child_wait_gone(&c);
	ms = MS(clock_now() - begun);
	child_fini(&c);
	return ms;
}

static int64_t ladder_ms(bool acks)
{
	return ladder_of(acks, NULL);
}

static int64_t ladder_on_page_ms(const struct status *page)
{
	return ladder_of(true, page);
}

static int64_t read_at;

/* It waits for a processor for 19 of 20 parts of the time. */
static bool show_crowd(struct progress_sample *ret, pid_t pid, bool with_state)
{
	(void)pid;
	(void)with_state;
	shown.waited_ns += (clock_now() - read_at) / 20 * 19;
	shown.ran_ns += (clock_now() - read_at) / 20;
	read_at = clock_now();
	*ret = shown;
	return true;
}

/* 3 s of its own time would be a minute: the ceiling comes first. */
TEST_TASK(a_rung_is_as_long_as_the_child_could_run)
{
	int64_t ms;

	use_samples('S');
	assert_int_equal(ladder_ms(true), 3000);
	progress_read = show_crowd;
	read_at = clock_now();
	ms = ladder_ms(true);
	assert_int_equal(ms, MS(LIFE_TOTAL_NS + LIFE_CEILING_NS));
	return 0;
}

TEST_TASK(who_does_not_look_is_not_helped_by_a_crowd)
{
	use_samples('S');
	progress_read = show_crowd;
	read_at = clock_now();
	assert_int_equal(ladder_ms(false), MS(LIFE_ACK_NS + LIFE_LINGER_NS));
	return 0;
}

static struct status busy_page;

/* Its loop goes round beside what it computes. */
static bool show_crowd_that_turns(struct progress_sample *ret, pid_t pid, bool with_state)
{
	busy_page.n_turns += PROGRESS_TURNS;
	return show_crowd(ret, pid, with_state);
}

TEST_TASK(who_looks_is_given_what_it_waited_before_its_ack)
{
	struct child c;

	use_samples('S');
	progress_read = show_crowd_that_turns;
	read_at = clock_now();
	child_begin(&c, listen_to_nothing);
	c.life.status = &busy_page;
	life_event(&c.life, LIFE_EV_SERVING);
	life_ask(&c.life, ACRE_REASON_ASKED);
	assert_ok(acre_sleep(acre_ms(2 * MS(LIFE_ACK_NS))));
	assert_int_equal(c.life.state, LIFE_ASKED);
	life_event(&c.life, LIFE_EV_KILL);
	child_wait_gone(&c);
	child_fini(&c);
	return 0;
}

/* 1.4 s from the ask, it is given the rest of their 5 s and a margin: then come SIGTERM and 1.6 s. */
TEST_TASK(who_waits_for_its_own_children_is_given_what_they_got)
{
	use_samples('S');
	busy_page.children_until = clock_now() + 5000 * LIFE_MS;
	assert_int_equal(ladder_on_page_ms(&busy_page),
			 5000 + MS(LIFE_MARGIN_NS + LIFE_LINGER_NS));
	return 0;
}

/* It need not be true. */
TEST_TASK(who_claims_that_its_children_need_for_ever_gets_the_ceiling)
{
	use_samples('S');
	busy_page.children_until = INT64_MAX;
	assert_int_equal(ladder_on_page_ms(&busy_page),
			 MS(LIFE_TOTAL_NS + LIFE_CEILING_NS));
	return 0;
}

/* Without an end at the ceiling somebody who stops it again and again would hold us. */
TEST_TASK(who_never_runs_is_killed_at_the_ceiling)
{
	use_samples('R');
	assert_int_equal(ladder_ms(true), MS(LIFE_TOTAL_NS + LIFE_CEILING_NS));
	return 0;
}

TEST_TASK(no_rung_is_longer_than_our_own_time)
{
	use_samples('R');
	life_end_before(clock_now() + 4000 * LIFE_MS, false);
	assert_int_equal(ladder_ms(true), 4000);
	return 0;
}

/* So it may be: our parent waits for us as long. */
TEST_TASK(what_our_parent_sees_of_it_moves_our_own_end)
{
	int64_t begun = clock_now();

	use_samples('R');
	life_end_before(begun + 4000 * LIFE_MS, true);
	assert_int_equal(ladder_ms(true), MS(LIFE_TOTAL_NS + LIFE_CEILING_NS));
	assert_int_equal(MS(loop_this->status->children_until - begun),
			 MS(LIFE_TOTAL_NS - LIFE_LINGER_NS + LIFE_CEILING_NS));
	return 0;
}

/*
 * Whose clock it is.
 */

static pid_t looked_at;

static bool show_whom(struct progress_sample *ret, pid_t pid, bool with_state)
{
	looked_at = pid;
	return show(ret, pid, with_state);
}

static struct status *shared_page;

static void *be_the_loop(void *unused)
{
	(void)unused;
	status_set(&shared_page->tid, (uint32_t)sys_gettid());
	listen_to_nothing();
	return NULL;
}

/* As a guest's process is: its main thread has another thing to do. */
static void have_two_threads(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, be_the_loop, NULL) == 0)
		listen_to_nothing();
}

/* Whom the ladder looks at for the ack when the page says that. */
static pid_t clock_of(struct child *c, uint32_t tid)
{
	status_set(&shared_page->tid, tid);
	c->life.state = LIFE_SERVES;
	life_event(&c->life, LIFE_EV_ASK);
	return looked_at;
}

TEST_TASK(the_clock_is_that_of_the_thread_that_is_to_obey)
{
	const struct status *seen;
	struct child c;
	uint32_t tid;
	int fd = -1;

	if (is_tsan())
		test_skip("a child of fork starts no thread under ThreadSanitizer");
	assert_ok(status_make(&seen, &fd));
	assert_ok(status_join(&shared_page, fd));
	child_begin(&c, have_two_threads);
	while (!(tid = status_get(&seen->tid))) /* hang guard: the test's limit */
		sched_yield();
	c.life.status = seen;
	use_samples('S');
	progress_read = show_whom;
	assert_int_equal(clock_of(&c, (uint32_t)sys_gettid()), c.life.pid.pid); /* a lie */
	assert_int_equal(clock_of(&c, UINT32_MAX), c.life.pid.pid);
	assert_int_equal(clock_of(&c, 0), c.life.pid.pid);
	assert_int_equal(clock_of(&c, tid), tid);
	life_event(&c.life, LIFE_EV_ACK);
	assert_int_equal(looked_at, c.life.pid.pid);
	life_event(&c.life, LIFE_EV_KILL);
	child_wait_gone(&c);
	child_fini(&c);
	status_unmap(seen);
	status_unmap(shared_page);
	sys_close(fd);
	return 0;
}

/*
 * What the kernel shows.
 */

TEST(a_stopped_process_shows_that)
{
	struct progress_sample s;
	siginfo_t info;
	pid_t pid = fork();

	if (pid == 0)
		listen_to_nothing();
	kill(pid, SIGSTOP);
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WSTOPPED), 0);
	assert_true(progress_read(&s, pid, true));
	assert_int_equal(s.state, 'T');
	assert_true(s.slices > 0);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_false(progress_read(&s, pid, true));
}

static void spin(void)
{
	for (volatile uint64_t i = 0;; i++)
		;
}

/* Until it has run for so long, a process that spins; hang guard: the test's limit. */
TEST(a_process_that_runs_shows_that)
{
	struct progress_sample s = { .ran_ns = 0 };
	pid_t pid = fork();

	if (pid == 0)
		spin();
	while (s.ran_ns < 20 * LIFE_MS) {
		assert_true(progress_read(&s, pid, true));
		assert_true(s.state == 'R');
	}
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}
