/* SPDX-License-Identifier: MIT */
/* fiber_x86_64.h - the switch on x86-64. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Where a fiber goes on. Stale while it runs. */
struct fiber_regs {
	uintptr_t sp, fp, pc;
	uint32_t mxcsr;
	uint16_t x87_control;
};

/*
 * The switch is not a function: then the compiler saves only those registers that hold
 * something, and no return instruction goes where the processor does not expect it.
 * Measured per switch on one Zen 4 core, two fibers switching at two places / 16 at one
 * place:
 *
 *	this, control words included               5.0 ns    5.8 ns
 *	this, without the control words            0.9 ns    3.5 ns
 *	a function ending in ret, with them        11  ns    6.1 ns
 *	a function ending in jmp, with them        6.6 ns   10.6 ns
 *
 * After a jmp out of a called function the processor's stack of return addresses is one
 * off, so that all returns after the switch are mispredicted. A ret is predicted well
 * only if both fibers have stopped at the same place.
 *
 * What the control words cost is nearly all stmxcsr's; to compare before loading costs
 * more than to load. They stay since a rounding mode that leaks to another task makes
 * wrong results without a word.
 *
 * All other registers are clobbered: a register that some extension adds, and that a
 * caller compiled for it could hold something in, must be added to the lists.
 */
#ifdef __AVX512F__
#define FIBER_CLOBBERS_AVX512                                                            \
	, "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23",        \
		"xmm24", "xmm25", "xmm26", "xmm27", "xmm28", "xmm29", "xmm30", "xmm31",  \
		"k1", "k2", "k3", "k4", "k5", "k6", "k7"
#else
#define FIBER_CLOBBERS_AVX512
#endif

#ifdef __APX_F__
#define FIBER_CLOBBERS_APX                                                               \
	, "r16", "r17", "r18", "r19", "r20", "r21", "r22", "r23", "r24", "r25", "r26",   \
		"r27", "r28", "r29", "r30", "r31"
#else
#define FIBER_CLOBBERS_APX
#endif

#define FIBER_SWAP_(save_control, from, to)                                             \
	__asm__ volatile("leaq 1f(%%rip), %%rax\n\t"                                    \
			 "movq %%rsp, %c[sp](%[from_])\n\t"                             \
			 "movq %%rbp, %c[fp](%[from_])\n\t"                             \
			 "movq %%rax, %c[pc](%[from_])\n\t" save_control                \
			 "ldmxcsr %c[mxcsr](%[to_])\n\t"                                \
			 "fldcw %c[x87](%[to_])\n\t"                                    \
			 "movq %c[sp](%[to_]), %%rsp\n\t"                               \
			 "movq %c[fp](%[to_]), %%rbp\n\t"                               \
			 "jmpq *%c[pc](%[to_])\n"                                       \
			 "1:"                                                           \
			 : [from_] "+D"(from), [to_] "+S"(to)                           \
			 : [sp] "i"(offsetof(struct fiber_regs, sp)),                   \
			   [fp] "i"(offsetof(struct fiber_regs, fp)),                   \
			   [pc] "i"(offsetof(struct fiber_regs, pc)),                   \
			   [mxcsr] "i"(offsetof(struct fiber_regs, mxcsr)),             \
			   [x87] "i"(offsetof(struct fiber_regs, x87_control))          \
			 : "rax", "rbx", "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", \
			   "r13", "r14", "r15", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", \
			   "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11",    \
			   "xmm12", "xmm13", "xmm14",                                   \
			   "xmm15" FIBER_CLOBBERS_AVX512 FIBER_CLOBBERS_APX, "cc",      \
			   "memory")

__attribute__((always_inline)) static inline void
fiber_swap(struct fiber_regs *from, const struct fiber_regs *to)
{
	FIBER_SWAP_("stmxcsr %c[mxcsr](%[from_])\n\t"
		    "fnstcw %c[x87](%[from_])\n\t",
		    from, to);
}

/* For good: nobody will want the control words of `from`. Not to store them saves a task
 * some 2.5 ns of about 45. */
__attribute__((always_inline)) static inline void
fiber_swap_last(struct fiber_regs *from, const struct fiber_regs *to)
{
	FIBER_SWAP_("", from, to);
}

/* A new fiber inherits the control words, as a new thread does. */
static inline void fiber_inherit_control(struct fiber_regs *regs)
{
	__asm__ volatile("stmxcsr %0\n\tfnstcw %1"
			 : "=m"(regs->mxcsr), "=m"(regs->x87_control));
}

/* A return address as it stands on the stack. */
static inline uintptr_t fiber_return_address(uintptr_t stored)
{
	return stored;
}
