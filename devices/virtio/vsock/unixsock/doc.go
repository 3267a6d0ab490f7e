// Package unixsock lets a guest's virtio sockets out as unix sockets, in the way
// that Firecracker and Cloud Hypervisor have made common.
//
// A client on the host connects to the socket PATH and writes "CONNECT PORT\n".
// When the guest has accepted, it reads "OK HOSTPORT\n", and everything after that
// is the stream; when there is nobody, the socket is closed. That is [Server].
//
// A connection of the guest's to port P of the host goes to whoever listens at the
// socket PATH_P. That is [Dialer].
package unixsock
