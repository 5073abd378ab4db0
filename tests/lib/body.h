/* SPDX-License-Identifier: MIT */
/* body.h - what runs in the process of a test, and what it tells the runner. */
#pragma once

#include "lib/test.h"
#include "lib/text.h"

#define EXIT_SKIPPED 77 /* as meson and automake understand it */

/* Each message to the runner is one packet: its kind, then a text without NUL. */
enum tell {
	TELL_COMPLAINT = 'C', /* lines that say why the test failed */
	TELL_LIMIT = 'L',     /* seconds */
	TELL_SKIP = 'S',      /* the reason */
	TELL_END = 'E',       /* the body has returned; is answered, see body.c */
};

#define TELL_MAX 4096 /* bytes of text in a message */

/* Runs the body and checks the house, in this process. */
void body_run(const struct test_case *test, struct text *complaints);

/* The same in the process of a test, as the runner has made it: the body's whole life. */
_Noreturn void body_process(const struct test_case *test, int control);
