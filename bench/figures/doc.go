// Package figures is what the device benchmark measures, and the lines on the
// serial console by which the guest tells its part to the host. Both halves, of
// which one runs on the host and one in the guest, use it.
package figures
