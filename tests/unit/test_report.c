/* SPDX-License-Identifier: MIT */
/* test_report.c - tickets, homes, and the public calls on a failure. */
#include "core/report.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "core/loop.h"
#include "lib/test.h"

/* A home like that of a task, for the rest of the test. */
static struct {
	struct report_home home;
	struct report_spare spares[REPORT_SPARES];
} here, there;

static void enter(void)
{
	/* as a task's stack leaves them: nobody may read them before they were used */
	memset(here.spares, 0xdd, sizeof here.spares);
	memset(there.spares, 0xdd, sizeof there.spares);
	report_home_init(&here.home, here.spares);
	report_home_init(&there.home, there.spares);
	report_home_set(&here.home);
}

static void leave(void)
{
	mem_fail_at(0, false);
	report_home_fini(&here.home);
	report_home_fini(&there.home);
	report_home_set(NULL);
}

static void fail_often(int n)
{
	for (int i = 0; i < n; i++)
		acre_ignore(acre_fail(EIO, "failure %d", i));
}

/* A group of n failures of one class, the first of which may be of another. */
static int group_of(int n, int first, int class)
{
	struct report *members[REPORT_MEMBERS_MAX];

	for (int i = 0; i < n; i++)
		members[i] = report_take(acre_fail(i ? class : first, "member %d", i));
	return report_group(members, (uint32_t)n, (uint32_t)n);
}

TEST(cancellation_is_never_filed)
{
	struct report *rep;
	char *story;

	enter();
	rep = report_new(ECANCELED);
	story = acre_story(-ECANCELED);

	assert_int_equal(acre_fail(ECANCELED, "no"), -ECANCELED);
	assert_null(report_take(-ECANCELED));
	assert_int_equal(report_file(rep, ECANCELED), -ECANCELED);
	assert_string_equal(story, "");
	assert_null(here.home.slots);
	free(story);
	leave();
}

TEST(the_last_thirty_failures_keep_their_story)
{
	int r;

	enter();
	r = acre_fail(ENOENT, "the first");
	fail_often(REPORT_SLOTS - 1);

	assert_string_equal(acre_why(r)->message, "the first");
	leave();
}

TEST(an_older_ticket_keeps_its_class_and_loses_its_story)
{
	int r, noted;

	enter();
	r = acre_fail(ENOENT, "the first");
	fail_often(REPORT_SLOTS);

	assert_true(acre_is(r, ENOENT));
	assert_int_equal(acre_count(r), 1);
	assert_text_has(acre_why(r)->message, "story is lost");

	noted = acre_note(r, "going on");

	assert_true(acre_is(noted, ENOENT));
	assert_string_equal(acre_why(noted)->notes->text, "going on");
	leave();
}

TEST(a_ticket_finds_nothing_in_another_home)
{
	int r;

	enter();
	r = acre_fail(ENOENT, "here");
	report_home_set(&there.home);
	acre_ignore(acre_fail(ENOENT, "there"));

	assert_true(acre_is(r, ENOENT));
	assert_text_has(acre_why(r)->message, "story is lost");
	leave();
}

TEST(arguments_may_come_from_the_report_that_is_replaced)
{
	const char *first;
	int r;

	enter();
	first = acre_why(acre_fail(ENOENT, "the first"))->message;
	fail_often(REPORT_SLOTS - 1);
	r = acre_fail(EIO, "after %s", first);

	assert_string_equal(acre_why(r)->message, "after the first");
	leave();
}

TEST(a_group_keeps_eight_and_counts_the_others)
{
	struct report *members[REPORT_MEMBERS_MAX];
	int r;

	enter();
	for (int i = 0; i < REPORT_MEMBERS_MAX; i++)
		members[i] = report_take(-ENOENT);
	r = report_group(members, REPORT_MEMBERS_MAX, 25);

	assert_int_equal(acre_count(r), 25);
	assert_int_equal(acre_why(r)->n_members, 8);
	assert_int_equal(acre_why(r)->n_more, 17);
	assert_false(acre_is(r, ENOENT)); /* who knows what the others are */
	assert_true(acre_has(r, ENOENT));
	leave();
}

TEST(a_member_without_report_is_counted)
{
	struct report *members[2] = { NULL, NULL };
	int r;

	enter();
	members[1] = report_take(-ENOENT);
	r = report_group(members, 2, 2);

	assert_int_equal(acre_count(r), 2);
	assert_false(acre_is(r, ENOENT));
	leave();
}

TEST(a_group_of_one_is_that_one)
{
	int r;

	enter();
	r = group_of(1, ENOENT, ENOENT);

	assert_int_equal(acre_code(r), ENOENT);
	assert_string_equal(acre_why(r)->message, "member 0");
	leave();
}

TEST(a_group_whose_story_is_lost_may_hold_anything)
{
	int r;

	enter();
	r = group_of(3, ENOENT, ENOENT);
	fail_often(REPORT_SLOTS);

	assert_false(acre_is(r, ENOENT));
	assert_true(acre_is(r, ACRE_EGROUP));
	assert_int_equal(acre_count(r), 1);
	leave();
}

TEST(a_failure_moves_with_its_story)
{
	struct report *rep;
	int r;

	enter();
	rep = report_take(acre_note(acre_fail(ENOENT, "told"), "noting"));
	report_home_fini(&here.home);
	report_home_set(&there.home);
	r = report_file(rep, ENOENT);

	assert_string_equal(acre_why(r)->message, "told");
	assert_string_equal(acre_why(r)->notes->text, "noting");
	leave();
}

TEST(who_shares_a_report_does_not_share_later_notes)
{
	struct report *rep;
	int a, b;

	enter();
	rep = report_take(acre_note(acre_fail(EPIPE, "gone"), "in common"));
	a = report_file(report_ref(rep), EPIPE);
	b = report_file(rep, EPIPE);
	a = acre_note(a, "writing");
	b = acre_note(b, "reading");

	assert_string_equal(acre_why(a)->notes->text, "in common");
	assert_string_equal(acre_why(a)->notes->next->text, "writing");
	assert_null(acre_why(a)->notes->next->next);
	assert_string_equal(acre_why(b)->notes->next->text, "reading");
	assert_string_equal(acre_why(b)->message, "gone");
	assert_true(acre_why(b)->n_pcs > 0);
	leave();
}

TEST(without_memory_two_spare_reports_take_turns)
{
	int r[3];

	enter();
	mem_fail_at(1, true);
	for (int i = 0; i < 3; i++)
		r[i] = acre_note(acre_fail(ENOMEM, "no memory for %d", i), "working");

	assert_text_has(acre_why(r[0])->message, "story is lost");
	assert_true(acre_is(r[0], ENOMEM));
	assert_string_equal(acre_why(r[1])->message, "no memory for 1");
	assert_string_equal(acre_why(r[2])->message, "no memory for 2");
	assert_string_equal(acre_why(r[2])->notes->text, "working");
	leave();
}

TEST(without_memory_a_group_still_holds_its_members)
{
	struct report *members[2];
	int r;

	enter();
	report_home_set(&there.home);
	members[0] = report_take(acre_fail(ENOENT, "a"));
	members[1] = report_take(acre_fail(ENOENT, "b"));
	report_home_set(&here.home);
	mem_fail_at(1, true);
	r = report_group(members, 2, 2);

	assert_int_equal(acre_count(r), 2);
	assert_true(acre_is(r, ENOENT));
	assert_string_equal(acre_why(r)->members[1]->message, "b");
	leave();
}

TEST(without_memory_a_moved_failure_keeps_what_fits_a_spare)
{
	struct report *rep;
	int r;

	enter();
	report_home_set(&there.home);
	rep = report_take(acre_fail(EIO, "the disk is on fire"));
	report_home_set(&here.home);
	mem_fail_at(1, true);
	r = report_file(rep, EIO);

	assert_string_equal(acre_why(r)->message, "the disk is on fire");
	assert_int_equal(report_file(NULL, EIO), -EIO);
	leave();
}

TEST(a_failure_in_a_spare_can_move_once_there_is_memory)
{
	struct report *rep;
	int r;

	enter();
	mem_fail_at(1, true);
	r = acre_fail(ENOMEM, "no memory");
	assert_null(report_take(r));
	mem_fail_at(0, false);
	rep = report_take(r);
	report_home_fini(&here.home);
	report_home_set(&there.home);
	r = report_file(rep, ENOMEM);

	assert_string_equal(acre_why(r)->message, "no memory");
	leave();
}

/* Some of everything; what comes out is right whichever allocation fails. */
static int move_and_group(void)
{
	struct report *members[2];
	char long_text[600];
	int r;

	memset(long_text, 'x', sizeof long_text - 1);
	long_text[sizeof long_text - 1] = '\0';
	r = acre_fail(ENOENT, "%s", long_text);
	r = acre_note(r, "%s", long_text);
	members[0] = report_take(r);
	r = acre_note(r, "noting what is shared: %s", long_text);
	members[1] = report_take(group_of(2, EIO, EIO));
	report_home_set(&there.home);
	return report_group(members, 2, members[1] ? 2 : 3);
}

TEST(any_allocation_may_fail)
{
	uint64_t n = 1, n_calls;
	int r;

	do {
		enter();
		mem_fail_at(n++, false);
		r = move_and_group();
		n_calls = mem_calls();

		assert_true(acre_is(r, ACRE_EGROUP));
		assert_int_equal(acre_count(r), 3);
		leave();
	} while (n <= n_calls + 1);
	assert_true(n > 5);
}

TEST(a_report_says_who_filed_it)
{
	int r;

	enter();
	report_set_actor("scanner", "123e4567");
	r = acre_fail(EIO, "x");
	report_set_actor(NULL, NULL);

	assert_string_equal(acre_why(r)->actor, "scanner");
	assert_string_equal(acre_why(r)->actor_uuid, "123e4567");
	assert_true(*acre_why(r)->host != '\0');
	leave();
}

TEST(a_failure_of_a_nameless_thread_becomes_that_of_who_files_it)
{
	struct report *rep;
	int r;

	enter();
	rep = report_take(acre_fail(EIO, "x"));
	report_home_fini(&here.home);
	report_set_actor("scanner", "123e4567");
	r = report_file(rep, EIO);

	assert_string_equal(acre_why(r)->actor, "scanner");
	report_set_actor(NULL, NULL);
	leave();
}

static void *fail_in_thread(void *arg)
{
	struct report **ret = arg;

	fail_often(3);
	*ret = report_take(acre_fail(ENOENT, "in a thread"));
	return NULL;
}

TEST(any_thread_may_fail_and_leaves_nothing_behind)
{
	struct report *rep = NULL;
	pthread_t thread;
	int r;

	enter();
	assert_int_equal(pthread_create(&thread, NULL, fail_in_thread, &rep), 0);
	pthread_join(thread, NULL);
	r = report_file(rep, ENOENT);

	assert_string_equal(acre_why(r)->message, "in a thread");
	leave();
}

TEST(the_main_thread_can_forget_its_failures)
{
	int r = acre_fail(EIO, "outside of any task");

	assert_string_equal(acre_why(r)->message, "outside of any task");
	report_thread_fini();

	assert_text_has(acre_why(r)->message, "story is lost");
}

/* In tasks. */

struct outcome {
	char path[REPORT_PATH_MAX];
	uint32_t n_pcs;
	int r;
};

ACRE_TASK(open_config, struct outcome *out)
{
	int r = acre_fail(ENOENT, "no config");

	out->n_pcs = acre_why(r)->n_pcs;
	return acre_note(r, "opening");
}

ACRE_TASK(load, struct outcome *out)
{
	int r = 0;

	ACRE_NURSERY(n, r)
		r = acre_go(&n, open_config, out);
	r = acre_note(r, "loading");
	snprintf(out->path, sizeof out->path, "%s", acre_why(r)->task);
	out->r = r;
	return r;
}

TEST(a_failure_leaves_its_task_with_its_story)
{
	const struct loop_options options = { 0 };
	const struct acre_note *note;
	struct outcome out = { 0 };
	struct loop *loop;
	int r;

	assert_int_equal(loop_open(&loop, &options), 0);
	r = loop_run(loop, &load_kind_, &out);
	note = acre_why(r)->notes;

	assert_true(acre_is(r, ENOENT));
	assert_int_not_equal(r, out.r); /* another home, another ticket */
	assert_text_has(out.path, "/open_config");
	assert_true(out.n_pcs >= 2);
	assert_string_equal(acre_why(r)->message, "no config");
	assert_string_equal(note->text, "opening");
	assert_text_has(note->task, "/open_config");
	assert_string_equal(note->next->text, "loading");
	assert_string_not_equal(note->next->task, note->task);
	loop_free(loop);
}

ACRE_TASK(fail_and_succeed, struct outcome *out)
{
	out->r = acre_fail(EIO, "of the task");
	return 0;
}

TEST(a_ticket_that_outlives_its_task_has_no_story)
{
	const struct loop_options options = { 0 };
	struct outcome out = { 0 };
	struct loop *loop;
	int r;

	assert_int_equal(loop_open(&loop, &options), 0);
	assert_int_equal(loop_run(loop, &fail_and_succeed_kind_, &out), 0);
	r = acre_fail(EIO, "of the loop");

	assert_string_equal(acre_why(r)->message, "of the loop");
	assert_text_has(acre_why(out.r)->message, "story is lost");
	assert_true(acre_is(out.r, EIO));
	loop_free(loop);
}
