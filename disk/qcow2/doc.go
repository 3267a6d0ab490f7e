// Package qcow2 reads and writes qcow2 images, versions 2 and 3, as QEMU's
// docs/interop/qcow2.txt describes them.
//
// # What changes where
//
// The L1 table and the refcount table are in memory; L2 tables and refcount
// blocks are in two caches. A request changes them in memory only, under the
// lock mu, and a commit brings the file to the state that memory had at one
// moment. Commits happen on Flush and Close, when much has changed, and some
// seconds after a change.
//
// A write finds the clusters it goes to under a read lock and transfers its data
// without any, if they are there and the image's own. If not, it reserves free
// clusters, which nobody counts yet, writes all of their content without a lock
// (around its own bytes what was there before: copy on write), and only then
// changes mapping and refcounts, in one step. A second write to one of these
// guest clusters waits for the first and then finds its cluster. That is why
// neither is lost, and why a write that fails leaves nothing behind.
//
// # In which order the file changes
//
// A commit copies all that is dirty under the lock, and then, without it:
//
//  1. writes refcount blocks, and tables that nothing in the file refers to yet:
//     new L2 tables, an L1 or refcount table that has moved;
//  2. waits until that and all data is durable (fdatasync), and writes what
//     leads to new refcount blocks, if there are any: entries of the refcount
//     table, or where the header says that the table is;
//  3. waits again, and writes the mapping: L2 entries, L1 entries, the disk's
//     size and where the L1 table is;
//  4. waits again. What Flush has promised is true now;
//  5. takes away the references that were given up before the copy was made. It
//     makes holes of the clusters that nobody refers to any more, and counts
//     them as free.
//
// So a table in the file never refers to something that does not count it, or
// whose content is not there; and a cluster is not used again before the tables
// in the file that knew it have forgotten it. Both hold after a kill, where all
// that was written is there in order, and after a power cut, where between two
// waits any part of it may be missing: what can be left is a cluster that counts
// as used and is not (a leak). Refcounts only ever grow between steps 1 and 5,
// so the blocks may be written at any time.
//
// What a kill or a power cut loses is what was written since the last commit
// where it needed new clusters, and it is lost as a whole, sector by sector as a
// disk with a write cache would lose it.
//
// # Who is still reading
//
// A request that has found a cluster in a table transfers data without a lock;
// meanwhile a discard may give the cluster up. It must not become somebody
// else's, least of all a table, before the request is done: see limbo.
package qcow2
