package volume

import (
	"context"
	"io/fs"
	"time"
)

// Writable is a volume that can be changed. It may implement [Symlinker],
// [Linker] and [XattrWriter] as well. What it cannot do is an error and never a
// success that changes nothing: syscall.ENOTSUP or syscall.EPERM.
//
// Changes of names and attributes last when the call returns: there is no call
// for fsync(2) of a directory.
type Writable interface {
	Volume

	// Create makes a regular file and opens it. If the name exists, it returns
	// fs.ErrExist and changes nothing.
	Create(ctx context.Context, dir ID, name string, f NewFile, how OpenHow) (Attr, WritableHandle, error)

	// Mkdir makes a directory, or returns fs.ErrExist.
	Mkdir(ctx context.Context, dir ID, name string, f NewFile) (Attr, error)

	// Remove removes a name. With directory set the file is an empty directory,
	// else anything but a directory; others are syscall.ENOTEMPTY,
	// syscall.ENOTDIR and syscall.EISDIR.
	Remove(ctx context.Context, dir ID, name string, directory bool) error

	// Rename gives a file another name, and replaces what has that name as
	// rename(2) does: a file by a file, an empty directory by a directory. With
	// noReplace set it returns fs.ErrExist instead.
	Rename(ctx context.Context, oldDir ID, oldName string, newDir ID, newName string, noReplace bool) error

	// SetAttr changes all that is set in c, or nothing.
	SetAttr(ctx context.Context, id ID, c Change) error
}

// NewFile is what a new file starts with. Perm has no type bits, and the
// process's umask is applied already.
type NewFile struct {
	Perm     fs.FileMode
	UID, GID uint32
}

// Change is a change of attributes. What is nil stays.
type Change struct {
	Perm                *fs.FileMode // without type bits
	UID, GID            *uint32
	Size                *int64 // truncates or extends with zeros
	AccessTime, ModTime *time.Time
}

// WritableHandle is an open file that may be written, if it was opened for that.
type WritableHandle interface {
	Handle

	// WriteAt writes as io.WriterAt does, and extends the file where needed.
	// Whoever reads afterwards, by whatever handle, reads what was written.
	WriteAt(ctx context.Context, p []byte, off int64) (int, error)

	// Sync is fsync(2): after nil, what was written survives a crash of the
	// volume's process and of its machine. The sandbox tells the application
	// nothing of an error (pkg/sentry/fsimpl/gofer/gofer.go:2269); the next Flush
	// returns it, unless a Sync in between was successful. A volume that must not
	// lose what an application believes to be safe keeps it, and tries again.
	Sync(ctx context.Context) error

	// Flush is called whenever the application closes a descriptor that could
	// write, and its error is that of close(2). Other descriptors may share the
	// handle, which stays open.
	Flush(ctx context.Context) error
}
