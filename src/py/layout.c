/* SPDX-License-Identifier: MIT */
/* layout.c - where in the memory of this Python its stacks are. */

/*
 * Most is in public headers. Of the rest Python has a table for debuggers from 3.13 on, which
 * says of which version it is; before that there are the internal headers, which Debian has.
 */
#include "py/layout.h"

#define Py_BUILD_CORE 1

#include "py/plugin.h"

#include <stddef.h>
#include <string.h>

#if PY_VERSION_HEX >= 0x030e0000
#include <internal/pycore_debug_offsets.h>
#elif PY_VERSION_HEX >= 0x030d0000
#include <internal/pycore_runtime.h>
#else
#include <internal/pycore_frame.h>
#include <internal/pycore_interp.h>
#include <internal/pycore_runtime.h>
#endif

static struct python_layout layout = {
	.thread_next = offsetof(PyThreadState, next),
	.thread_native_id = offsetof(PyThreadState, native_thread_id),
	.code_file = offsetof(PyCodeObject, co_filename),
	.code_name = offsetof(PyCodeObject, co_qualname),
	.code_lines = offsetof(PyCodeObject, co_linetable),
	.code_first_line = offsetof(PyCodeObject, co_firstlineno),
	.code_begin = offsetof(PyCodeObject, co_code_adaptive),
	.text_length = offsetof(PyASCIIObject, length),
	.text_state = offsetof(PyASCIIObject, state),
	.text_ascii = sizeof(PyASCIIObject),
	.text_other = sizeof(PyCompactUnicodeObject),
	.bytes_length = offsetof(PyVarObject, ob_size),
	.bytes_begin = offsetof(PyBytesObject, ob_sval),
};

/* Bit fields have no offset. */
static uint32_t word_of(const PyASCIIObject *text)
{
	uint32_t word;

	memcpy(&word, (const char *)text + offsetof(PyASCIIObject, state), sizeof word);
	return word;
}

static void take_masks(void)
{
	PyASCIIObject text;

	memset(&text, 0, sizeof text);
	text.state.ascii = 1;
	layout.ascii = word_of(&text);
	text.state.ascii = 0;
	text.state.kind = 7; /* three bits */
	layout.kind_mask = word_of(&text);
	layout.kind_shift = (uint32_t)__builtin_ctz(layout.kind_mask);
}

#if PY_VERSION_HEX >= 0x030d0000

#if PY_VERSION_HEX >= 0x030e0000
extern const struct _Py_DebugOffsets _PyRuntime;
#define TABLE (&_PyRuntime)
#else
#define TABLE (&_PyRuntime.debug_offsets)
#endif

static bool take_table(void)
{
	const struct _Py_DebugOffsets *table = TABLE;

	if (memcmp(table->cookie, "xdebugpy", sizeof table->cookie) != 0 ||
	    table->version != Py_Version)
		return false;
	layout.is_direct = true;
	layout.owner_is_c = 3; /* FRAME_OWNED_BY_CSTACK, from 3.14 on BY_INTERPRETER */
	layout.runtime_interps = (uint32_t)table->runtime_state.interpreters_head;
	layout.interp_id = (uint32_t)table->interpreter_state.id;
	layout.interp_next = (uint32_t)table->interpreter_state.next;
	layout.interp_threads = (uint32_t)table->interpreter_state.threads_head;
	layout.thread_frame = (uint32_t)table->thread_state.current_frame;
	layout.frame_previous = (uint32_t)table->interpreter_frame.previous;
	layout.frame_code = (uint32_t)table->interpreter_frame.executable;
	layout.frame_at = (uint32_t)table->interpreter_frame.instr_ptr;
	layout.frame_owner = (uint32_t)table->interpreter_frame.owner;
	return true;
}

#else

/* Layouts of one minor version are the same. */
static bool take_table(void)
{
	layout.owner_is_c = 3; /* FRAME_OWNED_BY_CSTACK of 3.12 */
	layout.runtime_interps = offsetof(_PyRuntimeState, interpreters.head);
	layout.interp_id = offsetof(PyInterpreterState, id);
	layout.interp_next = offsetof(PyInterpreterState, next);
	layout.interp_threads = offsetof(PyInterpreterState, threads.head);
	layout.thread_frame = offsetof(PyThreadState, cframe);
	layout.indirect_frame = offsetof(_PyCFrame, current_frame);
	layout.frame_previous = offsetof(_PyInterpreterFrame, previous);
	layout.frame_code = offsetof(_PyInterpreterFrame, f_code);
	layout.frame_at = offsetof(_PyInterpreterFrame, prev_instr);
	layout.frame_owner = offsetof(_PyInterpreterFrame, owner);
	return Py_Version >> 16 == PY_VERSION_HEX >> 16;
}

#endif

const struct python_layout *layout_of_python(void)
{
	take_masks();
	if (take_table())
		layout.runtime = (uintptr_t)&_PyRuntime;
	return &layout;
}
