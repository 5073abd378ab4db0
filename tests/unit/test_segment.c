/* SPDX-License-Identifier: MIT */
/* test_segment.c - shared arrays within one process: bounds, series, and files without an owner. */
#include <acre.h>

#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "actor/segment.h"
#include "base/fault.h"
#include "base/sys.h"
#include "conform/shm.h"
#include "core/report.h"
#include "lib/test.h"

/* The body runs in the root of a tree that has no other actor. */
#define TEST_ROOT(name)                                        \
	static int name##_body_(void *unused);                 \
	TEST(name)                                             \
	{                                                      \
		assert_ok(acre_run(name##_body_, NULL, NULL)); \
		report_thread_fini();                          \
	}                                                      \
	static int name##_body_(__attribute__((unused)) void *unused)

#define NO_SUCH "00000000-0000-0000-0000-000000000000"

static struct acre_shm *make(size_t n, size_t start)
{
	struct acre_shm *s;

	assert_ok(
		acre_shm_create(&s, .element_size = sizeof(int), .n = n, .start = start));
	return s;
}

TEST_ROOT(arguments_are_checked)
{
	struct acre_shm *s;

	assert_class(acre_shm_create(&s, .n = 1), EINVAL);
	assert_class(acre_shm_create(&s, .element_size = 1), EINVAL);
	assert_class(acre_shm_create(&s, .element_size = 1, .n = 1, .start = 2), EINVAL);
	assert_class(acre_shm_create(&s, .element_size = 1, .n = 1, .reserved = { 1 }),
		     EINVAL);
	assert_class(acre_shm_create(&s, .element_size = SIZE_MAX, .n = 2), EINVAL);
	assert_class(acre_shm_create(&s, .element_size = 1, .n = SIZE_MAX / 2), EINVAL);
	assert_class(acre_shm_attach(&s, "../../../etc/passwd", 0), EINVAL);
	assert_class(acre_shm_attach(&s, "", 0), EINVAL);
	assert_class(acre_shm_attach(&s, NO_SUCH, 2), EINVAL);
	assert_class(acre_shm_attach(&s, NO_SUCH, 0), ENOENT);
	assert_null(acre_shm_close(NULL));
	return 0;
}

TEST(outside_of_an_actor_there_is_none)
{
	struct acre_shm *s;

	assert_class(acre_shm_create(&s, .element_size = 1, .n = 1), ACRE_ENORUNTIME);
	assert_class(acre_shm_attach(&s, NO_SUCH, 0), ACRE_ENORUNTIME);
	report_thread_fini();
}

TEST_ROOT(more_than_there_is_room_for_is_refused_at_once)
{
	struct acre_shm *s;

	assert_class(acre_shm_create(&s, .element_size = (size_t)1 << 40, .n = 1 << 10),
		     ENOSPC);
	return 0;
}

TEST_ROOT(elements_are_zeros_and_what_was_written)
{
	struct acre_shm *s = make(10, 0);
	const int values[] = { 5, 6, 7 };
	int got[10];

	assert_int_equal(acre_shm_n(s), 10);
	assert_int_equal(acre_shm_element_size(s), sizeof(int));
	assert_int_equal((uintptr_t)acre_shm_elements(s) % 128, 0);
	assert_ok(acre_shm_get(s, 0, got, 10));
	for (int i = 0; i < 10; i++)
		assert_int_equal(got[i], 0);
	assert_ok(acre_shm_set(s, 7, values, 3));
	assert_ok(acre_shm_get(s, 7, got, 3));
	assert_memory_equal(got, values, sizeof values);
	assert_ptr_equal((const int *)acre_shm_elements(s) + 7,
			 (const char *)acre_shm_elements(s) + 28);
	assert_int_equal(((const int *)acre_shm_elements(s))[9], 7);
	acre_shm_close(s);
	return 0;
}

TEST_ROOT(what_is_outside_is_refused_whole)
{
	struct acre_shm *s = make(10, 0);
	int values[11] = { 1 };

	assert_class(acre_shm_set(s, 0, values, 11), ERANGE);
	assert_class(acre_shm_set(s, 8, values, 3), ERANGE);
	assert_class(acre_shm_set(s, 11, values, 0), ERANGE);
	assert_class(acre_shm_set(s, SIZE_MAX, values, 2), ERANGE);
	assert_class(acre_shm_get(s, 2, values, SIZE_MAX), ERANGE);
	assert_ok(acre_shm_set(s, 10, values, 0));
	assert_ok(acre_shm_get(s, 0, values, 10));
	for (int i = 0; i < 10; i++)
		assert_int_equal(values[i], 0);
	acre_shm_close(s);
	return 0;
}

TEST_ROOT(who_attaches_to_read_cannot_write)
{
	struct acre_shm *s = make(10, 5), *reader;
	int value = 1;

	assert_ok(acre_shm_attach(&reader, acre_shm_token(s), 0));
	assert_class(acre_shm_set(reader, 0, &value, 1), EACCES);
	assert_class(acre_shm_push(reader, &value, 1), EACCES);
	assert_class(acre_shm_prepend(reader, &value, 1), EACCES);
	assert_int_equal(mprotect((void *)((uintptr_t)acre_shm_elements(reader) &
					   ~4095UL),
				  1, PROT_READ | PROT_WRITE),
			 -1); /* nor by force: the descriptor was for reading */
	acre_shm_close(reader);
	acre_shm_close(s);
	return 0;
}

static void assert_series(const struct acre_shm *s, size_t first, int value, size_t n)
{
	const int *elements = acre_shm_elements(s);
	size_t at = SIZE_MAX;

	assert_int_equal(acre_shm_range(s, &at), n);
	assert_int_equal(at, first);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(elements[first + i], value + (int)i);
}

TEST_ROOT(a_series_grows_at_both_ends)
{
	struct acre_shm *s = make(10, 4), *reader;
	const int values[] = { 10, 11, 12, 13, 14, 15, 16 };

	assert_ok(acre_shm_attach(&reader, acre_shm_token(s), 0));
	assert_series(reader, 4, 0, 0);
	assert_ok(acre_shm_push(s, &values[3], 2));
	assert_series(reader, 4, 13, 2);
	assert_ok(acre_shm_prepend(s, &values[1], 2));
	assert_series(reader, 2, 11, 4);
	assert_class(acre_shm_push(s, values, 5), ENOSPC);
	assert_class(acre_shm_prepend(s, values, 3), ENOSPC);
	assert_series(reader, 2, 11, 4);
	assert_ok(acre_shm_push(s, &values[5], 2));
	assert_ok(acre_shm_prepend(s, values, 1));
	assert_series(reader, 1, 10, 7);
	acre_shm_close(reader);
	acre_shm_close(s);
	return 0;
}

static int open_file(const char *token, int flags)
{
	char path[128];
	int fd;

	snprintf(path, sizeof path, "/dev/shm/acre-%u/%s", geteuid(), token);
	fd = open(path, flags | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	return fd;
}

/* What another one writes there harms neither the process nor those who attach later. */
TEST_ROOT(nonsense_in_it_is_a_failure)
{
	struct acre_shm *s = make(10, 4), *other;
	const uint64_t much = UINT64_MAX / 2;
	int fd = open_file(acre_shm_token(s), O_RDWR), value = 1;
	size_t first;

	assert_int_equal(pwrite(fd, &much, 8, 24), 8); /* where the series begins */
	assert_class((int)acre_shm_range(s, &first), EPROTO);
	assert_class(acre_shm_push(s, &value, 1), EPROTO);
	assert_class(acre_shm_prepend(s, &value, 1), EPROTO);
	assert_int_equal(pwrite(fd, &much, 8, 16), 8); /* the number of elements */
	assert_class(acre_shm_attach(&other, acre_shm_token(s), 0), EPROTO);
	assert_int_equal(acre_shm_n(s), 10);
	assert_int_equal(pwrite(fd, &much, 8, 0), 8); /* whose it is */
	assert_class(acre_shm_attach(&other, acre_shm_token(s), 0), EPROTO);
	close(fd);
	acre_shm_close(s);
	return 0;
}

TEST_ROOT(a_file_that_is_too_short_is_a_failure)
{
	struct acre_shm *s = make(1, 0), *other; /* the directory is there */
	int fd = open_file(NO_SUCH, O_RDWR | O_CREAT | O_EXCL);

	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_class(acre_shm_attach(&other, NO_SUCH, 0), EPROTO);
	segment_clear();
	assert_true(is_there(NO_SUCH)); /* it has an owner */
	assert_true(is_there(acre_shm_token(s)));
	close(fd);
	segment_clear();
	assert_false(is_there(NO_SUCH));
	assert_true(is_there(acre_shm_token(s)));
	acre_shm_close(s);
	return 0;
}

static char left[ACRE_SHM_TOKEN_SIZE];

static int leaves(void *unused)
{
	(void)unused;
	memcpy(left, acre_shm_token(make(10, 0)), sizeof left);
	make(3, 0);
	assert_true(is_there(left));
	return 0;
}

TEST(an_array_ends_with_its_actor)
{
	assert_ok(acre_run(leaves, NULL, NULL));
	assert_false(is_there(left));
	assert_int_equal(n_mapped(left), 0);
	report_thread_fini();
}

static int tells_and_waits(void *end)
{
	const char *token = acre_shm_token(make(10, 0));

	assert_int_equal(write(*(int *)end, token, sizeof left), sizeof left);
	for (;;)
		pause();
	return 0;
}

/* A tree that was killed whole: the next one that makes an array clears up after it. */
TEST(what_a_killed_tree_has_left_is_cleared_by_the_next_one)
{
	int ends[2];
	pid_t pid;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(acre_run(tells_and_waits, &ends[1], NULL) < 0);
	close(ends[1]);
	assert_int_equal(read(ends[0], left, sizeof left), sizeof left);
	close(ends[0]);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_ok(acre_run(leaves, NULL, NULL));
	report_thread_fini();
}

static char shared[ACRE_SHM_TOKEN_SIZE];

/* In a child of fork: what belongs to the parent is left alone. */
TEST_ROOT(a_forked_child_reads_and_leaves_all_to_its_parent)
{
	struct acre_shm *s = make(10, 0), *other;
	int value = 7, status = -1;
	pid_t pid;

	memcpy(shared, acre_shm_token(s), sizeof shared);
	assert_ok(acre_shm_set(s, 3, &value, 1));
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		bool ok = acre_shm_get(s, 3, &value, 1) >= 0 && value == 7 &&
			  acre_shm_set(s, 3, &value, 1) == -ECHILD &&
			  acre_shm_attach(&other, shared, 0) == -ECHILD &&
			  acre_shm_create(&other, .element_size = 1, .n = 1) == -ECHILD;

		acre_shm_close(s);
		_exit(ok ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_true(is_there(shared));
	acre_shm_close(s);
	assert_false(is_there(shared));
	return 0;
}

/* Where no lock can be had (it is the first flock) nothing is left. */
TEST_ROOT(what_could_not_be_made_leaves_nothing)
{
	static const char *const calls[] = { "flock", "fallocate", "openat", "mmap" };
	struct acre_shm *s, *kept = make(1, 0);

	for (size_t i = 0; i < 4; i++) {
		sys_use(&sys_fault);
		sys_fault_only(calls[i]);
		sys_fault_at(1, ENOMEM, false);
		assert_class(acre_shm_create(&s, .element_size = 1, .n = 1), ENOMEM);
		sys_use(&sys_real);
	}
	sys_fault_only(NULL);
	acre_shm_close(kept);
	return 0;
}

/* The same name again and again, as two who make and clear at the same time would have it. */
TEST_ROOT(makers_and_clearers_do_not_hurt_each_other)
{
	int status = -1;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		for (int i = 0; i < 2000; i++)
			segment_clear();
		_exit(0);
	}
	for (int i = 0; i < 500; i++) {
		struct acre_shm *s = make(1, 0), *again;

		assert_ok(acre_shm_attach(&again, acre_shm_token(s), 0));
		acre_shm_close(again);
		acre_shm_close(s);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	return 0;
}
