package kernel

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

const (
	// manifestVersion is the format that this package reads and writes.
	manifestVersion = 1

	manifestFile = "bundle.json"
	imageFile    = "vmlinuz"
	modulesDir   = "modules"
)

// Manifest is bundle.json: what a bundle holds.
type Manifest struct {
	// Version is the format, 1.
	Version int `json:"version"`

	// Release is the kernel's, as uname -r prints it; empty where the image
	// does not say it.
	Release string `json:"release"`

	// Source says in words where the bundle comes from.
	Source string `json:"source"`

	// Image is the file vmlinuz.
	Image Image `json:"image"`

	// Modules are the files in modules, sorted by name.
	Modules []Module `json:"modules"`

	// Builtin are the modules that are part of the image, sorted.
	Builtin []string `json:"builtin,omitempty"`
}

// Image is a bundle's kernel image.
type Image struct {
	Format string `json:"format"` // "bzImage" or "elf"
	Size   int64  `json:"size"`   // in bytes
	SHA256 string `json:"sha256"` // in hexadecimal
}

// Module is one module of a bundle, the file modules/NAME.ko.
type Module struct {
	// Name is the kernel's name of it: no directory or suffix, and "_" for "-".
	Name string `json:"name"`

	Size   int64  `json:"size"`   // in bytes, decompressed
	SHA256 string `json:"sha256"` // of that, in hexadecimal

	// Depends are the modules whose symbols it uses.
	Depends []string `json:"depends,omitempty"`

	// Softdeps are modules or aliases that it would like loaded before it.
	Softdeps []string `json:"softdeps,omitempty"`

	// Aliases are further names of it, as other modules' softdeps use them.
	Aliases []string `json:"aliases,omitempty"`
}

// decodeManifest reads and validates at most maxManifest bytes.
func decodeManifest(r io.Reader) (*Manifest, error) {
	b, err := readCapped(r, maxManifest)
	if err != nil {
		return nil, err
	}
	// The version comes first: an unknown field of a later format should be
	// reported as the later format.
	var head struct {
		Version int `json:"version"`
	}
	if err := json.Unmarshal(b, &head); err != nil {
		return nil, err
	}
	if head.Version != manifestVersion {
		return nil, fmt.Errorf("version %d, not %d", head.Version, manifestVersion)
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	m := new(Manifest)
	if err := dec.Decode(m); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errors.New("something follows the object")
	}
	if err := m.validate(); err != nil {
		return nil, err
	}
	return m, nil
}

func (m *Manifest) encode() ([]byte, error) {
	if err := m.validate(); err != nil {
		return nil, err
	}
	b, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, err
	}
	if len(b) >= maxManifest {
		return nil, fmt.Errorf("%d bytes, at most %d", len(b), maxManifest)
	}
	return append(b, '\n'), nil
}

// validate makes sure above all that no name in the manifest leads out of the
// bundle.
func (m *Manifest) validate() error {
	switch {
	case m.Version != manifestVersion:
		return fmt.Errorf("version %d, not %d", m.Version, manifestVersion)
	case m.Release != "" && !validRelease(m.Release):
		return fmt.Errorf("release %q is not a kernel's", m.Release)
	case m.Image.Format != string(kindBzImage) && m.Image.Format != string(kindELF):
		return fmt.Errorf("image format %q is neither bzImage nor elf", m.Image.Format)
	case m.Image.Size <= 0 || m.Image.Size > maxImage:
		return fmt.Errorf("image of %d bytes", m.Image.Size)
	case !validSum(m.Image.SHA256):
		return fmt.Errorf("image checksum %q", m.Image.SHA256)
	case len(m.Modules) > maxModules || len(m.Builtin) > maxModules:
		return fmt.Errorf("%d modules and %d built in, at most %d", len(m.Modules), len(m.Builtin), maxModules)
	}
	last := ""
	for i := range m.Modules {
		mod := &m.Modules[i]
		switch {
		case moduleName(mod.Name) != mod.Name || mod.Name == "":
			return fmt.Errorf("module %q: not the name of a module", mod.Name)
		case mod.Name <= last:
			return fmt.Errorf("module %q: after %q, not sorted", mod.Name, last)
		case mod.Size <= 0 || mod.Size > maxModule:
			return fmt.Errorf("module %q: %d bytes", mod.Name, mod.Size)
		case !validSum(mod.SHA256):
			return fmt.Errorf("module %q: checksum %q", mod.Name, mod.SHA256)
		}
		last = mod.Name
	}
	return nil
}

// module finds a module by name, nil where the bundle has none.
func (m *Manifest) module(name string) *Module {
	lo, hi := 0, len(m.Modules)
	for lo < hi {
		mid := (lo + hi) / 2
		if m.Modules[mid].Name < name {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo < len(m.Modules) && m.Modules[lo].Name == name {
		return &m.Modules[lo]
	}
	return nil
}

func validSum(s string) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(b) == 32 && hex.EncodeToString(b) == s
}
