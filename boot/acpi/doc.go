// Package acpi builds the ACPI tables of a Hull machine: RSDP, XSDT, FADT,
// FACS, MADT and a DSDT in AML. It makes bytes from plain data and touches
// neither guest memory nor devices.
//
// Section numbers are those of the ACPI Specification 6.5.
package acpi
