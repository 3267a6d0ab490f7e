package vhost

// Numbers are the calls by name, for filters of system calls.
func Numbers() map[string]uint32 {
	m := make(map[string]uint32)
	for name, nr := range map[string]ioctl{
		"VHOST_GET_FEATURES":    ioGetFeatures,
		"VHOST_SET_FEATURES":    ioSetFeatures,
		"VHOST_SET_OWNER":       ioSetOwner,
		"VHOST_SET_MEM_TABLE":   ioSetMemTable,
		"VHOST_SET_VRING_NUM":   ioSetVringNum,
		"VHOST_SET_VRING_ADDR":  ioSetVringAddr,
		"VHOST_SET_VRING_BASE":  ioSetVringBase,
		"VHOST_GET_VRING_BASE":  ioGetVringBase,
		"VHOST_SET_VRING_KICK":  ioSetVringKick,
		"VHOST_SET_VRING_CALL":  ioSetVringCall,
		"VHOST_SET_VRING_ERR":   ioSetVringErr,
		"VHOST_NET_SET_BACKEND": ioSetBackend,
	} {
		m[name] = uint32(nr)
	}
	return m
}
