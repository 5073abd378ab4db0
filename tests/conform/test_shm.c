/* SPDX-License-Identifier: MIT */
/* test_shm.c - arrays that actors share: attached again and again, filled and read: cases C117, C118. */
#include "conform/tree.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>

#include "conform/shm.h"

#define N 2048

/*
 * C117
 */

static int n_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static int attach_and_leave(const char *token, double expected)
{
	struct acre_shm *s;
	double value;
	int r = acre_shm_attach(&s, token, 0);

	if (r < 0)
		return r;
	assert_string_equal(acre_shm_token(s), token);
	assert_int_equal(acre_shm_n(s), N);
	r = acre_shm_get(s, N - 1, &value, 1);
	assert_true(r < 0 || value == expected);
	acre_shm_close(s);
	return r;
}

ACRE_CONTEXT(attaches_a_thousand_times, acre_text, .kind = ACRE_ENDPOINT_ONESHOT)
{
	int fds = n_descriptors(), mappings = n_mapped(in->value), r = 0;

	for (int i = 0; r >= 0 && i < 1000; i++)
		r = attach_and_leave(in->value, 0.5);
	assert_int_equal(n_descriptors(), fds);
	assert_int_equal(n_mapped(in->value), mappings);
	return r < 0 ? r : acre_return(ctx, acre_text, .value = in->value);
}

TEST_ACTOR(c117_a_thousand_attachments_leave_nothing)
{
	const double value = 0.5;
	struct acre_text name;
	struct acre_shm *s;
	int r = acre_shm_create(&s, .element_size = sizeof value, .n = N);

	assert_ok(r);
	assert_ok(acre_shm_set(s, N - 1, &value, 1));
	r = acre_call(a, attaches_a_thousand_times,
		      (&(struct acre_text){ acre_shm_token(s) }), acre_text, &name);
	assert_true(r < 0 || !strcmp(name.value, acre_shm_token(s)));
	acre_shm_close(s);
	return r;
}

ACRE_CONTEXT(attaches_and_forgets, acre_text, .kind = ACRE_ENDPOINT_ONESHOT)
{
	struct acre_shm *s;
	int r = 0;

	for (int i = 0; r >= 0 && i < 10; i++)
		r = acre_shm_attach(&s, in->value, 0);
	return r;
}

/* In a thread this process would show it. */
TEST_TREE(what_an_actor_has_attached_ends_with_it)
{
	struct acre_actor *a;
	struct acre_shm *s;
	int r = acre_shm_create(&s, .element_size = 1, .n = 1);

	assert_ok(r);
	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "forgets");
		if (r >= 0)
			r = acre_call(a, attaches_and_forgets,
				      (&(struct acre_text){ acre_shm_token(s) }),
				      acre_nil, &nil);
	}
	assert_ok(r);
	assert_int_equal(n_mapped(acre_shm_token(s)), 1);
	acre_shm_close(s);
	return r;
}

/*
 * C118
 */

#define TEXT_SIZE  32

#define SHARING(F) F(const char *, token) F(int, frame) F(bool, is_text)
ACRE_MSG(sharing, SHARING)

static void text_of(size_t i, char ret[TEXT_SIZE])
{
	memset(ret, 0, TEXT_SIZE);
	snprintf(ret, TEXT_SIZE, "entry %zu", i);
}

/* That `n` entries from i on are what the writer puts there. */
static int verify(const struct acre_shm *s, size_t i, size_t n, bool is_text)
{
	char texts[1024][TEXT_SIZE], text[TEXT_SIZE];
	double numbers[1024];
	int r = acre_shm_get(s, i, is_text ? (void *)texts : numbers, n);

	for (size_t k = 0; r >= 0 && k < n; k++) {
		text_of(i + k, text);
		if (is_text ? strcmp(texts[k], text) != 0
			    : numbers[k] != (double)(i + k) / 4)
			return acre_fail(T_VALUE, "entry %zu", i + k);
	}
	return r;
}

/* Told of an index, it looks at the frame that ends there. */
ACRE_CONTEXT(reads_list, sharing, .stack_size = 256 * 1024)
{
	const size_t frame = (size_t)in->frame;
	int64_t verified = 0;
	struct acre_shm *s;
	struct acre_int item;
	int r = acre_shm_attach(&s, in->token, 0);

	if (r < 0)
		return r;
	r = acre_started(ctx, acre_nil);
	while (r >= 0 && (r = acre_recv(ctx, acre_int, &item)) > 0)
		if (((size_t)item.value + 1) % frame == 0) {
			r = verify(s, (size_t)item.value + 1 - frame, frame, in->is_text);
			verified += in->frame;
		}
	acre_shm_close(s);
	return r < 0 ? r : acre_return(ctx, acre_int, .value = verified);
}

static int fill(struct acre_shm *s, struct acre_context *ctx, bool is_text)
{
	int r = 0;

	for (size_t i = 0; i < N && r >= 0; i++) {
		double number = (double)i / 4;
		char text[TEXT_SIZE];

		text_of(i, text);
		r = acre_shm_set(s, i, is_text ? (void *)text : &number, 1);
		if (r >= 0)
			r = acre_send(ctx, acre_int, .value = (int64_t)i);
	}
	return r < 0 ? r : acre_finish(ctx);
}

static int share_list(struct acre_actor *a, bool is_text, int frame)
{
	struct acre_int verified = { 0 };
	struct acre_shm *s;
	struct sharing in;
	int r = acre_shm_create(&s, .element_size = is_text ? TEXT_SIZE : sizeof(double),
				.n = N);

	assert_ok(r);
	in = (struct sharing){ acre_shm_token(s), frame, is_text };
	ACRE_OPEN(ctx, r, a, reads_list, &in) {
		r = fill(s, ctx, is_text);
		if (r >= 0)
			r = acre_result(ctx, acre_int, &verified);
	}
	assert_ok(r);
	assert_int_equal(verified.value, N);
	acre_shm_close(s);
	return r;
}

TEST_ACTOR(c118_a_list_of_numbers_is_read_while_it_is_filled)
{
	int r = share_list(a, false, 1);

	if (r >= 0)
		r = share_list(a, false, 64);
	return r < 0 ? r : share_list(a, false, 1024);
}

TEST_ACTOR(c118_a_list_of_texts_is_read_while_it_is_filled)
{
	int r = share_list(a, true, 1);

	if (r >= 0)
		r = share_list(a, true, 64);
	return r < 0 ? r : share_list(a, true, 1024);
}

/* A child owns, the parent reads: and what it reads stays, while the token ends. */
ACRE_CONTEXT(owns, acre_nil)
{
	const int64_t value = 42;
	struct acre_shm *s;
	struct acre_int item;
	int r = acre_shm_create(&s, .element_size = sizeof value, .n = 1);

	if (r >= 0)
		r = acre_shm_set(s, 0, &value, 1);
	if (r >= 0)
		r = acre_started(ctx, acre_text, .value = acre_shm_token(s));
	return r < 0 ? r : acre_recv(ctx, acre_int, &item);
}

static int attach_of(struct acre_context *ctx, struct acre_shm **ret)
{
	struct acre_text token;
	int r = acre_first(ctx, acre_text, &token);

	assert_int_equal(r, 1);
	return acre_shm_attach(ret, token.value, 0);
}

static void has_ended(struct acre_shm *s)
{
	struct acre_shm *again;
	int64_t value = 0;

	assert_ok(acre_shm_get(s, 0, &value, 1));
	assert_int_equal(value, 42);
	assert_class(acre_shm_attach(&again, acre_shm_token(s), 0), ENOENT);
	assert_false(is_there(acre_shm_token(s)));
}

TEST_TREE(its_token_ends_with_its_owner)
{
	struct acre_shm *s = NULL;
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "owner");
		ACRE_OPEN(ctx, r, a, owns, &nil)
			r = attach_of(ctx, &s);
	}
	assert_ok(r);
	has_ended(s);
	acre_shm_close(s);
	return 0;
}

TEST_TREE(its_token_ends_with_a_killed_owner)
{
	struct acre_shm *s = NULL;
	struct acre_actor *a;
	int r = 0;

	needs_a_process("it is killed");
	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "owner");
		ACRE_OPEN(ctx, r, a, owns, &nil) {
			r = attach_of(ctx, &s);
			if (r >= 0) {
				assert_true(is_there(acre_shm_token(s)));
				assert_int_equal(kill(acre_actor_pid(a), SIGKILL), 0);
				r = acre_recv(ctx, acre_nil, &nil);
			}
		}
	}
	assert_true(acre_has(r, ACRE_EDIED));
	has_ended(s);
	acre_shm_close(s);
	return 0;
}

/* Its parent is killed with it, so nobody but us is left to clear up. */
ACRE_CONTEXT(has_owner, acre_nil)
{
	struct acre_text token;
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "grandchild");
		ACRE_OPEN(own, r, a, owns, &nil) {
			r = acre_first(own, acre_text, &token);
			if (r >= 0)
				r = acre_started(ctx, acre_text, .value = token.value);
			if (r >= 0)
				r = acre_sleep(acre_secs(3600));
		}
	}
	return r;
}

static char token_of_grandchild[ACRE_SHM_TOKEN_SIZE];

static int kill_a_family(void)
{
	struct acre_text token;
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "child");
		ACRE_OPEN(ctx, r, a, has_owner, &nil) {
			assert_int_equal(acre_first(ctx, acre_text, &token), 1);
			snprintf(token_of_grandchild, sizeof token_of_grandchild, "%s",
				 token.value);
			assert_true(is_there(token.value));
			assert_int_equal(kill(acre_actor_pid(a), SIGKILL), 0);
			r = acre_recv(ctx, acre_nil, &nil);
		}
	}
	return r;
}

TEST(nothing_is_left_when_the_tree_has_ended)
{
	use_backend(NULL);
	needs_a_process("it is killed");
	assert_true(acre_has(tree_result(kill_a_family, false), ACRE_EDIED));
	assert_false(is_there(token_of_grandchild));
	report_thread_fini();
}

/* Two write to one list, as the flag allows. */
ACRE_CONTEXT(doubles, acre_text, .kind = ACRE_ENDPOINT_ONESHOT)
{
	struct acre_shm *s;
	int32_t value;
	int r = acre_shm_attach(&s, in->value, ACRE_SHM_WRITE);

	for (size_t i = 0; r >= 0 && i < acre_shm_n(s); i++) {
		r = acre_shm_get(s, i, &value, 1);
		value *= 2;
		if (r >= 0)
			r = acre_shm_set(s, i, &value, 1);
	}
	return r;
}

TEST_ACTOR(who_asks_to_write_may_write)
{
	struct acre_shm *s, *reader;
	const int32_t *elements;
	int r = acre_shm_create(&s, .element_size = sizeof *elements, .n = 100);

	assert_ok(r);
	for (int32_t i = 0; i < 100; i++)
		assert_ok(acre_shm_set(s, (size_t)i, &i, 1));
	r = acre_call(a, doubles, (&(struct acre_text){ acre_shm_token(s) }), acre_nil,
		      &nil);
	assert_ok(r);
	assert_ok(acre_shm_attach(&reader, acre_shm_token(s), 0));
	elements = acre_shm_elements(reader);
	for (int32_t i = 0; i < 100; i++)
		assert_int_equal(elements[i], 2 * i);
	acre_shm_close(reader);
	acre_shm_close(s);
	return r;
}
