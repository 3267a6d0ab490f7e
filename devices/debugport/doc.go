// Package debugport is port 0x80, where a PC's firmware puts numbers that say
// how far it has come. A guest's marks on it time the boot.
package debugport
