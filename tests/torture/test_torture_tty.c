/* SPDX-License-Identifier: MIT */
/* test_torture_tty.c - asking for the terminal of the tree while allocations, calls and threads fail. */
#include "torture/torture.h"

#include <unistd.h>

/* A tree without a terminal: the runner's processes have sessions of their own. */
static const int may_be_none[] = { ACRE_ENOTTYLOCK, 0 };

TORTURE(a_terminal_that_is_asked_for, .may = may_be_none)
{
	struct acre_tty tty;
	int r = acre_tty_open(&tty);

	assert_true(r < 0 || acre_tty_fd(&tty) >= 0);
	assert_true(r < 0 || acre_tty_holder() == getpid());
	r = acre_tty_close(&tty, r);
	assert_int_equal(acre_tty_fd(&tty), -1);
	assert_int_equal(acre_tty_holder(), 0);
	return acre_is(r, ACRE_ENOTTYLOCK) ? 0 : r;
}
