/* SPDX-License-Identifier: MIT */
/* cli.h - tests of the command `acre`: the real binary, run beside the tree of the test. */
#pragma once

#include "conform/found.h"
#include "conform/root.h"

#include <limits.h>

#define SAID_MAX (64 * 1024)

/* Of the last run. */
static char out[SAID_MAX], err[SAID_MAX];

static inline const char *acre_path(void)
{
	static char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - 32);

	assert_true(n > 0);
	path[n] = '\0';
	snprintf(strrchr(path, '/'), sizeof "/../src/acre", "/../src/acre");
	return path;
}

static inline void keep_output(char to[SAID_MAX], struct acre_command *c,
			       enum acre_command_stream stream)
{
	struct acre_output o = acre_command_output(c, stream);

	assert_true(o.len < SAID_MAX);
	memcpy(to, o.bytes, o.len + 1);
}

/* A script in which $ACRE is the command; its exit status. From a task. */
static inline int run_script(const char *script)
{
	const char *const argv[] = { "sh", "-c", script, NULL };
	char env[PATH_MAX + 8];
	const char *const envs[] = { env, NULL };
	struct acre_death death = { .status = -1 };
	struct acre_command *c;
	int r = 0;

	snprintf(env, sizeof env, "ACRE=%s", acre_path());
	ACRE_NURSERY(n, r) {
		r = acre_command_start(&n, &c, .argv = argv, .env = envs,
				       .flags = ACRE_COMMAND_ANY_STATUS);
		if (r >= 0)
			r = acre_command_wait(c, &death);
		if (r >= 0) {
			keep_output(out, c, ACRE_COMMAND_OUT);
			keep_output(err, c, ACRE_COMMAND_ERR);
		}
	}
	assert_ok(r);
	test_note("%s\n-> %d\n%s%s", script, death.status, out, err);
	assert_int_equal(death.signal, 0);
	return death.status;
}

/* `acre ARGUMENTS`, as a shell takes them. */
__attribute__((format(printf, 1, 2))) static inline int acre(const char *fmt, ...)
{
	char script[2048] = "exec $ACRE ";
	size_t len = strlen(script);
	va_list args;

	va_start(args, fmt);
	vsnprintf(script + len, sizeof script - len, fmt, args);
	va_end(args);
	return run_script(script);
}

/* It failed with this status, and one line on stderr which has this text. */
#define assert_acre_tells(status, text, ...)                                \
	do {                                                                \
		assert_int_equal(acre(__VA_ARGS__), (status));              \
		assert_text_has(err, (text));                               \
		assert_ptr_equal(strchr(err, '\n'), err + strlen(err) - 1); \
	} while (0)

/* Where the root of the test is found. */
static inline const char *registrar_here(void)
{
	static char all[4][ACRE_ADDRESS_SIZE];

	assert_true(acre_self_addresses(all, 4) >= 1);
	return all[0];
}
