// Package handover is what one process opens for another that may open nothing:
// descriptors, each with the word what it is for, and a manifest in which the
// words travel while the descriptors do so on their own.
package handover
