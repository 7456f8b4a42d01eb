package volume

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// fault is an error that the adapter itself found: the volume broke one of the
// rules of this package.
type fault struct {
	errno unix.Errno
	text  string
}

func (f *fault) Error() string { return f.text }

// broken is the fault of a volume whose answer cannot be used.
func broken(format string, args ...any) error {
	return &fault{unix.EIO, fmt.Sprintf(format, args...)}
}

// toErrno returns what the application gets for an error of the volume, however
// often it was wrapped. Whatever is not recognised is EIO.
//
// Handlers of LisaFS compare with a bare unix.ENOENT and unwrap next to nothing
// (pkg/lisafs/handlers.go, TryExtractErrno), so nothing but an Errno is returned
// to them.
func toErrno(err error) unix.Errno {
	if f, ok := errors.AsType[*fault](err); ok {
		return f.errno
	}
	if errno, ok := errors.AsType[unix.Errno](err); ok {
		return safeErrno(errno)
	}
	for _, m := range meanings {
		if errors.Is(err, m.err) {
			return m.errno
		}
	}
	return unix.EIO
}

// meanings are the errors that are not numbers, the first match counts.
var meanings = []struct {
	err   error
	errno unix.Errno
}{
	{context.DeadlineExceeded, unix.ETIMEDOUT},
	{os.ErrDeadlineExceeded, unix.ETIMEDOUT},
	{fs.ErrNotExist, unix.ENOENT},
	{fs.ErrExist, unix.EEXIST},
	{fs.ErrPermission, unix.EACCES},
	{fs.ErrInvalid, unix.EINVAL},
	{errors.ErrUnsupported, unix.EOPNOTSUPP},
}

// lastErrno is the greatest that the engine knows, EHWPOISON; it panics on others
// (pkg/errors/linuxerr/linuxerr.go, ErrorFromUnix).
const lastErrno = unix.EHWPOISON

// safeErrno replaces what the sentry would act upon itself instead of passing it
// on.
func safeErrno(errno unix.Errno) unix.Errno {
	switch {
	case errno == unix.EAGAIN:
		// The sentry waits until the file is ready, which it never reports
		// (pkg/sentry/syscalls/linux/sys_read_write.go, read).
		return unix.EBUSY
	case errno == unix.EINTR:
		// The sentry restarts the system call, for ever.
		return unix.EIO
	case errno > lastErrno || unix.ErrnoName(errno) == "":
		return unix.EIO
	}
	return errno
}
