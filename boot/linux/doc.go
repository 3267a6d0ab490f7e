// Package linux is the Linux x86 boot protocol at its 64-bit entry: the header
// of a bzImage and the zero page.
//
// Fields are those of the kernel's Documentation/arch/x86/boot.rst and
// zero-page.rst.
package linux
