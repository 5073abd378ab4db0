/* SPDX-License-Identifier: MIT */
/* util.c - what util.h could not say inline. */
#include "base/util.h"

#include "base/sys.h"

void util_close(int *fd)
{
	acre_ignore(sys_close(*fd));
}
