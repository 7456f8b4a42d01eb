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

// Reader looks at the host. It reads the mount table once, when it is first
// needed.
type Reader struct {
	mounts func() ([]*mountinfo.Info, error)
	byID   func() map[int]*mountinfo.Info
}

// NewReader returns a Reader of this process's mount namespace.
func NewReader() *Reader { return newReader("/proc/self/mountinfo") }

func newReader(file string) *Reader {
	mounts := sync.OnceValues(func() ([]*mountinfo.Info, error) { return read(file) })
	byID := sync.OnceValue(func() map[int]*mountinfo.Info {
		all := map[int]*mountinfo.Info{}
		list, _ := mounts() // Sources returns the error
		for _, m := range list {
			all[m.ID] = m
		}
		return all
	})
	return &Reader{mounts: mounts, byID: byID}
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
	mounts, err := r.mounts()
	if err != nil {
		return nil, err
	}
	fd, err := unix.Open(name, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return []directfspolicy.Source{{Path: name}}, nil
	}
	defer unix.Close(fd)
	all := []directfspolicy.Source{r.source(fd, name)}
	if submounts {
		for _, m := range submountsOf(all[0].Path, mounts) {
			all = append(all, r.submount(m))
		}
	}
	return all, nil
}

// source identifies an open file. Its path is the one that the kernel has for
// it, so that whoever exchanges directories meanwhile cannot make name and
// identity those of two files. name is for where that is not text.
func (r *Reader) source(fd int, name string) directfspolicy.Source {
	s := directfspolicy.Source{Path: text(name, "")}
	var st unix.Statx_t
	if err := unix.Statx(fd, "", unix.AT_EMPTY_PATH|unix.AT_STATX_DONT_SYNC, unix.STATX_INO|unix.STATX_NLINK|unix.STATX_MNT_ID, &st); err != nil {
		return s
	}
	s.Device, s.Inode = unix.Mkdev(st.Dev_major, st.Dev_minor), st.Ino
	resolved, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd))
	if err != nil || !path.IsAbs(resolved) || st.Nlink == 0 {
		return s // of a file without a name, or one that this process cannot see
	}
	s.Path = text(resolved, s.Path)
	if st.Mask&unix.STATX_MNT_ID == 0 {
		return s
	}
	if m := r.byID()[int(st.Mnt_id)]; m != nil {
		if rest, ok := below(resolved, m.Mountpoint); ok {
			s.Filesystem, s.Within = within(m, rest)
		}
	}
	return s
}

// submount identifies the root of a mount, without a look at its path: another
// mount may be over it.
func (r *Reader) submount(m *mountinfo.Info) directfspolicy.Source {
	s := directfspolicy.Source{Path: text(m.Mountpoint, "")}
	if fd, err := unix.Open(m.Mountpoint, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0); err == nil {
		s = r.source(fd, m.Mountpoint)
		unix.Close(fd)
	}
	fs, in := within(m, "")
	if fs != s.Filesystem || in != s.Within {
		s.Device, s.Inode = 0, 0 // of the mount over it
	}
	s.Filesystem, s.Within = fs, in
	return s
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
