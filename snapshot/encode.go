package snapshot

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// MaxManifest is the most a manifest's file may have, in bytes.
const MaxManifest = 1 << 20

// ErrBadManifest is in the error of everything that is wrong with a manifest that
// was read.
var ErrBadManifest = errors.New("not a manifest that this version of Hull can read")

// Encode is the manifest's file. The same manifest gives the same bytes. One that
// Check refuses is an error.
func (m *Manifest) Encode() ([]byte, error) {
	if err := m.Check(); err != nil {
		return nil, fmt.Errorf("manifest: write: %w", err)
	}
	b, err := m.encode()
	if err == nil && len(b) > MaxManifest {
		err = fmt.Errorf("it has %d bytes: the most is %d", len(b), MaxManifest)
	}
	if err != nil {
		return nil, fmt.Errorf("manifest: write: %w", err)
	}
	return b, nil
}

func (m *Manifest) encode() ([]byte, error) {
	written := *m
	if written.Disks == nil {
		written.Disks = []Disk{}
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	err := e.Encode(&written)
	return b.Bytes(), err
}

// Decode reads a manifest from r up to its end. Whatever is wrong with it is an
// ErrBadManifest, but for errors of r's own.
func Decode(r io.Reader) (*Manifest, error) {
	b, err := io.ReadAll(io.LimitReader(r, MaxManifest+1))
	if err != nil {
		return nil, fmt.Errorf("manifest: read: %w", err)
	}
	m, err := decode(b)
	if err != nil {
		return nil, fmt.Errorf("manifest: read: %w: %w", err, ErrBadManifest)
	}
	return m, nil
}

func decode(b []byte) (*Manifest, error) {
	if len(b) > MaxManifest {
		return nil, fmt.Errorf("it has more than %d bytes", MaxManifest)
	}
	// A newer format may have fields that this one has not: which it is comes first.
	var version struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(b, &version); err != nil {
		return nil, err
	}
	if version.Format != Format {
		return nil, fmt.Errorf("its format is %d, and this version of Hull knows %d", version.Format, Format)
	}
	var m Manifest
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&m); err != nil {
		return nil, err
	}
	if err := m.Check(); err != nil {
		return nil, err
	}
	// JSON lets a field be there twice, or be spelled otherwise, or have something
	// behind it: two readers may understand two things.
	again, err := m.encode()
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(again, b) {
		return nil, errors.New("it is not written as Hull writes it")
	}
	return &m, nil
}
