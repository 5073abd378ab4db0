/* SPDX-License-Identifier: MIT */
/* lock.h - locks from inside: for who tells what a task waits for. */
#pragma once

#include "base/list.h"

struct task;

struct lock {
	struct list waits;   /* of struct wait; empty while nobody holds it */
	struct task *holder; /* borrowed; NULL: free */
	uint32_t magic;
};
