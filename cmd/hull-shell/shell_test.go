package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hullvm/hull/guest/applets"
	"github.com/hullvm/hull/internal/signaltest"
)

// TestMain makes the test binary the program itself where it is called by the
// name of a command.
func TestMain(m *testing.M) {
	if name := strings.TrimPrefix(filepath.Base(os.Args[0]), "-"); name == applets.Program || commands[name] != nil {
		main()
	}
	signaltest.Default()
	os.Exit(m.Run())
}

// bin is a directory with a link for each command, as the guest's /bin.
func bin(t testing.TB) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, name := range append(applets.Names(), applets.Program) {
		if err := os.Symlink(self, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

type result struct {
	out, err string
	status   int
}

// execute runs a command in an empty directory, with nothing but the program's
// own commands in PATH.
func execute(t testing.TB, bin, stdin string, args ...string) result {
	t.Helper()
	return executeIn(t, t.TempDir(), bin, stdin, args...)
}

func executeIn(t testing.TB, dir, bin, stdin string, args ...string) result {
	t.Helper()
	cmd := exec.Command(filepath.Join(bin, args[0]), args[1:]...)
	cmd.Args[0] = args[0]
	cmd.Env = []string{"PATH=" + bin, "HOME=/", "LIST=a b", "GORACE=" + os.Getenv("GORACE")}
	cmd.Dir = dir
	cmd.Stdin = strings.NewReader(stdin)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	status := 0
	if errors.As(err, &exit) {
		status = exitStatus(exit)
	} else if err != nil {
		t.Fatal(err)
	}
	return result{out.String(), errs.String(), status}
}

func TestAppletsListsEveryCommand(t *testing.T) {
	var names []string
	for name := range commands {
		names = append(names, name)
	}
	slices.Sort(names)
	if !slices.Equal(names, applets.Names()) {
		t.Errorf("the commands are\n%q\nguest/applets says\n%q", names, applets.Names())
	}
}

func TestScripts(t *testing.T) {
	bin := bin(t)
	for _, test := range []struct {
		name, script string
		want         result // err is a part of it
	}{
		{"echo", `echo a  b`, result{out: "a b\n"}},
		{"a pipe", `seq 5 | grep -v 3 | wc -l`, result{out: "4\n"}},
		{"status of a pipe", `false | true`, result{}},
		{"pipefail", `set -o pipefail; false | true`, result{status: 1}},
		{"an exit status", `exit 7`, result{status: 7}},
		{"a program's exit status", `sh -c 'exit 9'; echo $?`, result{out: "9\n"}},
		{"a signal", `sh -c 'kill -9 $$'; echo $?`, result{out: "137\n"}},
		{"status of the last", `true; false`, result{status: 1}},
		{"not found", `nosuch`, result{err: "nosuch: not found", status: 127}},
		{"a path that is not there", `/no/such; echo $?`, result{out: "127\n", err: "/no/such: no such file"}},
		{"a directory", `/etc; echo $?`, result{out: "126\n", err: "/etc: is a directory"}},
		{"a file that is no program", `echo x >f; ./f; echo $?`, result{out: "126\n", err: "permission denied"}},
		{"a here document", "x=1\ncat <<E\nval $x\nE\ncat <<'E'\nval $x\nE", result{out: "val 1\nval $x\n"}},
		{"redirections", `echo a >f; echo b >>f; cat <f; ls nosuch 2>/dev/null; echo $?`, result{out: "a\nb\n1\n"}},
		{"a file that cannot be opened", `echo c >/no/such; echo $?`, result{out: "1\n", err: "no such file"}},
		{"a file that takes no bytes", `echo c >/dev/full; echo $?`, result{out: "1\n", err: "no space"}},
		{"echo -e", `echo -ne '\x41\0102\tz\q\n'`, result{out: "AB\tz\\q\n"}},
		{"descriptors", `{ echo out; echo err >&2; } 2>&1 | sort`, result{out: "err\nout\n"}},
		{"loops", `for i in $(seq 3); do echo $i; done; while false; do :; done`, result{out: "1\n2\n3\n"}},
		{"a function", `f() { echo "<$1>"; return 3; }; f x; echo $?`, result{out: "<x>\n3\n"}},
		{"arithmetic", `echo $((6*7))`, result{out: "42\n"}},
		{"substitution", `echo "$(echo a | cat)" ${LIST#a }`, result{out: "a b\n"}},
		{"case", `case abc in a*) echo yes;; *) echo no;; esac`, result{out: "yes\n"}},
		{"test", `[ -d . ] && test 1 -lt 2 && echo yes`, result{out: "yes\n"}},
		{"background and wait", `sleep 0.01 & wait; echo $?`, result{out: "0\n"}},
		{"variables of a program", `A=1 printenv A; export B=2; printenv B; C=3; printenv C`, result{out: "1\n2\n", status: 1}},
		{"errexit", "set -e\nfalse\necho not reached", result{status: 1}},
		{"exit trap", `trap 'echo bye' EXIT; echo hi`, result{out: "hi\nbye\n"}},
		{"exit trap and exit", `trap 'echo bye' EXIT; exit 4`, result{out: "bye\n", status: 4}},
		{"cd", `mkdir -p a/b; cd a/b; basename $(pwd)`, result{out: "b\n"}},
		{"parameters", `echo $0 $1 $#`, result{out: "me -x 2\n"}},
		{"a mistake", "echo a\necho 'b", result{out: "a\n", err: "quote", status: 2}},
		{"no such builtin", `fg`, result{err: "this shell has no fg", status: 1}},
		{"glob", `touch b a c; echo *`, result{out: "a b c\n"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got := execute(t, bin, "", "sh", "-c", test.script, "me", "-x", "y")
			if got.out != test.want.out || got.status != test.want.status || !strings.Contains(got.err, test.want.err) {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}

func TestScriptFileAndStandardInput(t *testing.T) {
	bin := bin(t)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "script"), []byte("#!/bin/sh\necho $0 $1\nexit 3\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if got := executeIn(t, dir, bin, "", "sh", "script", "a"); got != (result{"script a\n", "", 3}) {
		t.Errorf("a script: %+v", got)
	}
	if got := execute(t, bin, "echo $#\nexit 2\n", "sh"); got != (result{"0\n", "", 2}) {
		t.Errorf("standard input: %+v", got)
	}
	if got := execute(t, bin, "", "sh", "nosuch"); got.status != 127 {
		t.Errorf("a script that is not there: %+v", got)
	}
	if got := execute(t, bin, "", "sh", "-e", "-c", "false; echo no"); got != (result{"", "", 1}) {
		t.Errorf("an option: %+v", got)
	}
	if got := execute(t, bin, "", "sh", "-c"); got.status != 2 {
		t.Errorf("-c alone: %+v", got)
	}
}

func TestCommands(t *testing.T) {
	bin := bin(t)
	for _, test := range []struct {
		script, in string
		want       result // err is a part of it
	}{
		{`basename /a/b.c .c; basename /; dirname /a/b /a a /`, "", result{out: "b\n/\n/a\n/\n.\n/\n"}},
		{`head -n 2`, "1\n2\n3\n", result{out: "1\n2\n"}},
		{`head -2; head -c 0`, "1\n2\n3\n", result{out: "1\n2\n"}},
		{`head -n1`, "1", result{out: "1"}},
		{`head -c 3`, "12345", result{out: "123"}},
		{`tail -n 2`, "1\n2\n3", result{out: "2\n3"}},
		{`tail -1`, "1\n2\n3\n", result{out: "3\n"}},
		{`head nosuch`, "", result{err: "head: nosuch: no such file", status: 1}},
		{`wc`, "a b\nc\n", result{out: "2 3 6\n"}},
		{`wc -l; wc -c`, "ä\n", result{out: "1\n0\n"}},
		{`wc -m`, "ä\n", result{out: "2\n"}},
		{`sort`, "b\na\nc", result{out: "a\nb\nc\n"}},
		{`sort -rn`, "2\n10\n1\n", result{out: "10\n2\n1\n"}},
		{`sort -u`, "b\na\nb\n", result{out: "a\nb\n"}},
		{`uniq`, "a\na\nb\na\n", result{out: "a\nb\na\n"}},
		{`uniq -c`, "a\na\nb\n", result{out: "      2 a\n      1 b\n"}},
		{`uniq -d`, "a\na\nb\n", result{out: "a\n"}},
		{`grep -n b`, "a\nb\n", result{out: "2:b\n"}},
		{`grep -i B`, "b\n", result{out: "b\n"}},
		{`grep -F .`, "ab\n.\n", result{out: ".\n"}},
		{`grep -c a`, "a\na\nb\n", result{out: "2\n"}},
		{`grep x`, "a\n", result{status: 1}},
		{`grep '('`, "", result{err: "missing", status: 2}},
		{`grep -q a nosuch`, "", result{err: "nosuch", status: 2}},
		{`hexdump -C`, "\x00\x01AB", result{out: "00000000  00 01 41 42" + strings.Repeat(" ", 38) + " |..AB|\n00000004\n"}},
		{`seq 2 2 6; seq 3 -1 2; seq 0`, "", result{out: "2\n4\n6\n3\n2\n"}},
		{`seq 9223372036854775806 9223372036854775807`, "", result{out: "9223372036854775806\n9223372036854775807\n"}},
		{`seq 1 0 2`, "", result{err: "step of 0", status: 1}},
		{`yes | head -n 2`, "", result{out: "y\ny\n"}},
		{`tee f g; cat f g`, "x\n", result{out: "x\nx\nx\n"}},
		{`dd bs=2 count=2 status=none`, "abcdef", result{out: "abcd"}},
		{`dd bs=4 of=f status=none; dd if=f skip=1 bs=2 status=none`, "abcdef", result{out: "cdef"}},
		{`dd bs=1k`, "ab", result{out: "ab", err: "0+1 blocks, 2 bytes"}},
		{`dd bs=0`, "", result{err: "must be 1", status: 1}},
		{`dd bs=9999999999G`, "", result{err: "not a size", status: 1}},
		{`ln -s a b; ls -l b | grep -c a; touch a; ln a c; ln -sf c b; cat b`, "", result{out: "1\n"}},
		{`mkdir -p a/b; rmdir -p a/b; ls`, "", result{}},
		{`mkdir a; touch a/f; rmdir a`, "", result{err: "rmdir: a: directory not empty", status: 1}},
		{`mkdir a; mkdir b a`, "", result{err: "a: mkdir a: file exists", status: 1}},
		{`cp a b`, "", result{err: "a", status: 1}},
		{`echo x >a; cp a b; mv b c; cat c; rm a c; ls`, "", result{out: "x\n"}},
		{`touch a; chmod 600 a; ls -l a | grep -c -- '-rw-------'`, "", result{out: "1\n"}},
		{`mkdir d; touch d/f; find d -name f`, "", result{out: "d/f\n"}},
		{`env -i A=1 B=2`, "", result{out: "A=1\nB=2\n"}},
		{`env A=1 sh -c 'echo $A; exit 3'`, "", result{out: "1\n", status: 3}},
		{`env nosuch`, "", result{err: "nosuch", status: 127}},
		{`kill -l | grep -c TERM`, "", result{out: "1\n"}},
		{`kill -0 $$; kill -s 0 $$; kill -CONT $$; kill -SIGCONT $$`, "", result{}},
		{`kill -NOSUCH 1`, "", result{err: "no signal", status: 1}},
		{`kill x`, "", result{err: "no process number", status: 1}},
		{`which sh | grep -c /sh; which nosuch`, "", result{out: "1\n", status: 1}},
		{`tty`, "", result{out: "not a tty\n", status: 1}},
		{`stty`, "", result{err: "stty: standard input", status: 1}},
		{`sleep 0.01 1ms; sleep x`, "", result{err: "no time", status: 1}},
		{`date -u +%% | cat; test $(date +%s) -gt 1000000000`, "", result{out: "%\n"}},
		{`date -s nonsense`, "", result{err: "no time", status: 1}},
		{`id -u | grep -c '^[0-9]*$'; test $(nproc) -ge 1`, "", result{out: "1\n"}},
		{`uname | cat; test "$(uname -a)" != "$(uname -r)"`, "", result{out: "Linux\n"}},
		{`ps | grep -c ' ps$'`, "", result{out: "1\n"}},
		{`free | grep -c Mem:; uptime | grep -c load; hostname | wc -l`, "", result{out: "1\n1\n1\n"}},
		{`df / | wc -l; mount | grep -c ' on / '`, "", result{out: "2\n1\n"}},
		{`mount -t nosuch a`, "", result{err: "usage", status: 2}},
		{`umount /no/such`, "", result{err: "/no/such", status: 1}},
		{`head --nosuch`, "", result{err: "not defined", status: 2}},
		{`clear; sync; true`, "", result{out: "\x1b[H\x1b[2J"}},
		{`poweroff --nosuch`, "", result{err: "usage: poweroff", status: 2}},
		{`hull-shell nosuch`, "", result{err: `no command "nosuch"`, status: 127}},
		{`hull-shell echo a`, "", result{out: "a\n"}},
	} {
		t.Run(test.script, func(t *testing.T) {
			t.Parallel()
			got := execute(t, bin, test.in, "sh", "-c", test.script)
			if got.out != test.want.out || got.status != test.want.status || !strings.Contains(got.err, test.want.err) {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}

func TestFactsAreNamed(t *testing.T) {
	got := execute(t, bin(t), "", "hull-facts")
	if got.status != 0 && !strings.Contains(got.err, "clocksource") {
		t.Errorf("%+v", got)
	}
	for _, name := range []string{"kernel", "vcpus", "memory", "uptime"} {
		if !strings.Contains("\n"+got.out, "\n"+name+": ") {
			t.Errorf("%s is missing:\n%s", name, got.out)
		}
	}
}
