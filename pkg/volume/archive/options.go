// Package archive is a read-only volume in a zip or tar file. The file may come
// from anybody: what is wrong with it is found when it is opened, and nothing in
// it is left out silently. A file that is served is as large as it says.
package archive

import (
	"context"
	"errors"
	"fmt"
	"syscall"
)

// What is wrong with an entry, or with the archive. Match with errors.Is.
var (
	// ErrName is a name that no file in a directory can have, or that leads out of
	// the archive: absolute, with "..", an empty part, a zero byte, in a zip a
	// backslash, more than 255 bytes in one part.
	ErrName = errors.New("bad name")

	// ErrDuplicate is a second file of one name, or a file that has others in it.
	// A directory may be there twice: the last one counts.
	ErrDuplicate = errors.New("duplicate")

	// ErrType is an entry that is neither a regular file, a directory nor a link:
	// a device or a pipe.
	ErrType = errors.New("type that is not served")

	// ErrLink is a symbolic link without a target or with one that is too long, or
	// a hard link to what is no earlier file of the archive.
	ErrLink = errors.New("bad link")

	// ErrLimit is more than Options allow.
	ErrLimit = errors.New("more than allowed")

	// ErrUnsupported is a format that is not read: encryption, a compression other
	// than deflate, sparse files, global headers that change entries.
	ErrUnsupported = errors.New("not supported")

	// ErrCorrupt is an archive that contradicts itself.
	ErrCorrupt = errors.New("corrupt")
)

// EntryError is why an archive is refused.
type EntryError struct {
	Name string // the entry as the archive names it, empty for the whole archive
	Err  error  // one of this package's errors, with what it is about
}

// nameShown is how much of a name is in an error's text.
const nameShown = 300

func (e *EntryError) Error() string {
	if e.Name == "" {
		return "archive: " + e.Err.Error()
	}
	return fmt.Sprintf("archive: entry %q: %v", e.Name[:min(len(e.Name), nameShown)], e.Err)
}

// Unwrap returns Err.
func (e *EntryError) Unwrap() error { return e.Err }

func refuse(name string, rule error, format string, args ...any) error {
	return &EntryError{name, fmt.Errorf("%w: "+format, append([]any{rule}, args...)...)}
}

// cannotRead tells what is wrong with the archive from a failure to read it, unless
// the system or the caller is what failed.
func cannotRead(name string, err error) error {
	var failed syscall.Errno
	var refused *EntryError
	if errors.As(err, &failed) || errors.As(err, &refused) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return refuse(name, ErrCorrupt, "%w", err)
}

// Owner is a user and a group.
type Owner struct{ UID, GID uint32 }

// Options bounds what an archive can cost. Zero fields have the values of
// DefaultOptions. Every limit is checked before the archive is served.
type Options struct {
	// MaxEntries is how many files there may be, with the directories that the
	// archive leaves out.
	MaxEntries int

	// MaxDepth is how many names a path may have.
	MaxDepth int

	// MaxIndexBytes is how large names, link targets and the archive's own index
	// may be, each of them altogether.
	MaxIndexBytes int64

	// MaxFileSize is for one file, and MaxTotalSize for all, in bytes as they are
	// served. Of a tar that is compressed, MaxTotalSize is for all of it.
	MaxFileSize, MaxTotalSize int64

	// MaxRatio is how many times larger than its compressed form anything may be
	// that is larger than a mebibyte.
	MaxRatio int64

	// CacheSize is how many bytes of compressed members of a zip are kept
	// unpacked. No member may be larger. While files are open that fill it, to
	// open another is syscall.ENOMEM. Half of it is for files that are donated to
	// the sandbox, which stay there until the volume is closed; later ones are not
	// donated, and can be mapped only with an exclusive cache.
	CacheSize int64

	// CacheDir is the directory for what is unpacked, in files that have no name.
	// If it is empty, members of a zip are unpacked to memory, and donated only
	// where the process may mount a tmpfs, as a gofer may when it opens its
	// volumes; a compressed tar is unpacked to os.TempDir.
	CacheDir string

	// Owner, if not nil, is the owner of all files. Without it, that is root for a
	// zip, and who the archive says for a tar.
	Owner *Owner
}

// DefaultOptions is for an archive of the size of a container image's layer.
var DefaultOptions = Options{
	MaxEntries: 200_000, MaxDepth: 128, MaxIndexBytes: 64 << 20,
	MaxFileSize: 4 << 30, MaxTotalSize: 16 << 30, MaxRatio: 200, CacheSize: 256 << 20,
}

func (o Options) withDefaults() Options {
	d := DefaultOptions
	orDefault(&o.MaxEntries, d.MaxEntries)
	orDefault(&o.MaxDepth, d.MaxDepth)
	orDefault(&o.MaxIndexBytes, d.MaxIndexBytes)
	orDefault(&o.MaxFileSize, d.MaxFileSize)
	orDefault(&o.MaxTotalSize, d.MaxTotalSize)
	orDefault(&o.MaxRatio, d.MaxRatio)
	orDefault(&o.CacheSize, d.CacheSize)
	return o
}

func orDefault[T int | int64](field *T, value T) {
	if *field == 0 {
		*field = value
	}
}

// ratioFrom is the size from which MaxRatio holds: a small file can be all the
// same byte.
const ratioFrom = 1 << 20

// inflates says whether a size is more than the compressed form may become.
func (o Options) inflates(size, compressed int64) bool {
	return size > ratioFrom && size/o.MaxRatio >= max(compressed, 1)
}
