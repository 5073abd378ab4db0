/* SPDX-License-Identifier: MIT */
/* test_command.c - any program as a structured child: case C113. */
#include "conform/commands.h"

#include <poll.h>
#include <sys/pidfd.h>
#include <sys/stat.h>

/*
 * What it writes.
 */

TEST_TREE(c113_lines_are_relayed_with_the_label)
{
	struct capture c;
	int r;

	capture_begin(&c, STDOUT_FILENO, a_file());
	r = run_sh(NULL, "for i in 0 1 2; do echo line=$i; done", .label = "kid",
		   .out = ACRE_COMMAND_RELAY);
	assert_captured(&c, "[kid:out] line=0\n[kid:out] line=1\n[kid:out] line=2\n");
	return r;
}

TEST_TREE(c113_stderr_is_relayed_to_ours)
{
	struct capture c;
	int r;

	capture_begin(&c, STDERR_FILENO, a_file());
	r = run_sh(NULL, "echo oh >&2", .err = ACRE_COMMAND_RELAY);
	assert_captured(&c, "[sh:err] oh\n");
	return r;
}

TEST_TREE(a_line_that_is_not_ended_is_ended_for_the_next_one)
{
	struct capture c;
	int r;

	capture_begin(&c, STDOUT_FILENO, a_file());
	r = run_sh(NULL, "printf 'a\\n\\nb'", .label = "x", .out = ACRE_COMMAND_RELAY);
	assert_captured(&c, "[x:out] a\n[x:out] \n[x:out] b\n");
	return r;
}

TEST_TREE(without_a_label_bytes_are_relayed_unchanged)
{
	struct capture c;
	int r;

	capture_begin(&c, STDOUT_FILENO, a_file());
	r = run_sh(NULL, "printf 'a\\nb'", .label = "", .out = ACRE_COMMAND_RELAY);
	assert_captured(&c, "a\nb");
	return r;
}

/* It waits for its stdin, so what we read was relayed while it ran. */
TEST_TREE(c113_a_line_is_relayed_while_the_program_runs)
{
	struct acre_death death;
	struct acre_command *c;
	struct capture to;
	int input[2], r = 0;
	char line[64] = "";

	assert_int_equal(pipe2(input, O_CLOEXEC), 0);
	capture_begin(&to, STDERR_FILENO, a_pipe(&to));
	ACRE_NURSERY(n, r) {
		r = start_sh(&n, &c, "echo boom >&2; read x; exit 3", .label = "kid",
			     .input_fd = input[0], .err = ACRE_COMMAND_RELAY);
		if (r < 0)
			break;
		assert_true(acre_wait_fd(to.reader, POLLIN) > 0);
		assert_true(read(to.reader, line, sizeof line - 1) > 0);
		assert_string_equal(line, "[kid:err] boom\n");
		close(input[1]);
		assert_ok(acre_command_wait(c, &death));
		assert_int_equal(death.status, 3);
		assert_string_equal(death.last_words, "boom\n");
	}
	capture_end(&to);
	close(input[0]);
	assert_class(r, ACRE_EDIED);
	return 0;
}

#define LONG "head -c 200000 /dev/zero | tr '\\0' x"

TEST_TREE(c113_200000_bytes_without_newline_arrive_whole)
{
	struct acre_command_result res;
	struct capture c;
	char *text;
	int r = 0;

	capture_begin(&c, STDOUT_FILENO, a_file());
	ACRE_WITHIN(acre_secs(SOON), r)
		r = run_sh(&res, LONG, .label = "kid", .out = ACRE_COMMAND_RELAY);
	text = captured(&c);
	assert_int_equal(res.out.len, 200000);
	assert_int_equal(res.out.n_lost, 0);
	assert_int_equal(strlen(text), 200000 + strlen("[kid:out] \n"));
	assert_int_equal(strspn(text + strlen("[kid:out] "), "x"), 200000);
	free(text);
	acre_command_result_free(&res);
	return r;
}

/* The loop stands still until the program is dead, so all of it lies in the pipe then. */
TEST_TREE(what_is_written_just_before_the_end_is_read)
{
	struct acre_output kept;
	struct acre_command *c;
	int pidfd, r = 0;

	ACRE_NURSERY(n, r) {
		r = start_sh(&n, &c, "printf %65536d 7");
		if (r < 0)
			break;
		pidfd = pidfd_open(acre_command_pid(c), 0);
		assert_true(pidfd >= 0);
		assert_int_equal(test_wait_pidfd(pidfd, SOON), 0);
		close(pidfd);
		r = acre_command_wait(c, NULL);
		kept = acre_command_output(c, ACRE_COMMAND_OUT);
		assert_int_equal(kept.len, 65536);
		assert_int_equal(kept.bytes[65535], '7');
	}
	return r;
}

TEST_TREE(of_much_the_last_bytes_are_kept)
{
	struct acre_command_result res;
	int r = run_sh(&res, "printf abcdefghijklmnopqrstuvwxyz", .keep = 10);

	assert_string_equal(res.out.bytes, "qrstuvwxyz");
	assert_int_equal(res.out.len, 10);
	assert_int_equal(res.out.n_lost, 16);
	acre_command_result_free(&res);
	r = r < 0 ? r : run_sh(&res, LONG, .keep = 1000);
	assert_int_equal(res.out.len, 1000);
	assert_int_equal(res.out.n_lost, 199000);
	acre_command_result_free(&res);
	return r;
}

TEST_TREE(stderr_can_be_merged_in_order)
{
	struct acre_command_result res;
	int r = run_sh(&res, "echo a; echo b >&2; echo c; exit 1",
		       .err = ACRE_COMMAND_MERGE);

	assert_class(r, ACRE_EDIED);
	assert_string_equal(res.out.bytes, "a\nb\nc\n");
	assert_string_equal(acre_why(r)->death->last_words, "a\nb\nc\n");
	acre_command_result_free(&res);
	return 0;
}

TEST_TREE(an_output_can_be_dropped)
{
	struct acre_command_result res;
	int r = run_sh(&res, "echo a; test /proc/$$/fd/1 -ef /dev/null && echo yes >&2",
		       .out = ACRE_COMMAND_DROP);

	assert_string_equal(res.out.bytes, "");
	assert_string_equal(res.err.bytes, "yes\n");
	acre_command_result_free(&res);
	return r;
}

struct talker {
	const char *label;
	int r;
};

ACRE_TASK(talk, struct talker *t)
{
	return run_sh(NULL, "i=0; while [ $i -lt 500 ]; do echo $i; i=$((i+1)); done",
		      .label = t->label, .out = ACRE_COMMAND_RELAY);
}

TEST_TREE(lines_of_several_commands_are_not_mixed)
{
	struct talker talkers[] = { { "a", 0 }, { "b", 0 }, { "c", 0 } };
	int next[3] = { 0 }, number, r = 0;
	char *text, *line, *rest, who;
	struct capture c;

	capture_begin(&c, STDOUT_FILENO, a_file());
	ACRE_NURSERY(n, r)
		for (size_t i = 0; r >= 0 && i < ARRAY_N(talkers); i++)
			r = acre_go(&n, talk, &talkers[i]);
	text = captured(&c);
	for (line = strtok_r(text, "\n", &rest); line;
	     line = strtok_r(NULL, "\n", &rest)) {
		assert_int_equal(sscanf(line, "[%c:out] %d", &who, &number), 2);
		assert_int_equal(number, next[who - 'a']++);
	}
	for (int i = 0; i < 3; i++)
		assert_int_equal(next[i], 500);
	free(text);
	return r;
}

/* C153 of a command: nobody reads what it floods. */
TEST_TREE(c113_a_reader_of_ours_that_does_not_read_delays_no_cancel)
{
	struct capture c;
	int r = 0;

	capture_begin(&c, STDOUT_FILENO, a_pipe(&c));
	ACRE_WITHIN(acre_ms(50), r)
		r = run_sh(NULL, "exec yes", .label = "y", .out = ACRE_COMMAND_RELAY);
	capture_end(&c);
	assert_class(r, ETIMEDOUT);
	return 0;
}

TEST_TREE(if_nobody_reads_ours_it_gets_sigpipe)
{
	struct acre_command_result res;
	struct capture c;
	int r;

	capture_begin(&c, STDOUT_FILENO, a_pipe(&c));
	close(c.reader);
	c.reader = -1;
	r = run_sh(&res, "exec yes", .out = ACRE_COMMAND_RELAY);
	capture_end(&c);
	assert_class(r, ACRE_EDIED);
	assert_int_equal(res.death.signal, SIGPIPE);
	acre_command_result_free(&res);
	return 0;
}

/*
 * A source.
 */

static int count(struct acre_command *c, size_t *ret)
{
	char bytes[5000];
	ssize_t n;

	*ret = 0;
	while ((n = acre_command_recv(c, ACRE_COMMAND_OUT, bytes, sizeof bytes)) > 0)
		*ret += (size_t)n;
	return (int)n;
}

TEST_TREE(a_source_gives_all_that_is_written)
{
	struct acre_command *c;
	size_t len = 0;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = start_sh(&n, &c, LONG, .out = ACRE_COMMAND_SOURCE);
		if (r >= 0)
			r = count(c, &len);
	}
	assert_int_equal(len, 200000);
	return r;
}

/* The sleeper holds the pipe, and ends with the program. */
TEST_TREE(a_source_ends_with_the_program)
{
	struct acre_command *c;
	size_t len = 0;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = start_sh(&n, &c, "sleep 1000 & echo hi", .out = ACRE_COMMAND_SOURCE);
		if (r >= 0)
			r = count(c, &len);
	}
	assert_int_equal(len, 3);
	return r;
}

TEST_TREE(a_source_that_is_not_read_to_its_end_hinders_nobody)
{
	struct acre_command *c;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = start_sh(&n, &c, "exec yes", .out = ACRE_COMMAND_SOURCE);
		if (r >= 0)
			r = acre_command_cancel(c);
	}
	return r;
}

TEST_TREE(what_is_no_source_cannot_be_received)
{
	struct acre_command *c;
	char byte;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = start_sh(&n, &c, "exit 0");
		if (r >= 0)
			assert_class((int)acre_command_recv(c, ACRE_COMMAND_OUT, &byte,
							    1),
				     EINVAL);
	}
	assert_class(run_sh(NULL, "exit 0", .out = ACRE_COMMAND_SOURCE), EINVAL);
	return r;
}

/*
 * What it is given.
 */

/* All of ours are a terminal, and one is left open over exec. */
TEST_TREE(c113_no_descriptor_is_a_terminal_or_stray)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), tty, saved[3], stray, r;
	struct acre_command_result res;

	assert_true(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
	tty = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(tty >= 0);
	for (int i = 0; i < 3; i++) {
		saved[i] = fcntl(i, F_DUPFD_CLOEXEC, 10);
		assert_int_equal(dup2(tty, i), i);
	}
	stray = fcntl(tty, F_DUPFD, 20);
	r = run_sh(&res,
		   "test -t 0 && exit 10; test -t 1 && exit 11; test -t 2 && exit 12\n"
		   "readlink /proc/$$/fd/0; ls /proc/$$/fd; ls -l /proc/$$/fd >&2");
	assert_class(acre_command_run(NULL, .argv = (const char *const[]){ "cat", NULL },
				      .input_fd = tty),
		     EINVAL);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(dup2(saved[i], i), i);
		close(saved[i]);
	}
	close(stray);
	close(tty);
	close(master);
	assert_string_equal(res.out.bytes, "/dev/null\n0\n1\n2\n");
	assert_text_has(res.err.bytes, "1 -> pipe:");
	acre_command_result_free(&res);
	return r;
}

TEST_TREE(stdin_can_be_bytes)
{
	struct acre_command_result res;
	char *bytes = malloc(300000);
	int r;

	memset(bytes, 'y', 300000);
	r = run_sh(&res, "cat", .input = bytes, .input_len = 300000);
	assert_int_equal(res.out.len, 300000);
	assert_memory_equal(res.out.bytes, bytes, 300000);
	acre_command_result_free(&res);
	free(bytes);
	return r < 0 ? r : run_sh(NULL, "read x && exit 1; exit 0", .input = "");
}

TEST_TREE(stdin_can_be_a_descriptor)
{
	struct acre_command_result res;
	int input[2], r;

	assert_int_equal(pipe2(input, O_CLOEXEC), 0);
	assert_int_equal(write(input[1], "hello\n", 6), 6);
	close(input[1]);
	r = run_sh(&res, "cat", .input_fd = input[0]);
	close(input[0]);
	assert_string_equal(res.out.bytes, "hello\n");
	acre_command_result_free(&res);
	assert_class(run_sh(NULL, "cat", .input_fd = input[0]), EBADF);
	return r;
}

TEST_TREE(environment_and_directory_are_chosen)
{
	static const char *const changes[] = { "ONE=1", "GONE", "TWO=a", "TWO=b", NULL };
	struct acre_command_result res;
	int r;

	setenv("ONE", "0", 1);
	setenv("GONE", "here", 1);
	setenv("KEPT", "yes", 1);
	r = run_sh(&res, "echo $ONE,${GONE-none},$TWO,$KEPT; pwd", .env = changes,
		   .cwd = "/usr");
	assert_string_equal(res.out.bytes, "1,none,b,yes\n/usr\n");
	acre_command_result_free(&res);
	if (r >= 0)
		r = acre_command_run(&res, .argv = (const char *const[]){ "env", NULL },
				     .env = changes, .flags = ACRE_COMMAND_CLEAN_ENV);
	assert_string_equal(res.out.bytes, "ONE=1\nTWO=b\n");
	acre_command_result_free(&res);
	return r;
}

TEST_TREE(signals_are_as_usual)
{
	struct acre_command_result res;
	sigset_t all;
	int r;

	sigaction(SIGHUP, &(struct sigaction){ .sa_handler = SIG_IGN }, NULL);
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	r = run_sh(&res, "grep -E '^Sig(Blk|Ign)' /proc/self/status");
	sigprocmask(SIG_UNBLOCK, &all, NULL);
	sigaction(SIGHUP, &(struct sigaction){ .sa_handler = SIG_DFL }, NULL);
	assert_string_equal(res.out.bytes, "SigBlk:\t0000000000000000\n"
					   "SigIgn:\t0000000000000000\n");
	acre_command_result_free(&res);
	return r;
}

/*
 * What does not start.
 */

static int try_program(const char *name)
{
	return acre_command_run(NULL, .argv = (const char *const[]){ name, NULL });
}

static void make_file(char path[4096], const char *name, const char *text, mode_t mode)
{
	int fd;

	snprintf(path, 4096, "%s/%s", test_dir(), name);
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, mode);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

TEST_TREE(c113_a_program_that_is_not_there_is_enoent)
{
	int r;

	setenv("PATH", "/no/such/folder:/usr/bin:/bin", 1);
	r = try_program("no-such-program");
	assert_class(r, ENOENT);
	assert_text_has(acre_why(r)->message, "\"no-such-program\"");
	assert_text_has(acre_why(r)->message, "/no/such/folder:/usr/bin:/bin");
	r = try_program("/no/such/program");
	assert_class(r, ENOENT);
	assert_text_has(acre_why(r)->message, "/no/such/program");
	r = run_sh(NULL, "exit 0", .cwd = "/no/such/folder");
	assert_class(r, ENOENT);
	assert_text_has(acre_why(r)->notes->text, "/no/such/folder");
	return 0;
}

TEST_TREE(c113_a_program_that_may_not_be_executed_is_eacces)
{
	char path[4096];

	make_file(path, "plain", "text", 0644);
	assert_class(try_program(path), EACCES);
	assert_class(try_program("/usr"), EACCES);
	setenv("PATH", test_dir(), 1);
	assert_class(try_program("plain"), EACCES);
	make_file(path, "script", "no first line\n", 0755);
	assert_class(try_program(path), ENOEXEC);
	return 0;
}

TEST_TREE(options_that_are_not_known_are_refused)
{
	assert_class(acre_command_run(NULL, .argv = NULL), EINVAL);
	assert_class(acre_command_run(NULL, .argv = (const char *const[]){ NULL }),
		     EINVAL);
	assert_class(run_sh(NULL, "", .flags = 8), EINVAL);
	assert_class(run_sh(NULL, "", .reserved = { 1 }), EINVAL);
	assert_class(run_sh(NULL, "", .out = ACRE_COMMAND_MERGE), EINVAL);
	assert_class(run_sh(NULL, "", .err = (enum acre_command_mode)7), EINVAL);
	assert_class(run_sh(NULL, "", .label = "two\nlines"), EINVAL);
	assert_class(run_sh(NULL, "", .input_len = 1), EINVAL);
	assert_class(run_sh(NULL, "", .keep = ((size_t)1 << 30) + 1), EINVAL);
	assert_class(run_sh(NULL, "", .linger = { -1 }), EINVAL);
	return 0;
}
