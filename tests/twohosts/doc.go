// Package twohosts makes two hosts of one kernel, as far as a network goes, for tests and
// benchmarks of moves: two network namespaces with a link for moves between them, which tc
// shapes, and a third outside, which is on one segment with the guests of both.
package twohosts
