/* SPDX-License-Identifier: MIT */
/* libdw.h - the calls of libdw, where it is installed. */
#pragma once

/*
 * It is loaded when first needed, and stays loaded: a program that never prints a backtrace has
 * nothing of it. ACRE_HAVE_LIBDW says that its header was there when we were compiled. It may
 * use more stack than a task has.
 */
#ifdef ACRE_HAVE_LIBDW

#include <elfutils/libdwfl.h>

#define LIBDW_CALLS(C)                   \
	C(dwfl_begin)                    \
	C(dwfl_end)                      \
	C(dwfl_report_offline)           \
	C(dwfl_report_end)               \
	C(dwfl_linux_proc_report)        \
	C(dwfl_linux_proc_find_elf)      \
	C(dwfl_attach_state)             \
	C(dwfl_getthread_frames)         \
	C(dwfl_thread_state_registers)   \
	C(dwfl_thread_state_register_pc) \
	C(dwfl_frame_pc)                 \
	C(dwfl_addrmodule)               \
	C(dwfl_module_info)              \
	C(dwfl_module_getelf)            \
	C(dwfl_module_build_id)          \
	C(dwfl_module_addrinfo)          \
	C(dwfl_module_getsrc)            \
	C(dwfl_lineinfo)                 \
	C(dwfl_module_nextcu)            \
	C(dwarf_haspc)                   \
	C(dwarf_getsrc_die)              \
	C(dwarf_linesrc)                 \
	C(dwarf_lineno)                  \
	C(dwfl_build_id_find_debuginfo)  \
	C(dwfl_offline_section_address)

#define LIBDW_AS_POINTER(name) typeof(name) *name;

struct libdw {
	LIBDW_CALLS(LIBDW_AS_POINTER)
};

/* NULL: it is not there, or too old. Any thread; takes the dynamic linker's lock. */
const struct libdw *libdw_load(void);

/* The source file of an address of a module, and its line; NULL: not known. Once loaded. */
const char *libdw_line(Dwfl_Module *in, Dwarf_Addr at, int *ret_line);

#endif
