/* SPDX-License-Identifier: MIT */
/* runner.h - one test in a process of its own, watched from outside. */
#pragma once

#include <stdint.h>

#include "lib/test.h"
#include "lib/text.h"

enum verdict { PASSED, FAILED, SKIPPED };

#define SKIP_REASON_MAX 255

struct result {
	enum verdict verdict;
	int64_t ms;
	int interrupted; /* the signal that asked this program to end; 0: none did */
	char skip_reason[SKIP_REASON_MAX + 1]; /* empty: it was not skipped */
	struct text
		story; /* why it failed, or the failure that was expected; else empty */
	struct text output; /* what it printed */
};

/* Makes this process the runner: sub-reaper, its signals as data. Once. */
void runner_init(void);

void runner_run(const struct test_case *test, struct result *ret);

/* As runner_init() found it, for a process that ends by the signal that it was sent. */
_Noreturn void runner_end_by(int sig);
