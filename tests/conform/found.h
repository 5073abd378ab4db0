/* SPDX-License-Identifier: MIT */
/* found.h - tests whose body is the root of a tree in which actors find each other. */
#pragma once

#include "conform/tree.h"
#include "wire/auth.h"

/*
 * Over Unix sockets, or as environment ACRE_TEST_TRANSPORT says. Over TCP every port is a free
 * one: a machine runs more than one test.
 */

static inline bool found_over_tcp(void)
{
	const char *chosen = getenv("ACRE_TEST_TRANSPORT");

	return chosen && !strcmp(chosen, "tcp");
}

/* Of the addresses of this run's actors. */
static inline const char *found_prefix(void)
{
	return found_over_tcp() ? "/ip4/127.0.0.1/tcp/" : "/unix/";
}

/* NULL: the usual one. */
static inline const char *const *found_registrars(void)
{
	static const char *const any_port[] = { "/ip4/127.0.0.1/tcp/0", NULL };

	return found_over_tcp() ? any_port : NULL;
}

static inline const char *found_transport(void)
{
	return found_over_tcp() ? "tcp" : "uds";
}

/* Skips where there is no libcrypto to prove a key with. */
static inline void needs_key_if_tcp(void)
{
	struct auth_key *key = NULL;
	int r = found_over_tcp() ? auth_key_new(&key, NULL) : 0;

	if (acre_is(r, EOPNOTSUPP))
		test_skip("%s", acre_why(r)->message);
	assert_ok(r);
	auth_key_free(key);
}

static inline int found_result(int (*run)(void))
{
	static const char *const exposed[] = { "main", NULL };
	struct tree_body body = { run };

	return acre_run(tree_run_body, &body,
			&(struct acre_run_options){ .expose = exposed,
						    .seed = test_seed(),
						    .transports = found_transport(),
						    .registrars = found_registrars() });
}

#define TEST_FOUND(name)                               \
	static int name##_body_(void);                 \
	TEST(name)                                     \
	{                                              \
		use_backend(NULL);                     \
		needs_key_if_tcp();                    \
		assert_ok(found_result(name##_body_)); \
		report_thread_fini();                  \
	}                                              \
	static int name##_body_(void)
