/* SPDX-License-Identifier: MIT */
/* test_log.c - lines on stderr, by level and with the actor's name: cases C004, C148. */
#include "conform/root.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>

/* The root is a process of its own, whose stderr the test reads. */
static int stderr_of_root[2];

static int run_with_stderr(int (*body)(int argc, char **argv))
{
	dup2(stderr_of_root[1], STDERR_FILENO);
	close(stderr_of_root[1]);
	return run_main(body);
}

static struct root start(int (*run)(void))
{
	struct root root;

	assert_int_equal(pipe2(stderr_of_root, O_CLOEXEC), 0);
	root = root_start(run);
	close(stderr_of_root[1]);
	return root;
}

/* The next line that has `what`; fails at the end. A hang guard is the test's limit. */
static const char *line_with(const char *what)
{
	static char line[4096];
	size_t len;

	do {
		len = 0;
		while (len + 1 < sizeof line &&
		       read(stderr_of_root[0], line + len, 1) == 1 && line[len] != '\n')
			len++;
		line[len] = '\0';
		test_note("the root says: %s", line);
	} while (len && !strstr(line, what));
	if (!len)
		fail_msg("no line has: %s", what);
	return line;
}

/* All that is said until the end. */
static const char *rest_of_stderr(void)
{
	static char text[1 << 16];
	size_t len = 0;
	ssize_t n;

	while ((n = read(stderr_of_root[0], text + len, sizeof text - 1 - len)) > 0)
		len += (size_t)n;
	text[len] = '\0';
	test_note("the root says: %s", text);
	return text;
}

static int end_of(struct root *root)
{
	int status = root_end(root);

	close(stderr_of_root[0]);
	return status;
}

/*
 * C004: levels.
 */

ACRE_CONTEXT(say_all, acre_nil, .kind = ACRE_ENDPOINT_ONESHOT)
{
	acre_log(ACRE_LOG_DEBUG, "debug: %s", acre_self_name());
	acre_log(ACRE_LOG_CANCEL, "cancel: %s", acre_self_name());
	acre_log(ACRE_LOG_CRITICAL, "yoyoyo");
	return acre_return(ctx, acre_int, .value = (int)acre_log_level());
}

/* The level of an actor below this one that was given none. */
ACRE_CONTEXT(level_below, acre_nil, .kind = ACRE_ENDPOINT_ONESHOT)
{
	struct acre_actor *a;
	struct acre_int level = { 0 };
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "below");
		if (r >= 0)
			r = acre_call(a, say_all, &nil, acre_int, &level);
	}
	return r < 0 ? r : acre_return(ctx, acre_int, .value = level.value);
}

static const enum acre_log_level given[] = { ACRE_LOG_DEBUG, ACRE_LOG_CANCEL,
					     ACRE_LOG_CRITICAL };

static int levels_main(int argc, char **argv)
{
	struct acre_int level;
	struct acre_actor *a;
	char name[32];
	int r = 0;

	(void)argc;
	(void)argv;
	ACRE_NURSERY(n, r)
		for (size_t i = 0; i < 3; i++) {
			snprintf(name, sizeof name, "given %s",
				 acre_log_level_name(given[i]));
			assert_ok(acre_spawn(&n, &a, .name = name, .log = given[i]));
			assert_int_equal(acre_call(a, say_all, &nil, acre_int, &level),
					 1);
			assert_int_equal(level.value, given[i]);
			assert_int_equal(acre_call(a, level_below, &nil, acre_int,
						   &level),
					 1);
			assert_int_equal(level.value, given[i]); /* inherited */
			assert_ok(
				acre_actor_cancel(a)); /* what it said has come by then */
		}
	return r;
}

static int levels_root(void)
{
	return run_with_stderr(levels_main);
}

/* Lines are told apart by level, and by whom they are from. */
static void assert_lines_of(const char *text, const char *word, int n_expected)
{
	char line[64];

	snprintf(line, sizeof line, "critical given %s[", word);
	assert_text_has(text, line);
	snprintf(line, sizeof line, "debug: given %s", word);
	assert_int_equal(strstr(text, line) != NULL, n_expected == 3);
	snprintf(line, sizeof line, "cancel: given %s", word);
	assert_int_equal(strstr(text, line) != NULL, n_expected >= 2);
}

TEST(c004_a_child_has_the_level_that_it_was_given)
{
	struct root root = start(levels_root);
	const char *text = rest_of_stderr(), *at = text;
	int status = end_of(&root);

	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_lines_of(text, "debug", 3);
	assert_lines_of(text, "cancel", 2);
	assert_lines_of(text, "critical", 1);
	for (int i = 0; i < 6; i++) { /* and of each of those below */
		at = strstr(at, "]: yoyoyo\n");
		assert_non_null(at);
		at += strlen("]: yoyoyo");
	}
	assert_null(strstr(at, "yoyoyo"));
}

static int inherited_main(int argc, char **argv)
{
	struct acre_int level;
	struct acre_actor *a;
	int r = 0;

	(void)argc;
	(void)argv;
	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "child");
		if (r >= 0)
			r = acre_call(a, level_below, &nil, acre_int, &level);
	}
	say((int)acre_log_level());
	say(r < 0 ? r : (int)level.value);
	return r < 0 ? r : 0;
}

static int inherited_root(void)
{
	return run_with_stderr(inherited_main);
}

static void assert_tree_has(const char *environment, int level)
{
	struct root root;
	int status;

	if (environment)
		setenv("ACRE_LOG", environment, 1);
	else
		unsetenv("ACRE_LOG");
	root = start(inherited_root);
	assert_int_equal(hear(&root), level);
	assert_int_equal(hear(&root), level);
	rest_of_stderr();
	status = end_of(&root);
	assert_int_equal(status, 0);
}

TEST(c004_the_level_of_a_tree_is_that_of_the_environment)
{
	assert_tree_has("debug", ACRE_LOG_DEBUG);
	assert_tree_has("off", ACRE_LOG_OFF);
	assert_tree_has(NULL, ACRE_LOG_WARNING);
}

static int nothing(void *unused)
{
	(void)unused;
	return (int)acre_log_level();
}

TEST(c004_a_tree_may_be_given_its_level)
{
	int r;

	setenv("ACRE_LOG", "debug", 1);
	assert_int_equal(acre_run(nothing, NULL,
				  &(struct acre_run_options){ .log = ACRE_LOG_ERROR }),
			 ACRE_LOG_ERROR);
	r = acre_run(nothing, NULL, &(struct acre_run_options){ .log = 77 });
	assert_class(r, EINVAL);
	setenv("ACRE_LOG", "loud", 1);
	r = acre_run(nothing, NULL, NULL);
	assert_class(r, EINVAL);
	assert_text_has(acre_why(r)->message, "debug info cancel");
	report_thread_fini();
}

/* Whatever is in it, and however long it is. */
static int odd_main(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	acre_log(ACRE_LOG_ERROR, "one\ntwo\x1b[31m%s", "\r");
	acre_log(ACRE_LOG_ERROR, "%05000d", 7);
	acre_log(ACRE_LOG_OFF, "never");
	acre_log(ACRE_LOG_ERROR, "last");
	return 0;
}

static int odd_root(void)
{
	return run_with_stderr(odd_main);
}

TEST(a_line_of_the_log_is_one_line)
{
	struct root root = start(odd_root);
	const char *line = line_with("one");

	assert_text_has(line, "error root[");
	assert_text_has(line, "]: one\\x0atwo\\x1b[31m\\x0d");
	assert_true(strlen(line_with("0000")) < 1100);
	assert_text_has(line_with(""), "]: last");
	assert_int_equal(end_of(&root), 0);
}

/*
 * C151: names, and what is not said costs nothing.
 */

static int levels_by_name_main(int argc, char **argv)
{
	static const char *const nowhere = (const char *)1; /* whoever reads it dies */

	(void)argc;
	(void)argv;
	for (int level = ACRE_LOG_INHERITED + 1; level < (int)acre_log_level(); level++)
		acre_log((enum acre_log_level)level, "%s", nowhere);
	for (int level = (int)acre_log_level(); level < ACRE_LOG_OFF; level++)
		acre_log((enum acre_log_level)level, "level %d", level);
	acre_log(ACRE_LOG_OFF, "%s", nowhere);
	acre_log(ACRE_LOG_ERROR, "last");
	return 0;
}

static int levels_by_name_root(void)
{
	return run_with_stderr(levels_by_name_main);
}

TEST(c151_a_level_has_a_name_and_one_that_is_not_written_formats_nothing)
{
	char head[64], text[32];
	struct root root;

	setenv("ACRE_LOG", "cancel", 1);
	root = start(levels_by_name_root);
	for (int level = ACRE_LOG_CANCEL; level < ACRE_LOG_OFF; level++) {
		const char *line = line_with("");

		snprintf(head, sizeof head, "%s root[",
			 acre_log_level_name((enum acre_log_level)level));
		snprintf(text, sizeof text, "]: level %d", level);
		assert_int_equal(strncmp(line, head, strlen(head)), 0);
		assert_text_has(line, text);
	}
	assert_text_has(line_with(""), "]: last");
	assert_int_equal(end_of(&root), 0);
	assert_string_equal(acre_log_level_name(ACRE_LOG_INHERITED), "");
	assert_string_equal(acre_log_level_name((enum acre_log_level)77), "");
}

/* Passed on by each actor above, it is not said again whose it is. */
TEST(c151_a_name_is_not_doubled_on_its_way_up)
{
	struct root root;
	const char *text;

	setenv("ACRE_LOG", "critical", 1);
	root = start(inherited_root);
	hear(&root);
	hear(&root);
	text = rest_of_stderr();
	assert_int_equal(end_of(&root), 0);
	assert_int_equal(strncmp(text, "critical below[", strlen("critical below[")), 0);
	assert_text_has(text, "]: yoyoyo\n");
	assert_null(strstr(text + 1, "critical"));
	assert_null(strstr(text, "child"));
	assert_null(strstr(text, "root"));
}

/* What is not read is counted. */
static int flood_main(int argc, char **argv)
{
	char byte;

	(void)argc;
	(void)argv;
	for (int i = 0; i < 5000; i++)
		acre_log(ACRE_LOG_ERROR, "%0500d", i);
	say(1);
	assert_int_equal(read(STDIN_FILENO, &byte, 1), 1); /* until the test has read */
	acre_log(ACRE_LOG_ERROR, "last");
	return 0;
}

static int flood_goes_on[2];

static int flood_root(void)
{
	assert_int_equal(dup2(flood_goes_on[0], STDIN_FILENO), STDIN_FILENO);
	return run_with_stderr(flood_main);
}

TEST(a_stderr_that_nobody_reads_holds_nobody_up)
{
	struct pollfd more = { .events = POLLIN };
	struct root root;

	assert_int_equal(pipe2(flood_goes_on, O_CLOEXEC), 0);
	root = start(flood_root);
	assert_int_equal(hear(&root), 1); /* it was not held up */
	more.fd = stderr_of_root[0];
	while (poll(&more, 1, 0) > 0)
		line_with("");
	assert_int_equal(write(flood_goes_on[1], "", 1), 1);
	assert_text_has(line_with("last"), " lines left out) last");
	assert_int_equal(end_of(&root), 0);
	close(flood_goes_on[0]);
	close(flood_goes_on[1]);
}

/*
 * C148: a dump of the tree, and then its end.
 */

static const char *path_in_dir(const char *name)
{
	static char path[256];

	snprintf(path, sizeof path, "%s/%s", test_dir(), name);
	return path;
}

/* It does not end by itself, unless the test lets it: a thread cannot be killed. */
ACRE_CONTEXT(hangs_shielded, acre_nil)
{
	int r = acre_started(ctx, acre_nil);

	ACRE_SHIELD(acre_secs(3600), r)
		while (r >= 0 && access(path_in_dir("goes"), F_OK) < 0)
			r = acre_sleep(acre_ms(10));
	return r;
}

static int hanger_main(int argc, char **argv)
{
	struct acre_actor *a;
	int r = 0;

	(void)argc;
	(void)argv;
	actors_are_killed();
	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "hanger");
		if (r >= 0)
			ACRE_OPEN(ctx, r, a, hangs_shielded, &nil) {
				say(acre_actor_pid(a));
				r = acre_sleep(acre_secs(3600));
			}
	}
	return r;
}

static int hanger_root(void)
{
	setenv("ACRE_LOG", "cancel", 1);
	return run_with_stderr(hanger_main);
}

/* In the file that the line names. */
static void assert_dump(const char *line)
{
	static char text[1 << 20];
	const char *path = strstr(line, "is in /"), *end_of_root, *end_of_child;
	FILE *f;
	size_t n;

	assert_non_null(path);
	f = fopen(path + strlen("is in "), "re");
	assert_non_null(f);
	n = fread(text, 1, sizeof text - 1, f);
	text[n] = '\0';
	fclose(f);
	assert_text_has(text, "  actor root ");
	end_of_root = strstr(text, "  end of actor root\n");
	assert_non_null(end_of_root);
	end_of_child = strstr(end_of_root, "  end of actor hanger\n");
	assert_non_null(end_of_child);
	assert_non_null(strstr(end_of_child, "end of dump\n"));
	assert_true(strstr(text, "  actor root ") < strstr(text, "  actor hanger "));
	if (!backend_is("thread")) /* of one process, a thread is told with its root */
		assert_non_null(strstr(end_of_root, "  actor hanger "));
}

TEST(c148_a_dump_on_a_signal_then_an_end_by_force)
{
	struct root root = start(hanger_root);
	pid_t child = hear(&root);
	acre_instant begun;
	char killed[128];
	int status;

	assert_int_equal(pidfd_send_signal(root.pidfd, SIGUSR1, NULL, 0), 0);
	assert_dump(line_with("acre: SIGUSR1 asked for it: a dump is in "));
	begun = acre_now();
	root_interrupt(&root);
	assert_text_has(line_with("SIGINT cancels the tree"), "cancel root[");
	snprintf(killed, sizeof killed,
		 "%s actor hanger (pid %d): acknowledged its cancel",
		 backend_is("thread") ? "cut off the thread of" : "killed", child);
	assert_text_has(line_with(killed), "warning root[");
	close(open(path_in_dir("goes"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	assert_text_has(line_with("the root has ended: interrupted by SIGINT"),
			"cancel root[");
	status = end_of(&root);
	test_note("gone after %.3f s", seconds_since(begun));
	assert_true(seconds_since(begun) < 6);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), INTERRUPTED);
}
