package acpi

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/hullvm/hull/internal/hosttest"
)

var (
	// complaint is what iasl says when it finds fault with a table. Its last
	// line counts them: "0 Errors, 0 Warnings, 0 Remarks".
	complaint = regexp.MustCompile(`(?i)error|warning|remark|invalid|unknown|could not`)
	verdict   = regexp.MustCompile(`(?m)^Compilation successful\. 0 Errors, 0 Warnings, 0 Remarks, \d+ Optimizations.*$|^.*0 Errors, 0 Warnings, 0 Remarks.*$`)
)

func runIASL(t *testing.T, iasl, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command(iasl, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("iasl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	if c := complaint.FindString(verdict.ReplaceAllString(string(out), "")); c != "" {
		t.Fatalf("iasl %s says %q:\n%s", strings.Join(args, " "), c, out)
	}
	return string(out)
}

// The reference compiler takes every table apart without a complaint, and makes
// the same table again of what it read.
func TestReferenceCompilerReadsEveryTable(t *testing.T) {
	iasl := hosttest.Need(t, "iasl", "acpica-tools")
	for name, c := range machines() {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for _, table := range build(t, c) {
				if table.Name == "RSDP" {
					continue // iasl -d knows tables, and not the pointer to them
				}
				base := strings.ToLower(table.Name)
				if err := os.WriteFile(filepath.Join(dir, base+".aml"), table.Data, 0o600); err != nil {
					t.Fatal(err)
				}
				runIASL(t, iasl, dir, "-d", base+".aml")
				source, err := os.ReadFile(filepath.Join(dir, base+".dsl"))
				if err != nil {
					t.Fatal(err)
				}
				if c := regexp.MustCompile(`(?i)\b(warning|error|remark|invalid|unknown)\b.*`).Find(source); c != nil {
					t.Errorf("%s: the disassembly says %q", table.Name, c)
				}
				out := runIASL(t, iasl, dir, "-tc", "-p", base+"-again", base+".dsl")
				if !verdict.MatchString(out) {
					t.Errorf("%s: recompiled: %s", table.Name, out)
				}
				again, err := os.ReadFile(filepath.Join(dir, base+"-again.aml"))
				if err != nil {
					t.Fatal(err)
				}
				if want := table.Data; !bytes.Equal(withoutMaker(table.Name, again), withoutMaker(table.Name, want)) {
					t.Errorf("%s: recompiled it is\n%x, not\n%x", table.Name, again, want)
				}
			}
		})
	}
}

// withoutMaker clears what a compiler sets to its own mind: its name and version
// in the header, and with them the checksum.
func withoutMaker(name string, table []byte) []byte {
	table = bytes.Clone(table)
	if name != "FACS" && len(table) >= headerSize {
		table[headerChecksum] = 0
		clear(table[28:headerSize])
	}
	return table
}
