// Package hostfs says where files of the host are, so that two ways to the same
// files are seen to be that.
package hostfs

import (
	"errors"
	"fmt"
	"os"
	"path"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
)

// Reader looks at the host for one request. It reads the mount table when it is
// first needed, and again when something was mounted, unmounted or moved.
type Reader struct {
	file string

	mu     sync.Mutex
	table  *os.File // as it was read last
	mounts []*mountinfo.Info
	byID   map[int]*mountinfo.Info // nil until the table is read
	seen   map[string]file         // what was at the names that were asked for
}

// NewReader returns a Reader of this process's mount namespace.
func NewReader() *Reader { return newReader("/proc/self/mountinfo") }

func newReader(table string) *Reader { return &Reader{file: table, seen: map[string]file{}} }

// load reads the table. The caller holds the lock.
func (r *Reader) load() error {
	table, mounts, err := read(r.file)
	if err != nil {
		return err
	}
	if r.table != nil {
		r.table.Close()
	}
	r.table, r.mounts, r.byID = table, mounts, make(map[int]*mountinfo.Info, len(mounts))
	for _, m := range mounts {
		r.byID[m.ID] = m
	}
	return nil
}

// changed reports whether something was mounted or unmounted since the table was
// read (proc_pid_mountinfo(5)). The ID of a mount that is gone is another's then.
func (r *Reader) changed() bool {
	poll := []unix.PollFd{{Fd: int32(r.table.Fd()), Events: unix.POLLPRI}}
	n, err := unix.Poll(poll, 0)
	return err != nil || n > 0 && poll[0].Revents&(unix.POLLPRI|unix.POLLERR) != 0
}

// gone is what the kernel adds to the path of a file whose name was removed
// (proc_pid_fd(5)). The mount table does not: a mount of it stays.
const gone = " (deleted)"

// find says where a file is that the kernel has this path for: its mount, and
// the path from there. Who renames a directory moves the mounts in it, and the
// table may be of before. There is no mount where a process that is confined to
// a directory (chroot(2)) is on one that its table does not have.
func (r *Reader) find(fd, id int) (resolved string, m *mountinfo.Info, rest string, err error) {
	const tries = 100
	for range tries {
		if resolved, err = os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd)); err != nil || !path.IsAbs(resolved) {
			return resolved, nil, "", err
		}
		if m = r.byID[id]; m != nil && !r.changed() {
			if resolved == m.Mountpoint+gone {
				resolved = m.Mountpoint
			}
			if rest, ok := below(resolved, m.Mountpoint); ok {
				return resolved, m, rest, nil
			}
		}
		missing := m == nil
		if err = r.load(); err != nil {
			return resolved, nil, "", err
		}
		if missing && r.byID[id] == nil {
			return resolved, nil, "", nil
		}
	}
	return resolved, nil, "", fmt.Errorf("%q: somebody keeps mounting, or renaming a directory with mounts in it, so it is unknown which of them this is; try again", resolved)
}

// read opens the table and reads it. The file is not the Go runtime's to poll:
// that would take the notice of changes away.
func read(file string) (*os.File, []*mountinfo.Info, error) {
	fd, err := unix.Open(file, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("mount table: %w", &os.PathError{Op: "open", Path: file, Err: err})
	}
	f := os.NewFile(uintptr(fd), file)
	list, err := mountinfo.GetMountsFromReader(f, nil)
	if err != nil {
		return nil, nil, fmt.Errorf("mount table %s: %w", file, errors.Join(err, f.Close()))
	}
	return f, list, nil
}

// Sources implements ociconfig.SourceFunc. Of a path that leads nowhere, or
// where the caller may not look, nothing but the path is known. It fails without
// a mount table, and where files are exchanged while it looks.
func (r *Reader) Sources(name string, submounts bool) ([]directfspolicy.Source, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.byID == nil {
		if err := r.load(); err != nil {
			return nil, err
		}
	}
	fd, err := r.open(name)
	if errors.Is(err, ErrReplaced) {
		return nil, err
	}
	if err != nil {
		return []directfspolicy.Source{{Path: path.Clean(name)}}, nil
	}
	defer unix.Close(fd)
	own, resolved, err := r.source(fd, path.Clean(name))
	if err != nil {
		return nil, err
	}
	all := []directfspolicy.Source{own}
	if submounts {
		for _, m := range submountsOf(resolved, r.mounts) {
			s, err := r.submount(m)
			if err != nil {
				return nil, err
			}
			all = append(all, s)
		}
	}
	return all, nil
}

// source identifies an open file. Its path is the one that the kernel has for
// it, so that whoever exchanges directories meanwhile cannot make name and
// identity those of two files. name is for where that is not text.
func (r *Reader) source(fd int, name string) (s directfspolicy.Source, resolved string, err error) {
	s = directfspolicy.Source{Path: text(name, "")}
	var st unix.Statx_t
	if err := unix.Statx(fd, "", unix.AT_EMPTY_PATH|unix.AT_STATX_DONT_SYNC, unix.STATX_INO|unix.STATX_NLINK|unix.STATX_MNT_ID, &st); err != nil {
		return s, name, nil
	}
	s.Device, s.Inode = unix.Mkdev(st.Dev_major, st.Dev_minor), st.Ino
	resolved, m, rest, err := r.find(fd, int(st.Mnt_id))
	if err != nil || !path.IsAbs(resolved) {
		return s, name, err
	}
	if m != nil {
		s.Filesystem, s.Within = within(m, rest)
	}
	if st.Nlink > 0 { // else the path may be one of the past
		s.Path = text(resolved, s.Path)
	}
	return s, resolved, nil
}

// submount identifies the root of a mount, without a look at its path: another
// mount may be over it.
func (r *Reader) submount(m *mountinfo.Info) (directfspolicy.Source, error) {
	s, err := directfspolicy.Source{Path: text(m.Mountpoint, "")}, error(nil)
	if fd, openErr := unix.Open(m.Mountpoint, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0); openErr == nil {
		s, _, err = r.source(fd, m.Mountpoint)
		unix.Close(fd)
	}
	fs, in := within(m, "")
	if fs != s.Filesystem || in != s.Within {
		s.Device, s.Inode = 0, 0 // of the mount over it
	}
	s.Filesystem, s.Within = fs, in
	return s, err
}

// submountsOf lists the mounts below the directory. A mount that is hidden
// beneath a later one is listed as well; it comes along with a recursive bind
// all the same.
func submountsOf(dir string, mounts []*mountinfo.Info) []*mountinfo.Info {
	var all []*mountinfo.Info
	for _, m := range mounts {
		if rest, ok := below(m.Mountpoint, dir); ok && rest != "" {
			all = append(all, m)
		}
	}
	return all
}

// within says where the rest of a path is, in the mount's file system.
func within(m *mountinfo.Info, rest string) (filesystem, in string) {
	in = path.Join(m.Root, rest)
	if !strings.HasPrefix(in, "/") {
		return "", "" // a namespace file
	}
	return strconv.Itoa(m.Major) + ":" + strconv.Itoa(m.Minor), escaped(in)
}

// below returns the path of a file below a directory, "" for the directory
// itself.
func below(file, dir string) (rest string, ok bool) {
	if file == dir {
		return "", true
	}
	if dir == "/" {
		return file, true
	}
	rest, ok = strings.CutPrefix(file, dir)
	return rest, ok && strings.HasPrefix(rest, "/")
}

// escaped is a path that a Plan can keep. Another path has another one, so that
// what is not text can be compared all the same.
func escaped(name string) string {
	if utf8.ValidString(name) {
		return name
	}
	var b strings.Builder
	for len(name) > 0 {
		r, n := utf8.DecodeRuneInString(name)
		if r == utf8.RuneError {
			fmt.Fprintf(&b, "\uFFFD%x", name[:n])
		} else {
			b.WriteRune(r)
		}
		name = name[n:]
	}
	return b.String()
}

// text returns a name that a Plan can keep, or else the other one, or else one
// in which something stands for what is not text.
func text(name, other string) string {
	switch {
	case utf8.ValidString(name):
		return name
	case other != "":
		return other
	}
	return strings.ToValidUTF8(name, "\uFFFD")
}
