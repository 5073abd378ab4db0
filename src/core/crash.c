/* SPDX-License-Identifier: MIT */
/* crash.c - the last words of a process that its own fault kills. */
/*
 * The handler runs on a stack of its own, with all signals blocked: a fault in it is the end, at
 * once, and the parent still sees a signal. It reads, and it writes to stderr; it takes no lock
 * and no memory. So what modules there are is noted down before.
 *
 * The backtrace follows frame pointers. Our own code has them, libc has not, and it may keep
 * anything in that register. So in a task, where a whole chain of frames is known by its end, the
 * first frame above the stack pointer is taken from which the chain is whole; what has no frames
 * is skipped.
 */
#define _GNU_SOURCE
#include "core/crash.h"

#include <link.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "base/line.h"
#include "base/mem.h"
#include "base/panic.h"
#include "base/sys.h"
#include "base/util.h"
#include "core/death.h"
#include "core/loop.h"
#include "core/symbol.h"

#define FRAMES_MAX	32
#define EVENTS_TOLD	16
#define MODULES_MAX	64 /* of which code is found in backtraces; more are unusual */
#define BUILD_ID_MAX	32
#define STACK_ROOM	((size_t)16 << 10) /* beyond what the kernel lays on it */
#define STACK_MIN_GUESS 2048 /* where the kernel does not say what that is */

/* Functions without a frame are short; a longer one is not the target of that call. */
#define FRAMELESS_LEN_MAX 1024
#define CALL_LEN_MAX	  5

#ifndef AT_MINSIGSTKSZ
#define AT_MINSIGSTKSZ 51
#endif

#ifdef FIBER_ANNOTATED
static const bool sanitizer_tells = true;
#else
static const bool sanitizer_tells = false;
#endif

static const int caught_signals[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT };

struct module {
	uintptr_t base, code, code_end;
	char *path; /* owned */
	const char *name;
	uint8_t build_id[BUILD_ID_MAX];
	size_t build_id_len;
};

struct crash {
	struct module modules[MODULES_MAX];
	_Atomic size_t n_modules; /* goes up last: the handler may look at any moment */
	struct sigaction before[ARRAY_N(caught_signals)];
	size_t n_threads; /* that catch; under the lock */
};

/* Where a thread's handler runs. */
struct crash_stack {
	void *at; /* owned; NULL: this thread does not catch */
	size_t len;
	stack_t before;
};

static struct crash *caught;	     /* owned; NULL: crashes are not caught */
static struct crash *prepared; /* owned: what knows modules, and is not in use yet */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of its coming and going */
static _Thread_local struct crash_stack own_stack;
static atomic_flag speaking;	     /* one thread speaks, once */
static _Atomic bool events_are_told; /* by a panic, just before it aborts */

/* Modules. */

/* None is known where nothing is caught any more: a handler of the program that has taken
 * ours over may call it then. */
static const struct module *module_of(const struct crash *c, uintptr_t pc)
{
	size_t n = c ? atomic_load_explicit(&c->n_modules, memory_order_acquire) : 0;

	for (size_t i = 0; i < n; i++)
		if (pc >= c->modules[i].code && pc < c->modules[i].code_end)
			return &c->modules[i];
	return NULL;
}

static const struct module *module_at(uintptr_t pc)
{
	return module_of(caught, pc);
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static void find_code(const struct dl_phdr_info *info, struct module *ret)
{
	const ElfW(Phdr) * p;
	uintptr_t low;

	ret->code = UINTPTR_MAX;
	for (size_t i = 0; i < info->dlpi_phnum; i++) {
		p = &info->dlpi_phdr[i];
		if (p->p_type != PT_LOAD || !(p->p_flags & PF_X))
			continue;
		low = info->dlpi_addr + p->p_vaddr;
		ret->code = low < ret->code ? low : ret->code;
		ret->code_end = size_max(ret->code_end, low + p->p_memsz);
	}
}

static bool describe(struct module *m)
{
	struct symbol_module is;
	uint64_t offset;

	if (symbol_module(m->code + 1, &is, &offset) < 0)
		return false;
	m->base = m->code + 1 - (uintptr_t)offset;
	m->path = mem_strdup(is.path);
	if (!m->path)
		return false;
	m->name = base_name(m->path);
	if (is.build_id && is.build_id_len <= BUILD_ID_MAX) {
		memcpy(m->build_id, is.build_id, is.build_id_len);
		m->build_id_len = is.build_id_len;
	}
	return true;
}

static int note_module(struct dl_phdr_info *info, size_t len, void *arg)
{
	struct crash *c = arg;
	size_t n = atomic_load(&c->n_modules);
	struct module m = { .code_end = 0 };

	(void)len;
	if (n == MODULES_MAX)
		return 1;
	find_code(info, &m);
	if (m.code >= m.code_end || module_of(c, m.code) || !describe(&m))
		return 0;
	c->modules[n] = m;
	atomic_store_explicit(&c->n_modules, n + 1, memory_order_release);
	return 0;
}

static void learn_modules_locked(struct crash *c)
{
	if (c)
		dl_iterate_phdr(note_module, c);
}

void crash_learn_modules(void)
{
	pthread_mutex_lock(&lock);
	learn_modules_locked(caught);
	pthread_mutex_unlock(&lock);
}

void crash_prepare(void)
{
	if (prepared || caught || sanitizer_tells)
		return;
	prepared = mem_zalloc(sizeof *prepared);
	learn_modules_locked(prepared);
}

/* The backtrace. */

struct place {
	uintptr_t pc, sp, fp;
	uintptr_t returns_to; /* if the function at pc has pushed nothing yet */
	uintptr_t low, high;  /* of the stack that may be read; equal: none */
};

/* Of the stack that the fiber ran on, its part in use. */
static void find_stack(struct place *at)
{
	const struct fiber *f = fiber_running;
	uintptr_t low = f ? (uintptr_t)f->low : 0;

	if (!f || at->sp + STACK_GUARD_SIZE < low || at->sp >= low + f->size)
		return;
	at->low = size_max(at->sp, low) & ~(sizeof at->sp - 1);
	at->high = low + f->size;
}

#if defined(__x86_64__)

#define CALL_OPCODE 0xe8 /* call rel32 */
#define CALL_SIZE   5	 /* bytes: the opcode and the distance */

static void read_registers(struct place *at, const mcontext_t *m)
{
	at->pc = (uintptr_t)m->gregs[REG_RIP];
	at->sp = (uintptr_t)m->gregs[REG_RSP];
	at->fp = (uintptr_t)m->gregs[REG_RBP];
	find_stack(at);
	if (at->low == at->sp && at->high - at->low >= sizeof at->sp)
		at->returns_to = *(const uintptr_t *)at->sp;
}

/* Where the call before a return address goes, if it is a plain one. */
static uintptr_t call_target(uintptr_t returns_to)
{
	const uint8_t *call = (const uint8_t *)(returns_to - CALL_SIZE);
	int32_t distance;

	if (returns_to <= CALL_SIZE || *call != CALL_OPCODE)
		return 0;
	memcpy(&distance, call + 1, sizeof distance);
	return returns_to + (uintptr_t)(intptr_t)distance;
}

#elif defined(__aarch64__)

static void read_registers(struct place *at, const mcontext_t *m)
{
	at->pc = m->pc;
	at->sp = m->sp;
	at->fp = m->regs[29];
	at->returns_to = fiber_return_address(m->regs[30]);
	find_stack(at);
}

static uintptr_t call_target(uintptr_t returns_to)
{
	uint32_t call;

	memcpy(&call, (const uint8_t *)returns_to - sizeof call, sizeof call);
	if (call >> 26 != 0x25) /* bl, with a distance of 26 bits in words */
		return 0;
	return returns_to - sizeof call +
	       (uintptr_t)(intptr_t)((int32_t)(call << 6) >> 4);
}

#endif

/* The outermost frame of a task has no caller's frame pointer (fiber_init). */
static bool chain_is_whole(const struct place *at, uintptr_t fp)
{
	uintptr_t low = at->low, pc;

	while (fiber_walk(fp, low, at->high, &pc, 1) == 1 && module_at(pc)) {
		low = fp + 1;
		fp = *(const uintptr_t *)fp;
		if (fp == 0)
			return true;
	}
	return false;
}

static uintptr_t first_frame(const struct place *at)
{
	if (!loop_this || !loop_this->current || chain_is_whole(at, at->fp))
		return at->fp;
	for (uintptr_t fp = at->low; fp < at->high; fp += sizeof fp)
		if (chain_is_whole(at, fp))
			return fp;
	return at->fp;
}

/* A function that calls no other has no frame: its caller's is the first one, so that the caller
 * itself would be missing. Nor have those of libc, or a jump to nowhere. */
static bool is_frameless(const struct place *at, uintptr_t caller)
{
	const struct module *m = module_at(at->returns_to);

	if (!m || at->returns_to - m->code < CALL_LEN_MAX)
		return false;
	return module_at(at->pc) != module_at(caller) ||
	       at->pc - call_target(at->returns_to) < FRAMELESS_LEN_MAX;
}

/* The place itself first, then return addresses. */
static size_t backtrace(const struct place *at, uintptr_t pcs[FRAMES_MAX])
{
	uintptr_t fp = first_frame(at), caller = 0;
	size_t n = 0;

	pcs[n++] = at->pc;
	fiber_walk(fp, at->low, at->high, &caller, 1);
	if (is_frameless(at, caller))
		pcs[n++] = at->returns_to;
	return n + fiber_walk(fp, at->low, at->high, pcs + n, FRAMES_MAX - n);
}

/* What is told. */

static void tell_frame(struct line *l, size_t number, uintptr_t pc)
{
	const struct module *m = module_at(pc);

	line_text(l, "    #");
	line_decimal(l, number);
	line_text(l, " ");
	if (m) {
		line_text(l, m->name);
		line_text(l, "+");
	}
	line_hex(l, m ? pc - m->base : pc);
	line_write(l, STDERR_FILENO);
}

static void tell_module(struct line *l, const struct module *m)
{
	line_text(l, "    module ");
	line_text(l, m->name);
	line_text(l, " is ");
	line_text(l, m->path);
	if (m->build_id_len > 0) {
		line_text(l, ", build ");
		line_bytes(l, m->build_id, m->build_id_len);
	}
	line_write(l, STDERR_FILENO);
}

static void tell_backtrace(struct line *l, const struct place *at)
{
	bool is_told[MODULES_MAX] = { false };
	uintptr_t pcs[FRAMES_MAX];
	size_t n = backtrace(at, pcs);
	const struct module *m;

	for (size_t i = 0; i < n; i++)
		tell_frame(l, i, pcs[i]);
	for (size_t i = 0; i < n; i++) {
		m = module_at(pcs[i]);
		if (!m || is_told[m - caught->modules])
			continue;
		is_told[m - caught->modules] = true;
		tell_module(l, m);
	}
}

/* The guard below its own stack was hit. */
static bool has_overflowed(const struct task *t, int sig, const siginfo_t *info)
{
	bool in_guard;
	uintptr_t low;

	return t && sig == SIGSEGV && info->si_code > 0 &&
	       stack_find(t->pool, (uintptr_t)info->si_addr, &low, &in_guard) &&
	       in_guard && low == (uintptr_t)t->stack;
}

static void add_task(struct line *l, const struct task *t)
{
	char path[REPORT_PATH_MAX];

	if (!t) {
		line_text(l, " outside of a task");
		return;
	}
	task_path(t, path, sizeof path);
	line_text(l, " in task ");
	line_text(l, path);
}

static void add_origin(struct line *l, int sig, const siginfo_t *info)
{
	if (info->si_code > 0 && sig != SIGABRT) {
		line_text(l, " at address ");
		line_hex(l, (uintptr_t)info->si_addr);
	} else if (info->si_code <= 0 && info->si_pid != sys_real.getpid()) {
		line_text(l, " from process ");
		line_decimal(l, (uint64_t)info->si_pid);
	}
}

static void tell_what(struct line *l, int sig, const siginfo_t *info)
{
	const struct task *t = task_this();
	char name[SIGNAL_NAME_MAX];

	line_text(l, "acre: ");
	if (has_overflowed(t, sig, info)) {
		line_text(l, "stack overflow");
		add_task(l, t);
		line_text(l, ": ");
		line_decimal(l, t->pool->usable >> 10);
		line_text(l, " KiB used up; give it a bigger stack (.stack_size)");
	} else {
		line_text(l, signal_name(sig, name));
		add_origin(l, sig, info);
		add_task(l, t);
	}
	line_write(l, STDERR_FILENO);
}

/* A handler. Whoever comes second waits for the end that the first one brings. */
static void tell_and_die(int sig, siginfo_t *info, void *context)
{
	static const struct sigaction dfl = { .sa_handler = SIG_DFL };
	struct line l = { .len = 0 };
	struct place at = { .pc = 0 };

	while (atomic_flag_test_and_set(&speaking))
		pause();
	read_registers(&at, &((const ucontext_t *)context)->uc_mcontext);
	tell_what(&l, sig, info);
	tell_backtrace(&l, &at);
	if (!atomic_load(&events_are_told))
		acre_trace_print(STDERR_FILENO, EVENTS_TOLD);
	sys_real.sigaction(sig, &dfl, NULL);
	raise(sig); /* blocked until we return: then it strikes where it did at first */
}

static void tell_events(int fd)
{
	acre_trace_print(fd, EVENTS_TOLD);
	atomic_store(&events_are_told, true);
}

/* To begin and to end. */

static void free_stack(struct crash_stack *s)
{
	if (s->at)
		acre_ignore(sys_munmap(s->at, s->len));
	s->at = NULL;
}

static int take_stack(struct crash_stack *s)
{
	size_t kernel = getauxval(AT_MINSIGSTKSZ);
	stack_t stack;
	int r;

	s->at = NULL;
	s->len = (kernel ? kernel : STACK_MIN_GUESS) + STACK_ROOM;
	r = sys_mmap(&s->at, s->len, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	if (r < 0)
		return r;
	stack = (stack_t){ .ss_sp = s->at, .ss_size = s->len };
	r = sys_sigaltstack(&stack, &s->before);
	if (r < 0)
		free_stack(s);
	return r;
}

/* Unless the program has another one by now. */
static void give_stack_back(struct crash_stack *s)
{
	stack_t now = { .ss_sp = NULL };

	if (sys_sigaltstack(NULL, &now) >= 0 && now.ss_sp == s->at)
		acre_ignore(sys_sigaltstack(&s->before, NULL));
	free_stack(s);
}

static void take_signals(struct crash *c)
{
	struct sigaction act = {
		.sa_sigaction = tell_and_die,
		.sa_flags = SA_SIGINFO | SA_ONSTACK,
	};
	int sig;

	sigfillset(&act.sa_mask);
	for (size_t i = 0; i < ARRAY_N(caught_signals); i++) {
		sig = caught_signals[i];
		acre_ignore(sys_sigaction(sig, NULL, &c->before[i]));
		if (c->before[i].sa_handler == SIG_DFL)
			acre_ignore(sys_sigaction(sig, &act, NULL));
	}
}

static struct crash *crash_free(struct crash *c)
{
	for (size_t i = 0; i < c->n_modules; i++)
		mem_free(c->modules[i].path);
	return mem_free(c);
}

static int begin_locked(void)
{
	if (caught)
		return 0;
	if (prepared) { /* nothing was loaded since: who has prepared forks at once */
		caught = TAKE_PTR(prepared);
	} else {
		caught = mem_zalloc(sizeof *caught);
		learn_modules_locked(caught);
	}
	if (!caught)
		return -ENOMEM;
	panic_hook_set(tell_events);
	take_signals(caught);
	return 0;
}

int crash_catch(void)
{
	int r;

	if (own_stack.at || sanitizer_tells)
		return 0;
	r = take_stack(&own_stack);
	if (r < 0)
		return r;
	pthread_mutex_lock(&lock);
	r = begin_locked();
	if (r >= 0)
		caught->n_threads++;
	pthread_mutex_unlock(&lock);
	if (r < 0)
		give_stack_back(&own_stack);
	return r;
}

/* What the program has set meanwhile stays, as what it had set before. */
static void give_signals_back(const struct crash *c)
{
	struct sigaction now;
	int sig;

	for (size_t i = 0; i < ARRAY_N(caught_signals); i++) {
		sig = caught_signals[i];
		if (c->before[i].sa_handler == SIG_DFL &&
		    sys_sigaction(sig, NULL, &now) >= 0 &&
		    now.sa_sigaction == tell_and_die)
			acre_ignore(sys_sigaction(sig, &c->before[i], NULL));
	}
}

static void end_locked(void)
{
	struct crash *c = caught;

	give_signals_back(c);
	panic_hook_set(NULL);
	caught = NULL;
	crash_free(c);
}

void crash_release(void)
{
	if (!own_stack.at)
		return;
	pthread_mutex_lock(&lock);
	if (--caught->n_threads == 0)
		end_locked();
	pthread_mutex_unlock(&lock);
	give_stack_back(&own_stack);
}
