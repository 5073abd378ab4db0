/* SPDX-License-Identifier: MIT */
/* snap.c - one look at a process: its memory, its threads, and where acre is in it. */
#include "actor/snap.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "actor/context.h"
#include "actor/proc.h"
#include "actor/python_layout.h"
#include "actor/runtime.h"
#include "base/mem.h"
#include "base/panic.h"
#include "base/sys.h"
#include "base/util.h"
#include "core/debug.h"

/* Address space; pages are taken as they are used: 1,000 tasks take some 4 MiB. */
#define ROOM_SIZE   ((size_t)256 << 20)
#define ROOM_ALIGN  ((size_t)16)
#define STACK_MAX   ((size_t)64 << 10) /* copied of a thread's */
#define HEADERS_MAX 64		       /* of an ELF file; usual are a dozen */
#define NOTES_MAX   4096	       /* bytes of a segment of notes that are looked through */

int snap_new(struct snap **ret, pid_t pid, uintptr_t root)
{
	void *at = NULL;
	struct snap *s;
	int r = sys_mmap(&at, ROOM_SIZE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (r < 0)
		return r;
	s = at;
	s->pid = pid;
	s->memory = peek_process(pid);
	s->root = root;
	s->size = ROOM_SIZE;
	s->used = sizeof *s;
	s->room = at;
	*ret = s;
	return 0;
}

struct snap *snap_free(struct snap *s)
{
	if (s)
		acre_ignore(sys_munmap(s, s->size));
	return NULL;
}

void *snap_room(struct snap *s, size_t len)
{
	size_t at = (s->used + ROOM_ALIGN - 1) & ~(ROOM_ALIGN - 1);

	if (len > s->size - at) {
		snap_problem(s, "there is more than there is room for");
		return NULL;
	}
	s->used = at + len;
	return s->room + at; /* fresh pages: zeroed */
}

void snap_problem(struct snap *s, const char *what)
{
	if (!s->problem)
		s->problem = what;
}

static void copy_stack(struct snap *s, size_t i)
{
	const struct freeze_thread *t = &s->threads[i];
	struct unwind_stack *stack = &s->stacks[i];
	uint8_t *to;
	ssize_t len;

	*stack = (struct unwind_stack){ .place = t->place };
	if (!t->has_place)
		return;
	stack->at = t->place.regs[FREEZE_SP];
	to = snap_room(s, STACK_MAX);
	if (!to)
		return;
	len = s->memory.read(&s->memory, stack->at, to, STACK_MAX);
	stack->bytes = to;
	stack->len = len > 0 ? (size_t)len : 0;
	s->used -= STACK_MAX - stack->len;
}

static pid_t our_number(const struct snap *s, pid_t own)
{
	for (size_t i = 0; i < s->freeze.n; i++)
		if (proc_own_number(s->pid, s->threads[i].tid) == own)
			return s->threads[i].tid;
	return own;
}

/* What it knows of itself and its children are its own numbers, which in another PID
 * namespace are not ours. */
static void take_our_numbers(struct snap *s)
{
	pid_t own = proc_own_number(s->pid, s->pid), pid;

	if (own == 0 || own == s->pid)
		return;
	for (struct snap_python *p = s->python; p; p = p->next)
		p->tid = our_number(s, p->tid);
	for (struct snap_loop *l = s->loops; l; l = l->next) {
		l->tid = our_number(s, l->tid);
		for (struct snap_child *c = l->children; c; c = c->next) {
			pid = proc_behind(s->pid, c->pidfd);
			/* one that is no process is an actor in a thread of it */
			c->pid = pid > 0 ? pid : c->pid == own ? s->pid : c->pid;
		}
	}
}

int snap_take(struct snap *s, pid_t skip)
{
	int r;

	s->freeze = (struct freeze){ .pid = s->pid,
				     .skip = skip,
				     .threads = s->threads,
				     .n_max = SNAP_THREADS_MAX };
	r = freeze_begin(&s->freeze);
	if (r >= 0) {
		for (size_t i = 0; i < s->freeze.n; i++)
			copy_stack(s, i);
		snap_read(s);
		snap_read_python(s);
	}
	freeze_end(&s->freeze);
	if (r >= 0)
		take_our_numbers(s);
	return r;
}

/* To find acre: an ELF file that is mapped, a note in it, and what the note points to. */

/* Notes are { header, name, description }, the latter two padded to 4. */
static uintptr_t root_of_notes(const uint8_t *notes, size_t len, uintptr_t at)
{
	ElfW(Nhdr) head;
	size_t name, desc, end;
	int32_t distance;

	for (size_t i = 0; len - i >= sizeof head; i = end) {
		memcpy(&head, notes + i, sizeof head);
		name = i + sizeof head;
		desc = name + ((head.n_namesz + (size_t)3) & ~(size_t)3);
		end = desc + ((head.n_descsz + (size_t)3) & ~(size_t)3);
		if (end > len || end < i + sizeof head)
			return 0;
		if (head.n_type != DEBUG_NOTE_TYPE ||
		    head.n_namesz != sizeof DEBUG_NOTE_NAME ||
		    head.n_descsz != sizeof distance ||
		    memcmp(notes + name, DEBUG_NOTE_NAME, sizeof DEBUG_NOTE_NAME) != 0)
			continue;
		memcpy(&distance, notes + desc, sizeof distance);
		return at + desc + (uintptr_t)(intptr_t)distance;
	}
	return 0;
}

static uintptr_t root_of_segment(const struct peek *p, uintptr_t at, size_t len)
{
	_Alignas(8) uint8_t notes[NOTES_MAX];

	len = size_min(len, sizeof notes);
	return peek_all(p, at, notes, len) ? root_of_notes(notes, len, at) : 0;
}

/* Of the file whose first byte is mapped there. */
static uintptr_t root_of_file(const struct peek *p, uintptr_t at)
{
	ElfW(Phdr) headers[HEADERS_MAX];
	uintptr_t bias = at, root = 0;
	ElfW(Ehdr) head;
	size_t n;

	if (!peek_all(p, at, &head, sizeof head) || memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 ||
	    head.e_phentsize != sizeof *headers)
		return 0;
	n = size_min(head.e_phnum, HEADERS_MAX);
	if (!peek_all(p, at + head.e_phoff, headers, n * sizeof *headers))
		return 0;
	for (size_t i = n; i-- > 0;)
		if (headers[i].p_type == PT_LOAD && headers[i].p_offset == 0)
			bias = at - headers[i].p_vaddr;
	for (size_t i = 0; root == 0 && i < n; i++)
		if (headers[i].p_type == PT_NOTE)
			root = root_of_segment(p, bias + headers[i].p_vaddr,
					       headers[i].p_memsz);
	return root;
}

/* A line of maps: START-END PERMS OFFSET DEVICE INODE PATH; false: no file begins there. */
static bool parse_mapping(const char *line, uintptr_t *ret_at)
{
	const char *field = strchr(line, ' ');
	char *end;

	*ret_at = strtoul(line, &end, 16);
	if (*end != '-' || !field || strlen(field) <= strlen(" r-xp "))
		return false;
	return strtoul(field + strlen(" r-xp "), NULL, 16) == 0 && strchr(field, '/');
}

static int check_root(const struct peek *p, uintptr_t at, char ret_version[SNAP_VERSION_MAX])
{
	struct debug_root root;

	if (!peek_all(p, at, &root, sizeof root) ||
	    memcmp(root.magic, DEBUG_MAGIC, sizeof DEBUG_MAGIC) != 0)
		return -ENOENT;
	memcpy(ret_version, root.version, SNAP_VERSION_MAX);
	ret_version[SNAP_VERSION_MAX - 1] = '\0';
	if (root.actor_layout && root.actor_layout != snap_layout())
		return -EPROTO;
	return root.layout == acre_debug_root.layout ? 0 : -EPROTO;
}

/* acre may be there twice, in a program and in a library; who runs a loop is meant. */
static bool has_loops(const struct peek *p, uintptr_t at)
{
	struct debug_root root;

	return peek_all(p, at, &root, sizeof root) &&
	       (uintptr_t)root.loops.next != at + offsetof(struct debug_root, loops);
}

int snap_find(pid_t pid, uintptr_t *ret_root, char ret_version[SNAP_VERSION_MAX])
{
	struct peek p = peek_process(pid);
	char path[64], *line = NULL;
	uintptr_t at, root;
	int r = -ENOENT, checked, fd;
	size_t size = 0;
	char byte;
	FILE *f;

	snprintf(path, sizeof path, "/proc/%d/maps", (int)pid);
	fd = sys_openat(AT_FDCWD, path, O_RDONLY, 0);
	if (fd < 0)
		return fd == -EACCES ? -EPERM : -ESRCH;
	f = fdopen(fd, "r");
	if (!f) {
		sys_close(fd);
		return -ENOMEM;
	}
	while (getline(&line, &size, f) > 0) {
		if (!parse_mapping(line, &at))
			continue;
		if (r == -ENOENT && p.read(&p, at, &byte, 1) == -EPERM)
			r = -EPERM;
		root = root_of_file(&p, at);
		checked = root ? check_root(&p, root, ret_version) : -ENOENT;
		if (checked == -ENOENT || (r == 0 && !has_loops(&p, root)))
			continue;
		r = checked;
		*ret_root = root;
	}
	free(line);
	fclose(f);
	return r;
}

#define RUNTIME_1 DEBUG_FIELD(1, struct runtime, name)
#define RUNTIME_2 DEBUG_FIELD(RUNTIME_1, struct runtime, children)
#define RUNTIME_3 DEBUG_FIELD(RUNTIME_2, struct runtime, is_root)
#define ACTOR_1	  DEBUG_FIELD(RUNTIME_3, struct acre_actor, name)
#define ACTOR_2	  DEBUG_FIELD(ACTOR_1, struct acre_actor, link_lost)
#define ACTOR_3	  DEBUG_FIELD(ACTOR_2, struct acre_actor, life)
#define CONTEXT_1 DEBUG_FIELD(ACTOR_3, struct acre_context, peer)
#define CONTEXT_2 DEBUG_FIELD(CONTEXT_1, struct acre_context, endpoint_name)

uint64_t snap_layout(void)
{
	return DEBUG_MIX(DEBUG_MIX(CONTEXT_2, N_LIFE_STATE),
			 sizeof(struct python_layout));
}

uintptr_t snap_own_root(void)
{
	return (uintptr_t)&acre_debug_root;
}
