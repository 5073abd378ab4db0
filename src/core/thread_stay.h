/* SPDX-License-Identifier: MIT */
/* thread_stay.h - threads that must not end from within what the program runs on them. */
#pragma once

/*
 * pthread_exit() in a task unwinds that task's stack and ends the thread, and with it all
 * tasks of its loop: they would stand still for ever, and if it is the thread that main()
 * began on, the process lives on, so that not even its pidfd tells. The same holds for
 * pthread_cancel(), and for a function of acre_blocking() or of a fork, whose result
 * somebody waits for. So each thread of ours says for how long it has to stay, and when it
 * ends before that the process is stopped with a word about it, as by any BUG().
 *
 *	thread_stay_begin("a helper");
 *	...
 *	thread_stay_end();
 */

/* By the thread itself; pairs nest. What it is: for people, static. Once there is no memory for
 * that (-EAGAIN, -ENOMEM) the thread is not guarded, and the pair of this call is still due. */
int thread_stay_begin(const char *what);
void thread_stay_end(void);
