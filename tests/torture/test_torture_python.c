/* SPDX-License-Identifier: MIT */
/* test_torture_python.c - Python sources, while things fail. */
#include "torture/torture.h"

#include <acre/python.h>

#include "conform/python.h"

/* Python finds no memory, or no file, and says that in its own way; or its process ends. */
static const int may[] = { ACRE_EGUEST, ACRE_EDIED, EOPNOTSUPP, 0 };

static int a_source_body_(void)
{
	struct acre_any got = { .value = { NULL, 0 } };
	int r = acre_run_subint_in_worker("result = 'a text'", &got);

	if (r < 0)
		return r;
	assert_int_equal(r, 1);
	assert_int_equal(got.value.len, 7);
	acre_msg_free(acre_any, &got);
	return 0;
}

TEST(a_source)
{
	use_python();
	torture(&(const struct torture){
		.name = "a_source", .body = a_source_body_, .may = may });
}
