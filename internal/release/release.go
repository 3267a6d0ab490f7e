// Package release says which release of Hull this is.
package release

// Version is the release this tree is; the linker may set it to another.
var Version = "0.1.0-dev"
