// Package vectors cuts and copies the vectors of a request. The memory behind
// them is a guest's, outside the Go heap: it stays mapped until the request is
// answered, and may change at any time.
package vectors
