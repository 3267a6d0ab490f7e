package initrd

import (
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/hullvm/hull/internal/durable"
)

// keep is how long what nobody uses stays in the cache.
const keep = 14 * 24 * time.Hour

// prune removes what nobody has used for long, but for one entry. A machine that
// has an entry open keeps it, and who comes too late to open it makes it again, so
// that nobody need wait for anybody. What cannot be removed is no reason not to
// start a machine.
func (c Cache) prune(but string) {
	entries, err := os.ReadDir(c.Dir)
	if err != nil {
		return
	}
	now := c.clock()
	for _, e := range entries {
		path := filepath.Join(c.Dir, e.Name())
		if path == but || !ours(e.Name()) {
			continue
		}
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() && now.Sub(info.ModTime()) > keep {
			_ = os.Remove(path)
		}
	}
}

// ours says whether a file of this name is the cache's: an archive, also one that
// an earlier Hull made for one machine, a program's checksum, or one of these that
// was not finished.
func ours(name string) bool {
	return strings.HasPrefix(name, durable.TempPrefix) ||
		strings.HasSuffix(name, None.suffix()) || strings.HasSuffix(name, sumSuffix)
}
