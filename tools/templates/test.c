/* SPDX-License-Identifier: MIT */
/* test_@NAME@.c - what is tested, in one sentence. */
#include "lib/test.h"

TEST(a_name_is_a_sentence)
{
	/* given */

	/* when */

	/* then */
	fail_msg("write the test");
}
