/* SPDX-License-Identifier: MIT */
/* shm.h - shared arrays from inside: what ends with their actor. */
#pragma once

#include <acre/shm.h>

struct runtime;

/* ring.c: the elements, aligned to two cache lines; and whether they may be written. -ECHILD in a
 * child of fork. */
void *shm_memory(struct acre_shm *shm);
int shm_may_write(const struct acre_shm *shm);

/* Unmaps what this actor still has, and takes the tokens of its own away. */
void shm_end(struct runtime *rt);
/* A child's process was reaped: if it was killed, what it owned has no owner. Never waits. */
void shm_child_has_ended(void);
