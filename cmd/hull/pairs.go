package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// filterFlag collects the filters of a list, as name=value.
type filterFlag struct{ filters map[string][]string }

func (f *filterFlag) Set(text string) error {
	name, value, err := parseFilter(text)
	if err != nil {
		return err
	}
	if f.filters == nil {
		f.filters = make(map[string][]string)
	}
	f.filters[name] = append(f.filters[name], value)
	return nil
}

func (f *filterFlag) String() string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(f.filters)) {
		for _, value := range f.filters[name] {
			all = append(all, name+"="+value)
		}
	}
	return strings.Join(all, " ")
}

func (f *filterFlag) Type() string { return "name=value" }

// parseFilter reads name=value. Which names there are whoever lists knows.
func parseFilter(text string) (name, value string, err error) {
	name, value, found := strings.Cut(text, "=")
	name, value = strings.ToLower(strings.TrimSpace(name)), strings.TrimSpace(value)
	if !found || name == "" {
		return "", "", fmt.Errorf("%q is no filter; write it as name=value, as in status=running", text)
	}
	return name, value, nil
}

// labelFlag collects labels, as key=value or as a key alone.
type labelFlag struct{ labels map[string]string }

func (f *labelFlag) Set(text string) error {
	key, value, _ := strings.Cut(text, "=")
	if strings.TrimSpace(key) == "" || printable(text) != text {
		return fmt.Errorf("%q is no label; write it as key=value", text)
	}
	if f.labels == nil {
		f.labels = make(map[string]string)
	}
	f.labels[key] = value
	return nil
}

func (f *labelFlag) String() string { return joinPairs(f.labels, " ") }

func (f *labelFlag) Type() string { return "key=value" }

// joinPairs writes a map as key=value, in the order of the keys.
func joinPairs(m map[string]string, separator string) string {
	pairs := make([]string, 0, len(m))
	for _, key := range slices.Sorted(maps.Keys(m)) {
		pairs = append(pairs, key+"="+m[key])
	}
	return strings.Join(pairs, separator)
}
