// Package pid1 is the first process of a guest: it mounts what programs expect,
// loads modules, and then runs one program whose end is that of the machine, or
// makes the guest a lab host that runs programs for the agent's clients.
//
// What it is to do stands in one file (package bootconf). Whatever happens, it
// says so on the console and powers the machine off: the kernel must not lose
// its first process.
package pid1
