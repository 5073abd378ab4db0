/* SPDX-License-Identifier: MIT */
/* test_report_fill.c - what a report says, its limits, and its memory. */
#include "core/report.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "lib/test.h"

/* len bytes of x, terminated; to be freed. */
static char *text_of_len(size_t len)
{
	char *text = malloc(len + 1);

	assert_non_null(text);
	memset(text, 'x', len);
	text[len] = '\0';
	return text;
}

static size_t count_notes(const struct acre_report *why)
{
	size_t n = 0;

	for (const struct acre_note *note = why->notes; note; note = note->next)
		n++;
	return n;
}

TEST(an_empty_report_has_empty_strings)
{
	struct report *rep = report_new(ENOENT);
	const struct acre_report *why = report_public(rep);

	assert_int_equal(why->code, ENOENT);
	assert_string_equal(why->name, "ENOENT");
	assert_string_equal(why->message, "");
	assert_string_equal(why->file, "");
	assert_string_equal(why->task, "");
	assert_string_equal(why->actor, "");
	assert_string_equal(why->host, "");
	assert_string_equal(why->trace, "");
	assert_null(why->hops);
	assert_null(why->death);
	assert_null(why->reason);
	report_unref(rep);
}

TEST(a_short_report_is_one_allocation)
{
	uint64_t before = mem_live();
	struct report *rep = report_new(ENOENT);

	report_set_text(rep, &report_public(rep)->message, "no file", 7);
	report_add_note(rep, "reading", "x.c", 3, "root");
	report_add_hop(rep, "scanner", "c3a9d5e0");

	assert_int_equal(mem_live() - before, 1);
	report_unref(rep);
}

TEST(texts_are_copied)
{
	struct report *rep = report_new(ENOENT);
	char text[] = "mine";

	report_set_text(rep, &report_public(rep)->message, text, 4);
	report_add_note(rep, text, text, 3, text);
	memset(text, 'x', 4);

	assert_string_equal(report_public(rep)->message, "mine");
	assert_string_equal(report_public(rep)->notes->task, "mine");
	report_unref(rep);
}

TEST(a_text_of_the_wire_may_contain_nuls)
{
	struct report *rep = report_new(ENOENT);

	assert_int_equal(report_set_text(rep, &report_public(rep)->message, "a\0b\0", 4), 0);

	assert_string_equal(report_public(rep)->message, "a?b?");
	report_unref(rep);
}

TEST(a_long_text_keeps_its_beginning_and_its_end)
{
	struct report *rep = report_new(EIO);
	char *text = text_of_len(100000);
	const char *kept;

	memcpy(text, "begin", 5);
	memcpy(text + 99997, "end", 3);
	assert_int_equal(report_set_text(rep, &report_public(rep)->trace, text, 100000), 0);
	kept = report_public(rep)->trace;

	assert_true(strlen(kept) <= REPORT_STORY_MAX);
	assert_memory_equal(kept, "begin", 5);
	assert_text_has(kept, "\n[...]\n");
	assert_string_equal(kept + strlen(kept) - 3, "end");
	free(text);
	report_unref(rep);
}

TEST(a_text_is_not_cut_inside_a_character)
{
	struct report *rep = report_new(EIO);
	char *text = text_of_len(30001);
	const char *mark;

	for (size_t i = 1; i + 1 < 30001; i += 2)
		memcpy(text + i, "\xc3\xa4", 2);
	report_set_text(rep, &report_public(rep)->trace, text, 30001);
	mark = strchr(report_public(rep)->trace, '\n');

	assert_memory_equal(mark - 2, "\xc3\xa4", 2);
	assert_memory_equal(mark + strlen("\n[...]\n"), "\xc3\xa4", 2);
	free(text);
	report_unref(rep);
}

TEST(a_report_says_no_more_than_its_limit)
{
	uint64_t before = mem_live();
	struct report *rep = report_new(EIO);
	char *text = text_of_len(4000);
	int r = 0;

	for (int i = 0; i < 10 && r == 0; i++)
		r = report_add_note(rep, text, "", 0, "");

	assert_int_equal(r, -ENOMEM);
	assert_true(mem_live() - before < 10);
	assert_in_range(count_notes(report_public(rep)), 4, 6);
	free(text);
	report_unref(rep);
}

TEST(too_many_notes_end_with_a_note_that_says_so)
{
	struct report *rep = report_new(EIO);
	const struct acre_note *last;

	for (int i = 0; i < REPORT_NOTES_MAX; i++)
		assert_int_equal(report_add_note(rep, "noting", "x.c", i, ""), 0);
	assert_int_equal(count_notes(report_public(rep)), REPORT_NOTES_MAX);
	for (int i = 0; i < 5; i++)
		assert_int_equal(report_add_note(rep, "noting", "x.c", i, ""), -ENOMEM);

	assert_int_equal(count_notes(report_public(rep)), REPORT_NOTES_MAX + 1);
	last = report_public(rep)->notes;
	while (last->next)
		last = last->next;
	assert_text_has(last->text, "more was noted than is kept");
	report_unref(rep);
}

TEST(an_empty_note_says_nothing)
{
	struct report *rep = report_new(EIO);

	assert_int_equal(report_add_note(rep, "", "x.c", 3, "root"), 0);

	assert_null(report_public(rep)->notes);
	report_unref(rep);
}

TEST(hops_go_from_the_origin)
{
	struct report *rep = report_new(EIO);

	report_add_hop(rep, "little_bro", "u1");
	report_add_hop(rep, "client", "");

	assert_string_equal(report_public(rep)->hops[0], "little_bro");
	assert_string_equal(report_public(rep)->hops[1], "client");
	assert_null(report_public(rep)->hops[2]);
	assert_string_equal(report_public(rep)->hop_uuids[0], "u1");
	assert_string_equal(report_public(rep)->hop_uuids[1], "");
	assert_null(report_public(rep)->hop_uuids[2]);
	report_unref(rep);
}

TEST(of_too_many_hops_the_origin_and_the_last_are_kept)
{
	struct report *rep = report_new(EIO);
	const char *const *hops;
	char name[16];

	for (int i = 0; i < REPORT_HOPS_MAX + 3; i++) {
		snprintf(name, sizeof name, "a%d", i);
		assert_int_equal(report_add_hop(rep, name, name + 1), 0);
	}
	hops = report_public(rep)->hops;

	assert_string_equal(hops[0], "a0");
	assert_string_equal(hops[1], "a4");
	assert_string_equal(hops[REPORT_HOPS_MAX - 1], "a18");
	assert_null(hops[REPORT_HOPS_MAX]);
	for (int i = 0; i <= REPORT_HOPS_MAX; i++) {
		const char *uuid = report_public(rep)->hop_uuids[i];

		assert_true(hops[i] ? !strcmp(uuid, hops[i] + 1) : !uuid);
	}
	report_unref(rep);
}

TEST(a_death_writes_the_message_unless_there_is_one)
{
	struct acre_death death = { .signal = 11, .core = true, .last_words = "oh" };
	struct report *a = report_new(ACRE_EDIED), *b = report_new(ACRE_EDIED);

	report_public(a)->pid = 42;
	report_set_text(a, &report_public(a)->actor, "scanner", 7);
	report_set_text(b, &report_public(b)->message, "told already", 12);
	report_set_death(a, &death);
	report_set_death(b, &death);
	death.last_words = NULL;

	assert_string_equal(report_public(a)->message,
			    "actor scanner (pid 42) was killed by signal 11 "
			    "(SIGSEGV, core dumped)");
	assert_string_equal(report_public(a)->death->last_words, "oh");
	assert_null(report_public(a)->death->step);
	assert_string_equal(report_public(b)->message, "told already");
	report_unref(a);
	report_unref(b);
}

static const struct symbol_module modules[] = {
	{ .path = "/bin/one", .build_id = (const uint8_t *)"\1\2\3", .build_id_len = 3 },
	{ .path = "/lib/two" },
};

TEST(a_remote_backtrace_is_kept)
{
	struct symbol_module mine[2] = { modules[0], modules[1] };
	struct symbol_frame frames[] = { { 1, 0x10 }, { 0, 0x20 } };
	struct symbol_bt bt = { mine, frames, 2, 2 };
	struct report *rep = report_new(EIO);
	const struct symbol_bt *kept;

	assert_int_equal(report_set_remote_bt(rep, &bt), 0);
	memset(mine, 0, sizeof mine);
	memset(frames, 0, sizeof frames);
	kept = report_bt(rep);

	assert_int_equal(kept->n_frames, 2);
	assert_int_equal(kept->frames[0].module, 1);
	assert_int_equal(kept->frames[1].offset, 0x20);
	assert_string_equal(kept->modules[1].path, "/lib/two");
	assert_null(kept->modules[1].build_id);
	assert_memory_equal(kept->modules[0].build_id, "\1\2\3", 3);
	report_unref(rep);
}

TEST(a_remote_backtrace_with_a_frame_in_no_module_is_refused)
{
	struct symbol_frame frames[] = { { 0, 0x10 }, { 2, 0x20 } };
	struct symbol_bt bt = { modules, frames, 2, 2 };
	struct report *rep = report_new(EIO);

	assert_int_equal(report_set_remote_bt(rep, &bt), -EPROTO);

	assert_null(report_bt(rep));
	report_unref(rep);
}

TEST(a_remote_backtrace_is_cut)
{
	struct symbol_frame frames[1000] = { { 0, 0x10 } };
	struct symbol_bt bt = { modules, frames, 2, 1000 };
	struct report *rep = report_new(EIO);

	assert_int_equal(report_set_remote_bt(rep, &bt), 0);

	assert_int_equal(report_bt(rep)->n_frames, REPORT_PCS_MAX);
	report_unref(rep);
}

/* A report with something in every field. */
static struct report *full_report(void)
{
	struct acre_death death = { .status = 3, .step = "exec", .last_words = "no" };
	struct symbol_frame frame = { 0, 0x10 };
	struct symbol_bt bt = { modules, &frame, 2, 1 };
	struct report *rep = report_new(ACRE_ENAMED);
	struct acre_report *why = report_public(rep);

	report_set_text(rep, &why->name, "CustomError", 11);
	report_set_text(rep, &why->message, "custom", 6);
	report_set_text(rep, &why->reason, "deadline", 8);
	report_set_text(rep, &why->canceller, "root", 4);
	report_add_note(rep, "one", "a.c", 1, "root/a");
	report_add_note(rep, "two", "b.c", 2, "root/b");
	report_add_member(rep, report_new(EIO));
	report_add_hop(rep, "scanner", "c3a9d5e0");
	report_set_death(rep, &death);
	report_set_remote_bt(rep, &bt);
	why->pid = 42;
	why->remote = true;
	why->n_more = 5;
	return rep;
}

TEST(a_copy_says_the_same)
{
	struct report *rep = full_report(), *copy = report_new(ACRE_ENAMED);
	const struct acre_report *why = report_public(copy);
	char *a, *b;

	report_copy(copy, rep);
	a = acre_story(report_file(report_ref(rep), ACRE_ENAMED));
	b = acre_story(report_file(report_ref(copy), ACRE_ENAMED));

	assert_string_equal(a, b);
	assert_string_equal(why->name, "CustomError");
	assert_string_equal(why->death->step, "exec");
	assert_null(why->canceller_uuid);
	assert_int_equal(why->n_more, 5);
	assert_ptr_equal(why->members[0], report_public(rep)->members[0]);
	free(a);
	free(b);
	report_thread_fini();
	report_unref(rep);
	report_unref(copy);
}

TEST(a_report_that_is_used_again_is_empty)
{
	uint64_t before = mem_live();
	struct report *rep = full_report();

	report_reset(rep, EIO);

	assert_int_equal(mem_live() - before, 1);
	assert_int_equal(report_public(rep)->code, EIO);
	assert_null(report_public(rep)->notes);
	assert_null(report_public(rep)->death);
	assert_int_equal(report_public(rep)->n_members, 0);
	report_unref(rep);
}
