package inspect

import (
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
	s := scan{directory: d, names: make([]byte, 4096)}
	d.Partly = !r.walk(&s, fd, l.Path)
}

// walk returns false if there were more directories than may be looked at.
func (r *Reader) walk(s *scan, fd int, dir string) (all bool) {
	readable, err := unix.Openat(fd, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return true
	}
	f := os.NewFile(uintptr(readable), dir)
	defer f.Close()
	entries, _ := f.ReadDir(-1)
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		if r.left--; r.left < 0 {
			return false
		}
		s.look(readable, e.Name(), path.Join(dir, e.Name()))
		if s.directory.Trusted != "" {
			return true
		}
		below, err := unix.Openat(readable, e.Name(), unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		if err != nil {
			continue
		}
		all := r.walk(s, below, path.Join(dir, e.Name()))
		unix.Close(below)
		if !all || s.directory.Trusted != "" {
			return all
		}
	}
	return true
}
