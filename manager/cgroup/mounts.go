package cgroup

import (
	"path"
	"slices"
	"strings"
)

// mount is one tree of control groups that is mounted.
type mount struct {
	root        string   // the group that is mounted, seen from the tree's root
	point       string   // where
	unified     bool     // version 2
	controllers []string // of version 1, and other options
}

// parseMounts reads proc_pid_mountinfo(5).
func parseMounts(text string) []mount {
	var list []mount
	for line := range strings.Lines(text) {
		before, after, ok := strings.Cut(line, " - ")
		f, g := strings.Fields(before), strings.Fields(after)
		if !ok || len(f) < 6 || len(g) < 3 {
			continue
		}
		m := mount{root: unescape(f[3]), point: unescape(f[4])}
		switch g[0] {
		case "cgroup2":
			m.unified = true
		case "cgroup":
			m.controllers = strings.Split(g[2], ",")
		default:
			continue
		}
		if path.IsAbs(m.point) && path.IsAbs(m.root) {
			list = append(list, m)
		}
	}
	return list
}

// unescape undoes what the kernel does to blanks in names: a backslash and three
// octal digits.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) && isOctal(s[i+1:i+4]) {
			b.WriteByte((s[i+1]-'0')<<6 | (s[i+2]-'0')<<3 | (s[i+3] - '0'))
			i += 3
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func isOctal(s string) bool { return strings.Trim(s, "01234567") == "" && s[0] <= '3' }

// parseMembership reads proc_pid_cgroup(5): the group that a process is in, by
// controller; that of version 2 is "".
func parseMembership(text string) map[string]string {
	groups := map[string]string{}
	for line := range strings.Lines(text) {
		f := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		if len(f) != 3 || !path.IsAbs(f[2]) {
			continue
		}
		for _, c := range strings.Split(f[1], ",") {
			groups[c] = f[2]
		}
	}
	return groups
}

// places are the directories from where a tree is mounted down to a group in it.
// A group that is not below what is mounted leaves the first.
func (m *mount) places(group string) []string {
	list := []string{path.Clean(m.point)}
	rest, ok := strings.CutPrefix(group, strings.TrimSuffix(m.root, "/"))
	if !ok || rest != "" && rest[0] != '/' || slices.Contains(strings.Split(rest, "/"), "..") {
		return list
	}
	for _, name := range strings.Split(rest, "/") {
		if name != "" && name != "." {
			list = append(list, path.Join(list[len(list)-1], name))
		}
	}
	return list
}
