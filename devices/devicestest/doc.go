// Package devicestest has what the tests of devices need: a line that
// remembers, a clock that stands still until told, a driver that names
// registers as the datasheet does, and checks that every device passes.
package devicestest
