// Package guest finds and makes the files that a machine boots from: it joins
// the machine's description with the kernels in the store, decompresses a kernel
// once, and builds the initrd that the description asks for.
package guest
