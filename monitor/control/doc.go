// Package control is how a monitor's process is told what to do, and asked how its
// machine is: both ends of the protocol that docs/control-protocol.md describes.
package control
