/* SPDX-License-Identifier: MIT */
/* test_environment.c - which variables are there, and which count as none. */
#include "base/environment.h"

#include <stdlib.h>

#include "lib/test.h"

TEST(a_variable_that_is_empty_is_not_there)
{
	unsetenv("ACRE_LOG");
	assert_null(environment(ENVIRONMENT_ACRE_LOG));

	setenv("ACRE_LOG", "", 1);
	assert_null(environment(ENVIRONMENT_ACRE_LOG));

	setenv("ACRE_LOG", "debug", 1);
	assert_string_equal(environment(ENVIRONMENT_ACRE_LOG), "debug");
	unsetenv("ACRE_LOG");
}

TEST(each_variable_has_its_name)
{
	for (int i = 0; i < N_ENVIRONMENT; i++)
		assert_non_null(environment_name((enum environment)i));
	assert_string_equal(environment_name(ENVIRONMENT_TMPDIR), "TMPDIR");
	assert_string_equal(environment_name(ENVIRONMENT_ACRE_SPAWN_METHOD),
			    "ACRE_SPAWN_METHOD");
}
