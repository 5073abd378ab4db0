/* SPDX-License-Identifier: MIT */
/* fiber_aarch64.h - the switch on aarch64. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Where a fiber goes on. Stale while it runs. */
struct fiber_regs {
	uintptr_t sp, fp, pc;
	uint64_t fpcr;
};

/*
 * Made like the one of fiber_x86_64.h, which tells why it is not a function; nothing was
 * measured here. FPCR is loaded only if it differs, since writing it drains the pipeline.
 * Of the vector registers all of each is clobbered, whatever its size.
 */
#ifdef __ARM_FEATURE_SVE
#define FIBER_CLOBBERS_SVE                                                        \
	, "p0", "p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8", "p9", "p10", "p11", \
		"p12", "p13", "p14", "p15", "ffr"
#else
#define FIBER_CLOBBERS_SVE
#endif

__attribute__((always_inline)) static inline void
fiber_swap(struct fiber_regs *from_regs, const struct fiber_regs *to_regs)
{
	register struct fiber_regs *from __asm__("x0") = from_regs;
	register const struct fiber_regs *to __asm__("x1") = to_regs;

	__asm__ volatile("adr x2, 1f\n\t"
			 "mov x3, sp\n\t"
			 "mrs x4, fpcr\n\t"
			 "str x3, [%[from], %[sp]]\n\t"
			 "str x29, [%[from], %[fp]]\n\t"
			 "str x2, [%[from], %[pc]]\n\t"
			 "str x4, [%[from], %[fpcr]]\n\t"
			 "ldr x3, [%[to], %[sp]]\n\t"
			 "ldr x29, [%[to], %[fp]]\n\t"
			 "ldr x2, [%[to], %[pc]]\n\t"
			 "ldr x5, [%[to], %[fpcr]]\n\t"
			 "mov sp, x3\n\t"
			 "cmp x4, x5\n\t"
			 "b.eq 2f\n\t"
			 "msr fpcr, x5\n"
			 "2:\tbr x2\n"
			 "1:"
			 : [from] "+r"(from), [to] "+r"(to)
			 : [sp] "i"(offsetof(struct fiber_regs, sp)),
			   [fp] "i"(offsetof(struct fiber_regs, fp)),
			   [pc] "i"(offsetof(struct fiber_regs, pc)),
			   [fpcr] "i"(offsetof(struct fiber_regs, fpcr))
			 : "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11",
			   "x12", "x13", "x14", "x15", "x16", "x17", "x18", "x19", "x20",
			   "x21", "x22", "x23", "x24", "x25", "x26", "x27", "x28", "x30",
			   "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9",
			   "v10", "v11", "v12", "v13", "v14", "v15", "v16", "v17", "v18",
			   "v19", "v20", "v21", "v22", "v23", "v24", "v25", "v26", "v27",
			   "v28", "v29", "v30", "v31" FIBER_CLOBBERS_SVE, "cc", "memory");
}

/* For good. Nothing was measured that would make it another one. */
__attribute__((always_inline)) static inline void
fiber_swap_last(struct fiber_regs *from, const struct fiber_regs *to)
{
	fiber_swap(from, to);
}

/* A new fiber inherits the control word, as a new thread does. */
static inline void fiber_inherit_control(struct fiber_regs *regs)
{
	__asm__("mrs %0, fpcr" : "=r"(regs->fpcr));
}

/* A return address as it stands on the stack: code built with pac-ret has signed it. */
static inline uintptr_t fiber_return_address(uintptr_t stored)
{
	register uintptr_t x30 __asm__("x30") = stored;

	/* xpaclri, which older processors take for a nop */
	__asm__("hint #7" : "+r"(x30));
	return x30;
}
