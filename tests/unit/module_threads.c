/* SPDX-License-Identifier: MIT */
/* module_threads.c - a module whose constructor starts a thread. */
#include <pthread.h>
#include <unistd.h>

static void *wait_for_ever(void *unused)
{
	while (pause() < 0) /* bound: its process ends */
		;
	return unused;
}

__attribute__((constructor)) static void start_thread(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, wait_for_ever, NULL) == 0)
		pthread_setname_np(thread, "module-thread");
}
