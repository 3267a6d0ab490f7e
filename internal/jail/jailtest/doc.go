// Package jailtest runs programs in a jail that try to get out of it, and looks at
// what becomes of each attempt. Such an inmate prints what holds it, and then what
// became of the attempt that its last argument names: "allowed" or "refused", with
// a colon and the cause behind it or without. It prints no second line where the
// filter of system calls ended it.
package jailtest
