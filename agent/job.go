package agent

import (
	"encoding/binary"
	"fmt"
	"io"
	"sync"

	"golang.org/x/sys/unix"
)

// maxEarly is how many signals to a process that is about to start are kept.
const maxEarly = 32

// job is one process of a server and its streams.
type job struct {
	session          *session
	id               uint32
	killOnDisconnect bool

	stdin          *recvBuffer
	stdout, stderr *sendWindow

	mu      sync.Mutex
	running Running // nil until it was started
	early   []func(Running)
	killed  bool
	// closed has a bit for each output that the client does not read any more.
	closed [3]bool
}

func newJob(s *session, id uint32, req *spawnRequest) *job {
	return &job{
		session: s, id: id,
		killOnDisconnect: req.has(spawnKillDisconnect),
		stdin:            newRecvBuffer(),
		stdout:           newSendWindow(),
		stderr:           newSendWindow(),
	}
}

func (j *job) send(kind frameType, c channel, payload []byte) error {
	return j.session.send(&frame{kind: kind, channel: c, process: j.id, payload: payload})
}

// run starts the program and sees it through to its end.
func (j *job) run(req *spawnRequest) {
	defer j.session.server.leave(j)
	r, err := j.session.server.start(req)
	if err != nil {
		j.detach()
		j.session.forget(j.id)
		j.session.refuse(j.id, err)
		return
	}
	_ = j.send(typeStarted, 0, binary.LittleEndian.AppendUint32(nil, uint32(r.PID())))
	j.begin(r)

	var streams, input sync.WaitGroup
	if in := r.Stdin(); in != nil {
		input.Go(func() { j.feed(in) })
	} else {
		j.stdin.abandon()
	}
	for _, out := range []struct {
		c channel
		r io.ReadCloser
		w *sendWindow
	}{{chanStdout, r.Stdout(), j.stdout}, {chanStderr, r.Stderr(), j.stderr}} {
		if out.r != nil {
			streams.Go(func() { j.drain(out.c, out.r, out.w) })
		} else {
			_ = j.send(typeClose, out.c, nil)
		}
	}
	exit := r.Wait()
	j.stdin.abandon()
	streams.Wait()
	r.Release() // ends a write to a standard input that nobody reads
	input.Wait()

	// The client may use the number again as soon as it has seen the EXIT.
	j.session.forget(j.id)
	_ = j.send(typeExit, 0, exit.encode())
}

// begin does what was asked of the process before it was there.
func (j *job) begin(r Running) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.running = r
	for _, do := range j.early {
		do(r)
	}
	j.early = nil
	for c, closed := range j.closed {
		if closed {
			closeOutput(r, channel(c))
		}
	}
	if j.killed {
		r.Kill()
	}
}

// act does something to the process, now or when it has started.
func (j *job) act(do func(Running)) {
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case j.running != nil:
		do(j.running)
	case len(j.early) < maxEarly:
		j.early = append(j.early, do)
	}
}

// take acts on a frame from the client. Only the reader of the pipe calls it;
// nothing here waits.
func (j *job) take(f *frame) error {
	switch f.kind {
	case typeData:
		if f.channel != chanStdin || !j.stdin.push(f.payload) {
			return fmt.Errorf("process %d: %d bytes too many on channel %d: %w", f.process, len(f.payload), f.channel, errGarbage)
		}
	case typeClose:
		if f.channel == chanStdin {
			j.stdin.end()
			return nil
		}
		j.closeOutput(f.channel)
	case typeCredit:
		w := j.window(f.channel)
		if w == nil || !w.give(binary.LittleEndian.Uint32(f.payload)) {
			return fmt.Errorf("process %d: credit on channel %d: %w", f.process, f.channel, errGarbage)
		}
	case typeSignal:
		return j.signal(f.payload)
	case typeResize:
		size := WinSize{
			Rows:    binary.LittleEndian.Uint16(f.payload),
			Columns: binary.LittleEndian.Uint16(f.payload[2:]),
		}
		j.act(func(r Running) { _ = r.Resize(size) })
	}
	return nil
}

func (j *job) signal(payload []byte) error {
	sig := binary.LittleEndian.Uint32(payload)
	group := binary.LittleEndian.Uint32(payload[4:])
	if sig > 64 || group > 1 {
		return fmt.Errorf("signal %d to %d: %w", sig, group, errGarbage)
	}
	// A process that is gone is no mistake of the client's.
	j.act(func(r Running) { _ = r.Signal(unix.Signal(sig), group == 1) })
	return nil
}

func (j *job) window(c channel) *sendWindow {
	switch c {
	case chanStdout:
		return j.stdout
	case chanStderr:
		return j.stderr
	}
	return nil
}

// closeOutput tells the process that its client does not read a stream any
// more.
func (j *job) closeOutput(c channel) {
	j.window(c).close()
	j.mu.Lock()
	defer j.mu.Unlock()
	j.closed[c] = true
	if j.running != nil {
		closeOutput(j.running, c)
	}
}

func closeOutput(r Running, c channel) {
	out := r.Stdout()
	if c == chanStderr {
		out = r.Stderr()
	}
	if out != nil {
		_ = out.Close() // its reader sees it
	}
}

// kill ends the process and what it started, as soon as it is there.
func (j *job) kill() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.killed = true
	if j.running != nil {
		j.running.Kill()
	}
}

// detach leaves a process without a client: its input ends, its output is read
// and dropped.
func (j *job) detach() {
	j.stdin.end()
	j.stdout.close()
	j.stderr.close()
}

// feed hands the client's bytes to the process.
func (j *job) feed(in io.WriteCloser) {
	write := func(b []byte) error {
		_, err := in.Write(b)
		return err
	}
	credit := func(n int) {
		_ = j.send(typeCredit, chanStdin, binary.LittleEndian.AppendUint32(nil, uint32(n)))
	}
	if !j.stdin.copyOut(write, credit) {
		_ = j.send(typeClose, chanStdin, nil)
	}
	_ = in.Close()
}

// drain hands the process's output to the client, and drops what the client
// does not take, until its end.
func (j *job) drain(c channel, out io.Reader, w *sendWindow) {
	buf := make([]byte, maxPayload/2)
	for {
		n := w.take(len(buf))
		if n == 0 {
			break // nobody reads it
		}
		got, err := out.Read(buf[:n])
		if got < n {
			w.give(uint32(n - got))
		}
		if got > 0 && j.send(typeData, c, buf[:got]) != nil {
			break // the session is over
		}
		if err != nil {
			_ = j.send(typeClose, c, nil)
			return
		}
	}
	_, _ = io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{out}, buf)
	_ = j.send(typeClose, c, nil)
}
