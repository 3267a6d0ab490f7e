// Package store keeps instances on disk. Each is a directory of its own:
//
//	instances/ID/instance.json   its description
//	instances/ID/state.json      where it stands
//	instances/ID/log.jsonl       its log (package logs)
//	instances/ID/lock            held (flock) by whoever changes the instance
//	instances/ID/alive           locked (OFD lock) by its supervisor while that lives
//	instances/ID/renaming        there may be names of it that its description does not tell of
//	names/NAME                   a link whose text is the id
//	names.lock                   held by whoever makes an instance, or gives or takes a name
//	removing/ID                  an instance that is being deleted
//
// Files are written whole and durably before a call returns, and directories come
// and go by a rename: whatever process is killed, each instance is there with its
// last state or is not there. Locks end with the process that holds them. An
// instance's lock is taken before names.lock, never after.
package store
