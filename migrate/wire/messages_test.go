package wire

import (
	"bytes"
	"crypto/sha256"
	"strings"
	"testing"
	"time"
)

var aSession = Session{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}

// everyMessage has each message of version 1, in the order of types. It stays as it is: the
// recorded stream is made of it.
func everyMessage() []Message {
	return []Message{
		Hello{Lowest: 1, Highest: 1, Release: "0.1.0", Session: aSession, Heartbeat: time.Second},
		Describe{
			Instance: []byte(`{"version":1}`), Monitor: []byte{0xa0, 0}, MemorySize: 1 << 30, Channels: 4,
			Disks: []Disk{
				{Name: "root", Format: "qcow2", Path: "/var/lib/hull/root disk.qcow2", Size: 8 << 30},
				{Name: "data", Format: "raw", Path: "/srv/däta", Size: 1 << 20, ReadOnly: true},
			},
			Compression: []string{"none", "lz4", "zstd"}, CopyDisks: true, Hull: "0.1.0", Downtime: 300 * time.Millisecond,
		},
		Accept{Channels: 4, Compression: []string{"none", "lz4"}},
		Reject{Reasons: []string{"processor: the guest was shown avx512f, and this host has none", "disk \"root\": no such file"}},
		Channel{Session: aSession, Number: 3},
		Memory{bytes.Repeat([]byte{0x5a}, 40)},
		EpochEnd{Epoch: 2, Frames: 3, Pages: 1000},
		EpochDone{Epoch: 2},
		Paused{Epoch: 3},
		State{[]byte("a part of the state")},
		Final{Length: 19, SHA256: sha256.Sum256([]byte("a part of the state")), Epochs: 4},
		Prepared{Session: aSession},
		Commit{Session: aSession},
		Running{Session: aSession, Since: 1_790_000_000_123_456_789},
		Failed{Session: aSession, Reason: "the disk is locked by another"},
		Error{Phase: "copying", Text: "memory: read: input/output error"},
		Cancel{},
		Alive{},
		Ask{Session: aSession},
		Answer{Session: aSession, Outcome: OutcomeAborted, Reason: "no commit came for 30 s"},
		Log{Offset: 4096, Data: []byte("a line\n")},
		LogEnd{Length: 4103, SHA256: sha256.Sum256([]byte("a line\n"))},
		Farewell{Session: aSession},
	}
}

func TestEveryTypeHasAMessage(t *testing.T) {
	all := everyMessage()
	if len(all) != len(kinds)-1 {
		t.Fatalf("%d messages of %d types", len(all), len(kinds)-1)
	}
	names := map[string]bool{}
	for i, m := range all {
		if m.Type() != Type(i+1) {
			t.Errorf("message %d is %v", i, m.Type())
		}
		if k := m.Type().kind(); k == nil || names[k.name] || strings.HasPrefix(k.name, "type") {
			t.Errorf("type %d: no name of its own", i+1)
		} else {
			names[k.name] = true
		}
	}
	if got := Type(0x8001).String(); got != "type 0x8001" {
		t.Errorf("an unknown type is called %q", got)
	}
}

func TestMessagesOutOfRange(t *testing.T) {
	hello := Hello{Lowest: 1, Highest: 1, Release: "0.1.0", Session: aSession, Heartbeat: time.Second}
	describe := everyMessage()[1].(Describe)
	with := func(change func(*Describe)) Describe {
		d := describe
		d.Disks = append([]Disk(nil), d.Disks...)
		change(&d)
		return d
	}
	for name, m := range map[string]Message{
		"no versions":           Hello{Release: "0.1.0", Session: aSession, Heartbeat: time.Second},
		"versions backwards":    Hello{Lowest: 2, Highest: 1, Release: "0.1.0", Session: aSession, Heartbeat: time.Second},
		"no release":            Hello{Lowest: 1, Highest: 1, Session: aSession, Heartbeat: time.Second},
		"a release with a line": Hello{Lowest: 1, Highest: 1, Release: "1\n2", Session: aSession, Heartbeat: time.Second},
		"no session":            Hello{Lowest: 1, Highest: 1, Release: "0.1.0", Heartbeat: time.Second},
		"no heartbeat":          Hello{Lowest: 1, Highest: 1, Release: "0.1.0", Session: aSession},
		"negative heartbeat":    Hello{Lowest: 1, Highest: 1, Release: "0.1.0", Session: aSession, Heartbeat: -time.Second},
		"slow heart":            Hello{Lowest: 1, Highest: 1, Release: "0.1.0", Session: aSession, Heartbeat: time.Hour},
		"no instance":           with(func(d *Describe) { d.Instance = nil }),
		"large instance":        with(func(d *Describe) { d.Instance = make([]byte, maxInstance+1) }),
		"no monitor":            with(func(d *Describe) { d.Monitor = []byte{} }),
		"large monitor":         with(func(d *Describe) { d.Monitor = make([]byte, maxMonitor+1) }),
		"many disks":            with(func(d *Describe) { d.Disks = make([]Disk, MaxDisks+1) }),
		"a disk twice":          with(func(d *Describe) { d.Disks[1].Name = d.Disks[0].Name }),
		"disk without a name":   with(func(d *Describe) { d.Disks[1].Name = "" }),
		"disk without a format": with(func(d *Describe) { d.Disks[1].Format = "" }),
		"disk without a path":   with(func(d *Describe) { d.Disks[1].Path = "" }),
		"path with an escape":   with(func(d *Describe) { d.Disks[1].Path = "/a\x1b[2J" }),
		"path that is no UTF-8": with(func(d *Describe) { d.Disks[1].Path = "/a\xff" }),
		"long path":             with(func(d *Describe) { d.Disks[1].Path = strings.Repeat("a", maxPath+1) }),
		"large disk":            with(func(d *Describe) { d.Disks[1].Size = maxDisk + 1 }),
		"no memory":             with(func(d *Describe) { d.MemorySize = 0 }),
		"half a page":           with(func(d *Describe) { d.MemorySize += 2048 }),
		"much memory":           with(func(d *Describe) { d.MemorySize = maxMemory + page }),
		"no channels":           with(func(d *Describe) { d.Channels = 0 }),
		"many channels":         with(func(d *Describe) { d.Channels = MaxChannels + 1 }),
		"many encodings":        with(func(d *Describe) { d.Compression = make([]string, maxCompression+1) }),
		"an encoding twice":     with(func(d *Describe) { d.Compression = []string{"lz4", "lz4"} }),
		"no encoding's name":    with(func(d *Describe) { d.Compression = []string{""} }),
		"negative downtime":     with(func(d *Describe) { d.Downtime = -1 }),
		"long downtime":         with(func(d *Describe) { d.Downtime = 2 * time.Hour }),
		"describe by nobody":    with(func(d *Describe) { d.Hull = "" }),
		"accept of nothing":     Accept{},
		"accept of many":        Accept{Channels: MaxChannels + 1},
		"reject without reason": Reject{},
		"channel out of range":  Channel{Session: aSession, Number: MaxChannels},
		"channel of nobody":     Channel{},
		"memory of no page":     Memory{make([]byte, minMemory-1)},
		"memory of many":        Memory{make([]byte, MaxMemory+1)},
		"frames without pages":  EpochEnd{Frames: 2, Pages: 1},
		"pages without frames":  EpochEnd{Pages: 1},
		"endless pages":         EpochEnd{Frames: 1, Pages: 1 << 40},
		"empty state":           State{},
		"much state":            State{make([]byte, MaxStatePart+1)},
		"final of nothing":      Final{Epochs: 1},
		"final of much":         Final{Length: MaxState + 1, Epochs: 1},
		"final without epochs":  Final{Length: 1},
		"prepared of nobody":    Prepared{},
		"commit of nobody":      Commit{},
		"running of nobody":     Running{Since: 1},
		"running since never":   Running{Session: aSession},
		"failed of nobody":      Failed{Reason: "x"},
		"error without a phase": Error{Text: "x"},
		"ask of nobody":         Ask{},
		"no outcome":            Answer{Session: aSession},
		"strange outcome":       Answer{Session: aSession, Outcome: "both"},
		"running never":         Answer{Session: aSession, Outcome: OutcomeRunning},
		"aborted since":         Answer{Session: aSession, Outcome: OutcomeAborted, Since: 1},
		"unknown with a reason": Answer{Session: aSession, Outcome: OutcomeUnknown, Reason: "x"},
		"answer of nobody":      Answer{Outcome: OutcomeUnknown},
		"empty log":             Log{},
		"large log part":        Log{Data: make([]byte, MaxLogPart+1)},
		"log out of reach":      Log{Offset: maxLog + 1, Data: []byte("x")},
		"long log":              LogEnd{Length: maxLog + 1},
		"farewell of nobody":    Farewell{},
	} {
		t.Run(name, func(t *testing.T) {
			var sent bytes.Buffer
			c := New(&sent)
			if err := c.WriteMessage(m); err == nil || strings.Contains(err.Error(), "\n") {
				t.Errorf("written, or no error of one line: %v", err)
			}
			if sent.Len() != 0 {
				t.Errorf("%d bytes were sent", sent.Len())
			}
			if err := c.WriteMessage(hello); err != nil {
				t.Errorf("then the connection can not be written to: %v", err)
			}
			payload, err := encode(m)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := Decode(Frame{Type: m.Type(), Payload: payload}); err == nil {
				t.Errorf("read as %+v", got)
			}
		})
	}
}

// The largest messages of their kind are within their types' limits.
func TestLargestMessages(t *testing.T) {
	long := strings.Repeat("x", maxText)
	var disks []Disk
	for i := range MaxDisks {
		name := strings.Repeat(string(rune('0'+i)), maxLabel)
		disks = append(disks, Disk{Name: name, Format: name, Path: long[:maxPath], Size: maxDisk})
	}
	var encodings []string
	for i := range maxCompression {
		encodings = append(encodings, strings.Repeat(string(rune('a'+i)), maxLabel))
	}
	reasons := make([]string, maxReasons)
	for i := range reasons {
		reasons[i] = long[:maxReason]
	}
	label := long[:maxLabel]
	for _, m := range []Message{
		Hello{Lowest: 1, Highest: 0xffff, Release: label, Session: aSession, Heartbeat: maxHeartbeat},
		Describe{
			Instance: make([]byte, maxInstance), Monitor: make([]byte, maxMonitor), Disks: disks, MemorySize: maxMemory,
			Channels: MaxChannels, Compression: encodings, CopyDisks: true, Hull: label, Downtime: maxDowntime,
		},
		Accept{Channels: MaxChannels, Compression: encodings},
		Reject{reasons},
		Memory{make([]byte, MaxMemory)},
		State{make([]byte, MaxStatePart)},
		Failed{aSession, long},
		Error{label, long},
		Answer{Session: aSession, Outcome: OutcomeAborted, Reason: long[:maxShort]},
		Log{maxLog, make([]byte, MaxLogPart)},
	} {
		var b bytes.Buffer
		if err := New(&b).WriteMessage(m); err != nil {
			t.Error(err)
			continue
		}
		f, err := New(&b).Read()
		if err != nil {
			t.Errorf("%v: %v", m.Type(), err)
			continue
		}
		if _, err := Decode(f); err != nil {
			t.Error(err)
		}
	}
}
