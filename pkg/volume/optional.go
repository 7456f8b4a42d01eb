package volume

import (
	"context"
	"os"
)

// LinkReader is implemented by a volume that has symbolic links.
type LinkReader interface {
	// ReadLink returns the target, which is not resolved: the sandbox does
	// that, inside the container.
	ReadLink(ctx context.Context, id ID) (string, error)
}

// Symlinker is implemented by a volume in which symbolic links can be made.
type Symlinker interface {
	LinkReader

	// Symlink makes a symbolic link, or returns fs.ErrExist.
	Symlink(ctx context.Context, dir ID, name, target string, f NewFile) (Attr, error)
}

// Linker is implemented by a volume that has hard links.
type Linker interface {
	// Link gives a file that is no directory one more name, or returns
	// fs.ErrExist. The file's ID stays.
	Link(ctx context.Context, id ID, dir ID, name string) (Attr, error)
}

// XattrReader is implemented by a volume that has extended attributes, xattr(7).
type XattrReader interface {
	// GetXattr returns a value, or syscall.ENODATA if there is none.
	GetXattr(ctx context.Context, id ID, name string) ([]byte, error)

	// ListXattr returns the names.
	ListXattr(ctx context.Context, id ID) ([]string, error)
}

// XattrWriter is implemented by a volume whose extended attributes can be set.
type XattrWriter interface {
	XattrReader

	// SetXattr sets a value. With create set the attribute must not exist
	// (fs.ErrExist), with replace set it must (syscall.ENODATA).
	SetXattr(ctx context.Context, id ID, name string, value []byte, create, replace bool) error

	// RemoveXattr removes an attribute, or returns syscall.ENODATA.
	RemoveXattr(ctx context.Context, id ID, name string) error
}

// Allocator is implemented by a WritableHandle that can reserve space.
type Allocator interface {
	// Allocate makes sure that later writes in the range do not fail for lack of
	// space, and extends the file unless keepSize is set: fallocate(2).
	Allocate(ctx context.Context, off, length int64, keepSize bool) error
}

// UsageReporter is implemented by a volume that knows how large it is.
type UsageReporter interface {
	Usage(ctx context.Context) (Usage, error)
}

// Usage is the space of a volume: statfs(2). Where Bytes or Files is zero, it is
// not known, and neither is what is free of it.
type Usage struct {
	Bytes, FreeBytes uint64
	Files, FreeFiles uint64
}

// RootDonor is implemented by a volume that is a directory of the host. A
// sandbox may then open its files itself, if the mount's decision is directfs.
type RootDonor interface {
	// RootFile returns the directory, open for reading or with O_PATH, and still
	// the volume's to close. It must be on a mount that the runtime sees.
	RootFile(ctx context.Context) (*os.File, error)
}

// FileDonor is implemented by a Handle whose content is a file of the host. The
// sandbox then reads and maps that file without calls; without it, a mount with a
// shared cache can neither be mapped nor executed from.
type FileDonor interface {
	// HostFile returns a regular file that is open for reading only, and still
	// the handle's to close, or nil if there is none this time. It is called
	// once, right after an Open that was not for writing.
	//
	// The sandbox keeps its own FD of the file, and reads by it until no handle
	// of this file is open any more, not only this one: also while other
	// handles write or truncate, and after the application closed the file and
	// opened it again. All that time it must have the content that ReadAt
	// returns. So a writable volume donates the file that it writes to, or
	// none; and a file whose content is replaced in any other way must have
	// another ID from then on.
	HostFile() *os.File
}

// PrivateFileDonor is a FileDonor whose host files are the volume's alone: a cache,
// for example. Nobody else minds if their mode, owner or times change, which a
// sandbox that is raised for other mounts can do to every file that it has
// (fchmod(2) needs no FD for writing). Without it, a mount that is read-only
// donates no file that has a name on the host.
type PrivateFileDonor interface {
	FileDonor
	PrivateHostFile()
}
