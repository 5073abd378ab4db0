/* SPDX-License-Identifier: MIT */
/* test_examples.c - every example runs, and ends as it says: case C150, and the main job against wc. */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "conform/backend.h"
#include "lib/test.h"

#define OUTPUT_MAX (64 * 1024)

/* The folder of the examples, beside that of this program. */
static void examples_folder(char path[PATH_MAX])
{
	ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - 32);

	assert_true(n > 0);
	path[n] = '\0';
	snprintf(strrchr(path, '/'), sizeof "/../examples", "/../examples");
}

/* Runs a command line by the shell; its output, and its status as waitpid() tells it. */
static int run(const char *command, char output[OUTPUT_MAX])
{
	FILE *f = popen(command, "r");
	size_t n;

	assert_non_null(f);
	n = fread(output, 1, OUTPUT_MAX - 1, f);
	output[n] = '\0';
	while (fgetc(f) != EOF)
		; /* a pipe that is full would stop it */
	return pclose(f);
}

static bool is_program(const char *folder, const char *name)
{
	char path[PATH_MAX + 300];
	struct stat st;

	snprintf(path, sizeof path, "%s/%s", folder, name);
	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 0100);
}

static bool ends_with_an_error(const char *text)
{
	const char *last = text, *next;

	while ((next = strchr(last, '\n')) && next[1])
		last = next + 1;
	return strstr(last, "rror") != NULL;
}

static void runs_well(const char *folder, const char *name)
{
	static char output[OUTPUT_MAX];
	char command[PATH_MAX + 300];
	const char *argument = strcmp(name, "wordtree") ? "" : "doc";
	int status;

	snprintf(command, sizeof command, "timeout 16 %s/%s %s 2>&1 >/dev/null", folder,
		 name, argument);
	status = run(command, output);
	if (status || ends_with_an_error(output))
		fprintf(stderr, "%s ended with status %d:\n%s\n", name, status, output);
	assert_int_equal(status, 0);
	assert_false(ends_with_an_error(output));
}

/* Some kill an actor, which is to be a process, or shut down the sockets of their links. */
static bool applies(const char *name)
{
	return !backend_is("thread") || (strcmp(name, "we_are_processes") != 0 &&
					 strcmp(name, "most_basic_supervisor") != 0 &&
					 strcmp(name, "inherit_parent_main") != 0 &&
					 strcmp(name, "service_manager") != 0 &&
					 strcmp(name, "ipc_failure_during_stream") != 0);
}

TEST(c150_examples)
{
	char folder[PATH_MAX];
	struct dirent *e;
	int ran = 0;
	DIR *dir;

	examples_folder(folder);
	dir = opendir(folder);
	assert_non_null(dir);
	while ((e = readdir(dir)))
		if (is_program(folder, e->d_name)) {
			if (applies(e->d_name))
				runs_well(folder, e->d_name);
			ran++;
		}
	closedir(dir);
	assert_true(ran >= 10);
}

/* That it ends well does not say that it has done anything. */
static const struct {
	const char *name, *text;
} said[] = {
	{ "a_hang_explains_itself", "(held by task 3 left_then_right)\n" },
	{ "actor_state", "the balance is 500\nthe balance is 380\n"
			 "refused: there are only 380 cents\n" },
	{ "clean_up", "a wait in here is cancelled too\n"
		      "a goodbye in a shield is said\n"
		      "the block failed with ENOENT, and nothing else: " },
	{ "inherit_parent_main", "rank 1: main ran here, and not in the worker of "
				 "rank 1\n" },
	{ "ipc_failure_during_stream", "the reader cut the link: ACRE_E" },
	{ "lockacquire_not_unmasked", "careless: the block says that all is well\n"
				      "logged: the disk is full of holes\n"
				      "careful: the block says EIO\n" },
	{ "most_basic_supervisor", "life 0: it died\nlife 1: it died\n"
				   "life 2: all is well\n" },
	{ "not_exposed", "of_the_house: ACRE_ENOTEXPOSED: " },
	{ "not_exposed", "of_the_house: done\n" },
	{ "open_context_and_sleep", "sleeper is process " },
	{ "pool", "12 jobs are done; 27 takes 111 steps, 31 takes 106\n" },
#ifdef TEST_PYTHON_PLUGIN
	{ "c_from_asyncio", "135 primes from 1000 to 2000\n"
			    "127 primes from 2000 to 3000\n"
			    "ACRE_ETYPE: invalid `argument` msg payload: " },
	{ "python_pool", "harmonic(10) = 7381/2520\n"
			 "harmonic(0) = ValueError: there is no sum of 0 terms\n" },
	{ "stuck_guest", "computes: stopped by its deadline, and its guest answers again\n"
			 "sleeps: stopped by its deadline, and its guest answers again\n"
			 "refuses: ended with its block, on time\n" },
#endif
	{ "primes_by_threads", "the primes below 4000 add up to 1013507, " },
	{ "registry_actor", "[south:out] the answer is: it is in the second drawer\n"
			    "while they talked others were here\n"
			    "now nobody but the registrar is\n" },
	{ "send_chan_aclose_masks_beg",
	  "2 items came; the last ones were not sent\n"
	  "the block failed with 3 failures: ENOSPC, EIO and EPIPE are among them\n" },
	{ "service_daemon_discovery", "[client:out] a stranger is visitor 2\n" },
	{ "service_manager", "running: clock mail print\nmail is at your service\n"
			     "print has died\nrunning: mail\nand all are stopped\n" },
	{ "typed_payloads", "came: 97 % relative humidity\n"
			    "refused: invalid `Yield` msg payload: " },
};

TEST(examples_say_what_they_show)
{
	static char output[OUTPUT_MAX];
	char folder[PATH_MAX], command[PATH_MAX + 300];

	examples_folder(folder);
	for (size_t i = 0; i < sizeof said / sizeof *said; i++) {
		if (!applies(said[i].name))
			continue;
		snprintf(command, sizeof command, "timeout 16 %s/%s", folder,
			 said[i].name);
		assert_int_equal(run(command, output), 0);
		assert_text_has(output, said[i].text);
	}
}

TEST(wordtree_counts_what_wc_counts)
{
	unsigned long long files, lines, words, bytes, wc_lines, wc_words, wc_bytes;
	static char output[OUTPUT_MAX];
	char folder[PATH_MAX], command[PATH_MAX + 100];
	char *total;

	examples_folder(folder);
	snprintf(command, sizeof command, "%s/wordtree src", folder);
	assert_int_equal(run(command, output), 0);
	total = strstr(output, "\ntotal");
	assert_non_null(total);
	assert_int_equal(sscanf(total, " total %llu %llu %llu %llu", &files, &lines,
				&words, &bytes),
			 4);
	assert_int_equal(run("find src -type f -print0 | xargs -0 cat | LC_ALL=C wc",
			     output),
			 0);
	assert_int_equal(sscanf(output, "%llu %llu %llu", &wc_lines, &wc_words,
				&wc_bytes),
			 3);
	assert_int_equal(lines, wc_lines);
	assert_int_equal(words, wc_words);
	assert_int_equal(bytes, wc_bytes);
}

/* A file that nobody may read, not even root, is told, and the rest is counted. */
TEST(wordtree_goes_on_after_a_file_that_cannot_be_read)
{
	static char output[OUTPUT_MAX];
	char folder[PATH_MAX], command[PATH_MAX + 100];
	int status;

	examples_folder(folder);
	snprintf(command, sizeof command,
		 "timeout 30 %s/wordtree /proc/sys/net/ipv4/route 2>&1", folder);
	status = run(command, output);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 1);
	assert_text_has(output, "/flush: Permission denied");
	assert_text_has(output, "\ntotal");
}

TEST(wordtree_says_what_it_expects)
{
	static char output[OUTPUT_MAX];
	char folder[PATH_MAX], command[PATH_MAX + 100];
	int status;

	examples_folder(folder);
	snprintf(command, sizeof command, "%s/wordtree /nonexistent 2>&1", folder);
	status = run(command, output);
	assert_int_equal(WEXITSTATUS(status), 2);
	assert_text_has(output, "usage: wordtree DIRECTORY");
	assert_text_has(output, "not a directory: /nonexistent");
}

static int run_each(const char *arguments, char text[OUTPUT_MAX])
{
	char folder[PATH_MAX], command[PATH_MAX + 200];

	examples_folder(folder);
	snprintf(command, sizeof command, "timeout 30 %s/each %s 2>&1", folder,
		 arguments);
	return run(command, text);
}

TEST(each_item_gets_its_run_and_the_first_failure_ends_the_rest)
{
	static char text[OUTPUT_MAX];
	int status = run_each("sh -c 'echo got $0' -- 1 2 3 4 5 6 7", text);

	assert_int_equal(status, 0);
	for (int i = 1; i <= 7; i++) {
		char line[64];

		snprintf(line, sizeof line, "[%d:out] got %d\n", i, i);
		assert_text_has(text, line);
	}
	status = run_each("sh -c 'test $0 = 2 && exit 3; exec sleep 1000' -- 1 2", text);
	assert_int_equal(WEXITSTATUS(status), 1);
	assert_text_has(text, "command 2");
	assert_text_has(text, "exited with status 3");
	assert_text_has(text, "running sh for 2");
}
