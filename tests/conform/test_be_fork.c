/* SPDX-License-Identifier: MIT */
/* test_be_fork.c - what is special to forked actors: memory, descriptors, foreign threads: G17. */
#include "conform/tree.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>

/*
 * What it has of its parent, and what not.
 */

static int remembered;

ACRE_CONTEXT(remember, acre_int, .kind = ACRE_ENDPOINT_ONESHOT)
{
	int before = remembered;

	remembered = (int)in->value;
	return acre_return(ctx, acre_int, .value = before);
}

TEST_TREE_OF(a_forked_actor_has_the_memory_of_its_parent_as_it_was, "fork")
{
	struct acre_int v = { 0 };
	struct acre_actor *a;
	int r = 0;

	remembered = 42;
	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "heir");
		remembered = 7;
		if (r >= 0)
			r = acre_call(a, remember, &(struct acre_int){ 1 }, acre_int, &v);
	}
	assert_int_equal(v.value, 42);
	assert_int_equal(remembered, 7);
	return r;
}

/* Higher than any that an actor opens by itself. */
#define UNDECLARED 900

ACRE_CONTEXT(look_at_undeclared, acre_nil, .kind = ACRE_ENDPOINT_ONESHOT)
{
	bool is_open = fcntl(UNDECLARED, F_GETFD) >= 0;

	return acre_return(ctx, acre_int, .value = is_open);
}

TEST_TREE_OF(g16_a_forked_actor_has_no_descriptor_that_was_not_declared, "fork")
{
	struct acre_int is_open = { -1 };
	struct acre_actor *a;
	int fd = fcntl(STDIN_FILENO, F_DUPFD, UNDECLARED), r = 0;

	assert_int_equal(fd, UNDECLARED);
	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "heir");
		if (r >= 0)
			r = acre_call(a, look_at_undeclared, &nil, acre_int, &is_open);
	}
	assert_int_equal(is_open.value, false);
	close(fd);
	return r;
}

ACRE_CONTEXT(print_word, acre_nil, .kind = ACRE_ENDPOINT_ONESHOT)
{
	printf("child ");
	return acre_return(ctx, acre_nil, 0);
}

static int print_and_fork(void)
{
	struct acre_actor *a;
	int r = 0;

	printf("before ");
	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "heir");
		if (r >= 0)
			r = acre_call(a, print_word, &nil, acre_nil, &nil);
	}
	printf("after ");
	fflush(stdout);
	return r;
}

TEST(what_was_printed_before_a_fork_comes_once)
{
	char path[512], text[64] = "";
	int before = dup(STDOUT_FILENO), fd, r;
	FILE *f;

	use_backend("fork");
	snprintf(path, sizeof path, "%s/out", test_dir());
	fflush(stdout);
	fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	dup2(fd, STDOUT_FILENO);
	close(fd);
	r = tree_result(print_and_fork, false);
	dup2(before, STDOUT_FILENO);
	close(before);
	assert_ok(r);
	f = fopen(path, "re");
	assert_non_null(f);
	assert_non_null(fgets(text, sizeof text, f));
	fclose(f);
	assert_string_equal(text, "before child after ");
	report_thread_fini();
}

/*
 * G17: a thread that is not ours may hold any lock.
 */

static void *wait_for_byte(void *arg)
{
	char byte;

	assert_int_equal(read(*(int *)arg, &byte, 1), 1);
	return NULL;
}

TEST_TREE_OF(g17_beside_a_foreign_thread_a_fork_is_refused_unless_allowed, "fork")
{
	struct acre_actor *a = NULL;
	struct acre_int v = { 0 };
	int gate[2], refused = 0, r = 0;
	pthread_t stranger;

	assert_int_equal(pipe2(gate, O_CLOEXEC), 0);
	assert_int_equal(pthread_create(&stranger, NULL, wait_for_byte, &gate[0]), 0);
	ACRE_NURSERY(n, r) {
		refused = acre_spawn(&n, &a, .name = "refused");
		assert_class(refused, ACRE_EBOOT);
		assert_int_equal(acre_why(refused)->death->error, EPERM);
		assert_text_has(acre_why(refused)->death->step,
				"threads that are not of acre");
		assert_true(acre_has(refused, EPERM));
		assert_null(a);
		r = acre_spawn(&n, &a, .name = "allowed", .flags = ACRE_SPAWN_STRANGERS);
		if (r >= 0)
			r = acre_call(a, ten, &nil, acre_int, &v);
	}
	assert_int_equal(v.value, 10);
	assert_int_equal(write(gate[1], "", 1), 1);
	assert_int_equal(pthread_join(stranger, NULL), 0);
	close(gate[0]);
	close(gate[1]);
	return r;
}
