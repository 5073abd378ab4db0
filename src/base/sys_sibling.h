/* SPDX-License-Identifier: MIT */
/* sys_sibling.h - the real table's fork_sibling; everybody else calls sys_fork_sibling(). */
#pragma once

#include "base/sys.h"

pid_t sys_fork_sibling_real(void);
