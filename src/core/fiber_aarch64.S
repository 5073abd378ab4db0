/* SPDX-License-Identifier: MIT */
/* fiber_aarch64.S - the first frame of a fiber on aarch64. */
/*
 * The same as fiber_x86_64.S: two words at the high end of the stack, the function and
 * its argument, are all that there is at fiber_first_pc. No note says that branch targets
 * are marked, since the switch jumps to where none is.
 */
#ifdef __aarch64__
	.text
	.p2align 4
	.globl fiber_start
	.hidden fiber_start
	.type fiber_start, @function
fiber_start:
	.cfi_startproc
	.cfi_def_cfa sp, 16
	.cfi_undefined x30
	nop	/* debuggers look up the instruction before a place to go on */
	.globl fiber_first_pc
	.hidden fiber_first_pc
fiber_first_pc:
	ldp x16, x0, [sp], #16
	.cfi_def_cfa_offset 0
	adr x30, 1f	/* jumped to, as if it had been called */
	br x16
	nop	/* what looks up a return address looks at the instruction before it */
1:
	brk #1
	.cfi_endproc
	.size fiber_start, . - fiber_start
#endif

	.section .note.GNU-stack, "", %progbits
