/* SPDX-License-Identifier: MIT */
/* fork_python.h - forks as Python sees them: one that is offered, and two that are refused. */
#pragma once

/* Of the current interpreter: its module `acre` gets the function fork(). */
int fork_offer(void);
/* Of one beside the main one: os.fork() and os.forkpty() raise, and say what to use instead. */
int fork_refuse(void);
