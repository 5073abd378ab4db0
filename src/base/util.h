/* SPDX-License-Identifier: MIT */
/* util.h - the handful of words that C lacks. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

/* The object of `type` that holds `*p` as its `member`. The comparison is there for the
 * compiler only: it warns when `p` does not point to what that member is. */
#define container_of(p, type, member)                         \
	((type *)(((uintptr_t)(p)) - offsetof(type, member) + \
		  0 * sizeof((p) == &((type *)0)->member)))

/* How many items an array has; does not compile for a pointer. */
#define ARRAY_N(a)                                                                       \
	(sizeof(a) / sizeof *(a) +                                                       \
	 0 * sizeof(struct {                                                             \
		 _Static_assert(!__builtin_types_compatible_p(typeof(a), typeof(&*(a))), \
				"this is a pointer, not an array");                      \
		 int unused_;                                                            \
	 }))

/* A result that is left aside on purpose. A cast to void does not silence gcc, and this can
 * be searched for. */
#define acre_ignore(x) ((void)!(x))

/* Moves ownership out of a variable: `ret->fd = TAKE_FD(fd);` leaves -1 (NULL) behind, so
 * that a cleanup attribute finds nothing to do. */
#define TAKE_PTR(p)                        \
	({                                 \
		typeof(p) *from_ = &(p);   \
		typeof(p) taken_ = *from_; \
		*from_ = NULL;             \
		taken_;                    \
	})
#define TAKE_FD(fd) util_take_fd(&(fd))

/* auto_close int fd = -1;	is closed where its block is left, unless it was taken */
#define auto_close __attribute__((cleanup(util_close)))

void util_close(int *fd);

static inline int util_take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

static inline size_t size_min(size_t a, size_t b)
{
	return a < b ? a : b;
}

static inline size_t size_max(size_t a, size_t b)
{
	return a > b ? a : b;
}

static inline int64_t int64_min(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static inline int64_t int64_max(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* a + b, or the end of the range where that does not fit. Instants are added with it, so a
 * deadline far away never becomes one long past. */
static inline int64_t int64_add(int64_t a, int64_t b)
{
	int64_t sum;

	if (!__builtin_add_overflow(a, b, &sum))
		return sum;
	return b > 0 ? INT64_MAX : INT64_MIN;
}
