package control

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// maxFiles is the most descriptors that come with a frame.
const maxFiles = 8

// fileReader reads a stream on which descriptors come with frames, SCM_RIGHTS of
// unix(7): with the first byte of the frame that they belong to.
type fileReader struct {
	conn  *net.UnixConn
	files []*os.File // that came since they were taken
}

func (r *fileReader) Read(p []byte) (int, error) {
	oob := make([]byte, unix.CmsgSpace(4*maxFiles))
	n, oobn, flags, _, err := r.conn.ReadMsgUnix(p, oob)
	came, ferr := filesOf(oob[:oobn])
	r.files = append(r.files, came...)
	switch {
	case ferr != nil:
		return n, ferr
	case flags&unix.MSG_CTRUNC != 0 || len(r.files) > maxFiles:
		return n, fmt.Errorf("more than %d descriptors with a frame", maxFiles)
	}
	return n, err
}

// take hands over what has come.
func (r *fileReader) take() []*os.File {
	files := r.files
	r.files = nil
	return files
}

// filesOf are the descriptors in a control message.
func filesOf(oob []byte) (files []*os.File, err error) {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil, fmt.Errorf("descriptors: %w", err)
	}
	for i := range messages {
		fds, err := unix.ParseUnixRights(&messages[i])
		if err != nil {
			return files, fmt.Errorf("descriptors: %w", err)
		}
		for _, fd := range fds {
			files = append(files, os.NewFile(uintptr(fd), "handed over"))
		}
	}
	return files, nil
}

func closeFiles(files []*os.File) {
	for _, f := range files {
		_ = f.Close() // whoever sent it has it still
	}
}

// sendFiles writes a frame with descriptors.
func sendFiles(c net.Conn, frame []byte, files []*os.File) error {
	conn, ok := c.(*net.UnixConn)
	if !ok {
		return errors.New("descriptors: the connection is no unix socket")
	}
	if len(files) > maxFiles || slices.Contains(files, nil) {
		return fmt.Errorf("%d descriptors: want at most %d, each open", len(files), maxFiles)
	}
	fds := make([]int, len(files))
	for i, f := range files {
		fds[i] = int(f.Fd())
	}
	n, _, err := conn.WriteMsgUnix(frame, unix.UnixRights(fds...), nil)
	if err == nil && n < len(frame) {
		_, err = conn.Write(frame[n:])
	}
	return err
}
