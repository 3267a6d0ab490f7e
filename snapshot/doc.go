// Package snapshot is what a snapshot says of itself: the manifest, the names of its
// files, and whether the disks that it needs are still those of its moment. Package
// memfile has its memory, package store keeps the files.
//
// A manifest comes from a directory that anybody may have filled. It is refused
// unless it is, byte for byte, what Hull writes.
package snapshot
