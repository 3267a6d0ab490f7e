package migration

import (
	"flag"
	"strings"
)

var only = flag.String("only", "", "of the faults of TestFaults and TestProcessFaults, those whose name has this `text`")

func wanted(name string) bool { return strings.Contains(name, *only) }
