package vmstatetest

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/hullvm/hull/vmstate"
)

var update = flag.Bool("update-states", false, "write golden states that are not there; one that is there is never changed")

// name is the section that the keeper under test has.
const name = "test"

// Bytes is the state of k as it is written.
func Bytes(t testing.TB, k vmstate.Keeper) []byte {
	t.Helper()
	s := vmstate.New()
	if err := k.Save(s.Out(name)); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := s.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Load loads a state that Bytes gave. All of it must be taken.
func Load(k vmstate.Keeper, state []byte) error {
	s, err := vmstate.Read(bytes.NewReader(state))
	if err != nil {
		return err
	}
	if err := k.Load(s.In(name)); err != nil {
		return err
	}
	return s.Unknown()
}

// RoundTrip loads the state of k into fresh, which must have the same state then.
func RoundTrip(t testing.TB, k, fresh vmstate.Keeper) {
	t.Helper()
	state := Bytes(t, k)
	if err := Load(fresh, state); err != nil {
		t.Fatal(err)
	}
	if again := Bytes(t, fresh); !bytes.Equal(again, state) {
		t.Fatalf("the state that was loaded is not the one that was saved:\nsaved  %x\nloaded %x", state, again)
	}
}

// Golden holds that testdata/states/file, the state of a keeper as a released
// version wrote it, can be loaded into fresh. k is a keeper in that state: -update-states
// writes the file where there is none, and what is written today must equal it
// unless newer is set, which says that a newer version is written now.
func Golden(t testing.TB, file string, newer bool, k, fresh vmstate.Keeper) {
	t.Helper()
	path := filepath.Join("testdata", "states", file)
	state := Bytes(t, k)
	golden, err := os.ReadFile(path)
	if os.IsNotExist(err) && *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		golden, err = state, os.WriteFile(path, state, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	if !newer && !bytes.Equal(golden, state) {
		t.Errorf("%s: what is written today differs: raise the version, and keep this file for the old one", path)
	}
	if err := Load(fresh, golden); err != nil {
		t.Errorf("%s: %v", path, err)
	}
	if again := Bytes(t, fresh); !bytes.Equal(again, state) {
		t.Errorf("%s: loaded, it is %x, want %x", path, again, state)
	}
}

// Fuzz loads what the fuzzer makes of the states of made into fresh keepers: each
// is taken or refused, and what was taken can be saved.
func Fuzz(f *testing.F, fresh func() vmstate.Keeper, made ...vmstate.Keeper) {
	for _, k := range made {
		s := vmstate.New()
		if err := k.Save(s.Out(name)); err != nil {
			f.Fatal(err)
		}
		f.Add(s.Values())
	}
	f.Fuzz(func(t *testing.T, values []byte) {
		s := vmstate.FromValues(values)
		k := fresh()
		if k.Load(s.In(name)) == nil {
			Bytes(t, k)
		}
	})
}
