package inspect

import (
	"errors"
	"os"
	"path"

	"github.com/directfs/runsc/pkg/overlaymount"
	"golang.org/x/sys/unix"
)

// maxDeep is how many directories of all layers together are looked at for marks
// that hide what is below them. It takes some ten microseconds for each.
const maxDeep = 20000

// deep looks for trusted.overlay marks in all directories of a layer. The sentry's
// overlay does not know them, and would show again what a deleted directory had: the
// kernel's marks are where the overlay is that was changed, or where an image has a
// layer that it was not unpacked from. Fewer than the limit are left afterwards.
func (r *Reader) deep(d *overlaymount.Directory, fd int, l overlaymount.Layer) {
	if d.Trusted != "" || d.Err != nil || !d.IsDirectory || l.Role == overlaymount.Work {
		return
	}
	s := newScan(d, fd, l)
	d.Partly = !r.walk(&s, fd, l.Path)
}

// walk returns false if not all was looked at: there were more directories than may
// be, or one cannot be opened, as where they are as deep as this process may have
// open. What is gone or forbidden is not in the layer for whoever mounts it.
func (r *Reader) walk(s *scan, fd int, dir string) (all bool) {
	names, err := directories(fd)
	if err != nil {
		return unseen(err)
	}
	for _, name := range names {
		if s.mounts[path.Join(dir, name)] {
			continue
		}
		if r.left--; r.left < 0 {
			return false
		}
		s.look(fd, name, path.Join(dir, name))
		if s.directory.Trusted != "" {
			return true
		}
		below, err := unix.Openat(fd, name, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		if err != nil {
			if !unseen(err) {
				return false
			}
			continue
		}
		all := r.walk(s, below, path.Join(dir, name))
		unix.Close(below)
		if !all || s.directory.Trusted != "" {
			return all
		}
	}
	return true
}

// directories returns the names of the directories in one. Nothing stays open: a
// tree can be deeper than that.
func directories(fd int) (names []string, err error) {
	readable, err := unix.Openat(fd, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(readable), "directory of a layer")
	defer f.Close()
	entries, err := f.ReadDir(-1)
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names, err
}

func unseen(err error) bool {
	return errors.Is(err, os.ErrNotExist) || errors.Is(err, os.ErrPermission) || errors.Is(err, unix.ENOTDIR)
}
