// Package docs has tests of what the documents say about the tree.
package docs
