// Package pvh is the Xen PVH way to start a kernel: the ELF note that names the
// 32-bit entry, and the start info that the kernel is handed.
//
// Layouts are those of Xen's public headers elfnote.h and
// arch-x86/hvm/start_info.h.
package pvh
