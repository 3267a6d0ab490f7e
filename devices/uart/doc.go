// Package uart is the 16550A serial port of a PC, as National Semiconductor's
// PC16550D datasheet describes it: two 16-byte FIFOs, interrupts with
// priorities, loopback.
//
// The line behind it is a fast terminal with hardware flow control. It takes
// whatever is sent as soon as there is room for it, and sends only to a guest
// that has said it is ready, so that what is typed before the guest's driver
// has set the port up is not thrown away by the setting up. All modem inputs
// but RI are on. Baud rate, word length and parity do not change the data, and
// a break is not sent; the baud rate sets the character timeout alone.
package uart
