package lab

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// What a caller and a keeper say to each other over the keeper's socket: a
// length of four bytes, little-endian, and as many bytes of JSON. The first
// message of the caller is a request, and an exec request carries the caller's
// standard input, output and error as descriptors beside its length. Later
// ones are notices. The keeper answers with replies, of which the last one of
// an exec has Exit or Error.
const (
	wireVersion = 1
	maxMessage  = 4 << 20 // bytes of JSON; the agent takes 1 MiB of arguments
	stdioCount  = 3
)

// Operations of a request.
const (
	opExec   = "exec"
	opDown   = "down"
	opReport = "report"
)

type request struct {
	Version int    `json:"version"`
	Op      string `json:"op"`

	Args    []string `json:"args,omitempty"`
	Env     []string `json:"env,omitempty"`
	Dir     string   `json:"dir,omitempty"`
	TTY     bool     `json:"tty,omitempty"`
	Rows    uint16   `json:"rows,omitempty"`
	Columns uint16   `json:"columns,omitempty"`
	WatchNS int64    `json:"watch_ns,omitempty"` // report when silent so long
}

// notice is what a caller says while its command runs.
type notice struct {
	Signal  int    `json:"signal,omitempty"`
	Rows    uint16 `json:"rows,omitempty"`
	Columns uint16 `json:"columns,omitempty"`
}

type reply struct {
	Refused *refusal   `json:"refused,omitempty"`
	Exit    *exitReply `json:"exit,omitempty"`
	Text    string     `json:"text,omitempty"`
	Error   string     `json:"error,omitempty"`
	Down    bool       `json:"down,omitempty"`
}

type refusal struct {
	Errno int    `json:"errno"`
	Text  string `json:"text"`
}

type exitReply struct {
	Code   int `json:"code"`
	Signal int `json:"signal"`
}

// encodeMessage makes the bytes of one message.
func encodeMessage(v any) ([]byte, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	if len(body) > maxMessage {
		return nil, fmt.Errorf("message of %d bytes, at most %d", len(body), maxMessage)
	}
	return append(binary.LittleEndian.AppendUint32(nil, uint32(len(body))), body...), nil
}

func send(w io.Writer, v any) error {
	b, err := encodeMessage(v)
	if err != nil {
		return err
	}
	_, err = w.Write(b)
	return err
}

// receive reads one message. io.EOF means that the other end has closed.
func receive(r io.Reader, v any) error {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return err
	}
	return receiveBody(r, head[:], v)
}

func receiveBody(r io.Reader, head []byte, v any) error {
	length := binary.LittleEndian.Uint32(head)
	if length > maxMessage {
		return fmt.Errorf("message of %d bytes, at most %d", length, maxMessage)
	}
	// Grow with what comes, not with what is promised.
	body, err := io.ReadAll(io.LimitReader(r, int64(length)))
	if err != nil {
		return err
	}
	if len(body) < int(length) {
		return io.ErrUnexpectedEOF
	}
	return json.Unmarshal(body, v)
}

// sendWithFiles is send with descriptors beside the first byte.
func sendWithFiles(c *net.UnixConn, v any, files []*os.File) error {
	b, err := encodeMessage(v)
	if err != nil {
		return err
	}
	fds := make([]int, len(files))
	for i, f := range files {
		fds[i] = int(f.Fd())
	}
	n, _, err := c.WriteMsgUnix(b[:4], unix.UnixRights(fds...), nil)
	if err != nil {
		return err
	}
	_, err = c.Write(b[n:])
	return err
}

// receiveWithFiles is receive for the first message of a connection. The files
// are the caller's to close, also where there is an error.
func receiveWithFiles(c *net.UnixConn, v any) ([]*os.File, error) {
	head := make([]byte, 4)
	oob := make([]byte, unix.CmsgSpace(stdioCount*4))
	n, oobn, flags, _, err := c.ReadMsgUnix(head, oob)
	if err != nil {
		return nil, err
	}
	files, err := parseRights(oob[:oobn])
	if err != nil {
		return files, err
	}
	if flags&unix.MSG_CTRUNC != 0 {
		return files, errors.New("too many descriptors")
	}
	if n == 0 {
		return files, io.EOF
	}
	if _, err := io.ReadFull(c, head[n:]); err != nil {
		return files, err
	}
	return files, receiveBody(c, head, v)
}

func parseRights(oob []byte) ([]*os.File, error) {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil, err
	}
	var files []*os.File
	for i := range messages {
		fds, err := unix.ParseUnixRights(&messages[i])
		if err != nil {
			return files, err
		}
		for _, fd := range fds {
			files = append(files, os.NewFile(uintptr(fd), fmt.Sprintf("descriptor %d of a caller", len(files))))
		}
	}
	return files, nil
}

// socketPath calls use with a path of dir/name that fits into a socket address
// of 108 bytes, however long dir is: through a descriptor of dir.
func socketPath(dir, name string, use func(path string) error) error {
	d, err := os.OpenFile(dir, unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return fmt.Errorf("directory %q: open: %w", dir, reason(err))
	}
	defer d.Close()
	return use(fmt.Sprintf("/proc/self/fd/%d/%s", d.Fd(), name))
}

// dial connects to a socket in a host's directory.
func dial(dir, name string) (conn *net.UnixConn, err error) {
	err = socketPath(dir, name, func(path string) error {
		conn, err = net.DialUnix("unix", nil, &net.UnixAddr{Name: path, Net: "unix"})
		return err
	})
	if err != nil {
		var op *net.OpError
		if errors.As(err, &op) {
			err = op.Err
		}
		return nil, fmt.Errorf("lab host %q: connect to %s: %w", filepath.Base(dir), name, err)
	}
	return conn, nil
}

// listen makes a socket in a host's directory, which goes with the directory.
func listen(dir, name string) (l *net.UnixListener, err error) {
	err = socketPath(dir, name, func(path string) error {
		l, err = net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("lab host %q: listen on %s: %w", filepath.Base(dir), name, err)
	}
	l.SetUnlinkOnClose(false)
	return l, nil
}
