package calltrace

import (
	"os"
	"os/exec"
	"testing"

	"github.com/hullvm/hull/internal/guesttest"
)

func TestMain(m *testing.M) {
	Main()
	os.Exit(m.Run())
}

func TestCallsAreCounted(t *testing.T) {
	if why := Missing(); why != "" {
		guesttest.Missing(t, why)
	}
	// It waits, then starts a process, makes a folder in a third, and ends.
	cmd := exec.Command("sh", "-c", "read line; mkdir "+t.TempDir()+"/x; true")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	tracer, err := Attach(cmd.Process.Pid)
	if err != nil {
		_ = cmd.Process.Kill()
		t.Fatal(err)
	}
	if _, err := in.Write([]byte("go on\n")); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	c, err := tracer.Counts()
	if err != nil {
		t.Fatal(err)
	}
	if c.Calls["mkdir"]+c.Calls["mkdirat"] != 1 || c.Calls["read"] == 0 || c.Calls["exit_group"] == 0 {
		t.Errorf("counted %v", c.Calls)
	}
}

func TestAProcessThatIsNotThere(t *testing.T) {
	if _, err := Attach(1 << 22); err == nil {
		t.Error("it is traced")
	}
}
