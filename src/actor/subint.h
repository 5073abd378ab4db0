/* SPDX-License-Identifier: MIT */
/* subint.h - a Python source in a process that is to be thrown away. */
#pragma once

#include "actor/python.h"

/* Starts Python in this process, a child of fork that has one thread and runs nothing else,
 * and runs a source in an interpreter beside the main one, on a new thread; `to` gets its
 * `result`. -ETIMEDOUT: it has not ended after limit_ns (negative: it has all the time), and
 * goes on, so the process must end. Else 0, or a failure of this thread, as of python.h. */
int subint_run_in_child(const struct python_source *source, struct acre_packer *to,
			int64_t limit_ns);
