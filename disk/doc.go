// Package disk opens disk images: raw and qcow2, in regular files and on block
// devices. The format is stated, never found out from content that a guest can
// write. docs/disks.md says what is promised for each.
package disk
