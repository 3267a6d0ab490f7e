// Package ca makes the few certificates that a server of the API and its clients
// need: an authority, and certificates for servers and clients of its. Keys are
// ECDSA on P-256. No file is ever overwritten.
package ca
