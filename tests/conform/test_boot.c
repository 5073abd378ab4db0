/* SPDX-License-Identifier: MIT */
/* test_boot.c - booting an actor, the root, and how both can fail: cases C001 to C014. */
#include "conform/tree.h"

#include <stdio.h>

/*
 * C001: while the one-shot runs, the root knows its actor, and no other.
 */

ACRE_CONTEXT(is_only_child, acre_text, .kind = ACRE_ENDPOINT_ONESHOT)
{
	struct acre_actor *child = NULL, *found = NULL;
	size_t n = acre_children(&child, 1);
	bool known = n == 1 && acre_find(&found, in->value) == 1 && found == child &&
		     !strcmp(acre_actor_uuid(child), in->value);

	return acre_return(ctx, acre_int, .value = known);
}

ACRE_CONTEXT(ten_if_known, acre_nil, .kind = ACRE_ENDPOINT_ONESHOT)
{
	struct acre_int known = { 0 };
	int r = acre_call(acre_parent(), is_only_child,
			  &(struct acre_text){ acre_self_uuid() }, acre_int, &known);

	if (r >= 0 && !known.value)
		r = acre_fail(T_ASSERT, "the root does not know %s as its only child",
			      acre_self_name());
	return r < 0 ? r : acre_return(ctx, acre_int, .value = 10);
}

TEST_TREE(c001_value_back)
{
	struct acre_int v = { 0 };
	int r = acre_oneshot(ten_if_known, &nil, acre_int, &v);

	assert_ok(r);
	assert_int_equal(v.value, 10);
	assert_int_equal(acre_children(NULL, 0), 0);
	return 0;
}

ACRE_CONTEXT(word, acre_nil, .kind = ACRE_ENDPOINT_ONESHOT)
{
	return acre_return(ctx, acre_text, .value = "Dang that's beautiful");
}

ACRE_CONTEXT(nothing, acre_nil, .kind = ACRE_ENDPOINT_ONESHOT)
{
	return 0;
}

TEST_TREE(c002_two_calls_one_actor)
{
	struct acre_actor *frank;
	struct acre_text t;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &frank, .name = "frank");
		assert_ok(r);
		for (int i = 0; i < 2; i++) {
			assert_int_equal(acre_call(frank, word, &nil, acre_text, &t), 1);
			assert_string_equal(t.value, "Dang that's beautiful");
		}
		assert_int_equal(acre_actor_cancel(frank), 0);
		assert_false(acre_actor_is_connected(frank));
		assert_int_equal(acre_nursery_n(&n), 0);
	}
	return r;
}

TEST_TREE(c003_string_and_none)
{
	acre_instant begun = acre_now();
	struct acre_text t = { NULL };
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_oneshot(word, &nil, acre_text, &t, .nursery = &n);
		assert_int_equal(r, 1);
		assert_string_equal(t.value, "Dang that's beautiful");
		r = acre_oneshot(nothing, &nil, acre_nil, &nil, .nursery = &n);
		assert_int_equal(r, 0);
	}
	assert_ok(r);
	assert_string_equal(t.value, "Dang that's beautiful"); /* it outlives its actor */
	assert_true(seconds_since(begun) < 1);
	free((void *)(uintptr_t)t.value);
	return 0;
}

TEST_TREE(c003_a_result_is_read_again_and_again)
{
	struct acre_actor *a;
	struct acre_text t;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "reader");
		ACRE_OPEN(ctx, r, a, word, &nil) {
			for (int i = 0; i < 3; i++) {
				assert_int_equal(acre_result(ctx, acre_text, &t), 1);
				assert_string_equal(t.value, "Dang that's beautiful");
			}
		}
		ACRE_OPEN(none, r, a, nothing, &nil)
			for (int i = 0; i < 3; i++)
				assert_int_equal(acre_result(none, acre_nil, &nil), 0);
	}
	return r;
}

TEST(c005_no_runtime)
{
	struct acre_actor *a = NULL;

	assert_class(acre_find(&a, "nobody"), ACRE_ENORUNTIME);
	assert_null(a);
	report_thread_fini();
}

/*
 * C006: nobody has said anything of the root but that its actors are to be found.
 */

static int nothing_exposed_yet(const struct acre_registered *entry, void *n)
{
	assert_string_equal(entry->name, "root");
	++*(int *)n;
	return 0;
}

static int open_first_nursery(void *unused)
{
	char own[1][ACRE_ADDRESS_SIZE], found[ACRE_ADDRESS_SIZE];
	int n_entries = 0, r = 0;

	(void)unused;
	ACRE_NURSERY(n, r) {
		assert_string_equal(acre_self_name(), "root");
		assert_null(acre_parent());
		assert_int_equal(acre_children(NULL, 0), 0);
		assert_int_equal(acre_self_addresses(own, 1), 1);
		assert_int_equal(acre_query("root", found), 1);
		assert_string_equal(found, own[0]);
		/* asked without a link: we are the registrar */
		assert_ok(acre_registry(NULL, nothing_exposed_yet, &n_entries));
		assert_int_equal(n_entries, 1);
	}
	return r;
}

TEST(c006_implicit_root)
{
	const struct acre_run_options found = { .transports = "uds" };

	assert_ok(acre_run(open_first_nursery, NULL, &found));
	assert_string_equal(acre_self_name(), "");
	report_thread_fini();
}

ACRE_CONTEXT(open_a_second_root, acre_nil, .kind = ACRE_ENDPOINT_ONESHOT)
{
	return tree_result(NULL, false);
}

TEST_TREE(c007_single_root)
{
	int r = tree_result(NULL, false);

	assert_class(r, EALREADY);
	r = acre_oneshot(open_a_second_root, &nil, acre_nil, &nil);
	assert_remote(r, EALREADY);
	return 0;
}

/*
 * C008: what a tree has exposed is not exposed by the next one in the same process.
 */

static int call_back(void *exposes)
{
	struct acre_int v;
	int r = *(bool *)exposes ? acre_expose("main") : 0;

	assert_string_equal(acre_self_name(), "root");
	assert_null(acre_parent());
	return r < 0 ? r : acre_oneshot(ten_if_known, &nil, acre_int, &v);
}

TEST(c008_runtime_state_reset)
{
	bool exposes[] = { true, false, true };

	for (size_t i = 0; i < sizeof exposes / sizeof *exposes; i++) {
		struct acre_run_options signals = { .signals = i > 0 };
		int r = acre_run(call_back, &exposes[i], &signals);

		if (exposes[i])
			assert_ok(r);
		else
			assert_remote(r, ACRE_ENOTEXPOSED);
		assert_string_equal(acre_self_name(), "");
		assert_int_equal(acre_children(NULL, 0), 0);
	}
	report_thread_fini();
}

TEST_TREE(c009_local_task_in_an_actor)
{
	acre_instant begun = acre_now();
	int r = 0;

	for (int i = 0; i < 10 && r >= 0; i++) {
		printf("%d\n", i);
		r = acre_sleep(acre_ms(100));
	}
	assert_true(seconds_since(begun) >= 1);
	assert_int_equal(acre_children(NULL, 0), 0);
	return r;
}

/*
 * C012: what this program's image has, and another one has not: see other_program.c.
 */

static char *image_of; /* told when a program starts */

__attribute__((constructor)) static void bootstrap(void)
{
	static char ours[] = "test_boot";

	image_of = ours;
}

ACRE_CONTEXT(which_image, acre_nil, .kind = ACRE_ENDPOINT_ONESHOT)
{
	return acre_return(ctx, acre_text, .value = image_of);
}

static void beside_us(char path[4096], const char *name)
{
	ssize_t n = readlink("/proc/self/exe", path, 4096 - 64);

	assert_true(n > 0);
	path[n] = '\0';
	snprintf(strrchr(path, '/'), 64, "/%s", name);
}

/* Of an actor that was made of this program, or of another: what it is, and whether it has our
 * endpoint `ten`. */
static int ask_image(const char *program, const char *expected, bool is_ours)
{
	struct acre_actor *a;
	struct acre_text image;
	struct acre_int v;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "of_an_image", .program = program);
		assert_ok(r);
		assert_int_equal(acre_call(a, which_image, &nil, acre_text, &image), 1);
		assert_string_equal(image.value, expected);
		r = acre_call(a, ten, &nil, acre_int, &v);
		if (is_ours)
			assert_int_equal(r, 1);
		else
			assert_remote(r, ACRE_ENOENDPOINT);
		r = 0;
	}
	return r;
}

TEST_TREE_OF(c012_program_image_inheritance_off, "exec")
{
	char path[4096];
	int r = ask_image(NULL, "test_boot", true);

	beside_us(path, "other_program");
	return r < 0 ? r : ask_image(path, "other_program", false);
}

/*
 * C014: a module that the child cannot serve. The parent never loads it, so each of these
 * fails in the child alone.
 */

#define ADDENDS(F) F(int64_t, a) F(int64_t, b)
ACRE_MSG(addends, ADDENDS)

/* The modules are beside this program. */
static void find_module(char path[4096], const char *name)
{
	char file[64];

	snprintf(file, sizeof file, "%s.so", name);
	beside_us(path, file);
}

/* The failure of the spawn, which is the spawn's alone: the nursery closes well. */
static int spawn_with_module(const char *path)
{
	struct acre_actor *a = NULL;
	int spawned = 0, r = 0;

	ACRE_NURSERY(n, r) {
		spawned = acre_spawn(&n, &a, .name = "moduled", .module = path);
		assert_int_equal(acre_children(NULL, 0), 0);
	}
	assert_ok(r);
	assert_null(a);
	return spawned;
}

static void fails_to_boot(const char *path, const char *cause)
{
	int r = spawn_with_module(path);
	char *story = acre_story(r);

	assert_class(r, ACRE_EBOOT);
	assert_text_has(story, path);
	assert_text_has(story, cause);
	free(story);
}

TEST_TREE(c014_boot_failure_is_typed)
{
	char path[4096];
	FILE *f;

	fails_to_boot("/nonexistent/module.so", "No such file");

	snprintf(path, sizeof path, "%s/text.so", test_dir());
	f = fopen(path, "w");
	assert_non_null(f);
	fputs("this is no shared object, and long enough to be read as the head of one\n",
	      f);
	fclose(f);
	fails_to_boot(path, "invalid ELF header");

	find_module(path, "module_unresolved");
	fails_to_boot(path, "defined_nowhere");

	find_module(path, "module_empty");
	fails_to_boot(path, "has it any ACRE_CONTEXT?");
	return 0;
}

TEST_TREE(c014_boot_death_is_typed)
{
	const struct acre_death *death;
	char path[4096];
	int r;

	needs_a_process("the module ends the process that loads it");
	find_module(path, "module_dies");
	r = spawn_with_module(path);
	assert_class(r, ACRE_EBOOT);
	death = acre_why(r)->death;
	assert_int_equal(death->signal, SIGABRT);
	assert_false(death->hard_kill);
	assert_text_has(death->last_words, "module_dies: its last words");
	return 0;
}

/* S49: it is told by its status, its signal or its words, and not by a time-out. The shortest of
 * some, for the machine is shared. */
#define TOLD_WITHIN_S 0.1
#define BOOT_DEATHS   10

TEST_TREE(s49_a_boot_death_is_told_within_a_tenth_of_a_second)
{
	double shortest = 1e9, s;
	char path[4096];
	int r;

	needs_a_process("the module ends the process that loads it");
	find_module(path, "module_dies");
	for (int i = 0; i < BOOT_DEATHS && shortest >= TOLD_WITHIN_S; i++) {
		acre_instant begun = acre_now();

		r = spawn_with_module(path);
		s = seconds_since(begun);
		assert_class(r, ACRE_EBOOT);
		assert_int_equal(acre_why(r)->death->signal, SIGABRT);
		shortest = s < shortest ? s : shortest;
	}
	test_note("%.1f ms", shortest * 1e3);
	assert_true(shortest < TOLD_WITHIN_S);
	return 0;
}

TEST_TREE(c014_control_a_module_that_loads)
{
	struct acre_context *ctx = NULL;
	struct acre_actor *a;
	struct acre_int sum = { 0 };
	char path[4096];
	int r = 0;

	find_module(path, "module_adds");
	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "adder", .module = path);
		assert_ok(r);
		r = acre_open_named(&ctx, a, "module_adds", "add", addends_msg_(),
				    &(struct addends){ 40, 2 });
		assert_ok(r);
		assert_int_equal(acre_result(ctx, acre_int, &sum), 1);
		r = acre_context_close(&ctx, 0);
	}
	assert_int_equal(sum.value, 42);
	return r;
}

static int spawn_program(const char *program)
{
	struct acre_actor *a = NULL;
	int spawned = 0, r = 0;

	ACRE_NURSERY(n, r)
		spawned = acre_spawn(&n, &a, .program = program);
	assert_ok(r);
	assert_null(a);
	return spawned;
}

TEST_TREE(c014_boot_failure_before_the_handshake)
{
	acre_instant begun = acre_now();
	const struct acre_report *why;
	int r = spawn_program("/bin/false"); /* it ends at once, and never was an actor */

	assert_class(r, ACRE_EBOOT);
	assert_int_equal(acre_why(r)->death->status, 1);

	r = spawn_program("/nonexistent/program");
	assert_class(r, ACRE_EBOOT);
	why = acre_why(r);
	assert_int_equal(why->death->error, ENOENT);
	assert_text_has(why->message, "/nonexistent/program");
	assert_true(seconds_since(begun) < 5); /* no wait for a time-out */
	return 0;
}
