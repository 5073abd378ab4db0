/* SPDX-License-Identifier: MIT */
/* test_sys_has.c - what this kernel can do: that the answers are those of real use. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/sys.h"
#include "base/util.h"
#include "lib/test.h"

TEST(each_feature_has_an_answer_that_stays)
{
	const struct sys_feature_text *text;
	bool has;

	for (int i = 0; i < N_SYS_HAS; i++) {
		has = sys_has((enum sys_feature)i);
		text = sys_feature_text((enum sys_feature)i);
		test_note("%-20s %-5s %s\n", text->name, text->since, has ? "yes" : "no");
		assert_int_equal(sys_has((enum sys_feature)i), has);
		assert_true(text->used_for && text->without);
	}
}

TEST(a_hidden_feature_is_absent_until_it_is_shown)
{
	bool has = sys_has(SYS_HAS_PIDFD_INODE);

	sys_hide(SYS_HAS_PIDFD_INODE, true);
	assert_false(sys_has(SYS_HAS_PIDFD_INODE));
	sys_hide(SYS_HAS_PIDFD_INODE, false);
	assert_int_equal(sys_has(SYS_HAS_PIDFD_INODE), has);
}

TEST(a_table_that_fails_does_not_change_what_the_kernel_has)
{
	bool has = sys_has(SYS_HAS_GUARD_INSTALL);

	sys_hide(SYS_HAS_GUARD_INSTALL, false);
	sys_use(&sys_fault);
	sys_fault_at(1, ENOSYS, true);

	assert_int_equal(sys_has(SYS_HAS_GUARD_INSTALL), has);
	assert_int_equal(sys_fault_calls(), 0);
}

TEST(a_probe_that_could_not_tell_is_asked_again)
{
	struct rlimit none = { 0 }, old;
	bool has = sys_has(SYS_HAS_MFD_NOEXEC);

	sys_hide(SYS_HAS_MFD_NOEXEC, false);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	none.rlim_max = old.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_false(sys_has(SYS_HAS_MFD_NOEXEC));

	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_int_equal(sys_has(SYS_HAS_MFD_NOEXEC), has);
}

TEST(the_inode_of_a_pidfd_is_that_of_the_process_if_it_says_so)
{
	int first = sys_pidfd_open(getpid(), 0), second = sys_pidfd_open(getpid(), 0);
	int parent = sys_pidfd_open(getppid(), 0);
	struct stat a, b, c;

	assert_ok(sys_fstat(first, &a));
	assert_ok(sys_fstat(second, &b));
	assert_ok(sys_fstat(parent, &c));

	assert_int_equal(a.st_ino, b.st_ino);
	assert_int_equal(a.st_ino != c.st_ino, sys_has(SYS_HAS_PIDFD_INODE));
	assert_ok(sys_close(first));
	assert_ok(sys_close(second));
	assert_ok(sys_close(parent));
}

TEST(a_pidfd_of_a_connected_peer_can_be_had_if_it_says_so)
{
	int pair[2], pidfd = -1;
	socklen_t len = sizeof pidfd;
	int r;

	assert_ok(sys_socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	r = sys_getsockopt(pair[0], SOL_SOCKET, SO_PEERPIDFD, &pidfd, &len);

	assert_int_equal(r >= 0, sys_has(SYS_HAS_PEER_PIDFD));
	assert_ok(sys_close(pair[0]));
	assert_ok(sys_close(pair[1]));
	assert_ok(sys_close(pidfd));
}

TEST(a_guard_keeps_everybody_out_if_it_says_so)
{
	size_t len = (size_t)sysconf(_SC_PAGESIZE);
	void *page = NULL;
	int r;

	assert_ok(sys_mmap(&page, len, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	r = sys_madvise(page, len, MADV_GUARD_INSTALL);

	assert_int_equal(sys_getrandom(page, 1, 0),
			 sys_has(SYS_HAS_GUARD_INSTALL) ? -EFAULT : 1);
	assert_true(r == 0 || !sys_has(SYS_HAS_GUARD_INSTALL));
	assert_ok(sys_munmap(page, len));
}
