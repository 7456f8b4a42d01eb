// Package inspect asks the host what has to be known of an overlay's layers
// before it is mounted: the [overlaymount.Facts].
//
// It mounts nothing and writes nothing, apart from what is mounted on demand
// (autofs(5)) when somebody looks at it. It sees what its process may see.
// Attributes named trusted.* show to CAP_SYS_ADMIN in the initial user namespace
// only (xattr(7)), so that an upper directory that root's overlay wrote looks
// like any other to a rootless caller.
package inspect

import (
	"errors"
	"path"
	"runtime"
	"slices"

	"github.com/directfs/runsc/pkg/overlaymount"
	"golang.org/x/sys/unix"
)

// ErrRelative: the path of a layer is not absolute, so that it leads somewhere
// else for each process.
var ErrRelative = errors.New("not an absolute path")

// Reader looks at the host for the overlays of one container. It reads the mount
// table and the locks once: what changes later, it does not see. It is for one
// goroutine at a time.
type Reader struct {
	table   *table
	locks   map[LockedFile]int
	above   map[place][]overlaymount.Identity
	mounted []overlaymount.Mounted

	// elsewhere is not read where nothing is written.
	elsewhere *[]overlaymount.Mounted

	driver  overlaymount.Driver
	entries int // how many more entries of lower layers are looked at
	left    int // and how many directories by deep
}

// NewReader returns a Reader that has looked at nothing yet.
func NewReader() *Reader { return &Reader{} }

// WithoutLocks makes the Reader say nothing about who has locked a layer, for a caller
// that takes the locks next: reading /proc/locks takes the kernel some milliseconds.
func (r *Reader) WithoutLocks() *Reader {
	r.locks = map[LockedFile]int{}
	return r
}

// Facts looks at the host for one overlay, which the driver would make.
func Facts(m overlaymount.Mount, d overlaymount.Driver) overlaymount.Facts {
	return NewReader().Facts(m, d)
}

// Facts looks at what the overlay's options name, and at the overlays that are
// mounted.
func (r *Reader) Facts(m overlaymount.Mount, d overlaymount.Driver) overlaymount.Facts {
	// Threads of a process can be in different mount namespaces.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	r.load()
	facts := overlaymount.Facts{
		Known:         true,
		UserNamespace: inUserNamespace(),
		NoOverlay:     noOverlay("/proc"),
		Layers:        map[string]overlaymount.Directory{},
		Mounted:       r.mounted,
	}
	if m.Upper != "" {
		facts.Mounted = append(slices.Clip(facts.Mounted), r.others()...)
	}
	r.entries, r.left, r.driver = maxLowerEntries, maxDeep, d
	for _, l := range m.Layers() {
		if _, ok := facts.Layers[l.Path]; !ok {
			facts.Layers[l.Path] = r.directory(l)
		}
	}
	return facts
}

// others are the overlays of other mount namespaces.
func (r *Reader) others() []overlaymount.Mounted {
	if r.elsewhere == nil {
		all := elsewhere()
		r.elsewhere = &all
	}
	return *r.elsewhere
}

// load reads, at the first call, what is not about one layer.
func (r *Reader) load() {
	if r.table != nil {
		return
	}
	r.table = readTable("/proc/thread-self/mountinfo")
	if r.locks == nil {
		r.locks = readLocks("/proc/locks")
	}
	r.above = map[place][]overlaymount.Identity{}
	r.mounted = r.table.overlays()
}

// directory looks at one layer.
func (r *Reader) directory(l overlaymount.Layer) (d overlaymount.Directory) {
	if !path.IsAbs(l.Path) && l.Path != "" {
		return overlaymount.Directory{Err: ErrRelative}
	}
	fd, err := open(unix.AT_FDCWD, l.Path)
	if err != nil {
		return overlaymount.Directory{Err: err}
	}
	defer unix.Close(fd)
	at, st, err := look(fd)
	if err != nil {
		return overlaymount.Directory{Err: err}
	}
	d.Identity, d.MountID = at.Identity, at.mount
	d.IsDirectory = st.Mode&unix.S_IFMT == unix.S_IFDIR
	r.fromMount(&d, fd)
	file := r.table.locked(at)
	d.LockedBy = holder(r.locks[file], file)
	if !d.IsDirectory {
		return d
	}
	d.Above = r.walkUp(fd, at)
	d.Writable = unix.Faccessat(fd, ".", unix.W_OK|unix.X_OK, unix.AT_EACCESS) == nil
	r.attributes(&d, fd, l)
	if r.driver == overlaymount.Sentry {
		r.deep(&d, fd, l)
	}
	if l.Role == overlaymount.Work {
		d.Volatile = volatile(fd, l.Path)
	}
	return d
}

// volatile returns the directory that makes the kernel refuse a work directory,
// until it is removed (overlayfs.rst, "Volatile mount").
func volatile(fd int, work string) string {
	const mark = "work/incompat/volatile"
	var st unix.Stat_t
	if unix.Fstatat(fd, mark, &st, unix.AT_SYMLINK_NOFOLLOW) != nil {
		return ""
	}
	return path.Join(work, mark)
}
