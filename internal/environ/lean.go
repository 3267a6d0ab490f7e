package environ

// Lean is an environment with nothing of the caller's, in which Go's heap takes no
// large pages. These processes use some hundred KiB of a heap that is mapped 4 MiB at
// a time: where the kernel gives large pages to all who ask for memory, as Debian's
// does, it fills the gaps, again after the runtime has given them back. The memory of
// guests is advised by itself, and keeps its large pages.
func Lean() []string { return []string{"GODEBUG=disablethp=1"} }
