// Package linux is the Linux x86 boot protocol at its 64-bit entry: bzImage
// files, and the zero page that a bzImage and a vmlinux are handed alike.
//
// Fields are those of the kernel's Documentation/arch/x86/boot.rst and
// zero-page.rst.
package linux
