/* SPDX-License-Identifier: MIT */
/* test_death.c - the sentence about how an actor ended. */
#include "core/death.h"

#include <errno.h>
#include <signal.h>

#include "lib/test.h"

static const char *said(int code, struct acre_death death)
{
	static char sentence[DEATH_SENTENCE_MAX];
	struct acre_report why = { .code = code, .actor = "scanner", .pid = 42 };

	death_sentence(&why, &death, sentence);
	return sentence;
}

TEST(a_signal_is_named_with_its_circumstances)
{
	const char *start = "actor scanner (pid 42) was killed by signal ";

	assert_text_has(said(ACRE_EDIED, (struct acre_death){ .signal = SIGSEGV }), start);
	assert_text_has(said(ACRE_EDIED, (struct acre_death){ .signal = SIGSEGV }),
			"11 (SIGSEGV)");
	assert_text_has(said(ACRE_EDIED, (struct acre_death){ .signal = 6, .core = true }),
			"6 (SIGABRT, core dumped)");
	assert_text_has(said(ACRE_EDIED,
			     (struct acre_death){ .signal = 9, .hard_kill = true }),
			"9 (SIGKILL, our hard kill)");
	assert_text_has(said(ACRE_EDIED, (struct acre_death){ .signal = 9, .oom = true }),
			"9 (SIGKILL, out of memory)");
	assert_text_has(said(ACRE_EDIED, (struct acre_death){ .signal = SIGSYS }),
			"(SIGSYS, a forbidden system call)");
}

TEST(an_exit_is_told_with_its_status)
{
	assert_string_equal(said(ACRE_EDIED, (struct acre_death){ .status = 3 }),
			    "actor scanner (pid 42) exited with status 3 and without a "
			    "result");
}

TEST(a_death_at_boot_says_so)
{
	assert_string_equal(said(ACRE_EBOOT, (struct acre_death){ .status = 3 }),
			    "actor scanner (pid 42) exited with status 3 before it was "
			    "ready");
	assert_string_equal(
		said(ACRE_EBOOT, (struct acre_death){ .status = 0 }),
		"actor scanner (pid 42) exited with status 0 before it was "
		"ready: a program without ACRE_MAIN has to call acre_boot() in "
		"main()");
	assert_string_equal(said(ACRE_EBOOT, (struct acre_death){ .signal = SIGKILL }),
			    "actor scanner (pid 42) was killed by signal 9 (SIGKILL) "
			    "before it was ready");
}

TEST(a_failed_step_of_the_boot_is_named_with_its_errno)
{
	struct acre_death death = { .step = "exec", .error = ENOENT, .status = 127 };

	assert_string_equal(said(ACRE_EBOOT, death),
			    "actor scanner (pid 42) failed to boot at step exec: ENOENT "
			    "(no such file or directory)");
}

TEST(every_signal_has_a_name)
{
	char buf[SIGNAL_NAME_MAX];

	assert_string_equal(signal_name(SIGTERM, buf), "SIGTERM");
	assert_string_equal(signal_name(SIGRTMIN + 3, buf), "SIGRTMIN+3");
	assert_string_equal(signal_name(0, buf), "unknown");
	assert_string_equal(signal_name(-1, buf), "unknown");
	assert_string_equal(signal_name(1000, buf), "unknown");
}

TEST(a_long_name_is_cut)
{
	static char name[1000], sentence[DEATH_SENTENCE_MAX];
	struct acre_report why = { .code = ACRE_EDIED, .actor = name, .pid = 42 };
	struct acre_death death = { .signal = SIGSEGV };

	for (size_t i = 0; i + 1 < sizeof name; i++)
		name[i] = 'x';
	death_sentence(&why, &death, sentence);

	assert_text_has(sentence, "killed by signal 11 (SIGSEGV)");
}
