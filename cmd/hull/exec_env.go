package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxEnvFile bounds a file of environment variables, in bytes.
const maxEnvFile = 1 << 20

// execEnv is the environment of a program: that of the files, what was said beside
// them, and the terminal's kind.
func execEnv(a *app, o *execOptions) ([]string, error) {
	var env []string
	for _, path := range o.envFiles {
		list, err := readEnvFile(path, a.Getenv)
		if err != nil {
			return nil, err
		}
		env = append(env, list...)
	}
	for _, text := range o.env {
		variable, err := parseEnv(text, a.Getenv)
		if err != nil {
			return nil, fmt.Errorf("--env: %w", err)
		}
		if variable != "" {
			env = append(env, variable)
		}
	}
	if o.tty && !slices.ContainsFunc(env, func(v string) bool { return strings.HasPrefix(v, "TERM=") }) {
		kind := a.Getenv("TERM")
		if kind == "" {
			kind = defaultTerm
		}
		env = append(env, "TERM="+kind)
	}
	return env, nil
}

// parseEnv reads NAME=value, or NAME for the variable that hull has; that is empty
// where hull has none.
func parseEnv(text string, getenv func(string) string) (string, error) {
	name, _, valued := strings.Cut(text, "=")
	if name == "" || strings.ContainsAny(name, " \t") || strings.ContainsRune(text, 0) {
		return "", fmt.Errorf("%q is no environment variable; write it as NAME=value", text)
	}
	if valued {
		return text, nil
	}
	if value := getenv(name); value != "" {
		return name + "=" + value, nil
	}
	return "", nil
}

func readEnvFile(path string, getenv func(string) string) (_ []string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("--env-file: %w", err)
	}
	defer f.Close()
	env, err := parseEnvFile(f, getenv)
	if err != nil {
		return nil, fmt.Errorf("--env-file %q: %w", path, err)
	}
	return env, nil
}

// parseEnvFile reads a variable a line. Empty lines and those that begin with a
// number sign are passed over; nothing is unquoted.
func parseEnvFile(r io.Reader, getenv func(string) string) ([]string, error) {
	limited := &io.LimitedReader{R: r, N: maxEnvFile + 1}
	lines := bufio.NewScanner(limited)
	lines.Buffer(nil, maxEnvFile)
	var env []string
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimLeft(lines.Text(), " \t")
		if n == 1 {
			line = strings.TrimPrefix(line, "\ufeff") // of editors that write one
		}
		if line == "" || line[0] == '#' {
			continue
		}
		if !utf8.ValidString(line) {
			return nil, fmt.Errorf("line %d is not UTF-8", n)
		}
		variable, err := parseEnv(line, getenv)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		if variable != "" {
			env = append(env, variable)
		}
	}
	err := lines.Err()
	if limited.N == 0 || errors.Is(err, bufio.ErrTooLong) {
		return nil, fmt.Errorf("it is longer than %d bytes", maxEnvFile)
	}
	return env, err
}
