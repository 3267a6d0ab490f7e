package kernel

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"strings"
)

// modinfo is what Hull needs of a module's .modinfo section: NAME=value strings,
// each ended by a zero byte (Linux, include/linux/moduleparam.h).
type modinfo struct {
	depends  []string // modules it uses symbols of
	softdeps []string // modules or aliases it would like loaded before it
	aliases  []string // further names, without those for device tables
	release  string   // kernel it was built for
}

// parseModinfo reads a decompressed module.
func parseModinfo(module []byte) (modinfo, error) {
	var info modinfo
	f, err := elf.NewFile(bytes.NewReader(module))
	if err != nil {
		return info, err
	}
	if f.Class != elf.ELFCLASS64 || f.Machine != elf.EM_X86_64 || f.Type != elf.ET_REL {
		return info, fmt.Errorf("an ELF file for %v, %v, type %v, not a module for x86-64", f.Machine, f.Class, f.Type)
	}
	if len(f.Sections) > maxSectionsELF {
		return info, fmt.Errorf("%d sections, at most %d", len(f.Sections), maxSectionsELF)
	}
	s := f.Section(".modinfo")
	if s == nil || s.Type == elf.SHT_NOBITS {
		return info, errors.New("no .modinfo section")
	}
	if s.Size > maxModinfo || s.FileSize > maxModinfo {
		return info, fmt.Errorf("a .modinfo section of %d bytes, at most %d", s.Size, maxModinfo)
	}
	data, err := s.Data()
	if err != nil {
		return info, err
	}
	for field := range bytes.SplitSeq(data, []byte{0}) {
		key, value, _ := strings.Cut(string(field), "=")
		switch key {
		case "depends":
			for name := range strings.SplitSeq(value, ",") {
				if name = moduleName(name); name != "" {
					info.depends = append(info.depends, name)
				}
			}
		case "softdep":
			info.softdeps = append(info.softdeps, softdepsBefore(value)...)
		case "alias":
			// The names of devices have ":" and "*" in them.
			if plainAlias(value) && len(info.aliases) < maxAliases {
				info.aliases = append(info.aliases, value)
			}
		case "vermagic":
			info.release, _, _ = strings.Cut(value, " ")
		}
	}
	return info, nil
}

// softdepsBefore takes the names after "pre:" out of "pre: a b post: c".
func softdepsBefore(value string) []string {
	var out []string
	pre := false
	for word := range strings.FieldsSeq(value) {
		switch word {
		case "pre:":
			pre = true
		case "post:":
			pre = false
		default:
			if pre && plainAlias(word) {
				out = append(out, word)
			}
		}
	}
	return out
}

// plainAlias says whether an alias is a name that a soft dependency may use.
func plainAlias(a string) bool {
	return a != "" && len(a) <= 64 && strings.IndexFunc(a, func(c rune) bool { return !alnum(c) && c != '_' && c != '-' }) < 0
}

// moduleName is the name under which the kernel knows a module: the file's name
// without directory and suffixes, dashes as underscores. It is empty for what
// cannot be a module.
func moduleName(file string) string {
	if i := strings.LastIndexByte(file, '/'); i >= 0 {
		file = file[i+1:]
	}
	for _, suffix := range []string{".xz", ".zst", ".gz"} {
		file = strings.TrimSuffix(file, suffix)
	}
	name := strings.ReplaceAll(strings.TrimSuffix(file, ".ko"), "-", "_")
	// MODULE_NAME_LEN, 64 less a pointer and the zero byte.
	if name == "" || len(name) > 55 || strings.IndexFunc(name, func(c rune) bool {
		return !alnum(c) && c != '_'
	}) >= 0 {
		return ""
	}
	return name
}

// isModuleFile says whether a file's name is that of a module, packed or not.
func isModuleFile(file string) bool {
	for _, suffix := range []string{".ko", ".ko.xz", ".ko.zst", ".ko.gz"} {
		if strings.HasSuffix(file, suffix) {
			return true
		}
	}
	return false
}
