/* SPDX-License-Identifier: MIT */
/* test_story.c - failures on their way from actor to actor. */
#include <string.h>

#include "base/util.h"
#include "core/class.h"
#include "lib/test.h"
#include "unit/carrier.h"
#include "vectors/vectors.h"

#define ERRORS_OF_THE_TEST(E)	E(T_RAIN, EAGAIN, "it rains") E(T_SNOW, 0, "it snows")
#define ROW(name, parent, text) { ACRE_CLASS_APPLICATION + name, parent, #name, text },
enum { T_RAIN, T_SNOW };
static const struct acre_class_row rows[] = { ERRORS_OF_THE_TEST(ROW) };
#define RAIN (ACRE_CLASS_APPLICATION + T_RAIN)

static const struct acre_report *member(const struct acre_report *why, uint32_t i)
{
	assert_true(i < why->n_members);
	return why->members[i];
}

static const char *hops_of(const struct acre_report *why)
{
	static char text[512];
	size_t len = 0;

	text[0] = '\0';
	for (size_t i = 0; why->hops && why->hops[i]; i++)
		len += (size_t)snprintf(text + len, sizeof text - len, "%s ",
					why->hops[i]);
	return text;
}

static void assert_hop(const struct acre_report *why, size_t i, const char *name,
		       const char *uuid)
{
	assert_string_equal(why->hops[i], name);
	assert_string_equal(why->hop_uuids[i], uuid);
}

TEST(a_failure_arrives_with_all_that_was_known_of_it)
{
	const struct acre_report *why;
	struct report *rep;
	int r;

	be("scanner", CHILD_UUID);
	open_peer(ALL_FEATURES);
	r = acre_fail(ENOENT, "no %s", "scan.conf");
	r = acre_note(r, "reading");
	r = acre_note(r, "scanning");
	rep = carry(report_take(r));
	why = report_public(rep);

	assert_int_equal(why->code, ENOENT);
	assert_string_equal(why->message, "no scan.conf");
	assert_text_has(why->file, "test_story.c");
	assert_true(why->line > 0);
	assert_string_equal(why->actor, "scanner");
	assert_string_equal(why->actor_uuid, CHILD_UUID);
	assert_int_equal(why->pid, acre_why(r)->pid);
	assert_string_equal(why->host, acre_why(r)->host);
	assert_string_equal(why->notes->text, "reading");
	assert_text_has(why->notes->file, "test_story.c");
	assert_string_equal(why->notes->next->text, "scanning");
	assert_null(why->notes->next->next);
	assert_true(why->remote);
	assert_true(report_is(why, ENOENT) && report_is(why, ACRE_EREMOTE));
	assert_string_equal(hops_of(why), "scanner ");
	assert_hop(why, 0, "scanner", CHILD_UUID);
	assert_int_equal(report_bt(rep)->n_frames, acre_why(r)->n_pcs);
	report_unref(rep);
	close_peer();
	report_thread_fini();
}

TEST(a_backtrace_arrives_by_modules)
{
	const struct symbol_bt *sent, *came;
	struct report *here_rep, *rep;

	be("scanner", CHILD_UUID);
	open_peer(ALL_FEATURES);
	here_rep = report_take(acre_fail(EIO, "lost"));
	rep = carry(report_ref(here_rep));
	sent = report_bt(here_rep);
	came = report_bt(rep);

	assert_true(sent->n_frames > 0);
	assert_int_equal(came->n_frames, sent->n_frames);
	assert_int_equal(came->n_modules, sent->n_modules);
	for (uint32_t i = 0; i < sent->n_frames; i++) {
		assert_int_equal(came->frames[i].module, sent->frames[i].module);
		assert_int_equal(came->frames[i].offset, sent->frames[i].offset);
	}
	assert_string_equal(came->modules[0].path, sent->modules[0].path);
	assert_int_equal(came->modules[0].build_id_len, sent->modules[0].build_id_len);
	report_unref(here_rep);
	report_unref(rep);
	close_peer();
	report_thread_fini();
}

TEST(a_group_of_groups_keeps_its_shape)
{
	struct report *inner = report_with(ACRE_EGROUP, "inner");
	struct report *outer = report_with(ACRE_EGROUP, "outer"), *rep;
	const struct acre_report *why;

	be("main", ROOT_UUID);
	open_peer(ALL_FEATURES);
	report_add_member(inner, report_with(EIO, "a"));
	report_add_member(inner, report_with(EPIPE, "b"));
	report_public(inner)->n_more = 3;
	report_add_member(outer, inner);
	report_add_member(outer, report_with(ENOENT, "c"));
	rep = carry(outer);
	why = report_public(rep);

	assert_int_equal(report_count(why), 6);
	assert_int_equal(why->n_members, 2);
	assert_string_equal(member(why, 0)->message, "inner");
	assert_int_equal(member(why, 0)->n_more, 3);
	assert_string_equal(member(member(why, 0), 0)->message, "a");
	assert_int_equal(member(member(why, 0), 1)->code, EPIPE);
	assert_string_equal(member(why, 1)->message, "c");
	assert_string_equal(hops_of(member(why, 1)), "main ");
	assert_true(member(why, 1)->remote);
	report_unref(rep);
	close_peer();
}

TEST(a_member_tells_which_actor_it_comes_from)
{
	struct report *group, *rep;
	const struct acre_report *why;

	open_peer(ALL_FEATURES);
	be("leaf", CHILD_UUID);
	rep = carry(report_take(acre_fail(EIO, "a disk")));
	be("branch", ROOT_UUID);
	group = report_with(ACRE_EGROUP, "2 failures");
	report_add_member(group, rep);
	report_add_member(group, report_take(acre_fail(EPERM, "a door")));
	rep = carry(group);
	why = report_public(rep);

	assert_string_equal(why->actor, "branch");
	assert_string_equal(member(why, 0)->actor, "leaf");
	assert_string_equal(member(why, 0)->actor_uuid, CHILD_UUID);
	assert_string_equal(hops_of(member(why, 0)), "leaf branch ");
	assert_hop(member(why, 0), 0, "leaf", CHILD_UUID);
	assert_hop(member(why, 0), 1, "branch", ROOT_UUID);
	assert_string_equal(member(why, 1)->actor, "branch");
	assert_string_equal(hops_of(member(why, 1)), "branch ");
	assert_hop(member(why, 1), 0, "branch", ROOT_UUID);
	report_unref(rep);
	close_peer();
	report_thread_fini();
}

TEST(a_death_arrives_with_its_last_words)
{
	static const struct acre_death death = { .signal = 11,
						 .core = true,
						 .hard_kill = true,
						 .last_words = "assertion failed" };
	struct report *dead = report_new(ACRE_EDIED), *rep;
	const struct acre_report *why;

	be("main", ROOT_UUID);
	open_peer(ALL_FEATURES);
	set(dead, &report_public(dead)->actor, "scanner");
	report_public(dead)->pid = 42;
	assert_ok(report_set_death(dead, &death));
	rep = carry(dead);
	why = report_public(rep);

	assert_int_equal(why->code, ACRE_EDIED);
	assert_string_equal(why->actor, "scanner");
	assert_int_equal(why->pid, 42);
	assert_text_has(why->message, "was killed by signal 11 (SIGSEGV");
	assert_int_equal(why->death->signal, 11);
	assert_true(why->death->core && why->death->hard_kill && !why->death->oom);
	assert_null(why->death->step);
	assert_string_equal(why->death->last_words, "assertion failed");
	report_unref(rep);
	close_peer();
}

TEST(a_failed_boot_names_its_step)
{
	static const struct acre_death death = { .step = "exec",
						 .error = ENOENT,
						 .last_words = "" };
	struct report *dead = report_new(ACRE_EBOOT), *rep;

	be("main", ROOT_UUID);
	open_peer(ALL_FEATURES);
	assert_ok(report_set_death(dead, &death));
	rep = carry(dead);

	assert_string_equal(report_public(rep)->death->step, "exec");
	assert_int_equal(report_public(rep)->death->error, ENOENT);
	report_unref(rep);
	close_peer();
}

static struct report *cancelled_by(const char *name, const char *uuid)
{
	struct report *rep = report_with(ACRE_ECTXC, "asked by root");

	set(rep, &report_public(rep)->reason, "deadline");
	set(rep, &report_public(rep)->canceller, name);
	set(rep, &report_public(rep)->canceller_uuid, uuid);
	return rep;
}

TEST(a_cancelled_context_says_by_whom_and_why)
{
	struct report *rep;
	const struct acre_report *why;

	be("child", CHILD_UUID);
	open_peer(ALL_FEATURES);
	rep = carry(cancelled_by("root", ROOT_UUID));
	why = report_public(rep);

	assert_int_equal(why->code, ACRE_ECTXC);
	assert_string_equal(why->reason, "deadline");
	assert_string_equal(why->canceller, "root");
	assert_string_equal(why->canceller_uuid, ROOT_UUID);
	report_unref(rep);
	close_peer();
}

TEST(an_overrun_says_by_whom)
{
	struct report *full = report_with(ACRE_EOVERRUN, "64 items unread"), *rep;
	struct msg m;

	be("child", CHILD_UUID);
	open_peer(0);
	set(full, &report_public(full)->canceller, "root");
	set(full, &report_public(full)->canceller_uuid, ROOT_UUID);
	m = write_error(full);
	rep = story_read(&m.error, "child");

	assert_null(m.error.canceller.name.p);
	assert_true(slice_is(m.error.sender.uuid, ROOT_UUID));
	assert_int_equal(report_public(rep)->code, ACRE_EOVERRUN);
	assert_string_equal(report_public(rep)->canceller, "root");
	report_unref(full);
	report_unref(rep);
	close_peer();
}

/* Every second hop is one of the reference, which has the plain fields only. */
TEST(three_hops_keep_the_origin)
{
	static const char *const through[] = { "leaf", "branch", "trunk" };
	static const char *const uuids[] = { CHILD_UUID, BRANCH_UUID, ROOT_UUID };
	struct report *rep = NULL;
	const struct acre_report *why;
	struct msg m;

	open_peer(ALL_FEATURES);
	for (size_t i = 0; i < ARRAY_N(through); i++) {
		be(through[i], uuids[i]);
		if (i == 0)
			rep = report_take(acre_fail(EINVAL, "a bad value"));
		rep = i == 1 ? carry_plainly(rep) : carry(rep);
	}
	why = report_public(rep);
	be("root", ROOT_UUID);
	m = write_error(rep);

	assert_int_equal(why->code, EINVAL);
	assert_string_equal(why->message, "a bad value");
	assert_string_equal(why->actor, "leaf");
	assert_string_equal(why->actor_uuid, CHILD_UUID);
	assert_string_equal(hops_of(why), "leaf branch trunk ");
	for (size_t i = 0; i < ARRAY_N(through); i++)
		assert_hop(why, i, through[i], uuids[i]);
	assert_null(why->hop_uuids[ARRAY_N(through)]);
	assert_true(slice_is(m.error.src_uid.name, "leaf"));
	assert_true(slice_is(m.error.src_uid.uuid, CHILD_UUID));
	assert_true(slice_is(m.error.src_type, "ValueError"));
	assert_true(slice_is(m.error.boxed_type, "RemoteActorError"));
	report_unref(rep);
	close_peer();
	report_thread_fini();
}

TEST(a_relayed_cancellation_keeps_its_type)
{
	struct report *rep;
	struct msg m;

	open_peer(ALL_FEATURES);
	be("leaf", CHILD_UUID);
	rep = carry(cancelled_by("root", ROOT_UUID));
	be("branch", ROOT_UUID);
	m = write_error(rep);

	assert_true(slice_is(m.error.boxed_type, "ContextCancelled"));
	assert_true(slice_is(m.error.src_uid.name, "leaf"));
	assert_true(slice_is(m.error.canceller.uuid, ROOT_UUID));
	report_unref(rep);
	close_peer();
}

/*
 * Classes.
 */

TEST(an_application_class_is_found_by_its_name)
{
	struct report *rep;

	be("child", CHILD_UUID);
	open_peer(ALL_FEATURES);
	acre_class_register_(rows, ARRAY_N(rows));
	rep = carry(report_with(RAIN, "cats and dogs"));

	assert_int_equal(report_public(rep)->code, RAIN);
	assert_true(report_is(report_public(rep), EAGAIN));
	rep = carry_plainly(rep);
	assert_int_equal(report_public(rep)->code, RAIN);
	report_unref(rep);
	close_peer();
}

static struct report *named(const char *name)
{
	struct report *rep = report_with(ACRE_ENAMED, "?");

	set(rep, &report_public(rep)->name, name);
	return rep;
}

TEST(an_unknown_class_keeps_its_name)
{
	struct report *rep, *group;

	be("child", CHILD_UUID);
	open_peer(ALL_FEATURES);
	rep = carry(named("UnregisteredAppError"));
	assert_int_equal(report_public(rep)->code, ACRE_ENAMED);
	assert_string_equal(report_public(rep)->name, "UnregisteredAppError");

	rep = carry_plainly(rep);
	assert_int_equal(report_public(rep)->code, ACRE_ENAMED);
	assert_string_equal(report_public(rep)->name, "UnregisteredAppError");

	group = report_with(ACRE_EGROUP, "1 failure");
	report_add_member(group, rep);
	rep = carry(group);
	assert_string_equal(member(report_public(rep), 0)->name, "UnregisteredAppError");
	report_unref(rep);
	close_peer();
}

TEST(a_name_known_here_gets_the_class_of_here)
{
	struct report *rep;

	be("child", CHILD_UUID);
	open_peer(ALL_FEATURES);
	acre_class_register_(rows, ARRAY_N(rows));
	rep = carry(named("T_SNOW"));

	assert_int_equal(report_public(rep)->code, ACRE_CLASS_APPLICATION + T_SNOW);
	report_unref(rep);
	close_peer();
}

TEST(each_class_has_a_name_that_a_reference_peer_reads)
{
	struct report *rep;
	int back;

	be("child", CHILD_UUID);
	open_peer(0);
	for (int class = 1; class < ACRE_ENOTTYLOCK + 1; class ++) {
		if (acre_class_number(acre_class_name(class)) != class ||
		    class == ECANCELED || class == ACRE_ENAMED)
			continue;
		rep = carry(report_with(class, "as it was"));
		back = report_public(rep)->code;
		assert_string_equal(report_public(rep)->message, "as it was");
		report_unref(rep);
		if (class == ACRE_EDIED)
			assert_int_equal(back,
					 ACRE_EBOOT); /* both are ActorFailure there */
		else if (class == EPERM)
			assert_int_equal(back, EACCES); /* both are PermissionError */
		else
			assert_int_equal(back, class);
	}
	close_peer();
}

TEST(a_peer_cannot_cancel_us_by_a_failure)
{
	struct report *rep;

	be("child", CHILD_UUID);
	open_peer(ALL_FEATURES);
	for (int plain = 0; plain < 2; plain++) {
		rep = report_with(ECANCELED, "now");
		rep = plain ? carry_plainly(rep) : carry(rep);
		assert_int_not_equal(report_public(rep)->code, ECANCELED);
		report_unref(rep);
		rep = carry(named("ECANCELED"));
		assert_int_equal(report_public(rep)->code, ACRE_ENAMED);
		report_unref(rep);
	}
	close_peer();
}

/*
 * Golden frames of the reference.
 */

static struct report *read_vector(const char *name)
{
	struct vectors v;
	const struct vector *one;
	struct msg_fault fault;
	struct report *rep;
	struct msg m;

	vectors_load(&v);
	one = vectors_find(&v, name);
	assert_int_equal(msg_read(&m, one->frame + 4, one->len - 4, &wire_limits_default,
				  &fault),
			 0);
	rep = story_read(&m.error, "child");
	vectors_free(&v);
	assert_non_null(rep);
	return rep;
}

TEST(a_cancelled_context_of_the_reference_is_read)
{
	struct report *rep = read_vector("y_v11_error_cancelled");
	const struct acre_report *why = report_public(rep);

	assert_int_equal(why->code, ACRE_ECTXC);
	assert_string_equal(why->message, "asked by root");
	assert_string_equal(why->canceller, "root");
	assert_string_equal(why->canceller_uuid, ROOT_UUID);
	assert_string_equal(why->actor, "child");
	assert_string_equal(why->actor_uuid, CHILD_UUID);
	assert_string_equal(hops_of(why), "child ");
	report_unref(rep);
}

TEST(a_relayed_failure_of_the_reference_is_read)
{
	struct report *rep = read_vector("y_v13_error_relayed");
	const struct acre_report *why = report_public(rep);

	assert_int_equal(why->code, EINVAL);
	assert_string_equal(why->trace, "boxed text\n");
	assert_string_equal(why->actor, "leaf");
	assert_string_equal(hops_of(why), "leaf child ");
	assert_true(why->remote);
	report_unref(rep);
}

TEST(what_the_reference_wrote_of_a_cancelled_context_is_written_again)
{
	struct vectors v;
	const struct vector *one;
	const uint8_t *trace;
	struct report *rep = cancelled_by("root", ROOT_UUID);

	be("child", CHILD_UUID);
	open_peer(0);
	vectors_load(&v);
	one = vectors_find(&v, "y_v11_error_cancelled");
	trace = memmem(one->frame, one->len, "tb_str", 6);
	assert_non_null(trace);
	assert_ok(story_write(&peer, slice_of("5f1d7a34-6c0e-4d82-b3f9-8a1b2c3d4e5f"),
			      rep));

	/* up to the trace, which is empty there */
	assert_memory_equal(buf_bytes(&peer.link.data) + 4, one->frame + 4,
			    (size_t)(trace - one->frame) - 4);
	report_unref(rep);
	vectors_free(&v);
	close_peer();
}

TEST(a_trace_of_the_reference_passes_an_acre_link)
{
	struct report *rep = read_vector("y_v13_error_relayed");

	be("root", ROOT_UUID);
	open_peer(ALL_FEATURES);
	rep = carry(rep);

	assert_string_equal(report_public(rep)->trace, "boxed text\n");
	assert_string_equal(hops_of(report_public(rep)), "leaf child root ");
	report_unref(rep);
	close_peer();
}

TEST(a_peer_without_trees_gets_the_story_as_a_text)
{
	struct report *group = report_with(ACRE_EGROUP, "2 failures"), *rep;
	struct msg m;

	be("child", CHILD_UUID);
	open_peer(0);
	report_add_member(group, report_with(EIO, "a disk"));
	report_add_member(group, report_with(EPERM, "a door"));
	m = write_error(group);
	rep = story_read(&m.error, "child");

	assert_null(m.error.acre.p);
	assert_true(slice_is(m.error.src_type, "ExceptionGroup"));
	assert_string_equal(report_public(rep)->trace, "ACRE_EGROUP: 2 failures\n"
						       "    EIO: a disk\n"
						       "    EPERM: a door");
	report_unref(group);
	report_unref(rep);
	close_peer();
}
