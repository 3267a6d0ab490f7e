// Package vmgenid tells a guest that it is another machine than it was: that it
// goes on from a snapshot, or that there is a second of it. What a guest must not
// have twice, such as the state of its random numbers, it then makes anew.
//
// It is Microsoft's Virtual Machine Generation ID: 16 bytes in the guest's memory,
// where the firmware tables say, and a notification when they change. The guest
// reads them there; there is no register.
package vmgenid
