/* SPDX-License-Identifier: MIT */
/* test_error.c - the public calls on a failure, as the code that fails uses them. */
#include <acre/error.h>

#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/util.h"
#include "core/report.h"
#include "lib/test.h"

/* A group of n failures of one class, the first of which may be of another. */
static int group_of(int n, int first, int class)
{
	struct report *members[REPORT_MEMBERS_MAX];

	for (int i = 0; i < n; i++)
		members[i] = report_take(acre_fail(i ? class : first, "member %d", i));
	return report_group(members, (uint32_t)n, (uint32_t)n);
}

static int remote(int class)
{
	struct report *rep = report_new(class);

	assert_non_null(rep);
	report_public(rep)->remote = true;
	return report_file(rep, class);
}

TEST(a_plain_errno_is_a_failure)
{
	assert_int_equal(acre_code(-ENOENT), ENOENT);
	assert_true(acre_is(-ENOENT, ENOENT));
	assert_true(acre_has(-ENOENT, ENOENT));
	assert_false(acre_is(-ENOENT, EIO));
	assert_int_equal(acre_count(-ENOENT), 1);
	assert_string_equal(acre_why(-ENOENT)->name, "ENOENT");
	assert_string_equal(acre_why(-ENOENT)->message, "no such file or directory");
	report_thread_fini();
}

TEST(a_success_is_of_no_class)
{
	assert_int_equal(acre_code(7), 0);
	assert_false(acre_is(7, 7));
	assert_false(acre_has(0, 0));
	assert_int_equal(acre_count(7), 0);
	assert_int_equal(acre_why(7)->code, 0);
	report_thread_fini();
}

TEST(a_filed_failure_tells_what_and_where)
{
	const struct acre_report *why;
	int r, line;

	line = __LINE__ + 1;
	r = acre_fail(ENOENT, "no file %s", "/etc/x");
	why = acre_why(r);

	assert_int_not_equal(r, -ENOENT);
	assert_int_equal(acre_code(r), ENOENT);
	assert_true(acre_is(r, ENOENT));
	assert_string_equal(why->message, "no file /etc/x");
	assert_string_equal(why->file, __FILE__);
	assert_int_equal(why->line, line);
	assert_int_equal(why->pid, getpid());
	assert_true(why->n_pcs > 0);
	assert_false(why->remote);
	assert_null(why->notes);
	report_thread_fini();
}

TEST(notes_go_outwards)
{
	const struct acre_note *note;
	int r, noted;

	r = acre_fail(ENOENT, "no file");
	noted = acre_note(r, "reading %s", "x");
	noted = acre_note(noted, "starting");
	note = acre_why(r)->notes;

	assert_int_equal(noted, r);
	assert_string_equal(note->text, "reading x");
	assert_string_equal(note->file, __FILE__);
	assert_string_equal(note->next->text, "starting");
	assert_null(note->next->next);
	report_thread_fini();
}

TEST(a_note_gives_a_plain_errno_a_report)
{
	int r = acre_note(-EPIPE, "writing");

	assert_int_not_equal(r, -EPIPE);
	assert_true(acre_is(r, EPIPE));
	assert_string_equal(acre_why(r)->message, "broken pipe");
	assert_string_equal(acre_why(r)->notes->text, "writing");
	report_thread_fini();
}

TEST(a_note_lets_success_and_cancellation_through)
{
	assert_int_equal(acre_note(5, "counting"), 5);
	assert_int_equal(acre_note(0, "counting"), 0);
	assert_int_equal(acre_note(-ECANCELED, "counting"), -ECANCELED);
	assert_int_equal(mem_live(), 0); /* nothing was filed */
	report_thread_fini();
}

TEST(a_class_is_also_its_parents)
{
	int r;

	r = acre_fail(ACRE_ETOOSLOW, "slow");

	assert_true(acre_is(r, ETIMEDOUT));
	assert_true(acre_is(-ACRE_ECLOSED, EPIPE));
	assert_false(acre_is(-EPIPE, ACRE_ECLOSED));
	report_thread_fini();
}

TEST(a_remote_failure_is_its_class_and_remote)
{
	int r;

	r = remote(ENOENT);

	assert_true(acre_is(r, ENOENT));
	assert_true(acre_is(r, ACRE_EREMOTE));
	assert_true(acre_has(r, ACRE_EREMOTE));
	assert_false(acre_is(r, EPROTO));
	assert_int_equal(acre_code(r), ENOENT);
	report_thread_fini();
}

TEST(a_group_is_of_a_class_only_if_all_its_members_are)
{
	int all, some;

	all = group_of(3, ACRE_ECLOSED, EPIPE);
	some = group_of(3, ENOENT, EPIPE);

	assert_true(acre_is(all, EPIPE));
	assert_false(acre_is(some, EPIPE));
	assert_true(acre_has(some, EPIPE));
	assert_true(acre_has(some, ENOENT));
	assert_false(acre_has(some, EIO));
	assert_true(acre_is(some, ACRE_EGROUP));
	assert_int_equal(acre_count(some), 3);
	assert_string_equal(acre_why(some)->message, "3 failures");
	report_thread_fini();
}

TEST(a_group_in_a_group_counts_for_what_is_in_it)
{
	struct report *members[2];
	int r;

	members[0] = report_take(group_of(3, ENOENT, ENOENT));
	members[1] = report_take(acre_fail(ENOENT, "one"));
	r = report_group(members, 2, 2);

	assert_int_equal(acre_count(r), 4);
	assert_true(acre_is(r, ENOENT));
	assert_string_equal(acre_why(r)->message, "4 failures");
	report_thread_fini();
}

TEST(a_long_message_is_cut_between_characters)
{
	char text[REPORT_TEXT_MAX + 100] = { 0 };
	const char *message;

	for (size_t i = 0; i + 2 < sizeof text; i += 2)
		memcpy(text + i, "\xc3\xa4", 2);
	message = acre_why(acre_fail(EIO, "%s", text))->message;

	assert_int_equal(strlen(message), REPORT_TEXT_MAX - 1);
	assert_string_equal(message + REPORT_TEXT_MAX - 1 - 5, "\xc3\xa4...");
	report_thread_fini();
}

TEST(a_message_of_the_greatest_length_is_whole)
{
	char text[REPORT_TEXT_MAX + 1];

	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';

	assert_string_equal(acre_why(acre_fail(EIO, "%s", text))->message, text);
	report_thread_fini();
}

TEST_FAILS(a_class_out_of_range_is_a_bug, "a class is 1 to 4095")
{
	acre_ignore(acre_fail(-ENOENT, "x"));
}

static int count_calls(int *n)
{
	return ++*n;
}

TEST(a_note_evaluates_the_result_once_and_the_rest_for_failures_only)
{
	int n_results = 0, n_arguments = 0;
	int r = acre_note(count_calls(&n_results), "%d", count_calls(&n_arguments));

	assert_int_equal(r, 1);
	assert_int_equal(n_results, 1);
	assert_int_equal(n_arguments, 0);
}

TEST(a_text_that_cannot_be_printed_is_told_as_its_format)
{
	int r = acre_fail(EIO, "wide %ls", L"\x12345678");

	assert_text_has(acre_why(r)->message, "cannot be printed: \"wide %ls\"");
	report_thread_fini();
}
