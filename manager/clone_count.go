package manager

import (
	"fmt"

	"github.com/hullvm/hull/manager/instance"
)

// MaxClones is how many instances one call of Clone makes at most: what somebody
// means, and not what a slip of a finger does to a host.
const MaxClones = 1000

// CheckCount refuses to make no instances, or too many.
func (o CloneOptions) CheckCount() error {
	if o.Count < 1 || o.Count > MaxClones {
		return &instance.Error{Kind: instance.KindInvalid, Err: fmt.Errorf("count %d: it has to be from 1 to %d", o.Count, MaxClones)}
	}
	return nil
}
