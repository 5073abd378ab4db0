/* SPDX-License-Identifier: MIT */
/* test_torture_command.c - commands while allocations, system calls and threads fail. */
#include "torture/torture.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define sh_argv(script) ((const char *const[]){ "/bin/sh", "-c", (script), NULL })

/* If what it writes cannot be read it gets SIGPIPE. And where a descriptor is not open, for
 * ever, it cannot be copied either, which is another errno of the same call. */
static const int may_die[] = { ACRE_EDIED, EMFILE, 0 };

TORTURE(a_command_that_is_fed_and_heard, .may = may_die)
{
	struct acre_command_result res;
	int r = acre_command_run(&res, .argv = sh_argv("cat; echo err >&2"),
				 .input = "hello", .input_len = 5);

	if (r >= 0) {
		assert_string_equal(res.out.bytes, "hello");
		assert_string_equal(res.err.bytes, "err\n");
	}
	acre_command_result_free(&res);
	return r;
}

TORTURE(a_command_that_fails, .may = may_die)
{
	int r = acre_command_run(NULL, .argv = sh_argv("echo boom >&2; exit 3"));

	assert_true(r < 0);
	return acre_is(r, ACRE_EDIED) && acre_why(r)->death &&
			       acre_why(r)->death->status == 3
		       ? 0
		       : r;
}

TORTURE(a_command_whose_lines_are_relayed, .may = may_die)
{
	int saved = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 10);
	int to = memfd_create("to", MFD_CLOEXEC);
	char text[64] = "";
	int r;

	assert_int_equal(dup2(to, STDOUT_FILENO), STDOUT_FILENO);
	r = acre_command_run(NULL, .argv = sh_argv("echo one; echo two"), .label = "l",
			     .out = ACRE_COMMAND_RELAY);
	assert_int_equal(dup2(saved, STDOUT_FILENO), STDOUT_FILENO);
	close(saved);
	if (r >= 0) {
		assert_true(pread(to, text, sizeof text - 1, 0) > 0);
		assert_string_equal(text, "[l:out] one\n[l:out] two\n");
	}
	close(to);
	return r;
}

TORTURE(a_command_as_a_source, .may = may_die)
{
	struct acre_command *c;
	char text[64] = "";
	ssize_t n = 0;
	size_t len = 0;
	int r = 0;

	ACRE_NURSERY(nursery, r) {
		r = acre_command_start(&nursery, &c,
				       .argv = sh_argv("echo one; echo two"),
				       .out = ACRE_COMMAND_SOURCE);
		while (r >= 0 && (n = acre_command_recv(c, ACRE_COMMAND_OUT, text + len,
							sizeof text - 1 - len)) > 0)
			len += (size_t)n;
		if (r >= 0 && n < 0)
			r = (int)n;
	}
	assert_true(r < 0 || !strcmp(text, "one\ntwo\n"));
	return r;
}

TORTURE(a_command_that_is_ended, .may = may_die)
{
	struct acre_command *c;
	int r = 0;

	ACRE_NURSERY(nursery, r) {
		r = acre_command_start(&nursery, &c, .argv = sh_argv("exec sleep 1000"));
		if (r >= 0)
			r = acre_command_cancel(c);
	}
	return r;
}

TORTURE(a_command_that_is_signalled_and_waited_for, .may = may_die)
{
	struct acre_command *c;
	struct acre_death death = { .signal = 0 };
	int waited = 0, r = 0;

	ACRE_NURSERY(nursery, r) {
		r = acre_command_start(&nursery, &c, .argv = sh_argv("exec sleep 1000"));
		if (r < 0)
			break;
		assert_true(acre_command_pid(c) > 0);
		r = acre_command_signal(c, SIGTERM);
		if (r >= 0)
			waited = acre_command_wait(c, &death);
		assert_int_equal(acre_command_output(c, ACRE_COMMAND_OUT).len, 0);
		assert_true(r < 0 || waited < 0 || death.signal);
	}
	return acre_is(r, ACRE_EDIED) && death.signal == SIGTERM ? 0 : r;
}
