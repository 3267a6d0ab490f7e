// Package virtqtest is the driver's side of virtqueues, for the tests of virtio
// devices: a [Driver] makes requests in guest memory, notifies as the device
// asked to be notified, and collects what the device used, waiting for
// interrupts as a real driver does. A wake-up or interrupt that is lost makes a
// test fail.
//
//	d := virtqtest.New(t, virtqtest.Options{Size: 16})
//	virtqtest.Activate(t, device, 0, d)
//	d.Add([][]byte{header}, []int{512, 1})
//	d.Kick()
//	used := d.Wait(t)
package virtqtest
