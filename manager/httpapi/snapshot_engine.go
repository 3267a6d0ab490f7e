package httpapi

import (
	"github.com/hullvm/hull/manager"
	"github.com/hullvm/hull/manager/instance"
)

// snapshots is what looks after snapshots, where the engine does.
func (s *Server) snapshots() (manager.Snapshots, error) {
	e, ok := s.engine.(manager.Snapshots)
	if !ok {
		return nil, refused(instance.KindUnsupported, "this server makes no snapshots")
	}
	return e, nil
}
