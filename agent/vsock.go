package agent

// VsockPort is the port of a guest's vsock on which its agent serves the
// protocol. It is beyond those that privilege is needed for.
const VsockPort = 1024
