package configs

import (
	"fmt"
	"math/bits"
	"strings"
)

// Complete fills in the values that follow from others: one socket for all
// cores, the machine's name as host name, and what elements of arrays leave out.
// Load and Parse have done it.
func (m *Machine) Complete() {
	c := &m.CPU
	if c.CoresPerSocket == 0 && c.ThreadsPerCore > 0 && c.Count%c.ThreadsPerCore == 0 {
		c.CoresPerSocket = c.Count / c.ThreadsPerCore
	}
	if m.Init.Hostname == "" && m.Boot.Initrd == InitrdBuilt {
		m.Init.Hostname = hostnameFrom(m.Name)
	}
	for i := range m.Init.Files {
		m.Init.Files[i].complete()
	}
	for i := range m.Disks {
		m.Disks[i].complete()
	}
	for i := range m.Nets {
		m.Nets[i].complete()
	}
	for i := range m.Shares {
		m.Shares[i].complete()
	}
}

func (f *File) complete() {
	if f.Mode == 0 {
		f.Mode = 0o644
	}
}

// hostnameFrom makes a host name of a machine's name, which may have underscores
// and dots where host names have none.
func hostnameFrom(name string) string {
	labels := strings.FieldsFunc(strings.ReplaceAll(name, "_", "-"), func(c rune) bool { return c == '.' })
	kept := labels[:0]
	for _, l := range labels {
		if l = strings.Trim(cut(l, maxLabel), "-"); l != "" {
			kept = append(kept, l)
		}
	}
	return strings.Join(kept, ".")
}

// Validate reports everything that is wrong with a machine made by a program, as
// a [*Problems]. Load and Parse have done it.
func (m *Machine) Validate() error {
	r := newReport(fmt.Sprintf("machine %q", m.Name), nil)
	m.check(r)
	return r.err()
}

// check is the rules, section by section. A rule about several values is left
// out while one of them is wrong by itself.
func (m *Machine) check(r *report) {
	checkName(m.Name, r)
	m.CPU.check(r)
	m.Memory.check(r)
	m.Boot.check(r)
	m.checkInit(r)
	m.Serial.check(r)
	m.checkDevices(r)
	m.Limits.check(m.Memory.Size, r)
	m.Log.check(r)
	m.Lifecycle.check(r)
}

func checkName(name string, r *report) {
	if !r.ok("name") {
		return
	}
	if !isName(name, maxName, "._-") {
		r.add("name", name, fmt.Sprintf("must be 1 to %d of a-z A-Z 0-9 . _ -, the first a letter or digit", maxName),
			"give the machine another name")
	}
}

// isName reports whether s is 1 to most ASCII letters, digits and bytes of marks,
// the first a letter or digit.
func isName(s string, most int, marks string) bool {
	if s == "" || len(s) > most || strings.IndexByte(marks, s[0]) >= 0 {
		return false
	}
	for i := range len(s) {
		letter := isWordByte(s[i]) && s[i] != '-' && s[i] != '_'
		if !letter && strings.IndexByte(marks, s[i]) < 0 {
			return false
		}
	}
	return true
}

// inRange notes a number outside its bounds.
func inRange(path string, n, low, high int, r *report) {
	if !r.ok(path) {
		return
	}
	rule := fmt.Sprintf("must be %d to %d", low, high)
	switch {
	case n < low:
		r.add(path, n, rule, "raise it")
	case n > high:
		r.add(path, n, rule, "lower it")
	}
}

// word notes a word that the enumeration does not have; a file's has been looked
// at when it was read, a program's has not.
func word[T ~string](path string, value T, words []string, r *report) {
	if !r.ok(path) {
		return
	}
	var ignored T
	if err, wrong := parseWord(&ignored, []byte(value), words).(*ruleError); wrong {
		r.add(path, string(value), "must be "+err.rule, err.remedy)
	}
}

func (c CPU) check(r *report) {
	word("cpu.model", c.Model, modelWords, r)
	inRange("cpu.count", c.Count, 1, MaxVCPUs, r)
	inRange("cpu.threads_per_core", c.ThreadsPerCore, 1, maxThreadsPerCore, r)
	if !r.ok("cpu.count", "cpu.threads_per_core") {
		return
	}
	if c.Count%c.ThreadsPerCore != 0 {
		r.add("cpu.threads_per_core", c.ThreadsPerCore, fmt.Sprintf("must divide cpu.count, %d", c.Count),
			"change one of the two")
		return
	}
	cores := c.Count / c.ThreadsPerCore
	inRange("cpu.cores_per_socket", c.CoresPerSocket, 1, MaxVCPUs, r)
	if !r.ok("cpu.cores_per_socket") {
		return
	}
	if cores%c.CoresPerSocket != 0 {
		r.add("cpu.cores_per_socket", c.CoresPerSocket, fmt.Sprintf("must divide the number of cores, %d", cores),
			"change it, or leave it out for one socket")
		return
	}
	if highest := c.highestAPICID(); highest > maxAPICID {
		r.add("cpu.cores_per_socket", c.CoresPerSocket,
			fmt.Sprintf("the arrangement needs APIC ids up to %d, and %d is the highest an interrupt can name", highest, maxAPICID),
			"take powers of two for cores and threads, or fewer sockets")
	}
}

// highestAPICID is the APIC id of the last vCPU. Threads and cores have bit
// fields of their own in it, so numbers that are no powers of two leave gaps.
func (c CPU) highestAPICID() int {
	width := func(n int) int { return bits.Len(uint(n - 1)) }
	sockets := c.Count / c.ThreadsPerCore / c.CoresPerSocket
	id := (sockets-1)<<width(c.CoresPerSocket) | (c.CoresPerSocket - 1)
	return id<<width(c.ThreadsPerCore) | (c.ThreadsPerCore - 1)
}

func (m Memory) check(r *report) {
	word("memory.backing", m.Backing, backingWords, r)
	if m.HugePages != HugePagesOff && m.HugePages != HugePages2MiB && m.HugePages != HugePages1GiB {
		r.add("memory.hugepages", m.HugePages.String(), `must be "off", "2MiB" or "1GiB"`, "take one of these")
	}
	if r.ok("memory.thp", "memory.hugepages") && m.THP && m.HugePages != HugePagesOff {
		r.add("memory.thp", m.THP, "means nothing beside memory.hugepages", "leave out one of the two")
	}
	if !r.ok("memory.size", "memory.hugepages") {
		return
	}
	page, pageName := Size(pageSize), "4KiB"
	if m.HugePages != HugePagesOff {
		page, pageName = Size(m.HugePages), m.HugePages.String()
	}
	rule := fmt.Sprintf("must be %v to %v", Size(MinMemory), Size(MaxMemory))
	switch {
	case m.Size < MinMemory:
		r.add("memory.size", m.Size, rule, "raise it")
	case m.Size > MaxMemory:
		r.add("memory.size", m.Size, rule, "lower it")
	case m.Size%page != 0:
		r.add("memory.size", m.Size, "must be a multiple of the page size, "+pageName,
			fmt.Sprintf("the next is %v", (m.Size/page+1)*page))
	}
}

func (b Boot) check(r *report) {
	word("boot.protocol", b.Protocol, protocolWords, r)
	switch {
	case !r.ok("boot.kernel"):
	case b.Kernel == "":
		r.add("boot.kernel", nil, "must be given",
			`name a bundle that "hull kernel ls" lists, or the path of a kernel with a slash in it`)
	case b.OwnKernelFile():
		checkHostPath("boot.kernel", b.Kernel, r)
	case !isName(b.Kernel, maxBundle, "._+~-"):
		r.add("boot.kernel", b.Kernel, "must be a bundle's name, or a path with a slash in it",
			`write the path of a file in this folder as "./NAME"`)
	}
	if b.OwnInitrdFile() {
		checkHostPath("boot.initrd", b.Initrd, r)
	}
	if r.ok("boot.cmdline") {
		checkCmdline(b.Cmdline, r)
	}
}

func checkCmdline(s string, r *report) {
	if i := strings.IndexFunc(s, func(c rune) bool { return c < ' ' || c == 0x7f }); i >= 0 {
		r.add("boot.cmdline", s, fmt.Sprintf("must be one line of printable text, and byte %d is not", i), "remove it")
	}
	if len(s) > MaxCmdline {
		r.add("boot.cmdline", s, fmt.Sprintf("must be at most %d bytes, and is %d", MaxCmdline, len(s)), "shorten it")
	}
}

func checkHostPath(at, p string, r *report) {
	if !r.ok(at) {
		return
	}
	switch {
	case strings.ContainsRune(p, 0):
		r.add(at, p, "must not hold a zero byte", "remove it")
	case len(p) > maxPath:
		r.add(at, p, fmt.Sprintf("must be at most %d bytes", maxPath), "shorten it")
	}
}

func (s Serial) check(r *report) { checkOutput("serial", s.Output, s.Path, r) }

func (l Lifecycle) check(r *report) {
	word("lifecycle.on_reset", l.OnReset, actionWords, r)
	word("lifecycle.on_panic", l.OnPanic, actionWords, r)
	if r.ok("lifecycle.restart") {
		var ignored RestartPolicy
		if err, wrong := ignored.UnmarshalText([]byte(l.Restart)).(*ruleError); wrong {
			r.add("lifecycle.restart", string(l.Restart), "must be "+err.rule, err.remedy)
		}
	}
	if r.ok("lifecycle.stop_timeout") && (l.StopTimeout < 0 || l.StopTimeout > maxStopTimeout) {
		r.add("lifecycle.stop_timeout", l.StopTimeout, "must be 0s to 24h", "0s kills the machine at once")
	}
}
