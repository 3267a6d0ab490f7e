package events

import (
	"fmt"
	"slices"
	"strings"
)

// matchers are the filters that there are: whether an event has one of the values
// of a key, or all of them where that is what the key means.
var matchers = map[string]func(e *Event, values []string) bool{
	"event": anyOf(func(e *Event, v string) bool { return e.Action == v }),
	"image": anyOf(func(e *Event, v string) bool { return e.Attributes["image"] == v }),
	"instance": anyOf(func(e *Event, v string) bool {
		return v != "" && (e.Name == v || strings.HasPrefix(e.ID, v))
	}),
	"label": func(e *Event, values []string) bool {
		return !slices.ContainsFunc(values, func(v string) bool { return !hasLabel(e, v) })
	},
}

// anyOf makes a matcher of values of which one is enough.
func anyOf(match func(*Event, string) bool) func(*Event, []string) bool {
	return func(e *Event, values []string) bool {
		return slices.ContainsFunc(values, func(v string) bool { return match(e, v) })
	}
}

// hasLabel takes KEY, or KEY=VALUE.
func hasLabel(e *Event, label string) bool {
	key, want, valued := strings.Cut(label, "=")
	got, ok := e.Attributes[key]
	return ok && (!valued || got == want)
}

// checkFilters refuses filters that there are not.
func checkFilters(filters map[string][]string) error {
	for key := range filters {
		if matchers[key] == nil {
			return fmt.Errorf("filter %q: there are event, image, instance and label", key)
		}
	}
	return nil
}

// matches says whether an event passes every filter. One without values lets all
// pass.
func matches(e *Event, filters map[string][]string) bool {
	for key, values := range filters {
		if len(values) > 0 && !matchers[key](e, values) {
			return false
		}
	}
	return true
}
