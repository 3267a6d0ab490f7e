package main

import (
	"errors"

	"github.com/hullvm/hull/manager"
	"github.com/hullvm/hull/manager/instance"
)

// snapshotEngine looks after instances, and after snapshots of them.
type snapshotEngine interface {
	manager.Engine
	manager.Snapshots
}

// snapshotEngine opens what looks after snapshots.
func (a *app) snapshotEngine() (snapshotEngine, error) {
	engine, err := a.engine()
	if err != nil {
		return nil, err
	}
	e, ok := engine.(snapshotEngine)
	if !ok {
		return nil, &instance.Error{Kind: instance.KindUnsupported, Err: errors.New("this hull makes no snapshots")}
	}
	return e, nil
}
