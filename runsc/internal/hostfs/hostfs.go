// Package hostfs says where files of the host are, so that two ways to the same
// files are seen to be that.
package hostfs

import (
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

// Reader looks at the host. It reads the mount table when it is first needed,
// and again for a mount that is younger.
type Reader struct {
	file string

	mu     sync.Mutex
	mounts []*mountinfo.Info
	byID   map[int]*mountinfo.Info // nil until the table is read
}

// NewReader returns a Reader of this process's mount namespace.
func NewReader() *Reader { return newReader("/proc/self/mountinfo") }

func newReader(file string) *Reader { return &Reader{file: file} }

// load reads the table. The caller holds the lock.
func (r *Reader) load() error {
	mounts, err := read(r.file)
	if err != nil {
		return err
	}
	r.mounts, r.byID = mounts, make(map[int]*mountinfo.Info, len(mounts))
	for _, m := range mounts {
		r.byID[m.ID] = m
	}
	return nil
}

// mountOf returns the mount with the ID. A process that is confined to a
// directory (chroot(2)) may be on a mount that its table does not have.
func (r *Reader) mountOf(id int) (*mountinfo.Info, error) {
	if m := r.byID[id]; m != nil {
		return m, nil
	}
	err := r.load()
	return r.byID[id], err
}

func read(file string) ([]*mountinfo.Info, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("mount table: %w", err)
	}
	defer f.Close()
	list, err := mountinfo.GetMountsFromReader(f, nil)
	if err != nil {
		return nil, fmt.Errorf("mount table %s: %w", file, err)
	}
	return list, nil
}

// Sources implements ociconfig.SourceFunc. Of a path that leads nowhere, or
// where the caller may not look, nothing but the path is known. Without a mount
// table it fails.
func (r *Reader) Sources(name string, submounts bool) ([]directfspolicy.Source, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.byID == nil {
		if err := r.load(); err != nil {
			return nil, err
		}
	}
	fd, err := unix.Open(name, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return []directfspolicy.Source{{Path: path.Clean(name)}}, nil
	}
	defer unix.Close(fd)
	own, err := r.source(fd, path.Clean(name))
	if err != nil {
		return nil, err
	}
	all := []directfspolicy.Source{own}
	if submounts {
		for _, m := range submountsOf(own.Path, r.mounts) {
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
func (r *Reader) source(fd int, name string) (directfspolicy.Source, error) {
	s := directfspolicy.Source{Path: text(name, "")}
	var st unix.Statx_t
	if err := unix.Statx(fd, "", unix.AT_EMPTY_PATH|unix.AT_STATX_DONT_SYNC, unix.STATX_INO|unix.STATX_NLINK|unix.STATX_MNT_ID, &st); err != nil {
		return s, nil
	}
	s.Device, s.Inode = unix.Mkdev(st.Dev_major, st.Dev_minor), st.Ino
	resolved, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd))
	if err != nil || !path.IsAbs(resolved) || st.Nlink == 0 {
		return s, nil // of a file without a name, or one that this process cannot see
	}
	s.Path = text(resolved, s.Path)
	if st.Mask&unix.STATX_MNT_ID == 0 {
		return s, nil
	}
	m, err := r.mountOf(int(st.Mnt_id))
	if m != nil {
		if rest, ok := below(resolved, m.Mountpoint); ok {
			s.Filesystem, s.Within = within(m, rest)
		}
	}
	return s, err
}

// submount identifies the root of a mount, without a look at its path: another
// mount may be over it.
func (r *Reader) submount(m *mountinfo.Info) (directfspolicy.Source, error) {
	s, err := directfspolicy.Source{Path: text(m.Mountpoint, "")}, error(nil)
	if fd, openErr := unix.Open(m.Mountpoint, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0); openErr == nil {
		s, err = r.source(fd, m.Mountpoint)
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
	if !utf8.ValidString(in) || !strings.HasPrefix(in, "/") {
		return "", "" // a namespace file, or a name that no Plan could keep
	}
	return strconv.Itoa(m.Major) + ":" + strconv.Itoa(m.Minor), in
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
