/* SPDX-License-Identifier: MIT */
/* symbol.c - what code an address is: module, function, file and line. */
/*
 * Two steps. What module an address lies in is known to the dynamic linker of the process it is
 * of. What is at an offset in a module's file is known to whoever can read that file, and is
 * found by libdw, in one session for each module: its symbols, and the line table of its debug
 * data, also of that in /usr/lib/debug/.build-id.
 *
 * libdw may use more stack than a task has, so it runs on a thread that lives as long as the
 * search.
 *
 * libdw's usual way of finding debug data also asks servers (DEBUGINFOD_URLS). We take the part
 * that reads files only: printing a failure must end.
 */
#define _GNU_SOURCE
#include "core/symbol.h"

#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>

#include "base/sys.h"
#include "base/util.h"
#include "core/libdw.h"

#define STACK_SIZE (2 * 1024 * 1024) /* address space; pages are taken as they are used */
#define OWN_EXE    "/proc/self/exe"

/* The dynamic linker calls the program itself "". */
static char exe_path[PATH_MAX];
static pthread_once_t exe_once = PTHREAD_ONCE_INIT;

static void read_exe_path(void)
{
	ssize_t len = sys_readlinkat(AT_FDCWD, OWN_EXE, exe_path, sizeof exe_path - 1);

	exe_path[len > 0 ? len : 0] = '\0';
}

static const char *path_of(const struct dl_phdr_info *info)
{
	if (info->dlpi_name && *info->dlpi_name)
		return info->dlpi_name;
	pthread_once(&exe_once, read_exe_path);
	return exe_path;
}

static size_t note_round(size_t len, size_t align)
{
	return (len + align - 1) & ~(align - 1);
}

/* Notes are { header, name, description }, the latter two padded. */
static bool find_build_id_in(const uint8_t *note, size_t len, size_t align,
			     struct symbol_module *ret)
{
	ElfW(Nhdr) head;
	size_t name_end, end;

	for (; len >= sizeof head; note += end, len -= end) {
		memcpy(&head, note, sizeof head);
		name_end = sizeof head + note_round(head.n_namesz, align);
		end = note_round(name_end + head.n_descsz, align);
		if (end > len)
			return false;
		if (head.n_type != NT_GNU_BUILD_ID || head.n_namesz != sizeof "GNU" ||
		    memcmp(note + sizeof head, "GNU", sizeof "GNU") != 0)
			continue;
		ret->build_id = note + name_end;
		ret->build_id_len = head.n_descsz;
		return true;
	}
	return false;
}

static void find_build_id(const struct dl_phdr_info *info, struct symbol_module *ret)
{
	const ElfW(Phdr) * p;

	for (size_t i = 0; i < info->dlpi_phnum; i++) {
		p = &info->dlpi_phdr[i];
		if (p->p_type == PT_NOTE &&
		    find_build_id_in((const void *)(info->dlpi_addr + p->p_vaddr),
				     p->p_memsz, p->p_align == 8 ? 8 : 4, ret))
			return;
	}
}

static bool holds(const struct dl_phdr_info *info, uintptr_t pc)
{
	const ElfW(Phdr) * p;

	for (size_t i = 0; i < info->dlpi_phnum; i++) {
		p = &info->dlpi_phdr[i];
		if (p->p_type == PT_LOAD &&
		    pc - info->dlpi_addr - p->p_vaddr < p->p_memsz)
			return true;
	}
	return false;
}

static struct symbol_module module_of(const struct dl_phdr_info *info)
{
	struct symbol_module m = { .path = path_of(info) };

	find_build_id(info, &m);
	return m;
}

struct search {
	uintptr_t pc;                       /* by address, or ... */
	const struct symbol_module *wanted; /* ... by build id, or path if it has none */
	struct symbol_module module;
	uintptr_t base;
	bool is_exe;
};

static bool is_same_build(const struct symbol_module *m, const void *id, size_t len)
{
	return m->build_id_len == len && (len == 0 || memcmp(m->build_id, id, len) == 0);
}

static int visit(struct dl_phdr_info *info, size_t len, void *arg)
{
	struct search *s = arg;

	(void)len;
	if (!s->wanted && !holds(info, s->pc))
		return 0;
	s->module = module_of(info);
	s->base = info->dlpi_addr;
	s->is_exe = !info->dlpi_name || !*info->dlpi_name;
	if (!s->wanted)
		return 1;
	return is_same_build(s->wanted, s->module.build_id, s->module.build_id_len) &&
	       (s->wanted->build_id_len > 0 ||
		strcmp(s->wanted->path, s->module.path) == 0);
}

int symbol_module(uintptr_t pc, struct symbol_module *ret, uint64_t *ret_offset)
{
	struct search s = { .pc = pc - 1 };

	if (dl_iterate_phdr(visit, &s) == 0)
		return -ENOENT;
	*ret = s.module;
	*ret_offset = pc - s.base;
	return 0;
}

#ifdef ACRE_HAVE_LIBDW

static Dwfl_Callbacks callbacks;
static pthread_once_t callbacks_once = PTHREAD_ONCE_INIT;
static const struct libdw *dw;

static void set_callbacks(void)
{
	dw = libdw_load();
	if (!dw)
		return;
	callbacks.find_debuginfo = dw->dwfl_build_id_find_debuginfo;
	callbacks.section_address = dw->dwfl_offline_section_address;
}

/* A stranger's file is read only if it has the right build id, which is seen later, and no third
 * party can have put it there to have libdw stumble. */
static int open_stranger(const struct symbol_module *m)
{
	auto_close int fd = -1;
	struct stat st;
	int r;

	if (m->build_id_len == 0 || m->path[0] != '/')
		return -ENOENT;
	fd = sys_openat(AT_FDCWD, m->path, O_RDONLY | O_NOCTTY | O_NONBLOCK, 0);
	if (fd < 0)
		return fd;
	r = sys_fstat(fd, &st);
	if (r < 0)
		return r;
	if (!S_ISREG(st.st_mode) || st.st_mode & S_IWOTH ||
	    (st.st_uid != 0 && st.st_uid != getauxval(AT_EUID)))
		return -EPERM;
	return TAKE_FD(fd);
}

/* One that we have loaded ourselves is read from where we have it. */
static int open_module(const struct symbol_module *m)
{
	struct search s = { .wanted = m };

	if (dl_iterate_phdr(visit, &s) == 0)
		return open_stranger(m);
	return sys_openat(AT_FDCWD, s.is_exe ? OWN_EXE : s.module.path, O_RDONLY, 0);
}

static void set_file(struct symbol *s, const char *file, int line)
{
	size_t len = strlen(file), max = sizeof s->file - 1;

	snprintf(s->file, sizeof s->file, "%s", len > max ? file + len - max : file);
	s->line = line;
}

static void look_up(Dwfl_Module *in, Dwarf_Addr bias, struct symbol *s)
{
	Dwarf_Addr at = s->offset - 1 + bias;
	const char *text;
	GElf_Off into;
	GElf_Sym sym;
	int line = 0;

	text = dw->dwfl_module_addrinfo(in, at, &into, &sym, NULL, NULL, NULL);
	if (text)
		snprintf(s->function, sizeof s->function, "%s", text);
	text = libdw_line(in, at, &line);
	if (text)
		set_file(s, text, line);
}

/* Opens the module in a session, which owns all there is. NULL: not there, or another build. */
static Dwfl_Module *open_in(Dwfl *session, const struct symbol_module *m, Dwarf_Addr *ret_bias)
{
	const unsigned char *build_id = NULL;
	int fd = open_module(m), len;
	Dwfl_Module *in;
	GElf_Addr at;

	if (fd < 0)
		return NULL;
	in = dw->dwfl_report_offline(session, "", m->path, fd);
	if (!in)
		sys_close(fd);
	dw->dwfl_report_end(session, NULL, NULL);
	if (!in || !dw->dwfl_module_getelf(in, ret_bias))
		return NULL;
	len = dw->dwfl_module_build_id(in, &build_id, &at);
	return is_same_build(m, build_id, len > 0 ? (size_t)len : 0) ? in : NULL;
}

static bool is_same_module(const struct symbol_module *a, const struct symbol_module *b)
{
	return a == b || (strcmp(a->path, b->path) == 0 &&
			  is_same_build(a, b->build_id, b->build_id_len));
}

/* All symbols of the first one's module. */
static void look_up_module(struct symbol *symbols, size_t n)
{
	Dwfl *session = dw->dwfl_begin(&callbacks);
	Dwfl_Module *in = NULL;
	Dwarf_Addr bias;

	if (session)
		in = open_in(session, symbols->module, &bias);
	for (size_t i = 0; in && i < n; i++)
		if (is_same_module(symbols[i].module, symbols->module))
			look_up(in, bias, &symbols[i]);
	if (session)
		dw->dwfl_end(session);
}

static bool use_libdw(struct symbol *symbols, size_t n)
{
	size_t before;

	pthread_once(&callbacks_once, set_callbacks);
	if (!dw)
		return false;
	for (size_t i = 0; i < n; i++) {
		for (before = 0; before < i; before++)
			if (is_same_module(symbols[i].module, symbols[before].module))
				break;
		if (before == i)
			look_up_module(&symbols[i], n - i);
	}
	return true;
}

#else

static bool use_libdw(struct symbol *symbols, size_t n)
{
	(void)symbols;
	(void)n;
	return false;
}

#endif

/* Of our own modules the dynamic linker knows the exported functions. */
static void use_linker(struct symbol *s)
{
	struct search search = { .wanted = s->module };
	Dl_info info;

	if (dl_iterate_phdr(visit, &search) == 0)
		return;
	if (dladdr((const void *)(search.base + s->offset - 1), &info) && info.dli_sname)
		snprintf(s->function, sizeof s->function, "%s", info.dli_sname);
}

struct job {
	struct symbol *symbols;
	size_t n;
};

static void *run(void *arg)
{
	struct job *job = arg;

	if (!use_libdw(job->symbols, job->n))
		for (size_t i = 0; i < job->n; i++)
			use_linker(&job->symbols[i]);
	return NULL;
}

/* Signals are blocked in all of our threads. This one has no place at the fork barrier: who
 * waits for it does not rest, so it has ended before anything is forked. */
void symbol_resolve(struct symbol *symbols, size_t n)
{
	struct job job = { .symbols = symbols, .n = n };
	sigset_t before;
	pthread_attr_t attr;
	pthread_t thread;
	bool runs;

	if (n == 0 || pthread_attr_init(&attr) != 0)
		return;
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	sys_block_asynchronous(&before);
	runs = pthread_create(&thread, &attr, run, &job) == 0; /* allowed: joined below */
	sys_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	if (runs)
		pthread_join(thread, NULL);
}
