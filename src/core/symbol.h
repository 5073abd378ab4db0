/* SPDX-License-Identifier: MIT */
/* symbol.h - what code an address is: module, function, file and line. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * Addresses travel as (module, offset), where the offset is the virtual address in the module's
 * ELF file, so that they mean something in another process. They are return addresses: the
 * call is just before them, and that is what is looked up.
 *
 * Names are found by libdw, where it is installed; it is loaded at the first use. Without it
 * only names that the dynamic linker knows are found.
 */

struct symbol_module {
	const char *path;
	const uint8_t *build_id; /* NULL: it has none */
	size_t build_id_len;
};

struct symbol_frame {
	uint32_t module; /* index */
	uint64_t offset;
};

struct symbol_bt {
	const struct symbol_module *modules;
	const struct symbol_frame *frames;
	uint32_t n_modules;
	uint32_t n_frames;
};

struct symbol {
	const struct symbol_module *module; /* given, as is the offset */
	uint64_t offset;
	char function[96];                  /* "": not found */
	char file[160];                     /* "": not found; of a longer one the end */
	int line;
};

/* The module of this process that holds the address. -ENOENT. What `ret` points to is the
 * dynamic linker's, valid while the module is loaded. Takes the linker's lock. */
int symbol_module(uintptr_t pc, struct symbol_module *ret, uint64_t *ret_offset);

/*
 * Looks up n symbols, of this process or another, and returns when it is done: 2 ms for the
 * first one of a module, then some microseconds each. Runs on a thread of its own, since the
 * stack of a task is too small for it; asks nobody over the network. Not from signal handlers.
 *
 * A module that is not ours is only read if it is what it was there (the same build id), and if
 * only we or root can have written it: its path may come from a peer.
 */
void symbol_resolve(struct symbol *symbols, size_t n);
