package httpapi

import (
	"context"
	"net/http"
	"reflect"

	"github.com/hullvm/hull/manager"
	"github.com/hullvm/hull/manager/instance"
)

func migrationRoutes() []route {
	moved := answer{http.StatusOK, mediaLines, reflect.TypeFor[MigrateLine](), "progress, and in the end a report or an error, a line"}
	received := answer{http.StatusOK, mediaLines, reflect.TypeFor[ReceiveLine](), "where it listens, attempts that failed, and in the end the instance or an error, a line"}
	return []route{
		streaming("POST", "/instances/{ref}/migrate", "Move an instance to another host; a client that goes before the machine is handed over has the guest go on here", []answer{moved}, migrate),
		unary("POST", "/instances/{ref}/migrate/cancel", "Have the guest of a moving instance go on here; answers when it does", cancelMigration),
		unary("POST", "/instances/{ref}/migrate/resolve", "Say at which side an instance goes on that was handed over, and of which nothing was heard since", resolveMigration),
		streaming("POST", "/receive", "Wait for one machine from another host", []answer{received}, receive),
	}
}

// TLSRequest names the PEM files, on the server's host, for a connection of which
// both ends show certificates.
type TLSRequest struct {
	CA   string `json:"ca" doc:"the authority whose certificates the other side must have"`
	Cert string `json:"cert" doc:"this side's"`
	Key  string `json:"key" doc:"of cert"`
	Name string `json:"name,omitempty" doc:"to a target: the host's name that its certificate must have; the one it is reached by where empty"`
}

// MigrateRequest says where an instance is to go, and how.
type MigrateRequest struct {
	To          string      `json:"to" doc:"HOST, HOST:PORT or unix:PATH"`
	TLS         *TLSRequest `json:"tls,omitempty"`
	Plaintext   bool        `json:"plaintext,omitempty" doc:"over TCP without TLS: whoever answers gets the machine, and whoever listens its memory"`
	Connections uint8       `json:"connections,omitempty" doc:"for memory, up to 8; chosen where it is missing"`
	Compression string      `json:"compression,omitempty" doc:"auto, none, lz4 or zstd"`
	Bandwidth   uint64      `json:"bandwidth,omitempty" doc:"bytes a second that memory may take of the network; 0 for no bound"`
	Downtime    *Duration   `json:"downtime,omitempty" doc:"that the guest may be held; 50ms where it is missing"`
	Throttle    uint8       `json:"throttle,omitempty" doc:"percent by which the guest may be slowed, up to 99"`
	Timeout     *Duration   `json:"timeout,omitempty" doc:"that memory may take before the move is given up"`
	Keep        bool        `json:"keep,omitempty" doc:"leave the instance here, exited"`
	Verify      bool        `json:"verify,omitempty" doc:"compare the memory of both sides while the guest is held"`
}

func (q *MigrateRequest) options() (manager.MigrateOptions, error) {
	o := manager.MigrateOptions{
		To: q.To, Connections: int(q.Connections), Compression: q.Compression, Bandwidth: q.Bandwidth,
		Throttle: int(q.Throttle), Keep: q.Keep, Verify: q.Verify, Downtime: q.Downtime.orZero(), Timeout: q.Timeout.orZero(),
	}
	var err error
	if o.TLS, err = migrationTLS(q.TLS, q.Plaintext, q.To); err != nil {
		return o, err
	}
	return o, o.Check()
}

// migrationTLS wants somebody to say so where a machine is to go unprotected over a
// network.
func migrationTLS(q *TLSRequest, plaintext bool, address string) (*manager.TLSFiles, error) {
	a, err := manager.MoveAddress(address)
	switch {
	case err != nil:
		return nil, err
	case q != nil && plaintext:
		return nil, invalid(`"tls" and "plaintext" contradict each other`)
	case q != nil:
		return &manager.TLSFiles{CA: q.CA, Cert: q.Cert, Key: q.Key, Name: q.Name}, nil
	case !plaintext && !a.IsUnix():
		return nil, invalid(`address %.300q: the other side cannot be told from anybody else: give "tls" with "ca", "cert" and "key" (hull serve ca makes them), or "plaintext":true for a network that is trusted`, address)
	}
	return nil, nil
}

// MigrateLine is a line of the answer to migrate. Exactly one of its fields is there,
// and the last line has Report or Error.
type MigrateLine struct {
	Progress *manager.MigrationProgress `json:"progress,omitempty"`
	Report   *manager.MigrationReport   `json:"report,omitempty" doc:"the machine runs there"`
	Error    *Failure                   `json:"error,omitempty"`
}

func migrate(s *Server, w http.ResponseWriter, c *call[none, MigrateRequest]) error {
	o, err := c.body.options()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(c.ctx())
	defer cancel(nil)
	feed := s.feedLines(w, cancel)
	defer feed.end()
	o.Progress = func(p manager.MigrationProgress) { feed.put(MigrateLine{Progress: &p}) }
	report, err := s.engine.Migrate(ctx, c.ref, o)
	if err != nil {
		return feed.fail(c.ctx(), err, func(f Failure) any { return MigrateLine{Error: &f} })
	}
	feed.finish(MigrateLine{Report: report})
	return nil
}

func cancelMigration(s *Server, c *call[none, none]) (none, error) {
	return none{}, s.engine.CancelMigration(c.ctx(), c.ref)
}

// ResolveRequest says where the machine of an instance is that was handed over.
type ResolveRequest struct {
	Side manager.Side `json:"side" doc:"source: it goes on here; target: it runs there"`
}

func resolveMigration(s *Server, c *call[none, ResolveRequest]) (none, error) {
	return none{}, s.engine.ResolveMigration(c.ctx(), c.ref, c.body.Side)
}

// ReceiveRequest says what machine to wait for, and where.
type ReceiveRequest struct {
	Listen     string            `json:"listen" doc:"HOST, HOST:PORT, :PORT or unix:PATH"`
	TLS        *TLSRequest       `json:"tls,omitempty"`
	Plaintext  bool              `json:"plaintext,omitempty" doc:"over TCP without TLS: whoever comes may bring a machine"`
	Name       string            `json:"name,omitempty" doc:"of the instance; empty for the one that it had"`
	Disks      map[string]string `json:"disks,omitempty" doc:"paths here by the disks' names; the others have those of the source"`
	Expire     *Duration         `json:"expire,omitempty" doc:"how long to wait; for ever where it is missing"`
	Unconfined bool              `json:"unconfined,omitempty" doc:"run the monitor without its jail"`
	SlowKVM    bool              `json:"slow_kvm,omitempty" doc:"allow a KVM that emulates kernel code"`
	KVM        string            `json:"kvm,omitempty" doc:"the KVM device; /dev/kvm where empty"`
}

func (q *ReceiveRequest) options() (manager.ReceiveOptions, error) {
	o := manager.ReceiveOptions{
		Listen: q.Listen, Name: q.Name, Disks: q.Disks, Expire: q.Expire.orZero(),
		Unconfined: q.Unconfined, SlowKVM: q.SlowKVM, KVM: q.KVM,
	}
	var err error
	if o.TLS, err = migrationTLS(q.TLS, q.Plaintext, q.Listen); err != nil {
		return o, err
	}
	return o, o.Check()
}

// ReceiveLine is a line of the answer to receive. Exactly one of its fields is there,
// and the last line has Received or Error.
type ReceiveLine struct {
	Listening string                `json:"listening,omitempty" doc:"the address: a machine may come"`
	Refused   *Failure              `json:"refused,omitempty" doc:"an attempt failed, and the wait goes on"`
	Received  *instance.Description `json:"received,omitempty" doc:"it runs here"`
	Error     *Failure              `json:"error,omitempty"`
}

func receive(s *Server, w http.ResponseWriter, c *call[none, ReceiveRequest]) error {
	o, err := c.body.options()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(c.ctx())
	defer cancel(nil)
	feed := s.feedLines(w, cancel)
	defer feed.end()
	o.Listening = func(address string) { feed.put(ReceiveLine{Listening: address}) }
	o.Refused = func(err error) {
		f := failureOf(ctx, err)
		feed.put(ReceiveLine{Refused: &f})
	}
	d, err := s.engine.Receive(ctx, o)
	if err != nil {
		return feed.fail(c.ctx(), err, func(f Failure) any { return ReceiveLine{Error: &f} })
	}
	feed.finish(ReceiveLine{Received: d})
	return nil
}
