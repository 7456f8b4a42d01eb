package volume

import (
	"context"
	"io/fs"
	"time"
)

// ID names a file of one volume. It is opaque to everybody but the volume.
//
// Two files never have the same ID, a file keeps its ID when it is renamed, and
// hard links share one. An ID is not used for another file, and never for one
// of another type, as long as the volume is open. The empty ID names nothing.
type ID string

// Attr is what is known of a file.
type Attr struct {
	ID ID

	// Mode is the type and the permissions, with fs.ModeSetuid, fs.ModeSetgid
	// and fs.ModeSticky. The type of a file never changes.
	Mode fs.FileMode

	// Size is in bytes and includes everything that was written, synced or not.
	// That of a symbolic link is the length of its target. It is not negative.
	Size int64

	// UID and GID are the owner's, in the container.
	UID, GID uint32

	// Links is the number of names. Zero stands for one, or two for a directory.
	Links uint32

	// ModTime is when the content changed. Where AccessTime or ChangeTime are
	// zero, it stands for them too.
	ModTime, AccessTime, ChangeTime time.Time
}

// Entry is one name in a directory.
type Entry struct {
	Name string
	ID   ID

	// Type is the type bits of the file's mode.
	Type fs.FileMode
}

// Volume is a tree of files that can be read. All methods may be called
// concurrently. Every context has a deadline; a call that goes on after it is
// abandoned, and what it returns is thrown away: a handle that comes late is
// closed, possibly after Close.
//
// Names are single path components: not empty, no "." or "..", no slash, no
// zero byte, at most 255 bytes. No caller passes others, and a directory that
// lists others is an error that callers see, never one that is skipped.
//
// Errors may wrap: fs.ErrNotExist, fs.ErrExist, fs.ErrPermission and any
// syscall.Errno reach the application as what they are, a deadline as
// ETIMEDOUT, everything else as EIO.
//
// What else it can do it says by implementing [Writable], [LinkReader],
// [XattrReader], [UsageReporter] or [RootDonor].
type Volume interface {
	// Root returns the attributes of the root, which is a directory.
	Root(ctx context.Context) (Attr, error)

	// Lookup returns the attributes of the file that has a name in a directory,
	// and fs.ErrNotExist if there is none.
	Lookup(ctx context.Context, dir ID, name string) (Attr, error)

	// Stat returns the attributes of a file. It works for one that was removed
	// as long as it is open, and so do Open and SetAttr.
	Stat(ctx context.Context, id ID) (Attr, error)

	// ReadDir lists a directory in ascending order of the names' bytes,
	// beginning with the first name greater than after. It returns about limit
	// entries, fewer or more, and none only where there are no more. The name
	// is the place in the directory: an entry that is there all the time is
	// listed once, whatever else changes between two calls. "." and ".." are
	// not listed.
	ReadDir(ctx context.Context, dir ID, after string, limit int) ([]Entry, error)

	// Open opens a regular file. A volume that is not Writable is never asked
	// to write or truncate. With how.Write the handle is a WritableHandle.
	Open(ctx context.Context, id ID, how OpenHow) (Handle, error)

	// Close ends the use of the volume. No call is made afterwards.
	Close(ctx context.Context) error
}

// OpenHow says what an open file is for. At least one of Read and Write is set,
// and Truncate only beside Write.
type OpenHow struct {
	Read, Write, Truncate bool
}

// Handle is an open regular file. It goes on to work when the file is renamed
// or removed. The sandbox keeps it when the application has closed the file, and
// uses it again, so it must return the content that the file has by now; content
// that comes from elsewhere can have a new ID instead. If it implements
// [FileDonor], the file may be read and mapped without calls.
type Handle interface {
	// ReadAt reads as io.ReaderAt does: fewer bytes than asked for come with an
	// error, which is io.EOF at the end of the file.
	ReadAt(ctx context.Context, p []byte, off int64) (int, error)

	// Close ends the use of the handle. Its error reaches nobody: report a
	// failure to write in Flush.
	Close(ctx context.Context) error
}
