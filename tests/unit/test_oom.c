/* SPDX-License-Identifier: MIT */
/* test_oom.c - finding and reading the count of kills for memory. */
#include "actor/oom.h"

#include <stdio.h>

#include "base/mem.h"
#include "lib/test.h"

static const char *found(const char *cgroup, const char *mountinfo)
{
	static char path[128];

	return oom_find(cgroup, mountinfo, path, sizeof path) ? path : NULL;
}

static const char hybrid[] =
	"31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n"
	"32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"
	"35 31 0:32 / /sys/fs/cgroup/memory rw shared:4 master:2 - cgroup cgroup "
	"rw,memory\n"
	"41 31 0:37 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";

static const char unified[] =
	"24 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
	"30 24 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate\n";

TEST(in_a_unified_hierarchy_it_is_memory_events)
{
	assert_string_equal(found("0::/user.slice/a b.scope\n", unified),
			    "/sys/fs/cgroup/user.slice/a b.scope/memory.events");
	assert_string_equal(found("0::/\n", unified), "/sys/fs/cgroup/memory.events");
	assert_string_equal(found("1:name=systemd:/x\n0::/y\n", unified),
			    "/sys/fs/cgroup/y/memory.events");
}

TEST(where_memory_belongs_to_v1_it_is_memory_oom_control)
{
	assert_string_equal(found("8:pids:/\n4:cpu,memory:/box\n0::/\n", hybrid),
			    "/sys/fs/cgroup/memory/box/memory.oom_control");
	assert_string_equal(found("0::/\n4:memory:/\n", hybrid),
			    "/sys/fs/cgroup/memory/memory.oom_control");
	assert_string_equal(found("4:memoryless:/\n0::/z\n", hybrid),
			    "/sys/fs/cgroup/unified/z/memory.events");
}

TEST(of_a_mounted_part_only_what_is_below_it_is_found)
{
	static const char part[] =
		"30 24 0:26 /docker/4f /sys/fs/cgroup rw - cgroup2 cgroup rw\n";

	assert_string_equal(found("0::/docker/4f/a\n", part),
			    "/sys/fs/cgroup/a/memory.events");
	assert_string_equal(found("0::/docker/4f\n", part),
			    "/sys/fs/cgroup/memory.events");
	assert_null(found("0::/system.slice\n", part));
	assert_null(found("0::/\n", part));
}

TEST(without_a_cgroup_or_a_mount_there_is_none)
{
	char small[16];

	assert_null(found("", unified));
	assert_null(found("8:pids:/x\n", unified));
	assert_null(found("0::/\n", ""));
	assert_null(found("0::/\n", "garbage\n\n - \n1 2 3"));
	assert_false(oom_find("0::/\n", unified, small, sizeof small));
}

TEST(the_count_is_that_of_kills)
{
	assert_int_equal(oom_count("low 0\nhigh 1\nmax 9\noom 3\noom_kill 2\n"
				   "oom_group_kill 7\n"),
			 2);
	assert_int_equal(oom_count("oom_kill_disable 0\nunder_oom 0\noom_kill 41\n"), 41);
	assert_int_equal(oom_count("oom 3\n"), 0);
	assert_int_equal(oom_count(""), 0);
}

/* A count in a file of the test. */
static void set_count(const char *path, int n)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fprintf(f, "oom 9\noom_kill %d\n", n);
	assert_int_equal(fclose(f), 0);
}

TEST(each_kill_explains_one_death)
{
	struct oom o = { .looked = true };
	uint64_t first, second, third;
	char path[256];

	snprintf(path, sizeof path, "%s/memory.events", test_dir());
	o.counter = mem_strdup(path);
	set_count(path, 5);
	first = oom_unexplained(&o);
	second = oom_unexplained(&o);
	assert_false(oom_explains(&o, first));

	set_count(path, 6);
	assert_true(oom_explains(&o, second));
	assert_false(oom_explains(&o, first));
	third = oom_unexplained(&o);
	set_count(path, 8);
	assert_true(oom_explains(&o, third));
	assert_true(oom_explains(&o, first));
	assert_false(oom_explains(&o, third));
	oom_fini(&o);
}

TEST(nobody_counts_where_the_file_is_missing)
{
	struct oom o = { .looked = true, .counter = mem_strdup("/no/such/file") };

	assert_int_equal(oom_unexplained(&o), 0);
	assert_false(oom_explains(&o, 0));
	oom_fini(&o);
}
