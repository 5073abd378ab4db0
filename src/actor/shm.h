/* SPDX-License-Identifier: MIT */
/* shm.h - shared arrays from inside: what ends with their actor. */
#pragma once

#include <acre/shm.h>

struct runtime;

/* Unmaps what this actor still has, and takes the tokens of its own away. */
void shm_end(struct runtime *rt);
/* A child's process was reaped: if it was killed, what it owned has no owner. Never waits. */
void shm_child_has_ended(void);
