package passthrough

import "github.com/hullvm/hull/fsd/fuse"

// operation is how a request is done.
type operation struct {
	do      func(*FS, *call) error
	changes bool // not on a read-only share
	xattr   bool // needs Options.Xattr
}

// operations are the requests that are served. All others are ENOSYS, after which
// Linux does not ask again: among them are locks, which it then keeps itself.
var operations = [...]operation{
	fuse.LOOKUP:          {do: (*FS).lookup},
	fuse.FORGET:          {do: (*FS).forget},
	fuse.BATCH_FORGET:    {do: (*FS).batchForget},
	fuse.GETATTR:         {do: (*FS).getattr},
	fuse.SETATTR:         {do: (*FS).setattr, changes: true},
	fuse.READLINK:        {do: (*FS).readlink},
	fuse.SYMLINK:         {do: (*FS).symlink, changes: true},
	fuse.MKNOD:           {do: (*FS).mknod, changes: true},
	fuse.MKDIR:           {do: (*FS).mkdir, changes: true},
	fuse.UNLINK:          {do: (*FS).unlink, changes: true},
	fuse.RMDIR:           {do: (*FS).rmdir, changes: true},
	fuse.RENAME:          {do: (*FS).rename, changes: true},
	fuse.RENAME2:         {do: (*FS).rename2, changes: true},
	fuse.LINK:            {do: (*FS).link, changes: true},
	fuse.OPEN:            {do: (*FS).open},
	fuse.CREATE:          {do: (*FS).create, changes: true},
	fuse.READ:            {do: (*FS).read},
	fuse.WRITE:           {do: (*FS).write, changes: true},
	fuse.STATFS:          {do: (*FS).statfs},
	fuse.RELEASE:         {do: (*FS).release},
	fuse.FLUSH:           {do: (*FS).flush},
	fuse.FSYNC:           {do: (*FS).fsync},
	fuse.OPENDIR:         {do: (*FS).opendir},
	fuse.READDIR:         {do: (*FS).readdir},
	fuse.READDIRPLUS:     {do: (*FS).readdirplus},
	fuse.RELEASEDIR:      {do: (*FS).releasedir},
	fuse.FSYNCDIR:        {do: (*FS).fsyncdir},
	fuse.ACCESS:          {do: (*FS).access},
	fuse.FALLOCATE:       {do: (*FS).fallocate, changes: true},
	fuse.LSEEK:           {do: (*FS).lseek},
	fuse.COPY_FILE_RANGE: {do: (*FS).copyFileRange, changes: true},
	fuse.SYNCFS:          {do: (*FS).syncfs},
	fuse.GETXATTR:        {do: (*FS).getxattr, xattr: true},
	fuse.LISTXATTR:       {do: (*FS).listxattr, xattr: true},
	fuse.SETXATTR:        {do: (*FS).setxattr, changes: true, xattr: true},
	fuse.REMOVEXATTR:     {do: (*FS).removexattr, changes: true, xattr: true},
}
