/* SPDX-License-Identifier: MIT */
/* time.h - spans and instants, two types that the compiler keeps apart. */
#ifndef ACRE_TIME_H
#define ACRE_TIME_H

/*
 * A span is a length of time, an instant a point on the monotonic clock. No call takes a
 * timeout: a deadline is a scope (scope.h), and it holds for everything inside it.
 * OpenBSD's monotime.h showed that a struct of one field costs nothing and ends a whole
 * class of mistakes.
 *
 * ACRE_WITHIN(acre_ms(500), r)
 * 	r = acre_recv(ctx, prime, &p);
 */

#include <acre/define.h>

ACRE_BEGIN_

typedef struct {
	int64_t ns;
} acre_span;

typedef struct {
	int64_t ns; /* since an arbitrary start; only differences mean something */
} acre_instant;

/* The latest instant there is: "never". */
#define ACRE_NEVER_NS_ INT64_MAX

static inline acre_span acre_ns(int64_t n)
{
	acre_span s;

	s.ns = n;
	return s;
}

/* Saturates instead of overflowing, so acre_secs(INT64_MAX) is "for ever". */
static inline acre_span acre_span_of_(int64_t n, int64_t unit_ns)
{
	if (n > ACRE_NEVER_NS_ / unit_ns)
		return acre_ns(ACRE_NEVER_NS_);
	if (n < -(ACRE_NEVER_NS_ / unit_ns))
		return acre_ns(-ACRE_NEVER_NS_);
	return acre_ns(n * unit_ns);
}

static inline acre_span acre_us(int64_t n)
{
	return acre_span_of_(n, 1000);
}

static inline acre_span acre_ms(int64_t n)
{
	return acre_span_of_(n, 1000 * 1000);
}

static inline acre_span acre_secs(int64_t n)
{
	return acre_span_of_(n, 1000 * 1000 * 1000);
}

static inline acre_instant acre_never(void)
{
	acre_instant t;

	t.ns = ACRE_NEVER_NS_;
	return t;
}

/* `t` + `s`, saturating at never. */
static inline acre_instant acre_after(acre_instant t, acre_span s)
{
	if (s.ns > 0 && t.ns > ACRE_NEVER_NS_ - s.ns)
		return acre_never();
	t.ns += s.ns;
	return t;
}

/* How long from `a` to `b`; negative if `b` is earlier. */
static inline acre_span acre_between(acre_instant a, acre_instant b)
{
	return acre_ns(b.ns - a.ns);
}

/* The monotonic clock (CLOCK_MONOTONIC, or the virtual clock of a test). Any thread. */
ACRE_PUBLIC_ acre_instant acre_now(void);

/* Waits that long, or until that instant. Checkpoints: 0, or -ECANCELED. In a task
 * only. */
ACRE_PUBLIC_ ACRE_MUST_USE_ int acre_sleep(acre_span span);
ACRE_PUBLIC_ ACRE_MUST_USE_ int acre_sleep_until(acre_instant instant);

ACRE_END_
#endif
