// Package vmstatetest holds keepers to what they promise of their states.
package vmstatetest
