/* SPDX-License-Identifier: MIT */
/* test_still.c - the clocks of a tree that stand still: what is counted, and who may say so. */
#include "core/still.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "lib/test.h"

#define SECOND INT64_C(1000000000)

TEST(what_the_clocks_have_stood_still_is_counted)
{
	struct still_page page = { 0 };
	int64_t mark;

	clock_use_virtual(7 * SECOND);
	assert_int_equal(still_total(), 0); /* without a page they go */
	still_use(&page);
	mark = still_total();
	clock_advance(SECOND);
	assert_int_equal(still_total(), 0);
	still_begin(&page, 4711);
	assert_true(still_is());
	assert_int_equal(still_holder(), 4711);
	clock_advance(2 * SECOND);
	assert_int_equal(still_total(), 2 * SECOND);
	still_end(&page);
	assert_false(still_is());
	assert_int_equal(still_holder(), 0);
	clock_advance(SECOND);
	still_begin(&page, 4712);
	clock_advance(3 * SECOND);
	still_end(&page);
	clock_advance(SECOND);
	assert_int_equal(still_total(), 5 * SECOND);
	assert_int_equal(still_more(&mark), 5 * SECOND);
	assert_int_equal(still_more(&mark), 0);
	still_use(NULL);
	clock_use_real();
}

/* Or what is due just as they stop would be due again at once, and again. */
TEST(while_they_stand_nothing_is_put_off_by_less_than_a_piece)
{
	struct still_page page = { 0 };
	int64_t mark;

	clock_use_virtual(7 * SECOND);
	still_use(&page);
	mark = still_total();
	still_begin(&page, 1);
	assert_int_equal(still_more(&mark), STILL_PIECE_NS);
	clock_advance(SECOND);
	assert_int_equal(still_more(&mark), SECOND);
	still_use(NULL);
	clock_use_real();
}

TEST(an_actor_sees_the_page_and_cannot_write_it)
{
	const struct still_page *seen;
	struct still_page *page;
	void *mine;
	int fd, other;

	assert_int_equal(still_make(&page, &fd), 0);
	assert_int_equal(still_join(&seen, fd), 0);
	still_begin(page, 4711);
	assert_int_equal(atomic_load(&seen->holder), 4711);
	mine = mmap(NULL, STILL_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_ptr_equal(mine, MAP_FAILED);
	assert_int_equal(write(fd, "", 1), -1);
	assert_int_equal(ftruncate(fd, 0), -1);
	other = memfd_create("other", MFD_CLOEXEC);
	assert_int_equal(still_join(&seen, other), -EBADF);
	close(other);
	close(fd);
	still_unmap(seen);
	still_unmap(page);
}
