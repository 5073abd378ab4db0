/* SPDX-License-Identifier: MIT */
/* unwind.c - from where code stands to the calls that led there, of any process. */
/*
 * A session of libdw on a process has threads, for each of which it asks us the registers, and
 * words of memory. We show it one thread, which stands wherever we want next: a fiber or a
 * real one, that is the same.
 *
 * Names are asked for again and again: a thousand tasks wait in the same few functions. The
 * last ones are kept in a table, by address.
 */
#define _GNU_SOURCE
#include "core/unwind.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/util.h"
#include "core/libdw.h"

#define NAME_SIZE  256
#define NAMES_KEPT 1024 /* a power of two */

struct name {
	uintptr_t pc; /* 0: none */
	char text[NAME_SIZE];
};

struct unwind {
	struct peek memory;
	const struct unwind_stack *stack; /* being walked; borrowed */
#ifdef ACRE_HAVE_LIBDW
	const struct libdw *dw;
	Dwfl_Callbacks callbacks;
	Dwfl *session;	/* owned; NULL: no libdw, or it cannot read the process */
	uintptr_t *pcs; /* of the caller, while it walks */
	size_t n, n_max;
#endif
	struct name names[NAMES_KEPT];
};

/* From the copy, or else from the process as it is now. */
static bool read_word(const struct unwind *u, uintptr_t at, uintptr_t *ret)
{
	const struct unwind_stack *s = u->stack;

	if (s && at >= s->at && s->len >= sizeof *ret &&
	    at - s->at <= s->len - sizeof *ret) {
		memcpy(ret, s->bytes + (at - s->at), sizeof *ret);
		return true;
	}
	return peek_all(&u->memory, at, ret, sizeof *ret);
}

/* Frames are { caller's frame pointer, return address }, with callers above. */
static size_t walk_frames(const struct unwind *u, const struct unwind_stack *s,
			  uintptr_t *pcs, size_t n)
{
	uintptr_t fp = s->place.regs[FREEZE_FP], low = s->at, next, pc;
	size_t i = 0;

	if (n > 0)
		pcs[i++] = s->place.pc;
	while (i < n && fp >= low && fp - s->at < s->len && fp % sizeof fp == 0 &&
	       read_word(u, fp, &next) && read_word(u, fp + sizeof fp, &pc) && pc) {
		pcs[i++] = pc;
		low = fp + 2 * sizeof fp; /* only upwards, so it ends */
		fp = next;
	}
	return i;
}

#ifdef ACRE_HAVE_LIBDW

static pid_t next_thread(Dwfl *session, void *arg, void **thread)
{
	(void)session;
	(void)arg;
	if (*thread)
		return 0;
	*thread = arg;
	return 1;
}

static bool get_thread(Dwfl *session, pid_t tid, void *arg, void **ret)
{
	(void)session;
	(void)tid;
	*ret = arg;
	return true;
}

static bool read_memory(Dwfl *session, Dwarf_Addr at, Dwarf_Word *ret, void *arg)
{
	uintptr_t word;

	(void)session;
	if (!read_word(arg, at, &word))
		return false;
	*ret = word;
	return true;
}

static bool set_registers(Dwfl_Thread *thread, void *arg)
{
	const struct unwind *u = arg;
	const struct freeze_place *p = &u->stack->place;

	for (unsigned i = 0; i < FREEZE_REGS; i++)
		if (p->known >> i & 1 &&
		    !u->dw->dwfl_thread_state_registers(thread, (int)i, 1,
							(const Dwarf_Word *)&p->regs[i]))
			return false;
	u->dw->dwfl_thread_state_register_pc(thread, p->pc);
	return true;
}

static const Dwfl_Thread_Callbacks thread_callbacks = {
	.next_thread = next_thread,
	.get_thread = get_thread,
	.memory_read = read_memory,
	.set_initial_registers = set_registers,
};

static int add_frame(Dwfl_Frame *frame, void *arg)
{
	struct unwind *u = arg;
	Dwarf_Addr pc;
	bool is_activation;

	if (u->n == u->n_max || !u->dw->dwfl_frame_pc(frame, &pc, &is_activation) ||
	    pc == 0)
		return DWARF_CB_ABORT;
	u->pcs[u->n++] = pc;
	return DWARF_CB_OK;
}

static void open_session(struct unwind *u)
{
	u->dw = libdw_load();
	if (!u->dw)
		return;
	u->callbacks.find_elf = u->dw->dwfl_linux_proc_find_elf;
	u->callbacks.find_debuginfo = u->dw->dwfl_build_id_find_debuginfo;
	u->session = u->dw->dwfl_begin(&u->callbacks);
	if (!u->session)
		return;
	if (u->dw->dwfl_linux_proc_report(u->session, u->memory.pid) == 0 &&
	    u->dw->dwfl_report_end(u->session, NULL, NULL) == 0 &&
	    u->dw->dwfl_attach_state(u->session, NULL, u->memory.pid, &thread_callbacks,
				     u))
		return;
	u->dw->dwfl_end(u->session);
	u->session = NULL;
}

static size_t walk(struct unwind *u, uintptr_t *pcs, size_t n)
{
	if (!u->session)
		return 0;
	u->pcs = pcs;
	u->n = 0;
	u->n_max = n;
	u->dw->dwfl_getthread_frames(u->session, 1, add_frame, u);
	return u->n;
}

/* Compilers write a path from where they ran, or that place and such a path. */
static const char *from_root(const char *file)
{
	const char *up;

	while ((up = strstr(file, "../")))
		file = up + 3;
	return file;
}

static bool find_name(struct unwind *u, uintptr_t pc, uintptr_t at, char *ret,
		      size_t size)
{
	Dwfl_Module *in = u->session ? u->dw->dwfl_addrmodule(u->session, at) : NULL;
	const char *function, *file, *module;
	GElf_Off into;
	GElf_Sym sym;
	Dwarf_Addr start = 0;
	int line = 0;

	if (!in)
		return false;
	module = u->dw->dwfl_module_info(in, NULL, &start, NULL, NULL, NULL, NULL, NULL);
	function = u->dw->dwfl_module_addrinfo(in, at, &into, &sym, NULL, NULL, NULL);
	file = libdw_line(in, at, &line);
	if (file)
		file = from_root(file);
	if (module && strrchr(module, '/'))
		module = strrchr(module, '/') + 1;
	if (function && file)
		snprintf(ret, size, "%s %s:%d", function, file, line);
	else if (function)
		snprintf(ret, size, "%s %s+%#jx", function, module ? module : "?",
			 (uintmax_t)(pc - start));
	else
		snprintf(ret, size, "%s+%#jx", module ? module : "?",
			 (uintmax_t)(pc - start));
	return true;
}

static void close_session(struct unwind *u)
{
	if (u->session)
		u->dw->dwfl_end(u->session);
}

#else

static void open_session(struct unwind *u)
{
	(void)u;
}

static size_t walk(struct unwind *u, uintptr_t *pcs, size_t n)
{
	(void)u;
	(void)pcs;
	(void)n;
	return 0;
}

static bool find_name(struct unwind *u, uintptr_t pc, uintptr_t at, char *ret,
		      size_t size)
{
	(void)u;
	(void)pc;
	(void)at;
	(void)ret;
	(void)size;
	return false;
}

static void close_session(struct unwind *u)
{
	(void)u;
}

#endif

int unwind_open(struct unwind **ret, pid_t pid)
{
	struct unwind *u = mem_zalloc(sizeof *u);

	if (!u)
		return -ENOMEM;
	u->memory = peek_process(pid);
	open_session(u);
	*ret = u;
	return 0;
}

struct unwind *unwind_free(struct unwind *u)
{
	if (u)
		close_session(u);
	return mem_free(u);
}

size_t unwind_walk(struct unwind *u, const struct unwind_stack *stack, uintptr_t *pcs,
		   size_t n)
{
	size_t by_table, by_frames;

	u->stack = stack;
	by_table = walk(u, pcs, n);
	by_frames = by_table > 1 ? 0 : walk_frames(u, stack, pcs, n);
	u->stack = NULL;
	return size_max(by_table, by_frames);
}

void unwind_name(struct unwind *u, uintptr_t pc, bool returns_to, char *ret, size_t size)
{
	uintptr_t at = returns_to ? pc - 1 : pc;
	struct name *kept = &u->names[at % NAMES_KEPT];

	if (kept->pc != at) {
		kept->pc = at;
		if (!find_name(u, pc, at, kept->text, sizeof kept->text))
			snprintf(kept->text, sizeof kept->text, "%#jx", (uintmax_t)pc);
	}
	snprintf(ret, size, "%s", kept->text);
}
