/* SPDX-License-Identifier: MIT */
/* test_life.c - the life of a child as a table: each cell, the ladder, and how it ended. */
/*
 * Cells are driven by events; ladders run by themselves under the virtual clock, which
 * jumps to the next rung while all wait. The processes are real.
 */
#include "unit/lives.h"

#include <acre/scope.h>

#include "base/mem.h"

#define MS(ns) ((ns) / LIFE_MS)

/*
 * Each cell of the table.
 */

/* The shortest way into a state. */
static void drive(struct child *c, enum life_state state)
{
	static const enum life_event ways[N_LIFE_STATE][4] = {
		[LIFE_SERVES] = { LIFE_EV_SERVING },
		[LIFE_ASKED] = { LIFE_EV_SERVING, LIFE_EV_ASK },
		[LIFE_ENDING] = { LIFE_EV_SERVING, LIFE_EV_ASK, LIFE_EV_ACK },
		[LIFE_TERMED] = { LIFE_EV_SERVING, LIFE_EV_ASK, LIFE_EV_RUNG },
		[LIFE_KILLED] = { LIFE_EV_KILL },
	};
	static const size_t steps[N_LIFE_STATE] = {
		[LIFE_SERVES] = 1, [LIFE_ASKED] = 2,  [LIFE_ENDING] = 3,
		[LIFE_TERMED] = 3, [LIFE_KILLED] = 1,
	};

	for (size_t i = 0; i < steps[state]; i++)
		life_event(&c->life, ways[state][i]);
	assert_int_equal(c->life.state, state);
	c->len = 0;
	c->log[0] = '\0';
}

struct cell {
	enum life_event ev;
	enum life_state next;
	const char *log;
	int64_t rung_ms; /* from now; 0: none is set */
};

static void check_cell(enum life_state state, const struct cell *cell)
{
	struct child c;
	int64_t begun;

	child_begin(&c, listen_to_nothing);
	begun = clock_now();
	drive(&c, state);
	life_event(&c.life, cell->ev);
	test_note("in %s comes event %d: %s, \"%s\"", life_state_name(state),
		  (int)cell->ev, life_state_name(c.life.state), c.log);
	assert_int_equal(c.life.state, cell->next);
	assert_string_equal(c.log, cell->log);
	assert_int_equal(heap_is_linked(&c.life.rung.node), cell->rung_ms > 0);
	if (cell->rung_ms)
		assert_int_equal(MS(heap_key(&c.life.rung.node) - begun), cell->rung_ms);
	child_end(&c);
}

static int check_row(enum life_state state, const struct cell *cells, size_t n)
{
	test_virtual_clock();
	for (size_t i = 0; i < n; i++)
		check_cell(state, &cells[i]);
	return 0;
}

TEST_TASK(while_it_boots)
{
	static const struct cell cells[] = {
		{ LIFE_EV_SERVING, LIFE_SERVES, "", 0 },
		{ LIFE_EV_ASK, LIFE_TERMED, "TERM CONT", 100 },
		{ LIFE_EV_ACK, LIFE_BOOTS, "", 10000 },
		{ LIFE_EV_RUNG, LIFE_KILLED, "cut KILL", 0 },
		{ LIFE_EV_LINK_LOST, LIFE_BOOTS, "", 500 },
		{ LIFE_EV_KILL, LIFE_KILLED, "cut KILL", 0 },
	};

	return check_row(LIFE_BOOTS, cells, ARRAY_N(cells));
}

TEST_TASK(while_it_serves)
{
	static const struct cell cells[] = {
		{ LIFE_EV_SERVING, LIFE_SERVES, "", 0 },
		{ LIFE_EV_ASK, LIFE_ASKED, "ask", 500 },
		{ LIFE_EV_ACK, LIFE_SERVES, "", 0 },
		{ LIFE_EV_RUNG, LIFE_TERMED, "TERM CONT", 1600 },
		{ LIFE_EV_LINK_LOST, LIFE_SERVES, "", 500 },
		{ LIFE_EV_KILL, LIFE_KILLED, "cut KILL", 0 },
	};

	return check_row(LIFE_SERVES, cells, ARRAY_N(cells));
}

TEST_TASK(after_it_was_asked)
{
	static const struct cell cells[] = {
		{ LIFE_EV_SERVING, LIFE_ASKED, "", 500 },
		{ LIFE_EV_ASK, LIFE_ASKED, "", 500 },
		{ LIFE_EV_ACK, LIFE_ENDING, "", 1400 },
		{ LIFE_EV_RUNG, LIFE_TERMED, "TERM CONT", 1600 },
		{ LIFE_EV_LINK_LOST, LIFE_ASKED, "", 500 },
		{ LIFE_EV_KILL, LIFE_KILLED, "cut KILL", 0 },
	};

	return check_row(LIFE_ASKED, cells, ARRAY_N(cells));
}

TEST_TASK(after_it_acknowledged)
{
	static const struct cell cells[] = {
		{ LIFE_EV_SERVING, LIFE_ENDING, "", 1400 },
		{ LIFE_EV_ASK, LIFE_ENDING, "", 1400 },
		{ LIFE_EV_ACK, LIFE_ENDING, "", 1400 },
		{ LIFE_EV_RUNG, LIFE_TERMED, "TERM CONT", 1600 },
		{ LIFE_EV_LINK_LOST, LIFE_ENDING, "", 1400 },
		{ LIFE_EV_KILL, LIFE_KILLED, "cut KILL", 0 },
	};

	return check_row(LIFE_ENDING, cells, ARRAY_N(cells));
}

TEST_TASK(after_sigterm)
{
	static const struct cell cells[] = {
		{ LIFE_EV_SERVING, LIFE_TERMED, "", 1600 },
		{ LIFE_EV_ASK, LIFE_TERMED, "", 1600 },
		{ LIFE_EV_ACK, LIFE_TERMED, "", 1600 },
		{ LIFE_EV_RUNG, LIFE_KILLED, "cut KILL", 0 },
		{ LIFE_EV_LINK_LOST, LIFE_TERMED, "", 1600 },
		{ LIFE_EV_KILL, LIFE_KILLED, "cut KILL", 0 },
	};

	return check_row(LIFE_TERMED, cells, ARRAY_N(cells));
}

TEST_TASK(after_sigkill)
{
	static const struct cell cells[] = {
		{ LIFE_EV_SERVING, LIFE_KILLED, "", 0 },
		{ LIFE_EV_ASK, LIFE_KILLED, "", 0 },
		{ LIFE_EV_ACK, LIFE_KILLED, "", 0 },
		{ LIFE_EV_RUNG, LIFE_KILLED, "", 0 },
		{ LIFE_EV_LINK_LOST, LIFE_KILLED, "", 0 },
		{ LIFE_EV_KILL, LIFE_KILLED, "", 0 },
	};

	return check_row(LIFE_KILLED, cells, ARRAY_N(cells));
}

TEST_TASK(death_in_any_state_is_the_end_and_is_told_once)
{
	for (enum life_state s = LIFE_BOOTS; s < LIFE_GONE; s++) {
		struct child c;

		child_begin(&c, listen_to_nothing);
		drive(&c, s);
		logged_child = NULL; /* this one is the test's */
		assert_ok(pidref_signal(&c.life.pid, SIGKILL));
		child_wait_gone(&c);

		assert_string_equal(c.log, "gone");
		assert_int_equal(c.life.state, LIFE_GONE);
		assert_int_equal(c.life.death.signal, SIGKILL);
		assert_int_equal(c.life.death.hard_kill, s == LIFE_KILLED);
		assert_false(heap_is_linked(&c.life.rung.node));
		assert_int_equal(c.life.pid.fd, -1);
		child_fini(&c);
	}
	return 0;
}

/* The link ends behind it, its owner asks late: news of the dead. */
TEST_TASK(who_is_gone_minds_nothing_any_more)
{
	static const enum life_event late[] = { LIFE_EV_SERVING, LIFE_EV_ASK, LIFE_EV_ACK,
						LIFE_EV_LINK_LOST, LIFE_EV_KILL };
	struct child c;

	child_begin(&c, listen_to_nothing);
	life_event(&c.life, LIFE_EV_KILL);
	child_wait_gone(&c);
	for (size_t i = 0; i < ARRAY_N(late); i++)
		life_event(&c.life, late[i]);
	life_ask(&c.life, ACRE_REASON_ASKED);

	assert_int_equal(c.life.state, LIFE_GONE);
	assert_string_equal(c.log, "cut KILL gone");
	child_fini(&c);
	return 0;
}

TEST_TASK(before_there_is_a_process_a_link_may_end_and_a_kill_hits_nobody)
{
	struct child c = { .len = 0 };

	life_init(&c.life, &child_ops, (acre_span){ 0 });
	life_event(&c.life, LIFE_EV_LINK_LOST);
	life_event(&c.life, LIFE_EV_KILL);
	life_ask(&c.life, ACRE_REASON_ASKED);

	assert_true(life_is_over(&c.life));
	assert_string_equal(c.log, "");
	life_fini(&c.life);
	return 0;
}

TEST_FAILS(an_event_that_cannot_be_is_a_bug, "state NONE")
{
	struct life l;

	life_init(&l, &child_ops, (acre_span){ 0 });
	life_event(&l, LIFE_EV_SERVING);
}

TEST(states_have_names)
{
	assert_string_equal(life_state_name(LIFE_NONE), "NONE");
	assert_string_equal(life_state_name(LIFE_GONE), "GONE");
	assert_string_equal(life_state_name(N_LIFE_STATE), "?");
}

/*
 * The ladder, by itself.
 */

/* Asks, waits until it is gone, and returns how many milliseconds that took. */
static int64_t ladder_ms(struct child *c)
{
	int64_t begun = clock_now();

	life_ask(&c->life, ACRE_REASON_ASKED);
	child_wait_gone(c);
	return MS(clock_now() - begun);
}

TEST_TASK(who_does_not_listen_is_killed_after_the_ack_and_the_linger)
{
	struct child c;

	test_virtual_clock();
	child_begin(&c, listen_to_nothing);
	life_event(&c.life, LIFE_EV_SERVING);

	assert_int_equal(ladder_ms(&c), MS(LIFE_ACK_NS + LIFE_LINGER_NS));
	assert_string_equal(c.log, "ask TERM CONT cut KILL gone");
	assert_int_equal(c.remaining_ns, LIFE_TOTAL_NS);
	assert_true(c.life.death.hard_kill);
	assert_int_equal(c.life.death.signal, SIGKILL);
	child_fini(&c);
	return 0;
}

/* By hand, so that a ladder without its last rung is seen at once. */
TEST_TASK(the_last_rung_is_sigkill)
{
	struct child c;

	child_begin(&c, listen_to_nothing);
	life_event(&c.life, LIFE_EV_SERVING);
	life_ask(&c.life, ACRE_REASON_ASKED);
	life_event(&c.life, LIFE_EV_RUNG);
	life_event(&c.life, LIFE_EV_RUNG);

	assert_string_equal(c.log, "ask TERM CONT cut KILL");
	child_end(&c);
	return 0;
}

TEST_TASK(who_acknowledges_has_the_whole_time)
{
	struct child c;
	int64_t begun;

	test_virtual_clock();
	child_begin(&c, listen_to_nothing);
	life_event(&c.life, LIFE_EV_SERVING);
	begun = clock_now();
	life_ask(&c.life, ACRE_REASON_ASKED);
	life_event(&c.life, LIFE_EV_ACK);
	child_wait_gone(&c);

	assert_int_equal(MS(clock_now() - begun), MS(LIFE_TOTAL_NS));
	assert_string_equal(c.log, "ask TERM CONT cut KILL gone");
	child_fini(&c);
	return 0;
}

TEST_TASK(a_newborn_gets_sigterm_and_little_time)
{
	struct child c;

	test_virtual_clock();
	child_begin(&c, listen_to_nothing);

	assert_int_equal(ladder_ms(&c), 100);
	assert_string_equal(c.log, "TERM CONT cut KILL gone");
	child_fini(&c);
	return 0;
}

TEST_TASK(who_obeys_sigterm_is_not_killed)
{
	struct child c;

	child_begin(&c, listen_to_all);
	life_ask(&c.life, ACRE_REASON_ASKED);
	child_wait_gone(&c);

	assert_string_equal(c.log, "TERM CONT gone");
	assert_int_equal(c.life.death.signal, SIGTERM);
	assert_false(c.life.death.hard_kill);
	child_fini(&c);
	return 0;
}

/* kernel-facts K8: without SIGCONT it could not obey. */
TEST_TASK(who_is_stopped_obeys_sigterm_too)
{
	struct child c;
	siginfo_t info;

	child_begin(&c, listen_to_all);
	logged_child = NULL;
	assert_ok(sys_pidfd_send_signal(c.life.pid.fd, SIGSTOP, NULL, 0));
	assert_ok(sys_waitid(P_PIDFD, (id_t)c.life.pid.fd, &info, WSTOPPED));
	logged_child = &c;
	life_ask(&c.life, ACRE_REASON_ASKED);
	child_wait_gone(&c);

	assert_string_equal(c.log, "TERM CONT gone");
	assert_int_equal(c.life.death.signal, SIGTERM);
	child_fini(&c);
	return 0;
}

TEST_TASK(who_does_not_boot_in_time_is_killed_and_the_step_is_told)
{
	struct child c;
	int64_t begun;

	test_virtual_clock();
	child_begin(&c, listen_to_nothing);
	begun = clock_now();
	child_wait_gone(&c);

	assert_int_equal(MS(clock_now() - begun), MS(LIFE_BOOT_NS));
	assert_string_equal(c.log, "cut KILL gone");
	assert_string_equal(c.life.death.step, "serving in time");
	assert_int_equal(c.life.death.error, ETIMEDOUT);
	child_fini(&c);
	return 0;
}

TEST_TASK(who_boots_without_a_link_is_killed_soon)
{
	struct child c;
	int64_t begun;

	test_virtual_clock();
	child_begin(&c, listen_to_nothing);
	begun = clock_now();
	life_event(&c.life, LIFE_EV_LINK_LOST);
	child_wait_gone(&c);

	assert_int_equal(MS(clock_now() - begun), MS(LIFE_ACK_NS));
	assert_string_equal(c.life.death.step, "keeping its link");
	assert_int_equal(c.life.death.error, ECONNRESET);
	child_fini(&c);
	return 0;
}

TEST_TASK(who_lives_on_without_its_link_climbs_the_ladder_unasked)
{
	struct child c;
	int64_t begun;

	test_virtual_clock();
	child_begin(&c, listen_to_nothing);
	life_event(&c.life, LIFE_EV_SERVING);
	begun = clock_now();
	life_event(&c.life, LIFE_EV_LINK_LOST);
	child_wait_gone(&c);

	assert_int_equal(MS(clock_now() - begun), MS(LIFE_ACK_NS + LIFE_LINGER_NS));
	assert_string_equal(c.log, "TERM CONT cut KILL gone");
	assert_false(c.life.was_asked);
	child_fini(&c);
	return 0;
}

static int64_t ladder_with_linger_ms(int64_t linger_ms, bool acks)
{
	struct child c;
	int64_t begun, ms;

	child_make(&c, acre_ms(linger_ms), listen_to_nothing);
	assert_ok(life_begin(&c.life));
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

TEST_TASK(the_linger_is_what_was_asked_for)
{
	test_virtual_clock();

	assert_int_equal(ladder_with_linger_ms(1, false), 501);
	assert_int_equal(ladder_with_linger_ms(1, true), 3000);
	assert_int_equal(ladder_with_linger_ms(10000, false), 10500);
	assert_int_equal(ladder_with_linger_ms(10000, true), 11400);
	return 0;
}

TEST_TASK(no_ladder_goes_on_beyond_our_own_end)
{
	test_virtual_clock();
	life_end_before(clock_now() + 5000 * LIFE_MS, false);
	life_end_before(clock_now() + 9000 * LIFE_MS, false); /* the earlier one holds */

	assert_int_equal(ladder_with_linger_ms(10000, true), 5000);
	return 0;
}

TEST_TASK(with_no_time_left_it_is_killed_at_once)
{
	test_virtual_clock();
	life_end_before(clock_now() - 1, false);

	assert_int_equal(ladder_with_linger_ms(0, false), 0);
	return 0;
}

TEST_TASK(all_ladders_climb_on_one_clock)
{
	enum { MANY = 25 };
	static struct child c[MANY];
	int64_t begun;

	test_virtual_clock();
	for (size_t i = 0; i < MANY; i++) {
		child_make(&c[i], (acre_span){ 0 }, listen_to_nothing);
		assert_ok(life_begin(&c[i].life));
		life_event(&c[i].life, LIFE_EV_SERVING);
	}
	begun = clock_now();
	for (size_t i = 0; i < MANY; i++)
		life_ask(&c[i].life, ACRE_REASON_ASKED);
	for (size_t i = 0; i < MANY; i++)
		child_wait_gone(&c[i]);

	assert_int_equal(MS(clock_now() - begun), MS(LIFE_ACK_NS + LIFE_LINGER_NS));
	for (size_t i = 0; i < MANY; i++)
		child_fini(&c[i]);
	return 0;
}

/*
 * How it ended.
 */

static struct acre_death death_of(void (*fn)(void))
{
	struct child c;
	struct acre_death death;

	child_begin(&c, fn);
	life_event(&c.life, LIFE_EV_SERVING);
	child_wait_gone(&c);
	assert_string_equal(c.log, "gone");
	death = c.life.death;
	child_fini(&c);
	return death;
}

static void exit_0(void)
{
	_exit(0);
}

static void exit_3(void)
{
	_exit(3);
}

static void abort_quietly(void)
{
	sigaction(SIGABRT, &(struct sigaction){ .sa_handler = SIG_DFL }, NULL);
	abort();
}

static void die_of_sigkill(void)
{
	raise(SIGKILL);
}

TEST_TASK(how_it_ended_is_told)
{
	struct acre_death d = death_of(exit_0);

	assert_int_equal(d.signal, 0);
	assert_int_equal(d.status, 0);
	d = death_of(exit_3);
	assert_int_equal(d.signal, 0);
	assert_int_equal(d.status, 3);
	d = death_of(abort_quietly);
	assert_int_equal(d.signal, SIGABRT);
	assert_int_equal(d.status, 0);
	d = death_of(die_of_sigkill);
	assert_int_equal(d.signal, SIGKILL);
	assert_false(d.hard_kill);
	return 0;
}

/* The kill came too late: it had ended as it should. */
TEST_TASK(who_ends_by_itself_before_sigkill_comes_was_not_killed)
{
	struct child c;

	child_begin(&c, exit_3);
	life_event(&c.life, LIFE_EV_SERVING);
	assert_ok(test_wait_pidfd(c.life.pid.fd, 10));
	life_event(&c.life, LIFE_EV_KILL);
	child_wait_gone(&c);

	assert_string_equal(c.log, "cut KILL gone");
	assert_false(c.life.death.hard_kill);
	assert_int_equal(c.life.death.status, 3);
	child_fini(&c);
	return 0;
}

TEST_TASK(who_was_reaped_by_somebody_else_is_gone_too)
{
	struct child c;

	child_begin(&c, exit_3);
	assert_int_equal(waitpid(c.life.pid.pid, NULL, 0), c.life.pid.pid);
	child_wait_gone(&c);

	assert_string_equal(c.log, "gone");
	child_fini(&c);
	return 0;
}

/*
 * What cannot be watched.
 */

TEST_TASK(a_process_that_cannot_be_watched_is_ended_at_once)
{
	for (uint64_t nth = 1; nth <= 2; nth++) { /* its pidfd, its stderr */
		struct child c;
		int r;

		child_make(&c, (acre_span){ 0 }, listen_to_nothing);
		sys_use(&sys_fault);
		sys_fault_only("epoll_ctl");
		sys_fault_at(nth, ENOSPC, false);
		r = life_begin(&c.life);
		assert_class(r, ENOSPC);
		sys_use(&sys_real);

		assert_int_equal(c.life.state, LIFE_GONE);
		assert_string_equal(c.log, "");
		assert_true(pidref_is_dead(&c.life.pid));
		life_fini(&c.life);
	}
	return 0;
}
