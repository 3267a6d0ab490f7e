package gueststatus

// chip is the bytes of a report that have been written.
type chip struct {
	status uint32
}

func (c *chip) read(off uint64) byte { return byte(uint32(Identification) >> (8 * off)) }

// write reports whether the byte completes a report, which is then status.
func (c *chip) write(off uint64, v byte) (complete bool) {
	shift := 8 * off
	c.status = c.status&^(0xff<<shift) | uint32(v)<<shift
	return off == regSTATUS3
}
