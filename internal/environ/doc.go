// Package environ is the environment of those of Hull's processes that live as long
// as a machine does.
package environ
