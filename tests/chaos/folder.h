/* SPDX-License-Identifier: MIT */
/* folder.h - the cgroup of a trial, which tells all of its processes. */
#pragma once

#include "chaos/driver.h"

/* In the first place where one can be made; false: nowhere, or marks were asked for. */
bool folder_make(struct trial *t);
/* By the root: all that it makes is born there. */
void folder_enter(const struct trial *t);
/* The processes in it, at most max. */
size_t folder_list(const struct trial *t, pid_t *ret, size_t max);
/* Bound: a second, for its last process to be gone. */
void folder_remove(const struct trial *t);
