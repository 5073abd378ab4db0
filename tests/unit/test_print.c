/* SPDX-License-Identifier: MIT */
/* test_print.c - the story of a failure, letter by letter. */
#include <acre/error.h>

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "core/fiber.h"
#include "core/report.h"
#include "lib/test.h"

static void set(struct report *rep, const char **field, const char *text)
{
	assert_int_equal(report_set_text(rep, field, text, strlen(text)), 0);
}

static struct report *report_of_class(int code, const char *message)
{
	struct report *rep = report_new(code);

	assert_non_null(rep);
	set(rep, &report_public(rep)->message, message);
	return rep;
}

static void set_place(struct report *rep, const char *file, int line, const char *task)
{
	set(rep, &report_public(rep)->file, file);
	report_public(rep)->line = line;
	set(rep, &report_public(rep)->task, task);
}

static void set_actor(struct report *rep, const char *name, const char *host, int pid)
{
	set(rep, &report_public(rep)->actor, name);
	set(rep, &report_public(rep)->host, host);
	report_public(rep)->pid = pid;
}

/* Takes the report. */
static void assert_story(struct report *rep, const char *expected)
{
	int code = report_public(rep)->code;
	char *story = acre_story(report_file(rep, code));

	assert_non_null(story);
	assert_string_equal(story, expected);
	free(story);
	report_thread_fini();
}

TEST(a_plain_errno_is_one_line)
{
	char *story = acre_story(-ENOENT);

	assert_string_equal(story, "ENOENT: no such file or directory\n");
	free(story);
}

TEST(success_and_cancellation_are_no_story)
{
	char *success = acre_story(0), *cancelled = acre_story(-ECANCELED);

	assert_string_equal(success, "");
	assert_string_equal(cancelled, "");
	free(success);
	free(cancelled);
}

TEST(a_failure_tells_where_and_in_what)
{
	struct report *rep = report_of_class(ENOENT, "no file /etc/x.conf");

	set_place(rep, "src/config.c", 42, "root/load");
	set_actor(rep, "scanner", "host7", 4711);
	report_add_note(rep, "reading the configuration", "src/config.c", 77, "root/load");
	report_add_note(rep, "starting", "src/main.c", 12, "root");

	assert_story(rep, "ENOENT: no file /etc/x.conf\n"
			  "    at src/config.c:42 in task root/load of actor scanner@host7 "
			  "(pid 4711)\n"
			  "    while reading the configuration (src/config.c:77)\n"
			  "    while starting (src/main.c:12 in task root)\n");
}

TEST(a_remote_failure_tells_its_way)
{
	struct report *rep = report_of_class(ACRE_ECTXC, "cancelled");
	struct acre_report *why = report_public(rep);

	why->remote = true;
	set_actor(rep, "little_bro", "", 7);
	report_add_hop(rep, "little_bro", "");
	report_add_hop(rep, "client", "");
	report_add_hop(rep, "root", "");
	set(rep, &why->canceller, "root");
	set(rep, &why->reason, "deadline");
	set(rep, &why->trace, "Traceback:\n  File x.py\n");

	assert_story(rep, "ACRE_ECTXC: cancelled\n"
			  "    in actor little_bro (pid 7)\n"
			  "    through root <- client <- little_bro\n"
			  "    cancelled by actor root, reason: deadline\n"
			  "    trace:\n"
			  "        Traceback:\n"
			  "          File x.py\n");
}

TEST(a_death_is_told_in_words_with_the_last_ones)
{
	struct acre_death death = { .signal = 11,
				    .core = true,
				    .last_words = "assertion failed\nat once\n" };
	struct report *rep = report_new(ACRE_EDIED);

	set_actor(rep, "scanner", "host7", 42);
	report_set_death(rep, &death);
	report_add_note(rep, "joining", "src/main.c", 9, "");

	assert_story(rep, "ACRE_EDIED: actor scanner (pid 42) was killed by signal 11 "
			  "(SIGSEGV, core dumped)\n"
			  "    while joining (src/main.c:9)\n"
			  "    last words:\n"
			  "        assertion failed\n"
			  "        at once\n");
}

TEST(an_unknown_class_is_told_by_the_name_that_travelled)
{
	struct report *rep = report_of_class(ACRE_ENAMED, "it broke");

	set(rep, &report_public(rep)->name, "UnregisteredAppError");

	assert_story(rep, "UnregisteredAppError: it broke\n");
}

TEST(a_group_is_a_tree)
{
	struct report *inner = report_of_class(ACRE_EGROUP, "19 failures");
	struct report *rep = report_of_class(ACRE_EGROUP, "21 failures");
	struct report *first = report_of_class(ENOENT, "a");
	struct report *last = report_of_class(EIO, "several\nlines");

	set_place(first, "a.c", 1, "");
	report_add_note(rep, "scanning", "main.c", 3, "");
	report_add_member(inner, report_of_class(EPIPE, "b"));
	report_add_member(inner, report_of_class(EPIPE, "c"));
	report_public(inner)->n_more = 17;
	set_place(last, "z.c", 9, "");
	report_add_member(rep, first);
	report_add_member(rep, inner);
	report_add_member(rep, last);

	assert_story(rep, "ACRE_EGROUP: 21 failures\n"
			  "    while scanning (main.c:3)\n"
			  "    +-- ENOENT: a\n"
			  "    |   at a.c:1\n"
			  "    +-- ACRE_EGROUP: 19 failures\n"
			  "    |   +-- EPIPE: b\n"
			  "    |   +-- EPIPE: c\n"
			  "    |   `-- +17 more\n"
			  "    `-- EIO: several\n"
			  "            lines\n"
			  "        at z.c:9\n");
}

TEST(groups_that_end_together_close_in_order)
{
	struct report *inner = report_of_class(ACRE_EGROUP, "two");
	struct report *rep = report_of_class(ACRE_EGROUP, "one");

	report_add_member(inner, report_of_class(EPIPE, "b"));
	report_public(inner)->n_more = 2;
	report_add_member(rep, inner);
	report_public(rep)->n_more = 1;

	assert_story(rep, "ACRE_EGROUP: one\n"
			  "    +-- ACRE_EGROUP: two\n"
			  "    |   +-- EPIPE: b\n"
			  "    |   `-- +2 more\n"
			  "    `-- +1 more\n");
}

TEST(a_group_of_which_nothing_is_kept_still_counts)
{
	struct report *rep = report_of_class(ACRE_EGROUP, "9 failures");

	report_public(rep)->n_more = 9;

	assert_story(rep, "ACRE_EGROUP: 9 failures\n"
			  "    `-- +9 more\n");
}

TEST(the_deepest_tree_is_printed)
{
	struct report *rep = report_of_class(EIO, "at the bottom");
	struct report *outer;
	char *story;

	for (int i = 1; i < REPORT_DEPTH_MAX; i++) {
		outer = report_of_class(ACRE_EGROUP, "a level");
		report_add_member(outer, rep);
		report_public(outer)->n_more = 1;
		rep = outer;
	}
	story = acre_story(report_file(rep, ACRE_EGROUP));

	assert_text_has(story, "    |   |   |   |   |   |   |   |   |   |   |   |   |   |   "
			       "+-- EIO: at the bottom\n");
	free(story);
	report_thread_fini();
}

TEST(a_text_cannot_steer_the_terminal)
{
	struct report *rep = report_of_class(EIO, "red \x1b[31m, bell \a, \xff, \xc2\x9b, "
						  "del \x7f, caf\xc3\xa9\ttab\r");

	set_place(rep, "two\nlines.c", 1, "");

	assert_story(rep, "EIO: red \\x1b[31m, bell \\x07, \\xff, \\xc2\\x9b, del \\x7f, "
			  "caf\xc3\xa9\ttab\\x0d\n"
			  "    at two\\x0alines.c:1\n");
}

static bool has_libdw(void)
{
#ifdef ACRE_HAVE_LIBDW
	void *library = dlopen("libdw.so.1", RTLD_NOW);

	return library && dlclose(library) == 0;
#else
	return false;
#endif
}

static int raised_at;

__attribute__((noinline)) static int raise_it(void)
{
	int r = acre_fail(EIO, "raised");

	raised_at = __LINE__ - 2; /* after it, or this would not be its caller but a jump */
	return r;
}

TEST(a_backtrace_begins_where_the_failure_was_raised_and_ends_in_main)
{
	char *story, *first, *end;
	struct fiber self;
	char expected[64];

	if (!has_libdw())
		test_skip("libdw is not installed");
	fiber_adopt(&self);
	story = acre_story(raise_it());
	fiber_fini(&self);
	snprintf(expected, sizeof expected, "test_print.c:%d\n        #1 test_a_backtrace_",
		 raised_at);

	test_note("%s", story);
	first = strstr(story, "    backtrace:\n        #0 raise_it ");
	assert_non_null(first);
	assert_text_has(first, expected);
	end = strstr(first, " main ");
	assert_non_null(end);
	assert_int_equal(strchr(end, '\n')[1], '\0');
	free(story);
	report_thread_fini();
}

TEST(outside_of_fibers_a_backtrace_is_the_caller_alone)
{
	char *story;

	if (!has_libdw())
		test_skip("libdw is not installed");
	story = acre_story(raise_it());

	assert_text_has(story, "#0 raise_it ");
	assert_null(strstr(story, "#1 "));
	free(story);
	report_thread_fini();
}

/* A failure of our own, made to look as if it came from another process of this program. */
static struct report *from_another_process(int r)
{
	struct report *rep = report_take(r);
	struct report *far = report_of_class(EIO, "raised far away");

	assert_int_equal(report_set_remote_bt(far, report_bt(rep)), 0);
	report_public(far)->remote = true;
	report_unref(rep);
	return far;
}

TEST(a_backtrace_of_another_process_is_told_too)
{
	struct report *group = report_of_class(ACRE_EGROUP, "2 failures");
	char *story;

	if (!has_libdw())
		test_skip("libdw is not installed");
	report_add_member(group, from_another_process(raise_it()));
	report_add_member(group, from_another_process(acre_fail(EIO, "here")));
	story = acre_story(report_file(group, ACRE_EGROUP));

	test_note("%s", story);
	assert_text_has(story, "    |       #0 raise_it ");
	assert_text_has(story, "            #0 test_a_backtrace_of_another_process");
	free(story);
	report_thread_fini();
}

TEST(a_frame_of_an_unknown_module_is_shown_as_it_came)
{
	static const struct symbol_module modules[] = {
		{ "/no/such/libx.so", (const uint8_t *)"\1\2", 2 },
		{ "", NULL, 0 },
	};
	static const struct symbol_frame frames[] = { { 0, 0x1234 }, { 1, 0xbeef } };
	static const struct symbol_bt bt = { modules, frames, 2, 2 };
	struct report *rep = report_of_class(EIO, "far away");

	assert_int_equal(report_set_remote_bt(rep, &bt), 0);

	assert_story(rep, "EIO: far away\n"
			  "    backtrace:\n"
			  "        #0 libx.so+0x1234\n"
			  "        #1 0xbeef\n");
}

TEST(without_memory_the_story_lacks_names_only)
{
	int r = acre_note(raise_it(), "trying");
	char *story;

	mem_fail_at(1, true);
	story = acre_story(r);
	mem_fail_at(0, false);

	assert_text_has(story, "EIO: raised\n");
	assert_text_has(story, "while trying");
	free(story);
	report_thread_fini();
}

TEST(printing_and_telling_are_the_same)
{
	char *printed = NULL, *story;
	size_t len;
	FILE *f = open_memstream(&printed, &len);
	int r = acre_note(-EIO, "trying");

	acre_print(f, r);
	acre_print(f, 0);
	fclose(f);
	story = acre_story(r);

	assert_string_equal(printed, story);
	free(printed);
	free(story);
	report_thread_fini();
}
