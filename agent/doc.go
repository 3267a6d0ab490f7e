// Package agent is how Hull runs programs on the other side of a byte pipe: in
// a lab host over virtio-serial, in a VM over vsock, in a container over a unix
// socket. [Server] is the side that runs them (hull-agent), [Client] the side
// that asks.
//
// One pipe carries any number of processes. Their streams are exact bytes and
// do not hold each other up: each has a window of credit (docs/agent-protocol.md
// describes every frame).
//
// A client that goes away, even in the middle of a frame, is followed by the
// next one without a trace of the first: each says hello with a random session
// id before anything else is believed.
package agent
