/* SPDX-License-Identifier: MIT */
/* guest_life.h - the process of a guest: what its two threads share. */
#pragma once

#include <pthread.h>

#include "actor/guest.h"

/* Of this process; guest_life.c makes and ends it. */
struct guest_hub {
	const struct python_plugin *plugin; /* NULL: there is no guest */
	pid_t pid;			    /* whose it is: a child of fork has a copy */
	pthread_mutex_t lock;
	struct list calls;   /* struct guest_call: not taken yet; under the lock */
	struct list cancels; /* taken, and cancelled since; under the lock */
	bool is_over;	     /* under the lock */
	int fd;		     /* eventfd: the guest is to look */
};

extern struct guest_hub guest_hub;

/* Any thread: the guest is to look. */
void guest_ring(void);
