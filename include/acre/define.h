/* SPDX-License-Identifier: MIT */
/* define.h - attributes and numbers that the public headers share; nothing here is for users. */
#ifndef ACRE_DEFINE_H
#define ACRE_DEFINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#ifdef __cplusplus
#define ACRE_BEGIN_ extern "C" {
#define ACRE_END_   }
#else
#define ACRE_BEGIN_
#define ACRE_END_
#endif

#define ACRE_PUBLIC_		__attribute__((visibility("default")))
#define ACRE_MUST_USE_		__attribute__((warn_unused_result))
#define ACRE_FORMAT_(fmt, args) __attribute__((format(printf, fmt, args)))
#define ACRE_CLEANUP_(fn)	__attribute__((cleanup(fn)))

/* A struct of the fields that are given, or of none. ISO C wants an argument for each `...`,
 * so macros with options pass theirs on with a comma behind them, and an initializer may
 * end in one. */
#define ACRE_VALUE_(type, ...)	(__extension__ & (const struct type){ __VA_ARGS__ })

#define ACRE_PASTE__(a, b)	a##b
#define ACRE_PASTE_(a, b)	ACRE_PASTE__(a, b)

#define ACRE_VERSION_MAJOR	0
#define ACRE_VERSION_MINOR	1

#endif
