/* SPDX-License-Identifier: MIT */
/* run.h - what the process of a root ends with. */
#pragma once

#include <acre/scope.h>

/* The exit status for a result of acre_run(), `reason` being why the root was cancelled, if it
 * was: r & 0xff, 130 after SIGINT, 143 after SIGTERM, else 1; a failure but for a mere interrupt
 * goes to tell() first. */
int run_status(int r, enum acre_reason reason, void (*tell)(int r));
