/* SPDX-License-Identifier: MIT */
/* test_symbol.c - addresses, modules, and names; strangers' files. */
#define _GNU_SOURCE
#include "core/symbol.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <gnu/libc-version.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/util.h"
#include "lib/test.h"

/* A return address just after the first instruction of the function, wherever it is called. */
#define PC_IN(function) ((uintptr_t)(function) + 1)

__attribute__((noinline)) static int first_function(int x)
{
	return x + 1;
}

__attribute__((noinline)) static int second_function(int x)
{
	return x + 2;
}

static void need_libdw(void)
{
#ifdef ACRE_HAVE_LIBDW
	void *library = dlopen("libdw.so.1", RTLD_NOW);

	if (library && dlclose(library) == 0)
		return;
#endif
	test_skip("libdw is not installed");
}

static struct symbol symbol_at(uintptr_t pc, struct symbol_module *module)
{
	struct symbol s = { .module = module };

	assert_int_equal(symbol_module(pc, module, &s.offset), 0);
	return s;
}

TEST(an_address_of_ours_lies_in_our_program)
{
	struct symbol_module m;
	char path[4096] = { 0 };
	uint64_t a, b;

	assert_true(readlink("/proc/self/exe", path, sizeof path - 1) > 0);
	assert_int_equal(symbol_module(PC_IN(first_function), &m, &a), 0);
	assert_int_equal(symbol_module(PC_IN(second_function), &m, &b), 0);

	assert_string_equal(m.path, path);
	assert_int_equal(b - a, PC_IN(second_function) - PC_IN(first_function));
}

TEST(an_address_of_libc_lies_in_libc)
{
	struct symbol_module m;
	uint64_t offset;

	assert_int_equal(symbol_module(PC_IN(gnu_get_libc_version), &m, &offset), 0);

	assert_text_has(m.path, "libc");
	assert_true(m.build_id_len > 0);
}

TEST(an_address_that_is_no_code_lies_nowhere)
{
	struct symbol_module m;
	uint64_t offset;
	int on_stack;

	assert_int_equal(symbol_module((uintptr_t)&on_stack, &m, &offset), -ENOENT);
	assert_int_equal(symbol_module(0, &m, &offset), -ENOENT);
	assert_int_equal(symbol_module(UINTPTR_MAX, &m, &offset), -ENOENT);
}

TEST(a_function_is_found_with_its_file_and_line)
{
	struct symbol_module m;
	struct symbol s = symbol_at(PC_IN(first_function), &m);

	need_libdw();
	symbol_resolve(&s, 1);

	assert_int_equal(first_function(1), 2);
	assert_string_equal(s.function, "first_function");
	assert_text_has(s.file, "test_symbol.c");
	assert_in_range(s.line, 20, 30);
}

TEST(symbols_of_several_modules_are_found_together)
{
	struct symbol_module m[4];
	struct symbol s[] = {
		symbol_at(PC_IN(second_function), &m[0]),
		symbol_at(PC_IN(gnu_get_libc_version), &m[1]),
		symbol_at(PC_IN(first_function), &m[2]),
		symbol_at(PC_IN(getenv), &m[3]),
	};

	need_libdw();
	symbol_resolve(s, ARRAY_N(s));

	assert_int_equal(second_function(1), 3);
	assert_string_equal(s[0].function, "second_function");
	assert_text_has(s[1].function, "gnu_get_libc_version");
	assert_string_equal(s[2].function, "first_function");
	assert_text_has(s[3].function, "getenv");
}

TEST(an_offset_that_is_no_code_has_no_name)
{
	struct symbol_module m;
	struct symbol s[2] = { symbol_at(PC_IN(first_function), &m) };

	s[0].offset = 0;
	s[1] = s[0];
	s[1].offset = UINT64_MAX;
	symbol_resolve(s, 2);

	assert_string_equal(s[0].function, "");
	assert_string_equal(s[1].file, "");
}

TEST(no_symbols_is_no_work)
{
	symbol_resolve(NULL, 0);
}

static void *resolve_on_small_stack(void *arg)
{
	symbol_resolve(arg, 1);
	return NULL;
}

TEST(the_stack_of_a_task_is_enough)
{
	struct symbol_module m;
	struct symbol s = symbol_at(PC_IN(first_function), &m);
	pthread_attr_t attr;
	pthread_t thread;

	need_libdw();
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 64 * 1024);
	assert_int_equal(pthread_create(&thread, &attr, resolve_on_small_stack, &s), 0);
	pthread_join(thread, NULL);
	pthread_attr_destroy(&attr);

	assert_string_equal(s.function, "first_function");
}

/* A program that this process has not loaded: a copy of itself with another build id. */
struct stranger {
	char path[512];
	uint8_t build_id[64];
	struct symbol_module module;
};

static char *read_file(const char *path, size_t *ret_len)
{
	FILE *f = fopen(path, "re");
	char *bytes;

	assert_non_null(f);
	fseek(f, 0, SEEK_END);
	*ret_len = (size_t)ftell(f);
	rewind(f);
	bytes = malloc(*ret_len);
	assert_int_equal(fread(bytes, 1, *ret_len, f), *ret_len);
	fclose(f);
	return bytes;
}

static void make_stranger(struct stranger *x)
{
	struct symbol_module own;
	uint64_t offset;
	size_t len;
	char *bytes = read_file("/proc/self/exe", &len), *id;
	FILE *f;

	assert_int_equal(symbol_module(PC_IN(first_function), &own, &offset), 0);
	if (own.build_id_len == 0)
		test_skip("the linker gives no build ids");
	id = memmem(bytes, len, own.build_id, own.build_id_len);
	assert_non_null(id);
	id[0] = (char)~id[0];
	memcpy(x->build_id, id, own.build_id_len);
	snprintf(x->path, sizeof x->path, "%s/stranger", test_dir());
	x->module = (struct symbol_module){ x->path, x->build_id, own.build_id_len };
	f = fopen(x->path, "we");
	assert_int_equal(fwrite(bytes, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
	free(bytes);
}

static struct symbol resolve_in(const struct symbol_module *module)
{
	struct symbol_module own;
	struct symbol s = symbol_at(PC_IN(first_function), &own);

	s.module = module;
	symbol_resolve(&s, 1);
	return s;
}

TEST(the_file_of_another_program_is_read)
{
	struct stranger x;

	need_libdw();
	make_stranger(&x);

	assert_string_equal(resolve_in(&x.module).function, "first_function");
}

TEST(our_own_program_is_found_by_its_build_id_wherever_it_lay)
{
	struct symbol_module m;
	uint64_t offset;

	need_libdw();
	assert_int_equal(symbol_module(PC_IN(first_function), &m, &offset), 0);
	if (m.build_id_len == 0)
		test_skip("the linker gives no build ids");
	m.path = "/no/such/place";

	assert_string_equal(resolve_in(&m).function, "first_function");
}

TEST(a_file_with_another_build_id_is_not_believed)
{
	struct stranger x;

	make_stranger(&x);
	x.build_id[1] ^= 1;

	assert_string_equal(resolve_in(&x.module).function, "");
}

TEST(a_file_without_build_id_is_not_read)
{
	struct stranger x;

	make_stranger(&x);
	x.module.build_id = NULL;
	x.module.build_id_len = 0;

	assert_string_equal(resolve_in(&x.module).function, "");
}

TEST(a_file_that_everybody_can_write_is_not_read)
{
	struct stranger x;

	make_stranger(&x);
	assert_int_equal(chmod(x.path, 0666), 0);

	assert_string_equal(resolve_in(&x.module).function, "");
}

TEST(a_pipe_in_place_of_a_file_does_not_hold_us)
{
	struct stranger x;

	make_stranger(&x);
	assert_int_equal(unlink(x.path), 0);
	assert_int_equal(mkfifo(x.path, 0600), 0);

	assert_string_equal(resolve_in(&x.module).function, "");
}

TEST(a_relative_path_is_not_read)
{
	struct stranger x;

	make_stranger(&x);
	assert_int_equal(chdir(test_dir()), 0);
	x.module.path = "stranger";

	assert_string_equal(resolve_in(&x.module).function, "");
}
