/* SPDX-License-Identifier: MIT */
/* clock.h - what time it is.
 *
 * The only reader of clocks. All instants of the library are nanoseconds of CLOCK_MONOTONIC,
 * so tests can bring a clock of their own, which moves only when it is told to.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Any thread; async-signal-safe. */
int64_t clock_now(void);

/* The same whatever tests use: for threads beside the loop, whose waits are real. */
int64_t clock_real(void);

/* Microseconds since 1970, for what is compared with another process's; it may be set. */
int64_t clock_wall_us(void);

/* For tests. From now on clock_now() says start_ns, until it is advanced. */
void clock_use_virtual(int64_t start_ns);
void clock_use_real(void);
bool clock_is_virtual(void);

/* Only of a virtual clock, and only forward. */
void clock_advance(int64_t ns);
