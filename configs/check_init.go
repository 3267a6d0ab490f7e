package configs

import (
	"fmt"
	"path"
	"strings"
	"unicode/utf8"
)

func (m *Machine) checkInit(r *report) {
	i := &m.Init
	if !r.ok("boot.initrd") {
		return
	}
	if m.Boot.Initrd != InitrdBuilt {
		if len(i.Exec)+len(i.Env)+len(i.Modules)+len(i.Files) > 0 || i.Dir != "" || i.Hostname != "" {
			r.add("init", nil, "is for the initrd that Hull makes, and boot.initrd has another, or none",
				"remove [init] or boot.initrd")
		}
		return
	}
	i.checkExec(r)
	i.checkEnv(r)
	if i.Dir != "" && r.ok("init.dir") {
		checkGuestPath("init.dir", i.Dir, r)
	}
	if r.ok("init.hostname") && r.ok("name") && !isHostname(i.Hostname) {
		r.add("init.hostname", i.Hostname,
			fmt.Sprintf("must be at most %d letters, digits, hyphens and dots, no part beginning or ending with a hyphen", maxHostname),
			"give another host name")
	}
	i.checkModules(r)
	i.checkFiles(r)
}

func (i *Init) checkExec(r *report) {
	if !r.ok("init.exec") {
		return
	}
	if len(i.Exec) == 0 {
		r.add("init.exec", nil, "must be given", `name the program to run and its arguments, as in ["/bin/sh"]`)
		return
	}
	if i.Exec[0] == "" && r.ok("init.exec[0]") {
		r.add("init.exec[0]", "", "must be a program", "name one")
	}
	for n, a := range i.Exec {
		checkArgument(index("init.exec", n), a, r)
	}
}

func checkArgument(at, a string, r *report) {
	if !r.ok(at) {
		return
	}
	switch {
	case strings.ContainsRune(a, 0):
		r.add(at, a, "must not hold a zero byte", "remove it")
	case len(a) > maxArgument:
		r.add(at, a, fmt.Sprintf("must be at most %d bytes", maxArgument), "shorten it")
	}
}

func (i *Init) checkEnv(r *report) {
	seen := make(map[string]int)
	for n, e := range i.Env {
		at := index("init.env", n)
		if !r.ok(at) {
			continue
		}
		name, _, found := strings.Cut(e, "=")
		if !found || name == "" || strings.ContainsFunc(name, func(c rune) bool { return c <= ' ' || c == 0x7f }) {
			r.add(at, e, "must be NAME=value, the name without spaces", "write it so")
			continue
		}
		checkArgument(at, e, r)
		if first, twice := seen[name]; twice {
			r.add(at, e, fmt.Sprintf("%s is set by %s too", quote(name), index("init.env", first)), "remove one of the two")
			continue
		}
		seen[name] = n
	}
}

// checkGuestPath notes a path that is not absolute or not in its shortest form.
func checkGuestPath(at, p string, r *report) {
	if strings.HasPrefix(p, "/") && path.Clean(p) == p && len(p) <= maxPath && !strings.ContainsRune(p, 0) {
		return
	}
	remedy := "write it from the guest's root"
	if strings.HasPrefix(p, "/") && !strings.ContainsRune(p, 0) && len(p) <= maxPath {
		remedy = "write " + quote(path.Clean(p))
	}
	r.add(at, p, "must be an absolute path without //, . or .. and without a slash at its end", remedy)
}

func isHostname(s string) bool {
	if s == "" || len(s) > maxHostname {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if !isName(label, maxLabel, "-") || strings.HasSuffix(label, "-") {
			return false
		}
	}
	return true
}

func (i *Init) checkModules(r *report) {
	if len(i.Modules) > maxModules && r.ok("init.modules") {
		r.add("init.modules", i.Modules, fmt.Sprintf("must be at most %d, and are %d", maxModules, len(i.Modules)), "name fewer")
		return
	}
	seen := make(map[string]int)
	for n, name := range i.Modules {
		at := index("init.modules", n)
		if !r.ok(at) {
			continue
		}
		if !isName(name, 64, "_-") {
			remedy := "write it as in virtio_blk"
			if base, _, packed := strings.Cut(path.Base(name), ".ko"); packed && isName(base, 64, "_-") {
				remedy = "write " + quote(base)
			}
			r.add(at, name, "must be a module's name, without folder and suffix", remedy)
			continue
		}
		same := strings.ReplaceAll(name, "-", "_")
		if first, twice := seen[same]; twice {
			r.add(at, name, "is the same module as "+index("init.modules", first), "remove one of the two")
			continue
		}
		seen[same] = n
	}
}

func (i *Init) checkFiles(r *report) {
	if len(i.Files) > maxFiles && r.ok("init.files") {
		r.add("init.files", nil, fmt.Sprintf("must be at most %d, and are %d", maxFiles, len(i.Files)), "put in fewer")
		return
	}
	seen := make(map[string]int)
	for n, f := range i.Files {
		at := index("init.files", n)
		f.check(at, r)
		if !r.ok(at + ".path") {
			continue
		}
		if first, twice := seen[f.Path]; twice {
			r.add(at+".path", f.Path, "is the path of "+index("init.files", first)+" too", "remove one of the two")
			continue
		}
		seen[f.Path] = n
	}
}

func (f File) check(at string, r *report) {
	if r.ok(at + ".path") {
		switch f.Path {
		case "":
			r.add(at+".path", nil, "must be given", "say where in the guest the file lies")
		case "/", "/init":
			r.add(at+".path", f.Path, "is taken by Hull's own", "put the file elsewhere")
		default:
			checkGuestPath(at+".path", f.Path, r)
		}
	}
	if r.ok(at+".source", at+".text") && f.Source != "" && f.Text != "" {
		r.add(at+".text", f.Text, "must not stand beside source", "remove one of the two")
	}
	if r.ok(at+".text") && !utf8.ValidString(f.Text) {
		r.add(at+".text", f.Text, "must be UTF-8", "use source for other content")
	}
	checkHostPath(at+".source", f.Source, r)
	if r.ok(at+".mode") && f.Mode > maxMode {
		r.add(at+".mode", f.Mode, "must be 0000 to 7777", "lower it")
	}
}
