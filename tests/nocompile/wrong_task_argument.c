/* SPDX-License-Identifier: MIT */
/* wrong_task_argument.c - a task is given an argument of another type. */
/* expect: incompatible.pointer.type */
#include "common.h"

int start(struct acre_nursery *n, struct job *job, struct range *range);

int start(struct acre_nursery *n, struct job *job, struct range *range)
{
#ifdef FIXED
	return range ? acre_go(n, collect, job) : 0;
#else
	return job ? acre_go(n, collect, range) : 0;
#endif
}
