// Package boottest makes kernels for tests of loaders: the smallest files that
// are a bzImage or an ELF kernel, and with fields to make them bad ones.
package boottest
