package main

import (
	"strings"

	"github.com/spf13/pflag"

	"github.com/hullvm/hull/configs"
)

// setFlag collects the values of --set.
type setFlag struct {
	sets *[]configs.Set
}

func newSetFlag(sets *[]configs.Set) pflag.Value { return setFlag{sets} }

// Set adds one path=value. Whether a machine has that path is found out with the
// file's other mistakes.
func (f setFlag) Set(text string) error {
	s, err := configs.ParseSet(text)
	if err != nil {
		return err
	}
	*f.sets = append(*f.sets, s)
	return nil
}

func (f setFlag) String() string {
	if f.sets == nil {
		return ""
	}
	all := make([]string, len(*f.sets))
	for i, s := range *f.sets {
		all[i] = s.String()
	}
	return strings.Join(all, " ")
}

func (f setFlag) Type() string { return "path=value" }
