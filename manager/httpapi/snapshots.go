package httpapi

import (
	"net/http"
	"reflect"

	"github.com/hullvm/hull/manager"
	"github.com/hullvm/hull/manager/instance"
)

func snapshotRoutes() []route {
	clones := answer{http.StatusCreated, mediaJSON, reflect.TypeFor[[]*instance.Description](), ""}
	return []route{
		unary("POST", "/instances/{ref}/snapshots", "Make a snapshot of a running or paused instance; answers when it is on the disk", createSnapshot).status(http.StatusCreated).lasting(),
		unary("GET", "/snapshots", "List snapshots, the newest first", listSnapshots),
		unary("GET", "/snapshots/{snapshot}", "Say all that is known of a snapshot", inspectSnapshot),
		unary("DELETE", "/snapshots/{snapshot}", "Remove a snapshot", removeSnapshot),
		unary("POST", "/snapshots/{snapshot}/verify", "Read all of a snapshot, and hold it against its checksums", verifySnapshot).lasting(),
		unary("POST", "/snapshots/{snapshot}/restore", "Make an instance that goes on where a snapshot was taken; answers when its vCPUs are in the guest", restore).status(http.StatusCreated).lasting(),
		streaming("POST", "/snapshots/{snapshot}/clone", "Make instances of a snapshot, each a machine of its own", []answer{clones}, clone),
	}
}

// SnapshotRequest says how to make a snapshot.
type SnapshotRequest struct {
	Name   string `json:"name,omitempty" doc:"of the snapshot; empty for the instance's with the time"`
	Parent string `json:"parent,omitempty" doc:"snapshot that it is to lie over, with only those pages of memory that may differ"`
	Track  bool   `json:"track,omitempty" doc:"note which pages change from here on, for a snapshot over this one"`
	Live   bool   `json:"live,omitempty" doc:"let the guest run while its memory is written"`
	Stop   bool   `json:"stop,omitempty" doc:"end the instance once the snapshot is on the disk"`
}

func createSnapshot(s *Server, c *call[none, SnapshotRequest]) (*manager.Snapshot, error) {
	return s.engine.CreateSnapshot(c.ctx(), c.ref, manager.SnapshotOptions{
		Name: c.body.Name, Live: c.body.Live, Parent: c.body.Parent, Track: c.body.Track, Stop: c.body.Stop,
	})
}

func listSnapshots(s *Server, c *call[none, none]) ([]manager.Snapshot, error) {
	all, err := s.engine.ListSnapshots(c.ctx())
	if all == nil {
		all = []manager.Snapshot{}
	}
	return all, err
}

func inspectSnapshot(s *Server, c *call[none, none]) (*manager.SnapshotDetail, error) {
	return s.engine.InspectSnapshot(c.ctx(), c.snapshot)
}

// RemoveSnapshotQuery says how to remove a snapshot.
type RemoveSnapshotQuery struct {
	Force bool `query:"force" doc:"delete also one that cannot be read"`
}

func removeSnapshot(s *Server, c *call[RemoveSnapshotQuery, none]) (none, error) {
	return none{}, s.engine.RemoveSnapshot(c.ctx(), c.snapshot, manager.RemoveOptions{Force: c.query.Force})
}

func verifySnapshot(s *Server, c *call[none, none]) (none, error) {
	return none{}, s.engine.VerifySnapshot(c.ctx(), c.snapshot, nil)
}

// RestoreRequest says how to make an instance of a snapshot.
type RestoreRequest struct {
	Name       string            `json:"name,omitempty" doc:"of the instance; empty for the one that it had"`
	Labels     map[string]string `json:"labels,omitempty"`
	Verify     bool              `json:"verify,omitempty" doc:"read all of the snapshot before anything of it is used"`
	Paused     bool              `json:"paused,omitempty" doc:"leave the instance paused"`
	Created    bool              `json:"created,omitempty" doc:"leave the instance created: its first start has it go on"`
	AutoRemove bool              `json:"auto_remove,omitempty" doc:"remove the instance when it has ended"`
	Unconfined bool              `json:"unconfined,omitempty" doc:"run the monitor without its jail"`
	SlowKVM    bool              `json:"slow_kvm,omitempty" doc:"allow a KVM that emulates kernel code"`
	KVM        string            `json:"kvm,omitempty" doc:"the KVM device; /dev/kvm where empty"`
}

func (q *RestoreRequest) options() manager.RestoreOptions {
	return manager.RestoreOptions{
		Name: q.Name, Labels: q.Labels, Verify: q.Verify, Paused: q.Paused, Created: q.Created,
		AutoRemove: q.AutoRemove, Unconfined: q.Unconfined, SlowKVM: q.SlowKVM, KVM: q.KVM,
	}
}

func restore(s *Server, c *call[none, RestoreRequest]) (*instance.Description, error) {
	return s.engine.Restore(c.ctx(), c.snapshot, c.body.options())
}

// CloneRequest says how many instances to make of a snapshot, and how. The name is
// the instances' with a number after it, where there are several; empty has names
// made up.
type CloneRequest struct {
	Count *uint16 `json:"count,omitempty" doc:"1 to 1000; 1 where it is missing"`
	RestoreRequest
}

// clone answers with the instances. Those that were made before a failure are in its
// answer.
func clone(s *Server, w http.ResponseWriter, c *call[none, CloneRequest]) error {
	o := manager.CloneOptions{Count: 1, RestoreOptions: c.body.options()}
	if c.body.Count != nil {
		o.Count = int(*c.body.Count)
	}
	if err := o.CheckCount(); err != nil {
		return err
	}
	made, err := s.engine.Clone(c.ctx(), c.snapshot, o)
	switch {
	case err == nil:
		writeJSON(w, http.StatusCreated, made)
		return nil
	case len(made) == 0:
		return err
	default:
		return &partlyDone{err, made}
	}
}
