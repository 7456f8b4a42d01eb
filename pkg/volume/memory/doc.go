// Package memory is a volume in the process's memory: the reference of what a
// read-write backend does, which others are compared with, and a backend for
// tests and for data that nobody needs to keep.
//
// It does what a file system does, with these choices where those differ:
// reading does not change access times (like noatime), a new file's owner is
// what the caller says also below a setgid directory, and a write that does not
// fit fails as a whole. [WritableHandle.Sync] keeps nothing: the files end with
// the process.
//
// [WritableHandle.Sync]: https://pkg.go.dev/github.com/directfs/runsc/pkg/volume#WritableHandle
package memory
