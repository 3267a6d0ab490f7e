// Package httpapi is the manager behind HTTP: JSON under /v1, streams of lines and
// of events, and upgraded connections for consoles and programs (docs/api.md).
//
// One table of routes drives the server, the OpenAPI document and the names of the
// metrics. A handler decodes what was asked for, calls the Engine, and encodes what
// it said. Who may connect is for the listeners (package listener): a connection that
// does not say that its peer was let in is refused.
package httpapi
