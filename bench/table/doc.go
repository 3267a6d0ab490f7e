// Package table puts what several rounds measured of several monitors into a
// Markdown table: medians, spread, ratios, and below it what failed and why.
package table
