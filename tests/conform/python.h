/* SPDX-License-Identifier: MIT */
/* python.h - tests of Python guests: where the plug-in of this build is. */
#pragma once

#include <stdlib.h>

#include "actor/python.h"
#include "lib/test.h"

/* In this test's processes from here on; skips it where the build has none. */
static inline void use_python(void)
{
#ifdef TEST_PYTHON_PLUGIN
	setenv("ACRE_PYTHON_PLUGIN", TEST_PYTHON_PLUGIN, 1);
#endif
	if (python_why_not())
		test_skip("%s", python_why_not());
}

/* Of tree.h: a root that may use Python. */
#define TEST_PYTHON(name) TEST_TREE_AFTER(name, use_python())
