// Package follow reads the lines of a file that others append to and rotate:
// NAME is renamed to NAME.1, that to NAME.2 and so on, and a new NAME begun.
//
// A reader takes no lock, so that no writer ever waits for one. It relies on
// what writers promise:
//
//   - a file is appended to in whole lines, one write(2) each;
//   - a file is no longer written to once it has lost the name NAME;
//   - a file becomes shorter only by a last line that has no newline.
//
// A follower sleeps in inotify(7) between appends and does not poll.
package follow
