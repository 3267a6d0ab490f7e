// Package configs reads machine files: the TOML text that describes one virtual
// machine. docs/configuration.md is the manual, and its reference is made from
// the comments of the types here.
//
// A file is judged whole: [Load] and [Parse] answer with everything that is wrong
// with it, each mistake with its place, the value, the rule and the remedy
// ([Problems]). Whether this host can run the machine is not asked here.
//
// The folder of the package also holds the machine files that ship with Hull.
package configs
