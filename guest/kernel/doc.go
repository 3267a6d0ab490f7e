// Package kernel keeps kernel bundles: a distribution's kernel image with the
// modules that a guest or a lab host of Hull can use, decompressed, with their
// dependencies, and a manifest that holds the checksum of every file.
//
// A bundle is the directory NAME of a [Store]:
//
//	bundle.json      the manifest, [Manifest]
//	vmlinuz          the kernel image as it was packed: bzImage or ELF
//	modules/NAME.ko  the modules
//
// Bundles are made from a Debian package, from a kernel image and a directory
// of modules, or from the running host's kernel. Packages and directories are
// taken for hostile: sizes and counts are capped, paths and links are not
// followed, and nothing is put in place before all of it was understood.
package kernel
