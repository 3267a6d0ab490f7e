// A hostile guest without an operating system. Each vCPU does `count` random
// acts: port and memory accesses, MSRs, CPUID, hypercalls, string I/O, atomic
// accesses. A fault is skipped. When all vCPUs are done the machine is powered
// off by ACPI; many acts may end it before, which is as well.
//
// It is entered like a Linux kernel in 64-bit mode. chaos.bin is made from it by
//	gcc -c -o chaos.o chaos.S && objcopy -O binary -j .text chaos.o chaos.bin
// and is loaded at 1 MiB.
//
// Kept in registers: r14 the random state, r15 where to go on after a fault.

	.set LOAD, 0x100000
	.set TRAMPOLINE, 0x8000
	.set PM1_CONTROL, 0x604

	.text
	.code64
start:
	jmp	boot
	.balign 8
// The host fills these in, by their offsets 8, 16, 24, 32.
seed:	.quad	1
count:	.quad	1000
spare:	.quad	1	// not 0: leave alone what ends the machine or a vCPU
cpus:	.quad	1
done:	.quad	0
next:	.quad	0
// And this one, at offset 56.
nocr8:	.quad	0	// not 0: leave CR8 alone

boot:
	cli
	lea	idt(%rip), %rdi
	xor	%ecx, %ecx
1:	lea	skip(%rip), %rax
	mov	$0x60227d00, %edx	// vectors with an error code: 8, 10-14, 17, 21, 29, 30
	bt	%ecx, %edx
	jnc	2f
	lea	skip_error(%rip), %rax
2:	mov	%ax, (%rdi)
	movw	$0x10, 2(%rdi)
	movw	$0x8e00, 4(%rdi)
	shr	$16, %rax
	mov	%ax, 6(%rdi)
	movq	$0, 8(%rdi)
	add	$16, %rdi
	inc	%ecx
	cmp	$32, %ecx
	jb	1b
	lgdt	gdtr(%rip)

	// The other vCPUs, by INIT and SIPI to all but this one.
	cmpq	$1, cpus(%rip)
	je	enter
	mov	%cr3, %rax
	mov	%eax, trampoline_cr3(%rip)
	lea	trampoline(%rip), %rsi
	mov	$TRAMPOLINE, %edi
	mov	$(trampoline_end - trampoline), %ecx
	rep movsb
	mov	$0xfee00000, %ebx
	movl	$0x1ff, 0xf0(%rbx)
	movl	$0xc4500, 0x300(%rbx)
	mov	$100000, %ecx
3:	pause
	dec	%ecx
	jnz	3b
	movl	$(0xc4600 + (TRAMPOLINE >> 12)), 0x300(%rbx)

enter:
	mov	$1, %eax
	lock xadd %rax, next(%rip)
	mov	%rax, %r13		// this vCPU's number
	inc	%rax
	shl	$12, %rax
	lea	stacks(%rip), %rsp
	add	%rax, %rsp
	lidt	idtr(%rip)
	mov	%r13, %r14
	imul	$0x1e3779b9, %r14, %r14
	xor	seed(%rip), %r14
	or	$1, %r14
	lea	act(%rip), %r15
	mov	count(%rip), %r12

act:
	test	%r12, %r12
	jz	finished
	dec	%r12
	lea	act(%rip), %r15
	call	random
	mov	%rax, %rbp
	and	$15, %ebp
	lea	table(%rip), %rbx
	movslq	(%rbx,%rbp,4), %rax
	add	%rbx, %rax
	jmp	*%rax

finished:
	lock incq done(%rip)
4:	pause
	mov	cpus(%rip), %rax
	cmp	%rax, done(%rip)
	jb	4b
	mov	$PM1_CONTROL, %edx
	mov	$((5 << 10) | (1 << 13)), %eax
	out	%ax, %dx
5:	hlt
	jmp	5b

skip_error:
	add	$8, %rsp
skip:
	mov	%r15, (%rsp)
	iretq

// xorshift64: into rax.
random:
	mov	%r14, %rax
	shl	$13, %rax
	xor	%rax, %r14
	mov	%r14, %rax
	shr	$7, %rax
	xor	%rax, %r14
	mov	%r14, %rax
	shl	$17, %rax
	xor	%rax, %r14
	mov	%r14, %rax
	ret

// A port into dx. Half of them are low, where the devices are.
port:
	call	random
	mov	%eax, %edx
	bt	$40, %rax
	jc	1f
	and	$0x7ff, %edx
1:	movzwl	%dx, %edx
	cmpq	$0, spare(%rip)
	je	2f
	cmp	$0x61, %edx		// 0x61-0x64 and an access that reaches there
	jb	3f
	cmp	$0x64, %edx
	jbe	port
3:	cmp	$0x501, %edx
	jb	3f
	cmp	$0x505, %edx
	jbe	port
3:	cmp	$0x5fd, %edx
	jb	3f
	cmp	$0x607, %edx
	jbe	port
3:	cmp	$0xcf6, %edx
	jb	2f
	cmp	$0xcf9, %edx
	jbe	port
2:	ret

// An address into rdi: anywhere in 37 bits but the guest's own first 2 MiB.
address:
	call	random
	mov	%rax, %rdi
	mov	%rax, %rcx
	shr	$58, %rcx
	mov	$0x1fffffffff, %rdx
	and	%rdx, %rdi
	test	$3, %cl
	jz	1f
	mov	%edi, %edi		// mostly below 4 GiB
	test	$4, %cl
	jz	1f
	or	$0xc0000000, %edi	// and there mostly in the hole
1:	cmp	$0x200000, %rdi
	jb	address
	cmpq	$0, spare(%rip)
	je	2f
	mov	%rdi, %rdx
	shr	$20, %rdx
	cmp	$0xfee, %edx		// a vCPU that is sent INIT is not seen again
	je	address
	cmp	$0xfed, %edx
	je	address
2:	ret

// The number of an MSR into ecx: one of the ranges that have some.
msr:
	call	random
	mov	%eax, %ecx
	and	$0x1fff, %ecx
	shr	$40, %rax
	and	$7, %eax
	lea	msr_bases(%rip), %rbx
	add	(%rbx,%rax,4), %ecx
	cmpq	$0, spare(%rip)
	je	1f
	cmp	$0x1b, %ecx		// the local APIC's base
	je	msr
	cmp	$0x830, %ecx		// x2APIC interrupt command
	je	msr
1:	ret

	.balign 4
table:
	.long	out8 - table, out16 - table, out32 - table, in8 - table
	.long	in16 - table, in32 - table, store - table, load - table
	.long	store - table, read_msr - table, write_msr - table, identify - table
	.long	hypercall - table, strings - table, atomic - table, registers - table

out8:	call	port
	out	%al, %dx
	jmp	act
out16:	call	port
	out	%ax, %dx
	jmp	act
out32:	call	port
	out	%eax, %dx
	jmp	act
in8:	call	port
	in	%dx, %al
	jmp	act
in16:	call	port
	in	%dx, %ax
	jmp	act
in32:	call	port
	in	%dx, %eax
	jmp	act

store:
	call	address
	call	random
	test	$3, %al
	jz	1f
	test	$4, %al
	jz	2f
	mov	%rax, (%rdi)
	jmp	act
1:	mov	%al, (%rdi)
	jmp	act
2:	mov	%ax, (%rdi)
	mov	%eax, (%rdi)
	jmp	act

load:
	call	address
	mov	(%rdi), %rax
	mov	(%rdi), %eax
	mov	(%rdi), %ax
	mov	(%rdi), %al
	movzbl	(%rdi), %eax
	jmp	act

read_msr:
	call	msr
	rdmsr
	jmp	act

write_msr:
	call	msr
	call	random
	mov	%rax, %rdx
	shr	$32, %rdx
	bt	$20, %eax
	jc	1f
	xor	%edx, %edx
1:	wrmsr
	jmp	act

identify:
	call	random
	mov	%rax, %rcx
	shr	$32, %rcx
	and	$0xff, %ecx
	and	$0xc00000ff, %eax
	cpuid
	jmp	act

hypercall:
	call	random
	mov	%rax, %rbx
	call	random
	mov	%rax, %rcx
	call	random
	mov	%rax, %rdx
	mov	%rax, %rsi
	call	random
	test	$1, %al
	jz	1f
	and	$0x1f, %eax
1:	bt	$40, %rax
	jc	2f
	lea	3f(%rip), %r15
	vmcall
3:	lea	act(%rip), %r15
	jmp	act
2:	vmmcall
	jmp	act

strings:
	call	port
	cld
	call	random
	mov	%eax, %ecx
	and	$0x1ff, %ecx
	lea	scratch(%rip), %rdi
	lea	scratch(%rip), %rsi
	test	$0x200, %eax
	jz	1f
	rep outsb
	jmp	act
1:	test	$0x400, %eax
	jz	2f
	rep insb
	jmp	act
2:	rep outsl
	jmp	act

atomic:
	call	address
	call	random
	lock xadd %eax, (%rdi)
	lock cmpxchg %edx, (%rdi)
	lock orq $1, (%rdi)
	jmp	act

registers:
	call	random
	mov	%rax, %cr2
	and	$15, %eax
	cmpq	$0, nocr8(%rip)
	jne	1f
	mov	%rax, %cr8
1:	call	random
	mov	%rax, %dr0
	xor	%eax, %eax
	mov	%rax, %dr7
	call	random
	xor	%ecx, %ecx
	xor	%edx, %edx
	xsetbv
	jmp	act

	.balign 4
msr_bases:
	.long	0, 0, 0x4b564d00, 0x40000000, 0xc0000000, 0xc0010000, 0x200, 0x800

// The way of the other vCPUs from real mode, copied to TRAMPOLINE.
	.balign 16
trampoline:
	.code16
	cli
	xor	%ax, %ax
	mov	%ax, %ds
	lgdtl	TRAMPOLINE + (trampoline_gdtr - trampoline)
	mov	%cr0, %eax
	or	$1, %eax
	mov	%eax, %cr0
	ljmpl	$0x20, $(TRAMPOLINE + (protected - trampoline))
	.code32
protected:
	mov	$0x18, %eax
	mov	%ax, %ds
	mov	%ax, %es
	mov	%ax, %ss
	mov	%cr4, %eax
	or	$0x20, %eax
	mov	%eax, %cr4
	mov	TRAMPOLINE + (trampoline_cr3 - trampoline), %eax
	mov	%eax, %cr3
	mov	$0xc0000080, %ecx
	rdmsr
	or	$0x100, %eax
	wrmsr
	mov	%cr0, %eax
	or	$0x80000000, %eax
	mov	%eax, %cr0
	ljmp	$0x10, $(LOAD + (enter - start))
trampoline_gdtr:
	.word	gdt_end - gdt - 1
	.long	LOAD + (gdt - start)
trampoline_cr3:
	.long	0
trampoline_end:

	.code64
	.balign 8
gdt:	.quad	0, 0
	.quad	0x00af9b000000ffff	// 0x10: 64-bit code
	.quad	0x00cf93000000ffff	// 0x18: data
	.quad	0x00cf9b000000ffff	// 0x20: 32-bit code
gdt_end:
gdtr:	.word	gdt_end - gdt - 1
	.quad	LOAD + (gdt - start)
idtr:	.word	32 * 16 - 1
	.quad	LOAD + (idt - start)
	.balign 16
idt:	.fill	32 * 16, 1, 0
scratch: .fill	4096, 1, 0
	.balign 4096
stacks:	.fill	0x1000, 1, 0
