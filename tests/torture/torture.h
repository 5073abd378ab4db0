/* SPDX-License-Identifier: MIT */
/* torture.h - a small program that is run again and again while one thing after the other fails. */
#pragma once

/*
 *	TORTURE(a_task_in_a_nursery)
 *	{
 *		...use acre...
 *		return r;
 *	}
 *
 * The body is the root task of acre_run(). It hands on each failure that it gets, and
 * asserts that what succeeded is right. Options of struct torture follow the name.
 */

#include <acre.h>

#include <stdbool.h>
#include <stdint.h>

#include "lib/test.h"

struct torture {
	const char *name;
	int (*body)(void);
	bool is_whole;	    /* body is not run by acre_run(), but calls that or its kin */
	bool virtual_clock; /* time passes only while all tasks wait, and then at once */
	bool signals;	    /* of struct acre_run_options */
	bool in_actors;	    /* it is the actors that fail, not the root */
	const int *
		may; /* classes that may come besides that of the injected errno; 0 ends */
	size_t stack_size; /* of struct acre_run_options */
};

/* Runs it without a fault, and then with each. Fails the test after all complaints. */
void torture(const struct torture *t);

#define TORTURE(id, ...)                                                   \
	static int id##_body_(void);                                       \
	TEST(id)                                                           \
	{                                                                  \
		torture(&(const struct torture){                           \
			.name = #id, .body = id##_body_, ##__VA_ARGS__ }); \
	}                                                                  \
	static int id##_body_(void)
