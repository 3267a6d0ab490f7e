// Package acpipm is the fixed power-management hardware of ACPI: the power
// button's event, the sleep control that powers the machine off, the timer,
// one block of general-purpose events, and the reset register.
//
// Section numbers are those of the ACPI Specification 6.5. The machine is
// always in ACPI mode: there is no SMI command port, and SCI_EN is always set.
package acpipm
