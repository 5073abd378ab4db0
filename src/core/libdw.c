/* SPDX-License-Identifier: MIT */
/* libdw.c - the calls of libdw, where it is installed. */
#define _GNU_SOURCE
#include "core/libdw.h"

#ifdef ACRE_HAVE_LIBDW

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AS_LOOKUP(name)                                                \
	dw.name = (typeof(name) *)(uintptr_t)dlsym(library, #name);     \
	is_there = is_there && dw.name;

static struct libdw dw;
static bool is_there;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void load(void)
{
	void *library = dlopen("libdw.so.1", RTLD_NOW | RTLD_LOCAL);

	if (!library)
		return;
	is_there = true;
	LIBDW_CALLS(AS_LOOKUP)
}

const struct libdw *libdw_load(void)
{
	pthread_once(&once, load);
	return is_there ? &dw : NULL;
}

/* By the index of addresses that gcc writes. */
static const char *find_line(Dwfl_Module *in, Dwarf_Addr at, int *ret_line)
{
	Dwfl_Line *place = dw.dwfl_module_getsrc(in, at);

	return place ? dw.dwfl_lineinfo(place, NULL, ret_line, NULL, NULL, NULL) : NULL;
}

/* clang writes none: each unit that was compiled is asked. */
static const char *find_line_slowly(Dwfl_Module *in, Dwarf_Addr at, int *ret_line)
{
	Dwarf_Die *unit = NULL;
	Dwarf_Line *place;
	Dwarf_Addr bias;

	while ((unit = dw.dwfl_module_nextcu(in, unit, &bias))) {
		if (dw.dwarf_haspc(unit, at - bias) <= 0)
			continue;
		place = dw.dwarf_getsrc_die(unit, at - bias);
		if (!place || dw.dwarf_lineno(place, ret_line) < 0)
			return NULL;
		return dw.dwarf_linesrc(place, NULL, NULL);
	}
	return NULL;
}

const char *libdw_line(Dwfl_Module *in, Dwarf_Addr at, int *ret_line)
{
	const char *file = find_line(in, at, ret_line);

	return file ? file : find_line_slowly(in, at, ret_line);
}

#endif
