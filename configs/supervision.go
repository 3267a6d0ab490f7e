package configs

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Limits is what the machine may have of the host, its monitor and the processes
// that serve it taken together. It holds for instances (`hull boot -d`).
type Limits struct {
	// CPUs is how many of the host's processors the machine may keep busy, in
	// steps of a hundredth, as in "1.5". "0" is no limit.
	CPUs CPUQuota `toml:"cpus"`

	// Memory is how much memory of the host the machine may hold. It has to be
	// larger than memory.size, for the monitor needs some beside the guest's
	// (64MiB is enough for most); a machine that needs more is killed. "0K" is no
	// limit.
	Memory Size `toml:"memory"`
}

// Log is what an instance keeps of the guest's serial console and of Hull's own
// messages (`hull logs`).
type Log struct {
	// MaxSize is how large a file of the log grows before the next is begun, from
	// 64KiB to 1GiB.
	MaxSize Size `toml:"max_size"`

	// MaxFiles is how many files are kept, 1 to 100: the oldest goes.
	MaxFiles int `toml:"max_files"`
}

// CPUQuota is a number of processors in hundredths; 0 is no limit.
type CPUQuota int

// RestartMode is when an instance that ended is started again.
type RestartMode string

// The modes there are.
const (
	RestartNo            RestartMode = "no"
	RestartOnFailure     RestartMode = "on-failure"
	RestartAlways        RestartMode = "always"
	RestartUnlessStopped RestartMode = "unless-stopped"
)

// RestartPolicy is a mode, for on-failure with the most tries behind a colon or
// without.
type RestartPolicy string

var restartWords = []string{string(RestartNo), string(RestartOnFailure), string(RestartAlways), string(RestartUnlessStopped)}

const (
	maxTries    = 1_000_000
	minLogSize  = 64 << 10
	maxLogSize  = 1 << 30
	maxLogFiles = 100
	maxCPUs     = 8192
	perCPU      = 100
)

// ParseRestartPolicy reads "no", "on-failure", "on-failure:N", "always" or
// "unless-stopped".
func ParseRestartPolicy(s string) (RestartPolicy, error) {
	var p RestartPolicy
	if err := p.UnmarshalText([]byte(s)); err != nil {
		return "", fmt.Errorf("restart policy %s: %w", quote(s), err)
	}
	return p, nil
}

// UnmarshalText takes what ParseRestartPolicy does.
func (p *RestartPolicy) UnmarshalText(text []byte) error {
	word, tries, counted := strings.Cut(string(text), ":")
	var mode RestartMode
	if err := parseWord(&mode, []byte(word), restartWords); err != nil {
		return err
	}
	if counted {
		n, err := strconv.Atoi(tries)
		if mode != RestartOnFailure || err != nil || n < 1 || n > maxTries || tries != strconv.Itoa(n) {
			return &ruleError{rule: fmt.Sprintf("a mode, on-failure with 1 to %d tries behind a colon or without", maxTries), remedy: `write it as "on-failure:3"`}
		}
	}
	*p = RestartPolicy(text)
	return nil
}

// Mode is when an instance is started again.
func (p RestartPolicy) Mode() RestartMode {
	mode, _, _ := strings.Cut(string(p), ":")
	return RestartMode(mode)
}

// Tries is how many times in a row at most; 0 is no bound.
func (p RestartPolicy) Tries() int {
	_, tries, _ := strings.Cut(string(p), ":")
	n, _ := strconv.Atoi(tries) // UnmarshalText has seen it; without one it is 0
	return n
}

// ParseCPUQuota reads a number of processors, as in "1.5".
func ParseCPUQuota(s string) (CPUQuota, error) {
	var q CPUQuota
	if err := q.UnmarshalText([]byte(s)); err != nil {
		return 0, fmt.Errorf("number of processors %s: %w", quote(s), err)
	}
	return q, nil
}

// UnmarshalText takes a number of processors with at most two decimals.
func (q *CPUQuota) UnmarshalText(text []byte) error {
	f, err := strconv.ParseFloat(string(text), 64)
	hundredths := math.Round(f * perCPU)
	if err != nil || !(f >= 0 && f <= maxCPUs) || math.Abs(hundredths-f*perCPU) > 1e-6 {
		return &ruleError{rule: fmt.Sprintf("0 to %d processors, with at most two decimals", maxCPUs), remedy: `write it as "2" or "1.5"`}
	}
	*q = CPUQuota(hundredths)
	return nil
}

// Processors is q as a number of processors; 0 is no limit.
func (q CPUQuota) Processors() float64 { return float64(q) / perCPU }

func (q CPUQuota) String() string { return strconv.FormatFloat(q.Processors(), 'f', -1, 64) }

// MarshalText writes q as UnmarshalText reads it.
func (q CPUQuota) MarshalText() ([]byte, error) { return []byte(q.String()), nil }

func (l Limits) check(memory Size, r *report) {
	if r.ok("limits.cpus") && (l.CPUs < 0 || l.CPUs > maxCPUs*perCPU) {
		r.add("limits.cpus", l.CPUs, fmt.Sprintf("must be 0 to %d processors", maxCPUs), "change it")
	}
	if r.ok("limits.memory", "memory.size") && l.Memory > 0 && l.Memory <= memory {
		r.add("limits.memory", l.Memory, fmt.Sprintf("must be more than memory.size, %v", memory), "leave some 64MiB beside the guest's for its monitor")
	}
}

func (l Log) check(r *report) {
	if r.ok("log.max_size") && (l.MaxSize < minLogSize || l.MaxSize > maxLogSize) {
		r.add("log.max_size", l.MaxSize, fmt.Sprintf("must be %v to %v", Size(minLogSize), Size(maxLogSize)), "change it")
	}
	inRange("log.max_files", l.MaxFiles, 1, maxLogFiles, r)
}
