/* SPDX-License-Identifier: MIT */
/* test_program.c - which image a new process executes, and with which environment. */
#include "actor/program.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "lib/test.h"

static struct program *find(const char *name)
{
	struct program *p = NULL;

	assert_ok(program_new(&p, name));
	return p;
}

static void check_path(const char *name, const char *path)
{
	struct program *p = find(name);

	assert_string_equal(p->path, path);
	assert_null(program_free(p));
}

static void make_file(const char *dir, const char *name, mode_t mode)
{
	char path[4096];
	int fd;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, mode);
	assert_true(fd >= 0);
	close(fd);
}

TEST(without_a_name_it_is_the_running_image)
{
	char self[4096] = "";

	assert_true(readlink("/proc/self/exe", self, sizeof self - 1) > 0);

	check_path(NULL, self);
}

TEST(a_path_is_taken_as_it_is)
{
	check_path("/no/such/program", "/no/such/program");
	check_path("./program", "./program");
}

TEST(a_name_is_looked_up_in_path_in_order)
{
	char path[8192], expected[8192];

	make_file(test_dir(), "program", 0755);
	snprintf(path, sizeof path, "/no/such/dir:%s:/bin", test_dir());
	setenv("PATH", path, 1);

	snprintf(expected, sizeof expected, "%s/program", test_dir());
	check_path("program", expected);
	check_path("sh", "/bin/sh");
}

TEST(what_cannot_be_executed_is_passed_over)
{
	char path[8192], folder[8192];

	make_file(test_dir(), "sh", 0644);
	snprintf(folder, sizeof folder, "%s/env", test_dir());
	assert_int_equal(mkdir(folder, 0755), 0);
	snprintf(path, sizeof path, "%s:/usr/bin:/bin", test_dir());
	setenv("PATH", path, 1);

	check_path("sh", "/usr/bin/sh");
	check_path("env", "/usr/bin/env");
}

TEST(an_empty_part_of_path_is_the_current_directory)
{
	assert_int_equal(chdir(test_dir()), 0);
	make_file(".", "program", 0755);
	setenv("PATH", "/no/such/dir::/bin", 1);
	check_path("program", "./program");
	setenv("PATH", "/no/such/dir:", 1);
	check_path("program", "./program");
}

TEST(the_current_directory_is_not_searched_unasked)
{
	struct program *p = NULL;

	assert_int_equal(chdir(test_dir()), 0);
	make_file(".", "program", 0755);
	setenv("PATH", "/usr/bin:/bin", 1);

	assert_int_equal(program_new(&p, "program"), -ENOENT);
	assert_null(p);
}

TEST(without_path_the_usual_folders_are_searched)
{
	unsetenv("PATH");

	check_path("sh", "/bin/sh");
}

TEST(what_cannot_be_a_program_is_refused)
{
	char *long_name = calloc(1, PROGRAM_PATH_MAX + 1);
	struct program *p = NULL;

	memset(long_name, '/', PROGRAM_PATH_MAX);
	assert_int_equal(program_new(&p, long_name), -ENAMETOOLONG);
	memset(long_name, 'x', PROGRAM_PATH_MAX);
	assert_int_equal(program_new(&p, long_name), -ENAMETOOLONG);
	long_name[PROGRAM_PATH_MAX - 1] =
		'\0'; /* the longest name, too long in a folder */
	assert_int_equal(program_new(&p, long_name), -ENOENT);
	assert_int_equal(program_new(&p, ""), -ENOENT);
	assert_int_equal(program_new(&p, "no-such-program"), -ENOENT);
	assert_null(p);
	free(long_name);
}

/* With this environment instead of ours, which the fixture needs. */
static struct program *find_with_env(char **env)
{
	char **before = environ;
	struct program *p;

	environ = env;
	p = find("/program");
	environ = before;
	return p;
}

TEST(the_environment_is_a_copy)
{
	char first[] = "FIRST=1", second[] = "SECOND=";
	char *env[] = { first, second, NULL };
	struct program *p = find_with_env(env);

	first[6] = '2';
	env[1] = NULL;

	assert_string_equal(p->env[0], "FIRST=1");
	assert_string_equal(p->env[1], "SECOND=");
	assert_null(p->env[2]);
	program_free(p);
}

TEST(an_environment_may_be_empty)
{
	char *env[] = { NULL };
	struct program *p = find_with_env(env);

	assert_null(p->env[0]);
	program_free(p);
	p = find_with_env(NULL); /* as clearenv() leaves it */
	assert_null(p->env[0]);
	program_free(p);
}

TEST(without_memory_it_fails)
{
	struct program *p = NULL;

	mem_fail_at(1, false);

	assert_int_equal(program_new(&p, "/program"), -ENOMEM);
	assert_null(p);
}

static void check_env(const struct program_env *env, const char *const *expected)
{
	struct program *p = NULL;
	size_t i;

	assert_ok(program_new_in(&p, "/bin/sh", env));
	for (i = 0; expected[i]; i++)
		assert_string_equal(p->env[i], expected[i]);
	assert_null(p->env[i]);
	program_free(p);
}

TEST(an_environment_can_be_changed)
{
	static const char *const changes[] = { "TWO=b", "ONE", "NEW=x",
					       "NEW=y", "NOT", NULL };

	char one[] = "ONE=1", two[] = "TWO=2", twos[] = "TWOS=3";
	char *ours[] = { one, two, twos, NULL }, **before = environ;

	environ = ours;
	check_env(&(struct program_env){ NULL, false },
		  (const char *const[]){ "ONE=1", "TWO=2", "TWOS=3", NULL });
	check_env(&(struct program_env){ changes, false },
		  (const char *const[]){ "TWOS=3", "TWO=b", "NEW=y", NULL });
	check_env(&(struct program_env){ changes, true },
		  (const char *const[]){ "TWO=b", "NEW=y", NULL });
	check_env(&(struct program_env){ NULL, true }, (const char *const[]){ NULL });
	environ = before;
}

TEST(the_path_that_it_gets_is_searched)
{
	char path[8192];
	const char *changes[] = { path, NULL };
	struct program_env env = { changes, false };
	struct program *p = NULL;

	make_file(test_dir(), "here", 0755);
	make_file(test_dir(), "plain", 0644);
	snprintf(path, sizeof path, "PATH=/no/such/folder:%s", test_dir());

	assert_ok(program_new_in(&p, "here", &env));
	program_free(p);
	assert_int_equal(program_new_in(&p, "sh", &env), -ENOENT);
	assert_string_equal(program_dirs(p), path + strlen("PATH="));
	program_free(p);
	assert_int_equal(program_new_in(&p, "plain", &env), -EACCES);
	program_free(p);
	assert_int_equal(program_new(&p, "no-such-program"), -ENOENT);
	assert_null(p);
}
