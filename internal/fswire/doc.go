// Package fswire is what a virtio-fs device and its file server (hull-fsd) say to
// each other over a unix stream socket. All numbers are little-endian.
//
// # Hello
//
// The device begins with 32 bytes:
//
//	 0  8  magic "HULLFSD\x00"
//	 8  2  lowest version it speaks
//	10  2  highest version it speaks
//	12  4  bytes of the largest request it sends
//	16  4  bytes of the largest reply it takes
//	20 12  zero
//
// The server answers with 32 bytes and a text:
//
//	 0  8  magic "HULLFSD\x00"
//	 8  2  the version chosen, 0 where there is none in common
//	10  2  length of the text
//	12  4  bytes of the largest request it takes
//	16  4  bytes of the largest reply it sends
//	20  4  requests that may be under way at once
//	24  4  how the server is confined (Confinement)
//	28  4  zero
//	32     the text: more of the confinement, or why the version is 0
//
// # Requests
//
// Then the device sends requests, as many at once as the hello allows:
//
//	 0  4  length of the request, MinRequest up to the hello's limit
//	 4  4  capacity: the most bytes a reply may have
//	 8  8  id, chosen by the device
//	16     the request: a FUSE message, header included
//
// A request of capacity 0 gets no reply, and does not count as under way. Every
// other one has a capacity of at least MinReply and gets exactly one reply, in
// any order:
//
//	 0  8  id of the request
//	 8  4  length of the reply, MinReply up to the request's capacity
//	12  4  zero
//	16     the reply: a FUSE message, header included
//
// Whoever meets anything else closes the socket. There is no way to say more:
// what a file system refuses is in the FUSE messages.
package fswire
