package kernel

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// PullOptions say which kernel to pull from Debian's archive.
type PullOptions struct {
	// Package is a kernel's package, or one that depends on the newest:
	// linux-image-cloud-amd64, linux-image-amd64.
	Package string

	// Release is a Debian release's code name, such as trixie; empty means
	// whatever the host's apt is set up for.
	Release string

	// Name is the bundle's; empty means the kernel's release.
	Name string

	// Progress gets a line for each step; nil for none.
	Progress io.Writer
}

// Names that can stand in an apt command line without being anything else.
var (
	packageName = regexp.MustCompile(`^linux-image-[a-z0-9][a-z0-9+.~-]{0,99}$`)
	releaseName = regexp.MustCompile(`^[a-z][a-z-]{0,40}$`)
)

// PullDebian downloads a kernel's package with apt and makes a bundle of it. The
// host's own apt state stays as it is, but for its package lists, which are
// fetched where they do not have the package.
func (s *Store) PullDebian(ctx context.Context, o PullOptions) (_ *Bundle, err error) {
	if !packageName.MatchString(o.Package) {
		return nil, fmt.Errorf("package %q: not the name of a kernel's package, such as linux-image-cloud-amd64", o.Package)
	}
	if o.Release != "" && !releaseName.MatchString(o.Release) {
		return nil, fmt.Errorf("release %q: not a Debian release's code name, such as trixie", o.Release)
	}
	dir, err := os.MkdirTemp("", "hull-pull-")
	if err != nil {
		return nil, fmt.Errorf("package %q: %w", o.Package, err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	// apt drops root for the download, to a user who must reach the folder.
	if err := os.Chmod(dir, 0o755); err != nil {
		return nil, fmt.Errorf("package %q: %w", o.Package, err)
	}
	a := &apt{dir: dir, progress: o.Progress}
	if o.Release != "" {
		if err := a.useRelease(ctx, o.Release); err != nil {
			return nil, fmt.Errorf("package %q of %s: %w", o.Package, o.Release, err)
		}
	}
	deb, err := a.fetch(ctx, o.Package)
	if err != nil {
		return nil, fmt.Errorf("package %q: %w", o.Package, err)
	}
	a.say("importing %s", filepath.Base(deb))
	return s.ImportDeb(ctx, deb, o.Name)
}

// apt runs apt's programs, in the host's configuration or in one of its own.
type apt struct {
	dir      string
	options  []string
	own      bool // the lists are ours, and fresh
	progress io.Writer
}

func (a *apt) say(format string, args ...any) {
	if a.progress != nil {
		fmt.Fprintf(a.progress, format+"\n", args...)
	}
}

// keyring is where Debian keeps the keys that its archive is signed with.
const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"

// useRelease sets apt up for one release below the temporary directory, with the
// mirror that the host uses.
func (a *apt) useRelease(ctx context.Context, release string) error {
	mirror, err := hostMirror("/etc/apt")
	if err != nil {
		return err
	}
	for _, d := range []string{"state/lists/partial", "cache/archives/partial", "parts"} {
		if err := os.MkdirAll(filepath.Join(a.dir, d), 0o755); err != nil {
			return err
		}
	}
	sources := filepath.Join(a.dir, "sources.list")
	line := fmt.Sprintf("deb [arch=amd64 signed-by=%s] %s %s main\n", keyring, mirror, release)
	if err := os.WriteFile(sources, []byte(line), 0o644); err != nil {
		return err
	}
	for key, value := range map[string]string{
		"Dir::Etc::SourceList":  sources,
		"Dir::Etc::SourceParts": filepath.Join(a.dir, "parts"),
		"Dir::State":            filepath.Join(a.dir, "state"),
		"Dir::State::Lists":     filepath.Join(a.dir, "state/lists"),
		"Dir::State::Status":    "/dev/null",
		"Dir::Cache":            filepath.Join(a.dir, "cache"),
		"APT::Architecture":     "amd64",
		"Acquire::Languages":    "none",
	} {
		a.options = append(a.options, "-o", key+"="+value)
	}
	a.own = true
	return a.update(ctx)
}

func (a *apt) update(ctx context.Context) error {
	a.say("fetching package lists")
	_, err := a.run(ctx, "apt-get", "-qq", "update")
	return err
}

// hostMirror finds the URI of Debian's archive in apt's sources, in either of
// their formats.
func hostMirror(etc string) (string, error) {
	files, err := filepath.Glob(filepath.Join(etc, "sources.list.d", "*"))
	if err != nil {
		return "", err
	}
	uri := regexp.MustCompile(`https?://[^\s\]]+/debian/?(\s|$)`)
	for _, name := range append([]string{filepath.Join(etc, "sources.list")}, files...) {
		text, err := os.ReadFile(name)
		if err != nil {
			continue // one that is not there, or not for us
		}
		for line := range strings.Lines(string(text)) {
			if strings.HasPrefix(strings.TrimSpace(line), "#") {
				continue
			}
			if m := uri.FindString(line); m != "" {
				return strings.TrimSpace(m), nil
			}
		}
	}
	return "", fmt.Errorf("apt sources in %s: no mirror of Debian's archive: give a package's file instead (hull kernel import FILE.deb)", etc)
}

// fetch downloads the package that holds the kernel itself.
func (a *apt) fetch(ctx context.Context, name string) (string, error) {
	real, err := a.resolve(ctx, name)
	if err != nil && !a.own {
		// The host's lists may be missing or old.
		if err := a.update(ctx); err != nil {
			return "", err
		}
		real, err = a.resolve(ctx, name)
	}
	if err != nil {
		return "", err
	}
	a.say("downloading %s", real)
	if _, err := a.run(ctx, "apt-get", "-qq", "download", real); err != nil {
		if a.own {
			return "", err
		}
		// A list from yesterday may name a version that is gone.
		if err := a.update(ctx); err != nil {
			return "", err
		}
		if real, err = a.resolve(ctx, name); err != nil {
			return "", err
		}
		if _, err := a.run(ctx, "apt-get", "-qq", "download", real); err != nil {
			return "", err
		}
	}
	debs, err := filepath.Glob(filepath.Join(a.dir, "*.deb"))
	if err != nil || len(debs) != 1 {
		return "", fmt.Errorf("apt-get download: %d packages came, want 1", len(debs))
	}
	return debs[0], nil
}

// resolve follows the dependency of a package that only names the newest kernel.
func (a *apt) resolve(ctx context.Context, name string) (string, error) {
	for range 3 {
		out, err := a.run(ctx, "apt-cache", "depends", "--no-recommends", "--no-suggests", "--no-conflicts",
			"--no-breaks", "--no-replaces", "--no-enhances", name)
		if err != nil {
			return "", err
		}
		next := imageDependency(out, name)
		if next == "" {
			return name, nil
		}
		name = next
	}
	return "", fmt.Errorf("package %q: its dependencies go round", name)
}

// imageDependency finds a kernel's package among what apt-cache says another
// depends on.
func imageDependency(text, self string) string {
	for line := range strings.Lines(text) {
		dep, ok := strings.CutPrefix(strings.TrimSpace(line), "Depends: ")
		if ok && dep != self && packageName.MatchString(dep) {
			return dep
		}
	}
	return ""
}

// run runs one of apt's programs in the temporary directory.
func (a *apt) run(ctx context.Context, program string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, program, append(a.options[:len(a.options):len(a.options)], args...)...)
	cmd.Dir = a.dir
	cmd.Env = append(os.Environ(), "LC_ALL=C", "DEBIAN_FRONTEND=noninteractive")
	var out, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaints
	if err := cmd.Run(); err != nil {
		if errors.Is(err, exec.ErrNotFound) {
			return "", fmt.Errorf("%s: not found: this is no Debian host; give a package's file instead (hull kernel import FILE.deb)", program)
		}
		return "", fmt.Errorf("%s %s: %w: %s", program, strings.Join(args, " "), err, lastLines(complaints.String()))
	}
	return out.String(), nil
}

// lastLines is the end of what a program complained, on one line.
func lastLines(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-3):], "; ")
}
