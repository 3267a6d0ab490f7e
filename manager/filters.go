package manager

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hullvm/hull/manager/instance"
)

// chosen is which instances a list has.
type chosen struct {
	all     bool
	filters map[string][]string

	before, since time.Time
}

// FilterNames are the filters of a list.
var FilterNames = []string{"before", "exited", "id", "kernel", "label", "name", "since", "status"}

// statusRestarting is a filter's word for an exited instance that will be started
// again.
const statusRestarting = "restarting"

func (m *Manager) filter(o ListOptions) (*chosen, error) {
	c := &chosen{all: o.All || o.Last > 0, filters: o.Filters}
	for name, values := range o.Filters {
		if !slices.Contains(FilterNames, name) {
			return nil, invalid("filter %q: there is none of that name; there are %s", name, strings.Join(FilterNames, ", "))
		}
		for _, v := range values {
			if err := checkFilter(name, v); err != nil {
				return nil, err
			}
		}
		switch name {
		case "status", "exited":
			c.all = true
		}
	}
	for _, b := range []struct {
		name string
		at   *time.Time
	}{{"before", &c.before}, {"since", &c.since}} {
		for _, ref := range o.Filters[b.name] {
			id, err := m.resolve(ref)
			if err != nil {
				return nil, err
			}
			d, err := m.store.Description(id)
			if err != nil {
				return nil, kinded(err)
			}
			*b.at = d.Created
		}
	}
	return c, nil
}

func checkFilter(name, value string) error {
	switch name {
	case "status":
		if value != statusRestarting && !slices.Contains(instance.Statuses, instance.Status(value)) {
			words := []string{statusRestarting}
			for _, s := range instance.Statuses {
				words = append(words, string(s))
			}
			return invalid("filter status=%s: there is no such status; there are %s", value, strings.Join(words, ", "))
		}
	case "exited":
		if _, err := strconv.Atoi(value); err != nil {
			return invalid("filter exited=%s: an exit status is a number", value)
		}
	}
	return nil
}

func invalid(format string, args ...any) error {
	return &instance.Error{Kind: instance.KindInvalid, Err: fmt.Errorf(format, args...)}
}

func (c *chosen) match(s *Summary) bool {
	if !c.all && !s.State.Status.Live() && !s.State.Restarting && s.Problem == "" {
		return false
	}
	for name, values := range c.filters {
		if !slices.ContainsFunc(values, func(v string) bool { return c.matchOne(s, name, v) }) {
			return false
		}
	}
	return true
}

func (c *chosen) matchOne(s *Summary, name, value string) bool {
	switch name {
	case "id":
		return strings.HasPrefix(s.ID, value)
	case "name":
		return strings.Contains(s.Name, value)
	case "status":
		if value == statusRestarting {
			return s.State.Restarting
		}
		return string(s.State.Status) == value && !s.State.Restarting
	case "exited":
		return s.State.Status == instance.Exited && s.State.Exit != nil && strconv.Itoa(s.State.Exit.Code) == value
	case "label":
		key, want, valued := strings.Cut(value, "=")
		got, has := s.Labels[key]
		return has && (!valued || got == want)
	case "kernel":
		return s.Kernel == value
	case "before":
		return s.Created.Before(c.before)
	case "since":
		return s.Created.After(c.since)
	default:
		return false
	}
}
