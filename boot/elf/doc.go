// Package elf reads kernels in 64-bit x86 ELF files: where their segments
// belong, where they start, and their notes. It reads headers and notes only,
// and caps both, so that a damaged or hostile file costs a few kilobytes.
//
// Layouts are those of the System V ABI, chapters 4 (Object Files) and 5
// (Program Loading).
package elf
