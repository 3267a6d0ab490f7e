package pvpanic

// chip is what the host handles; it keeps nothing of what happened.
type chip struct {
	handled byte
}

func (c *chip) read() byte { return c.handled }

// write returns those events of v that the host handles. The guest is to
// ignore bits the host does not know, and the host the guest's.
func (c *chip) write(v byte) (events byte) { return v & c.handled }
