package startup

import (
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Arguments are those of the program: what it needs to know before it reads anything.
type Arguments struct {
	// Namespaces are those that the process has of its own, as package jail calls
	// them.
	Namespaces []string

	// Unjailed leaves the process as it is, for debugging.
	Unjailed bool
}

// List is the arguments as a program gets them.
func (a Arguments) List() []string {
	if a.Unjailed {
		return []string{"-unjailed"}
	}
	return []string{"-namespaces=" + strings.Join(a.Namespaces, ",")}
}

// ParseArguments reads a program's arguments. known are the namespaces that there
// are; usage goes to out.
func ParseArguments(args, known []string, out io.Writer) (Arguments, error) {
	var a Arguments
	f := flag.NewFlagSet("hull-vmm", flag.ContinueOnError)
	f.SetOutput(out)
	f.Func("namespaces", "namespaces of the process's own, a comma between them", func(text string) error {
		if text == "" {
			return nil
		}
		for name := range strings.SplitSeq(text, ",") {
			if !slices.Contains(known, name) {
				return fmt.Errorf("%q: want some of %s", name, strings.Join(known, ","))
			}
			a.Namespaces = append(a.Namespaces, name)
		}
		return nil
	})
	f.BoolVar(&a.Unjailed, "unjailed", false, "do not confine the process, for debugging")
	if err := f.Parse(args); err != nil {
		return a, err
	}
	if f.NArg() > 0 {
		return a, fmt.Errorf("argument %q: want none", f.Arg(0))
	}
	return a, nil
}
