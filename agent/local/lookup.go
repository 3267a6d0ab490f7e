package local

import (
	"errors"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// rootFS looks for programs as a process with this root would.
type rootFS struct{ root string }

// open opens name, absolute, below the root without following a link out of it.
func (r rootFS) open(name string, flags uint64) (int, error) {
	root := r.root
	if root == "" {
		root = "/"
	}
	dir, err := unix.Open(root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	defer unix.Close(dir)
	how := unix.OpenHow{Flags: flags | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT}
	for {
		fd, err := unix.Openat2(dir, name, &how)
		// EAGAIN: something was renamed meanwhile (openat2(2)).
		if !errors.Is(err, unix.EINTR) && !errors.Is(err, unix.EAGAIN) {
			return fd, err
		}
	}
}

// directory makes sure that name is one.
func (r rootFS) directory(name string) error {
	fd, err := r.open(name, unix.O_PATH|unix.O_DIRECTORY)
	if err == nil {
		_ = unix.Close(fd)
	}
	return err
}

// executable says why name cannot be run.
func (r rootFS) executable(name string) error {
	fd, err := r.open(name, unix.O_PATH)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG || st.Mode&0o111 == 0 {
		return unix.EACCES
	}
	return nil
}

// program is the path to execute for name: name itself when it has a slash,
// else the first program of that name in the PATH of env. Where there is none,
// the error is EACCES if a file of that name is there that cannot be run.
func (r rootFS) program(name, dir string, env []string) (string, error) {
	if strings.Contains(name, "/") {
		return name, nil // the exec itself says what is wrong with it
	}
	result := unix.ENOENT
	for _, in := range strings.Split(searchPath(env), ":") {
		if in == "" {
			in = "."
		}
		p := path.Join(in, name)
		if !path.IsAbs(p) {
			p = path.Join("/", dir, p)
		}
		switch err := r.executable(p); {
		case err == nil:
			return p, nil
		case errors.Is(err, unix.EACCES):
			result = unix.EACCES
		}
	}
	return "", &startError{errno: result}
}

// searchPath is the PATH of an environment: of several, the last.
func searchPath(env []string) string {
	for i := len(env) - 1; i >= 0; i-- {
		if v, ok := strings.CutPrefix(env[i], "PATH="); ok {
			return v
		}
	}
	return "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
}

// LookPath is the program that a [Spawner] with this root would run for name in
// dir with env: the first of that name in env's PATH, or name itself when there
// is a slash in it. Its error holds unix.ENOENT or unix.EACCES.
func LookPath(root, name, dir string, env []string) (string, error) {
	return rootFS{root}.program(name, dir, env)
}
