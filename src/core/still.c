/* SPDX-License-Identifier: MIT */
/* still.c - how long the clocks of the tree have stood still, because somebody debugs. */
#include "core/still.h"

#include <fcntl.h>
#include <sys/mman.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/sys.h"

static _Atomic(const struct still_page *) in_use;

static int map(void **ret, int fd, int protection)
{
	*ret = NULL;
	return sys_mmap(ret, STILL_SIZE, protection, MAP_SHARED, fd, 0);
}

/* Sealed when it is mapped for writing here: nobody else gets it so. */
int still_make(struct still_page **ret, int *ret_fd)
{
	auto_close int fd = sys_memfd_create("acre-still", MFD_ALLOW_SEALING);
	void *page = NULL;
	int r = fd;

	if (r >= 0)
		r = sys_ftruncate(fd, STILL_SIZE);
	if (r >= 0)
		r = map(&page, fd, PROT_READ | PROT_WRITE);
	if (r < 0)
		return r;
	r = sys_fcntl(fd, F_ADD_SEALS,
		      F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL);
	if (r < 0) {
		still_unmap(page);
		return r;
	}
	*ret = page;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int still_join(const struct still_page **ret, int fd)
{
	struct stat st;
	void *page;
	int r = sys_fstat(fd, &st);

	if (r >= 0 && (!S_ISREG(st.st_mode) || st.st_size != STILL_SIZE))
		r = -EBADF;
	if (r >= 0)
		r = map(&page, fd, PROT_READ);
	if (r < 0)
		return r;
	*ret = page;
	return 0;
}

void *still_unmap(const struct still_page *page)
{
	if (page)
		acre_ignore(sys_munmap((void *)(uintptr_t)page, STILL_SIZE));
	return NULL;
}

void still_use(const struct still_page *page)
{
	atomic_store(&in_use, page);
}

void still_begin(struct still_page *page, pid_t holder)
{
	int64_t total = atomic_load(&page->word) / 2;

	atomic_store(&page->holder, holder);
	atomic_store(&page->word, (clock_now() - total) * 2 + 1);
}

void still_end(struct still_page *page)
{
	int64_t since = atomic_load(&page->word) / 2;

	atomic_store(&page->word, (clock_now() - since) * 2);
	atomic_store(&page->holder, 0);
}

static int64_t word(void)
{
	const struct still_page *page =
		atomic_load_explicit(&in_use, memory_order_acquire);

	return page && !PLANTED(CLOCKS_RUN_ON) ? atomic_load(&page->word) : 0;
}

/* The clock is read after the word: what has begun meanwhile is not in the future. */
int64_t still_total(void)
{
	int64_t w = word();

	return w & 1 ? clock_now() - w / 2 : w / 2;
}

bool still_is(void)
{
	return word() & 1;
}

pid_t still_holder(void)
{
	const struct still_page *page = atomic_load(&in_use);

	return page ? atomic_load(&page->holder) : 0;
}
