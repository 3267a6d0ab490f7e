package configs

import (
	"path/filepath"
	"reflect"
	"strings"
)

// Absolute makes every path of the host that the machine names one that holds in
// any folder; those that do not are taken to be in dir.
func (m *Machine) Absolute(dir string) {
	absolute(reflect.ValueOf(m).Elem(), "", dir)
}

func absolute(v reflect.Value, form, dir string) {
	switch v.Kind() {
	case reflect.Struct:
		for _, f := range fieldsOf(v.Type()) {
			absolute(v.Field(f.index), f.form, dir)
		}
	case reflect.Slice:
		for i := range v.Len() {
			absolute(v.Index(i), form, dir)
		}
	case reflect.String:
		s := v.String()
		switch {
		case form == "" || s == "" || strings.HasPrefix(s, "/"):
		case form == "kernel" && !isPath(s), form == "initrd" && s == InitrdNone:
		default:
			v.SetString(filepath.Join(dir, s))
		}
	}
}

// SetName calls the machine by another name, and its guest too where the guest was
// called by the machine's.
func (m *Machine) SetName(name string) {
	if m.Boot.Initrd == InitrdBuilt && m.Init.Hostname == hostnameFrom(m.Name) {
		m.Init.Hostname = hostnameFrom(name)
	}
	m.Name = name
}
