/* SPDX-License-Identifier: MIT */
/* helper.h - the threads that run what blocks. */
#pragma once

/* Enough for the files, names and locks a program waits for at once, and 128 MiB of
 * address space at the usual 8 MiB of stack: a call that computes gains nothing from more
 * threads than cores. */
#define HELPER_THREADS_MAX 16

struct loop;

/*
 * Ends the threads that have nothing to do, and returns when they are gone. A loop calls
 * it before it closes its mailbox, when all its tasks have ended: then no helper will
 * touch the loop any more, and once the last loop has called it there is no helper left.
 * Never waits for a call of another loop.
 */
void helper_release(const struct loop *loop);
