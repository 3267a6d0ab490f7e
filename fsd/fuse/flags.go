package fuse

// Flags of INIT, those of flags2 shifted up by 32 (FUSE_ASYNC_READ and so on).
const (
	InitAsyncRead        = 1 << 0
	InitPosixLocks       = 1 << 1
	InitAtomicOTrunc     = 1 << 3
	InitExportSupport    = 1 << 4
	InitBigWrites        = 1 << 5
	InitDontMask         = 1 << 6
	InitFlockLocks       = 1 << 10
	InitAutoInvalData    = 1 << 12
	InitDoReaddirplus    = 1 << 13
	InitReaddirplusAuto  = 1 << 14
	InitAsyncDIO         = 1 << 15
	InitWritebackCache   = 1 << 16
	InitParallelDirops   = 1 << 18
	InitPosixACL         = 1 << 20
	InitMaxPages         = 1 << 22
	InitCacheSymlinks    = 1 << 23
	InitSubmounts        = 1 << 27
	InitHandleKillprivV2 = 1 << 28
	InitSetxattrExt      = 1 << 29
	InitExt              = 1 << 30
	InitSecurityCtx      = 1 << 32
)

// Valid of SETATTR (FATTR_MODE and so on).
const (
	SetMode        = 1 << 0
	SetUID         = 1 << 1
	SetGID         = 1 << 2
	SetSize        = 1 << 3
	SetAtime       = 1 << 4
	SetMtime       = 1 << 5
	SetFH          = 1 << 6
	SetAtimeNow    = 1 << 7
	SetMtimeNow    = 1 << 8
	SetCtime       = 1 << 10
	SetKillSUIDGID = 1 << 11
)

// Flags of an opened file's reply (FOPEN_DIRECT_IO and so on).
const (
	OpenedDirectIO  = 1 << 0
	OpenedKeepCache = 1 << 1
	OpenedCacheDir  = 1 << 3
	OpenedNoFlush   = 1 << 5
)

// Flags of single requests.
const (
	OpenKillSUIDGID  = 1 << 0 // FUSE_OPEN_KILL_SUIDGID, of OPEN and CREATE
	WriteKillSUIDGID = 1 << 2 // FUSE_WRITE_KILL_SUIDGID
	FsyncData        = 1 << 0 // FUSE_FSYNC_FDATASYNC, of FSYNC and FSYNCDIR
	AttrSubmount     = 1 << 0 // FUSE_ATTR_SUBMOUNT, of an Attr
)
