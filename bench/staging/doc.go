// Package staging keeps what monitors read in memory while they are measured. In
// a lab host all files come over a share that caches next to nothing, so that
// each start of each monitor would be measured with the time that its files take
// to come over it.
package staging
