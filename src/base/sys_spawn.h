/* SPDX-License-Identifier: MIT */
/* sys_spawn.h - the real table's spawn; everybody else calls sys_spawn() of sys.h. */
#pragma once

#include "base/sys.h"

pid_t sys_spawn_real(const struct sys_spawn_args *args, int (*child)(void *), void *arg);
