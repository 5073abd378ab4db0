/* SPDX-License-Identifier: MIT */
/* found.h - tests whose body is the root of a tree in which actors find each other. */
#pragma once

#include "conform/tree.h"

static inline int found_result(int (*run)(void))
{
	static const char *const exposed[] = { "main", NULL };
	struct tree_body body = { run };

	return acre_run(tree_run_body, &body,
			&(struct acre_run_options){ .expose = exposed,
						    .seed = test_seed(),
						    .transports = "uds" });
}

#define TEST_FOUND(name)                               \
	static int name##_body_(void);                 \
	TEST(name)                                     \
	{                                              \
		use_backend(NULL);                     \
		assert_ok(found_result(name##_body_)); \
		report_thread_fini();                  \
	}                                              \
	static int name##_body_(void)
