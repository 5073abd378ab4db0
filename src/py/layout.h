/* SPDX-License-Identifier: MIT */
/* layout.h - where in the memory of this Python its stacks are. */
#pragma once

#include "actor/python_layout.h"

/* Its `runtime` is 0 where this version's table is not the one that was compiled in. Lives for ever. */
const struct python_layout *layout_of_python(void);
