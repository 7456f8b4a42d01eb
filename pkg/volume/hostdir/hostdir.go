// Package hostdir is a volume on a directory of the host. It never leaves the
// directory: every file is opened by openat2(2) with RESOLVE_BENEATH and
// RESOLVE_NO_SYMLINKS, so that nobody who writes in the directory can lead it
// elsewhere.
package hostdir

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/directfs/runsc/pkg/volume"
	"github.com/directfs/runsc/pkg/volume/internal/paging"
)

// Syscalls is what [volume.Backend.Syscalls] needs.
var Syscalls = []string{
	"fallocate", "fchmod", "fchmodat2", "fchownat", "fcntl", "fgetxattr", "flistxattr", "fremovexattr", "fsetxattr",
	"fstatfs", "ftruncate", "getdents64", "linkat", "mkdirat", "name_to_handle_at", "readlinkat", "renameat2", "statx",
	"symlinkat", "unlinkat", "utimensat",
}

// Owner is a user and a group.
type Owner struct{ UID, GID uint32 }

// Options changes how a directory is served.
type Options struct {
	// Squash, if not nil, is the owner that all files seem to have, whoever makes
	// them and whoever owns them on the host. New files belong to the process's
	// user there, whose rights setuid and setgid would give away: to set these,
	// but for a directory, is EPERM. Without Squash, owners are the host's, and a
	// process that may not chown cannot make files for others: EPERM.
	Squash *Owner

	// CrossMounts serves what is mounted below the directory too. Without it, a
	// mount point is listed, and using it is EXDEV.
	CrossMounts bool

	// MaxFiles is how many files are known by their ID, 262144 if it is zero and
	// 1024 at least. Of more than that, those not used for longest are ESTALE
	// until they are looked up again. It should be above Limits.Files.
	MaxFiles int
}

const (
	defaultMaxFiles = 1 << 18
	minMaxFiles     = 1 << 10
)

// Volume is an open directory.
//
// The ID of a file is its device with its file handle, name_to_handle_at(2),
// which has the inode's generation. On a file system without handles, such as
// some overlayfs, it is the device and the inode, and may be used again after a
// removal. A file is found by the names that led to it, which this volume's own
// renames change. One that somebody else renames is fs.ErrNotExist by its ID
// until it is looked up where it is then; never another file.
//
// Devices, sockets and pipes are listed; to open one is syscall.ENXIO. Of
// extended attributes there are those called user.*; others are not listed, and
// syscall.ENOTSUP.
type Volume struct {
	root  *os.File // O_PATH
	fd    int      // of root
	o     Options
	pages paging.Pages[string]

	// names is held for reading while a file is searched by its names, and for
	// writing while these change, together with the table.
	names sync.RWMutex
	table table
}

// Donor is a Volume that the sandbox may open itself.
type Donor struct{ *Volume }

var (
	_ volume.Writable      = (*Volume)(nil)
	_ volume.Symlinker     = (*Volume)(nil)
	_ volume.Linker        = (*Volume)(nil)
	_ volume.XattrWriter   = (*Volume)(nil)
	_ volume.UsageReporter = (*Volume)(nil)
	_ volume.RootDonor     = Donor{}
)

// Open opens a directory by its path. The volume is a [Donor], and so a
// volume.RootDonor, unless Options.Squash is set: whoever opens the files himself
// sees the host's owners.
func Open(path string, o Options) (volume.Writable, error) {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return open(os.NewFile(uintptr(fd), path), o)
}

// OpenFile is Open for a directory that is open, for reading or with O_PATH, and
// stays the caller's.
func OpenFile(dir *os.File, o Options) (volume.Writable, error) {
	fd, err := unix.FcntlInt(dir.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "dup", Path: dir.Name(), Err: err}
	}
	return open(os.NewFile(uintptr(fd), dir.Name()), o)
}

func open(root *os.File, o Options) (volume.Writable, error) {
	v := &Volume{root: root, fd: int(root.Fd()), o: o}
	a, err := v.identify(v.fd)
	if err == nil && !a.Mode.IsDir() {
		err = unix.ENOTDIR
	}
	if err != nil {
		root.Close()
		return nil, fmt.Errorf("directory %s: %w", root.Name(), err)
	}
	v.table = newTable(a.ID, max(cmp.Or(o.MaxFiles, defaultMaxFiles), minMaxFiles))
	if o.Squash != nil {
		return v, nil
	}
	return Donor{v}, nil
}

// Close implements volume.Volume.
func (v *Volume) Close(context.Context) error { return v.root.Close() }

// RootFile implements volume.RootDonor.
func (d Donor) RootFile(context.Context) (*os.File, error) { return d.root, nil }

// Usage implements volume.UsageReporter, for the whole file system.
func (v *Volume) Usage(context.Context) (volume.Usage, error) {
	var s unix.Statfs_t
	if err := unix.Fstatfs(v.fd, &s); err != nil {
		return volume.Usage{}, err
	}
	return volume.Usage{
		Bytes: s.Blocks * uint64(s.Bsize), FreeBytes: s.Bavail * uint64(s.Bsize),
		Files: s.Files, FreeFiles: s.Ffree,
	}, nil
}
