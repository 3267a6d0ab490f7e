// Command hull-shell is the shell of a guest and the commands one wants in it,
// in one static program: it is whichever command its name or its first argument
// says (guest/applets lists them).
package main
