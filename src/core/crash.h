/* SPDX-License-Identifier: MIT */
/* crash.h - the last words of a process that its own fault kills. */
#pragma once

/*
 * A process that has asked for it says on its stderr, before SIGSEGV, SIGBUS, SIGFPE, SIGILL or
 * SIGABRT ends it: which signal, in which task, whether that task's stack overflowed, from where
 * it was called, and the last trace events. Then the signal takes its usual way, so that the
 * parent sees it, and there is a core where cores are wanted.
 *
 *	acre: SIGSEGV at address 0x0 in task root/scan
 *	    #0 scanner+0x1a2b
 *	    #1 scanner+0x3c4d
 *	    module scanner is /usr/bin/scanner, build 6b1e...
 *	    4711.000123 task 3 PARK task=3 reason=sleeps
 *
 * Nothing is looked up here, where anything may be broken: crash_text.h does that, in the process
 * that prints what this one has said.
 */

/* From here on, in all threads; this one also has a stack for it, so that an overflow of another
 * can be told. A signal that the program has a handler for is left to it, and sanitizers have
 * handlers of their own: nothing is done in their builds. -ENOMEM. */
int crash_catch(void);

/* By a process with one thread, which forks those that will catch: these then know its modules
 * already. Nothing is loaded between this and crash_catch(). */
void crash_prepare(void);

/* Makes modules known that were loaded since. No-op unless crashes are caught. */
void crash_learn_modules(void);

/* By the thread that asked; everything is as it was before, but handlers and a stack for them
 * that the program has set meanwhile: these stay. Idempotent. */
void crash_release(void);
