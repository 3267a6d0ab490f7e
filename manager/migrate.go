package manager

import (
	"context"
	"errors"

	"github.com/hullvm/hull/manager/instance"
)

var errNoMigration error = &instance.Error{Kind: instance.KindUnsupported, Err: errors.New("live migration: this release cannot do it yet")}

// Migrate is part of Engine.
func (m *Manager) Migrate(context.Context, string, MigrateOptions) (*MigrationReport, error) {
	return nil, errNoMigration
}

// CancelMigration is part of Engine.
func (m *Manager) CancelMigration(context.Context, string) error { return errNoMigration }

// ResolveMigration is part of Engine.
func (m *Manager) ResolveMigration(context.Context, string, Side) error { return errNoMigration }

// Receive is part of Engine.
func (m *Manager) Receive(context.Context, ReceiveOptions) (*instance.Description, error) {
	return nil, errNoMigration
}
