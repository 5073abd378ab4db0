/* SPDX-License-Identifier: MIT */
/* pin_guard.c - what the kernel promises about guards, and what it does not. */
/*
 * kernel-facts K49 to K51, on bare mappings, without the code that leans on them
 * (stack.c). Facts are relied on: a failure here is a failure of ours. A hazard is worked
 * around: its test passes also when it is gone, and says so.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/sys.h"
#include "lib/test.h"

enum { GUARD = 64 << 10, STACK = 16 << 10, STRIDE = GUARD + STACK, MANY = 2000 };
enum { THREAD_STACK = 1 << 20, HUGE_FRAME = 2 << 20, OTHERS = 3 << 20 };

static uint8_t *map(size_t len)
{
	uint8_t *low = mmap(NULL, len, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	assert_true(low != MAP_FAILED);
	return low;
}

static void need_guards(void)
{
	if (!sys_has(SYS_HAS_GUARD_INSTALL))
		test_skip("this kernel has no MADV_GUARD_INSTALL");
}

static int install(void *at, size_t len)
{
	return madvise(at, len, MADV_GUARD_INSTALL) == 0 ? 0 : -errno;
}

static bool traps(uint8_t *address)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		sigaction(SIGSEGV, &(struct sigaction){ .sa_handler = SIG_DFL }, NULL);
		*(volatile uint8_t *)address = 1;
		_exit(0);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV;
}

static size_t n_mappings(void)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	size_t n = 0;
	int c;

	assert_non_null(maps);
	while ((c = fgetc(maps)) != EOF)
		n += c == '\n';
	fclose(maps);
	return n;
}

static bool is_resident(uint8_t *address)
{
	uintptr_t page = (uintptr_t)address & ~((uintptr_t)sysconf(_SC_PAGESIZE) - 1);
	unsigned char in_memory;

	assert_int_equal(mincore((void *)page, 1, &in_memory), 0);
	return in_memory & 1;
}

/* K49 */

TEST(guard_traps)
{
	uint8_t *low;

	need_guards();
	low = map(STRIDE);
	assert_int_equal(install(low, GUARD), 0);

	assert_true(traps(low));
	assert_true(traps(low + GUARD - 1));
	assert_false(traps(low + GUARD));
	munmap(low, STRIDE);
}

TEST(one_mapping_per_slab)
{
	size_t before = n_mappings();
	uint8_t *low;

	need_guards();
	low = map((size_t)MANY * STRIDE);
	for (size_t i = 0; i < MANY; i++) {
		assert_int_equal(install(low + i * STRIDE, GUARD), 0);
		low[i * STRIDE + STRIDE - 1] = 1;
	}

	assert_in_range(n_mappings(), 0, before + MANY / 100);
	munmap(low, (size_t)MANY * STRIDE);
}

/* A hazard: with mprotect the number of stacks ends at vm.max_map_count. */
TEST(mprotect_takes_a_mapping_per_guard)
{
	size_t before = n_mappings(), more;
	uint8_t *low = map((size_t)MANY * STRIDE);

	for (size_t i = 0; i < MANY; i++)
		assert_int_equal(mprotect(low + i * STRIDE, GUARD, PROT_NONE), 0);

	more = n_mappings() - before;
	if (more < 2 * MANY - 2)
		test_note("gone: %d guards took %zu mappings", MANY, more);
	munmap(low, (size_t)MANY * STRIDE);
}

TEST(a_guard_and_what_was_never_touched_take_no_memory)
{
	uint8_t *low;

	need_guards();
	low = map(STRIDE);
	memset(low, 1, GUARD);
	assert_true(is_resident(low));
	assert_int_equal(install(low, GUARD), 0);
	low[STRIDE - 1] = 1;

	assert_false(is_resident(low));
	assert_false(is_resident(low + GUARD));
	assert_true(is_resident(low + STRIDE - 1));
	munmap(low, STRIDE);
}

TEST(a_guard_removed_reads_zero)
{
	uint8_t *low;

	need_guards();
	low = map(STRIDE);
	memset(low, 1, STRIDE);
	assert_int_equal(install(low, STRIDE), 0);
	assert_true(traps(low + GUARD));
	assert_int_equal(madvise(low, STRIDE, MADV_GUARD_REMOVE), 0);

	assert_false(traps(low + GUARD));
	assert_int_equal(low[GUARD], 0);
	munmap(low, STRIDE);
}

/* K50 */

/* By the raw call, which the sanitizers leave alone. */
static uint8_t *map_locked(size_t len)
{
	uint8_t *low = map(len);

	if (syscall(SYS_mlock, low, len) != 0)
		test_skip("mlock of %zu bytes: %m", len);
	return low;
}

TEST(locked_memory_falls_back)
{
	uint8_t *low;

	need_guards();
	low = map_locked(STRIDE);

	assert_int_equal(install(low, GUARD), -EINVAL);
	assert_int_equal(mprotect(low, GUARD, PROT_NONE), 0);
	assert_true(traps(low));
	assert_true(traps(low + GUARD - 1));
	assert_false(traps(low + GUARD));
	munmap(low, STRIDE);
}

TEST(locked_memory_keeps_its_pages)
{
	uint8_t *low = map_locked(STRIDE);

	assert_int_equal(madvise(low, STRIDE, MADV_DONTNEED), -1);
	assert_int_equal(errno, EINVAL);
	munmap(low, STRIDE);
}

TEST(mlock_over_a_guard_fails)
{
	uint8_t *low;

	need_guards();
	low = map(STRIDE);
	assert_int_equal(install(low, GUARD), 0);

	assert_int_equal(syscall(SYS_mlock, low, (size_t)STRIDE), -1);
	assert_int_equal(errno, ENOMEM);
	munmap(low, STRIDE);
}

TEST(guards_survive_dontneed)
{
	uint8_t *low;

	need_guards();
	low = map(2 * STRIDE);
	assert_int_equal(install(low, GUARD), 0);
	assert_int_equal(install(low + STRIDE, GUARD), 0);
	low[STRIDE - 1] = 1;
	assert_int_equal(madvise(low, 2 * STRIDE, MADV_DONTNEED), 0);

	assert_true(traps(low));
	assert_true(traps(low + STRIDE));
	assert_int_equal(low[STRIDE - 1], 0);
	munmap(low, 2 * STRIDE);
}

/* traps() forks, so all tests above lean on it too. */
TEST(guards_survive_fork)
{
	uint8_t *low;
	int status;
	pid_t pid;

	need_guards();
	low = map(STRIDE);
	assert_int_equal(install(low, GUARD), 0);
	pid = fork();
	if (pid == 0)
		_exit(traps(low) && !traps(low + GUARD) ? 0 : 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);

	assert_int_equal(status, 0);
	munmap(low, STRIDE);
}

/* K51 */

/* Its lowest byte lies far below the guard, in memory that somebody else could own. */
__attribute__((noinline))
static void take_a_huge_frame(void)
{
	char room[HUGE_FRAME];

	__asm__ volatile("" : : "r"(room) : "memory");
	room[0] = 1;
	__asm__ volatile("" : : "r"(room) : "memory");
}

static void *run_huge_frame(void *unused)
{
	take_a_huge_frame();
	return unused;
}

/* [ somebody else's | guard | the stack of a thread ] */
static void overflow_in_child(uint8_t *stack)
{
	pthread_attr_t attr;
	pthread_t thread;

	sigaction(SIGSEGV, &(struct sigaction){ .sa_handler = SIG_DFL }, NULL);
	if (pthread_attr_init(&attr) != 0 ||
	    pthread_attr_setstack(&attr, stack, THREAD_STACK) != 0 ||
	    pthread_create(&thread, &attr, run_huge_frame, NULL) != 0)
		_exit(2);
	pthread_join(thread, NULL);
	_exit(1);
}

/* The compiler's part, by -fstack-clash-protection: it touches each page of a frame. */
TEST(no_frame_steps_over_a_guard)
{
	size_t len = OTHERS + GUARD + THREAD_STACK;
	uint8_t *low;
	int status;
	pid_t pid;

	need_guards();
	low = map(len);
	assert_int_equal(install(low + OTHERS, GUARD), 0);
	pid = fork();
	if (pid == 0)
		overflow_in_child(low + OTHERS + GUARD);
	assert_int_equal(waitpid(pid, &status, 0), pid);

	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGSEGV);
	munmap(low, len);
}
