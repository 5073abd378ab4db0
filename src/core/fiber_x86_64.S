/* SPDX-License-Identifier: MIT */
/* fiber_x86_64.S - the first frame of a fiber on x86-64. */
/*
 * fiber_init() has laid two words at the high end of the stack, the function and its
 * argument, and made fiber_first_pc the place where the fiber goes on. A debugger that
 * walks up a fiber finds here a frame without a return address, and stops.
 *
 * The function is jumped to, as if it had been called: it never returns, and a call would
 * leave one entry too many in the processor's stack of return addresses, so that all
 * returns after the next switch are mispredicted.
 *
 * There is no note that this file supports shadow stacks, and so no program that holds it
 * says so either: on purpose, because a switch would be a violation there.
 */
#ifdef __x86_64__
	.text
	.p2align 4
	.globl fiber_start
	.hidden fiber_start
	.type fiber_start, @function
fiber_start:
	.cfi_startproc
	.cfi_def_cfa rsp, 16
	.cfi_undefined rip
	nop	/* debuggers look up the byte before a place to go on: ours, too */
	.globl fiber_first_pc
	.hidden fiber_first_pc
fiber_first_pc:
	popq %rax
	.cfi_def_cfa_offset 8
	popq %rdi
	.cfi_def_cfa_offset 0
	leaq 1f(%rip), %rcx
	pushq %rcx	/* the stack is 16-aligned before it, as the ABI wants it */
	.cfi_def_cfa_offset 8
	jmp *%rax
	.cfi_def_cfa_offset 0
	nop	/* what looks up a return address looks at the byte before it */
1:
	ud2
	.cfi_endproc
	.size fiber_start, . - fiber_start
#endif

	.section .note.GNU-stack, "", %progbits
