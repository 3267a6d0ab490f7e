// Package events is the journal of what happened to the instances of a host: one
// JSON object a line in one file, which any number of processes append to and
// follow.
//
//	{"time":"2026-01-02T03:04:05.000000006Z","action":"start","id":"0123...","name":"web","attributes":{"image":"alpine"}}
//
// The file is renamed to NAME.1 when it is full, and the one that had this name
// before is gone; NAME.lock orders those who append. The journal tells a story
// and is nobody's state: it is not forced to the disk.
package events
