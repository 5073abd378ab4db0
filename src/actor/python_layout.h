/* SPDX-License-Identifier: MIT */
/* python_layout.h - where in Python's memory its stacks are, for who reads it from outside. */
#pragma once

#include <stdint.h>

/*
 * Who hangs in Python holds the lock that would be needed to ask it. So its stacks are read like
 * everything else in a dump: from outside, while the process stands still. The plug-in, which
 * knows this version of Python, tells the offsets; the reader knows none.
 *
 * All numbers are offsets in bytes from the beginning of the object that their first word names.
 */
#define PYTHON_OFFSETS(O)                                                                 \
	O(runtime_interps) /* of _PyRuntime: the first interpreter */                     \
	O(interp_id)	   /* int64_t */                                                  \
	O(interp_next)                                                                    \
	O(interp_threads) /* the first thread state */                                    \
	O(thread_next)                                                                    \
	O(thread_native_id) /* unsigned long: as the kernel has it */                     \
	O(thread_frame) /* the innermost frame; with `indirect_frame` of what is there */ \
	O(indirect_frame)                                                                 \
	O(frame_previous)                                                                 \
	O(frame_code)  /* the code object, with tags in its lowest bits */                \
	O(frame_at)    /* the instruction */                                              \
	O(frame_owner) /* char */                                                         \
	O(code_file)                                                                      \
	O(code_name)                                                                      \
	O(code_lines)	   /* bytes: its table of lines */                                \
	O(code_first_line) /* int */                                                      \
	O(code_begin)	   /* the instructions themselves */                              \
	O(text_length)                                                                    \
	O(text_state) /* uint32_t, see the masks */                                       \
	O(text_ascii) /* characters of one that is ASCII */                               \
	O(text_other) /* those of another one */                                          \
	O(bytes_length)                                                                   \
	O(bytes_begin)

#define PYTHON_AS_OFFSET(name) uint32_t name;

struct python_layout {
	uintptr_t runtime;   /* address of _PyRuntime; 0: this Python cannot be read */
	uint32_t is_direct;  /* thread_frame is the frame itself */
	uint32_t owner_is_c; /* from this owner on it is no frame of Python code */
	uint32_t ascii;	     /* mask in a text's state */
	uint32_t kind_mask;  /* the same: 1, 2 or 4 bytes for a character */
	uint32_t kind_shift;
	PYTHON_OFFSETS(PYTHON_AS_OFFSET)
};
