package lab

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// socketPair is both ends of a connection through a socket in a directory.
func socketPair(t *testing.T) (client, server *net.UnixConn) {
	t.Helper()
	dir := t.TempDir()
	l, err := listen(dir, execSocket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if client, err = dial(dir, execSocket); err != nil {
		t.Fatal(err)
	}
	if server, err = l.AcceptUnix(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close(); server.Close() })
	return client, server
}

func TestWireCarriesARequestWithItsFiles(t *testing.T) {
	client, server := socketPair(t)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	want := request{Version: wireVersion, Op: opExec, Args: []string{"a", strings.Repeat("b", 300000)}, Env: []string{"C=d"}, Dir: "/e"}
	sent := make(chan error, 1)
	go func() {
		sent <- sendWithFiles(client, want, []*os.File{w, w, w})
		w.Close()
	}()
	var got request
	files, err := receiveWithFiles(server, &got)
	if err != nil {
		t.Fatal(err)
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
	if len(files) != stdioCount {
		t.Fatalf("%d files, want %d", len(files), stdioCount)
	}
	if _, err := files[2].WriteString("hello"); err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		f.Close()
	}
	if b, err := io.ReadAll(r); err != nil || string(b) != "hello" {
		t.Errorf("through the file came %q, %v", b, err)
	}
}

func TestWireWorksInADirectoryWithALongName(t *testing.T) {
	dir := filepath.Join(t.TempDir(), strings.Repeat("d", 200))
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	l, err := listen(dir, execSocket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := dial(dir, execSocket)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
}

func TestReceiveRefusesBadMessages(t *testing.T) {
	length := func(n uint32, body string) []byte {
		return append(binary.LittleEndian.AppendUint32(nil, n), body...)
	}
	for name, b := range map[string][]byte{
		"nothing":       {},
		"half a length": {1, 0},
		"too long":      length(maxMessage+1, "{}"),
		"cut off":       length(100, `{"op":`),
		"no JSON":       length(2, "xx"),
		"wrong type":    length(10, `{"args":1}`),
	} {
		t.Run(name, func(t *testing.T) {
			var r request
			if err := receive(bytes.NewReader(b), &r); err == nil {
				t.Error("no error")
			}
		})
	}
}

func FuzzReceive(f *testing.F) {
	b, err := encodeMessage(request{Version: 1, Op: opExec, Args: []string{"x"}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte{0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		var first request
		if receive(bytes.NewReader(b), &first) != nil {
			return
		}
		again, err := encodeMessage(first)
		if err != nil {
			t.Fatal(err)
		}
		var second request
		if err := receive(bytes.NewReader(again), &second); err != nil {
			t.Fatal(err)
		}
		third, err := encodeMessage(second)
		if err != nil || !bytes.Equal(again, third) {
			t.Errorf("%q became %q (%v)", again, third, err)
		}
	})
}
