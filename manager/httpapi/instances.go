package httpapi

import (
	"bytes"

	"github.com/hullvm/hull/configs"
	"github.com/hullvm/hull/manager"
	"github.com/hullvm/hull/manager/instance"
)

// CreateRequest says what to create.
type CreateRequest struct {
	MachineTOML string            `json:"machine_toml" doc:"a machine file (docs/configuration.md) whose paths are absolute"`
	Set         []string          `json:"set,omitempty" doc:"changes to the machine file, as PATH=VALUE"`
	Name        string            `json:"name,omitempty" doc:"empty has one made up"`
	Labels      map[string]string `json:"labels,omitempty"`
	AutoRemove  bool              `json:"auto_remove,omitempty" doc:"remove the instance when it has ended"`
	Unconfined  bool              `json:"unconfined,omitempty" doc:"run the monitor without its jail"`
	SlowKVM     bool              `json:"slow_kvm,omitempty" doc:"allow a KVM that emulates kernel code"`
	KVM         string            `json:"kvm,omitempty" doc:"the KVM device; /dev/kvm where empty"`
}

func create(s *Server, c *call[none, CreateRequest]) (*instance.Description, error) {
	machine, err := c.body.machine()
	if err != nil {
		return nil, err
	}
	return s.engine.Create(c.ctx(), manager.CreateOptions{
		Machine: machine, Name: c.body.Name, Labels: c.body.Labels, AutoRemove: c.body.AutoRemove,
		Unconfined: c.body.Unconfined, SlowKVM: c.body.SlowKVM, KVM: c.body.KVM,
	})
}

// machine judges the machine file. Its paths have to be absolute: the folder that
// others would begin in is the client's, which the server does not know.
func (q *CreateRequest) machine() (*configs.Machine, error) {
	var sets []configs.Set
	for _, text := range q.Set {
		set, err := configs.ParseSet(text)
		if err != nil {
			return nil, invalid("set: %w", err)
		}
		sets = append(sets, set)
	}
	m, err := configs.Parse("machine.toml", []byte(q.MachineTOML), sets...)
	if err != nil {
		return nil, &instance.Error{Kind: instance.KindInvalid, Err: err}
	}
	given := configs.Render(m)
	m.Absolute("/")
	if line := firstChange(given, configs.Render(m)); line != nil {
		return nil, invalid("machine.toml: %.200q: a path has to be absolute, for the server does not know in which folder it begins", line)
	}
	return m, nil
}

// firstChange is the first line of a that b has otherwise; nil where they are the
// same.
func firstChange(a, b []byte) []byte {
	if bytes.Equal(a, b) {
		return nil
	}
	for len(a) > 0 {
		line, rest, _ := bytes.Cut(a, []byte("\n"))
		other, otherRest, _ := bytes.Cut(b, []byte("\n"))
		if !bytes.Equal(line, other) {
			return bytes.TrimSpace(line)
		}
		a, b = rest, otherRest
	}
	return []byte{}
}

// ListQuery chooses instances.
type ListQuery struct {
	All    bool    `query:"all" doc:"also those that do not run"`
	Last   uint32  `query:"last" doc:"the last so many that were created, running or not"`
	Size   bool    `query:"size" doc:"say how much disk space each takes"`
	Filter filters `query:"filter" doc:"NAME=VALUE, any number of times: id, name, status, label, exited, kernel, before, since"`
}

func list(s *Server, c *call[ListQuery, none]) ([]manager.Summary, error) {
	all, err := s.engine.List(c.ctx(), manager.ListOptions{
		All: c.query.All, Last: int(c.query.Last), Size: c.query.Size, Filters: c.query.Filter,
	})
	if all == nil {
		all = []manager.Summary{}
	}
	return all, err
}

func inspect(s *Server, c *call[none, none]) (*manager.Detail, error) {
	return s.engine.Inspect(c.ctx(), c.ref)
}

// RemoveQuery says how to remove.
type RemoveQuery struct {
	Force bool `query:"force" doc:"kill one that runs before, and delete one that cannot be read"`
}

func remove(s *Server, c *call[RemoveQuery, none]) (none, error) {
	return none{}, s.engine.Remove(c.ctx(), c.ref, manager.RemoveOptions{Force: c.query.Force})
}

// RenameRequest says how to call an instance.
type RenameRequest struct {
	Name string `json:"name"`
}

func rename(s *Server, c *call[none, RenameRequest]) (none, error) {
	return none{}, s.engine.Rename(c.ctx(), c.ref, c.body.Name)
}

func update(s *Server, c *call[none, instance.Update]) (none, error) {
	return none{}, s.engine.Update(c.ctx(), c.ref, c.body)
}

func top(s *Server, c *call[none, none]) ([]manager.Process, error) {
	all, err := s.engine.Top(c.ctx(), c.ref)
	if all == nil {
		all = []manager.Process{}
	}
	return all, err
}
