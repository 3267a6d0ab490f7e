// Package logs is an instance's log on disk: one JSON object a line,
//
//	{"log":"text\n","stream":"stdout","time":"2026-01-02T03:04:05.000000006Z"}
//
// in the file log.jsonl of a directory, which is renamed to log.jsonl.1,
// log.jsonl.2 and so on as it grows. Docker's json-file driver has the same
// shape. Text that is not UTF-8 stands as base64 in "bytes" instead of "log".
//
// One [Writer] appends, any number of processes read, and neither ever waits for
// the other (package internal/follow). A line is in the file when the Write that
// brought its end returns, and survives the writer; it is not forced to the disk,
// and need not survive the host.
package logs
