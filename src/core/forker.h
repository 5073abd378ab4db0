/* SPDX-License-Identifier: MIT */
/* forker.h - the thread that forks for the tasks of a loop. */
#pragma once

struct loop;

/* Ends the thread and joins it, when no task is left. Its children die with it. */
void forker_stop(struct loop *loop);
