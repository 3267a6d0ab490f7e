package debugport

// chip keeps the last mark.
type chip struct {
	post byte
}

func (c *chip) read() byte { return c.post }

func (c *chip) write(v byte) { c.post = v }
