package startup

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/hullvm/hull/peripherals/handover"
)

// Descriptors of the process. Those of the manifest follow each other from
// FirstFD on.
const (
	ConfigFD   = 3 + iota // the configuration, up to its end
	LifelineFD            // ends when who started the process does, and the process with it
	ExitFD                // takes the line at the end
	ControlFD             // the control socket, which listens
	FirstFD
)

// MaxConfig is the most bytes that a configuration may have.
const MaxConfig = 8 << 20

// Config is what the process builds its machine from.
type Config struct {
	// Machine is a machine file's text, which says everything (configs.Render).
	Machine string `json:"machine"`

	// Cmdline is the kernel's whole command line.
	Cmdline string `json:"cmdline"`

	// Manifest says what the descriptors are.
	Manifest handover.Manifest `json:"manifest"`

	// Incoming has the machine wait for another host's, memory and state, instead of a
	// kernel.
	Incoming bool `json:"incoming,omitempty"`

	// AllowSlowKVM lets the machine run on a KVM that emulates kernel code.
	AllowSlowKVM bool `json:"allow_slow_kvm,omitempty"`

	// Verbose has the process log all that it does.
	Verbose bool `json:"verbose,omitempty"`
}

// Encode writes a configuration as Read reads it.
func (c *Config) Encode() ([]byte, error) {
	text, err := json.Marshal(c)
	if err == nil && len(text) > MaxConfig {
		err = fmt.Errorf("%d bytes: at most %d", len(text), MaxConfig)
	}
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	return text, nil
}

// Read reads a configuration, up to the end of r, and checks the manifest.
func Read(r io.Reader) (*Config, error) {
	c, err := read(r)
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	return c, nil
}

func read(r io.Reader) (*Config, error) {
	text, err := io.ReadAll(io.LimitReader(r, MaxConfig+1))
	switch {
	case err != nil:
		return nil, err
	case len(text) == 0:
		return nil, errors.New("there is none")
	case len(text) > MaxConfig:
		return nil, fmt.Errorf("more than %d bytes", MaxConfig)
	}
	c := new(Config)
	if err := decode(text, c); err != nil {
		return nil, err
	}
	return c, c.Manifest.Check()
}

// decode reads the one JSON value that text has to be, with no field that v has not.
func decode(text []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the value")
	}
	return nil
}
