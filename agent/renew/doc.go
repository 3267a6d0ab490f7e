// Package renew makes a guest that goes on from a snapshot another machine than
// the one that the snapshot was made of: other random numbers, names and
// addresses (docs/agent-protocol.md, section 7).
package renew
