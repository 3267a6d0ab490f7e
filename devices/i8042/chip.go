package i8042

// chip remembers a command that waits for its argument.
type chip struct {
	outputPortNext bool
}

func (c *chip) read(off uint64) byte {
	if off == regSTATUS {
		return noStatus
	}
	return noData
}

// write reports whether the processor is reset by it.
func (c *chip) write(off uint64, v byte) (reset bool) {
	if off == regCOMMAND {
		c.outputPortNext = v == cmdWriteOutputPort
		return v >= cmdPulse && v&outputReset == 0
	}
	reset = c.outputPortNext && v&outputReset == 0
	c.outputPortNext = false
	return reset
}
