// Package measure is what the benchmarks share: statistics of a few rounds, what
// the host's /proc tells of a monitor, and cells of a Markdown table.
package measure
