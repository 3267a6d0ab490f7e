// Package boot turns the description of a machine into guest memory that is
// ready to run and the register state its first vCPU starts in: it loads the
// kernel and the initrd, writes the command line, the firmware tables and what
// the boot protocol wants, and says where it put everything.
//
// It takes the place of firmware. It knows nothing of the hypervisor and
// nothing of device models: a monitor hands it a plain list of the platform's
// devices and applies the [Start] it gets back.
package boot
