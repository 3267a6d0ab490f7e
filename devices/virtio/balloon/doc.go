// Package balloon is the virtio memory balloon (virtio 1.2, section 5.5): the
// host asks the guest for memory and gets back what the guest gives up
// (inflate, deflate), what it has free at the moment (page reporting), and what
// it says of its own memory (statistics, only when asked for).
//
// What a guest gives up is its own word: pages that it goes on using come back
// empty. Names of pages that are no memory cost it those only.
package balloon
