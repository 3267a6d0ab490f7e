// Package startup is what a monitor's process is started with, and what it leaves:
// its descriptors, its arguments, the configuration that it reads, and the line that
// it writes at its end. Who starts one (package spawn) and the process itself
// (package monitor) agree on it.
package startup
