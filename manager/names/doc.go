// Package names is what instances are called: names, given or invented, and ids.
package names
