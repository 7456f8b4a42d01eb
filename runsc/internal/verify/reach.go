package verify

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// walker finds out where a process could get from a directory that it holds,
// by ".." and by names: what openat(2) gives it if no filter restrains it to
// the directories where it should stay.
//
// A magic link in /proc/pid/fd leads into the mount tree of that FD, and ".."
// from there leads up in that tree, even from outside (path_resolution(7)).
type walker struct {
	limit int

	// donated are the roots where a process may be, targets those of mounts
	// where it may not get.
	donated, targets map[fileID]bool

	// mounts are those in which a directory may be held, by their IDs; nil if
	// they are not known.
	mounts map[uint64]bool

	seen      map[place]bool
	reached   map[fileID]string // targets that were found, and how
	strangers []string          // directories that are in no donated mount
	above     []string          // what there is above donated roots
	problems  []string          // why something could not be looked at
	files     bool              // some target is not a directory
	layers    []layer           // those of the targets that are an overlay's
}

// place is a directory as one mount shows it: the same directory seen through
// another mount may lead elsewhere.
type place struct {
	mount uint64
	id    fileID
}

func newWalker(mounts []mount, limit int) *walker {
	w := &walker{limit: limit, donated: map[fileID]bool{}, targets: map[fileID]bool{}, seen: map[place]bool{}, reached: map[fileID]string{}}
	for _, m := range mounts {
		switch {
		case m.err != nil, m.virtual(), m.isForStart():
		case m.direct():
			w.donated[m.id] = true
		default:
			w.targets[m.id] = true
			w.files = w.files || !m.directory
		}
	}
	return w
}

func lookAt(dir int, name string, flags int) (place, error) {
	var st unix.Statx_t
	if err := unix.Statx(dir, name, flags, unix.STATX_INO|unix.STATX_MNT_ID, &st); err != nil {
		return place{}, err
	}
	if st.Mask&unix.STATX_MNT_ID == 0 {
		return place{}, errors.New("the kernel does not tell mounts apart (statx(2), STATX_MNT_ID needs Linux 5.8)")
	}
	return place{st.Mnt_id, fileID{unix.Mkdev(st.Dev_major, st.Dev_minor), st.Ino}}, nil
}

// start climbs from the directory behind a magic link to the top of its tree,
// and walks down from there and from all that was passed: a mount that another
// one covers can be left upwards and not be entered again. A held directory has to be in a donated mount,
// and above the root of that there has to be nothing.
func (w *walker) start(link string, held bool) error {
	fd, err := openDir(unix.AT_FDCWD, link, 0)
	if gone(err) || err == unix.ENOTDIR {
		return nil // closed in the meantime, or something else by now
	}
	if err != nil {
		return err
	}
	chain, err := climb(fd)
	defer func() {
		for _, s := range chain {
			unix.Close(s.fd)
		}
	}()
	if err != nil {
		return err
	}
	if held {
		w.locate(link, chain)
	}
	for _, s := range slices.Backward(chain) {
		w.down(s.fd, s.place, "")
	}
	return nil
}

// step is a directory on the way up.
type step struct {
	fd    int
	place place
}

// climb takes over the FD and goes up until that changes nothing any more.
func climb(fd int) ([]step, error) {
	var chain []step
	for {
		here, err := lookAt(fd, "", unix.AT_EMPTY_PATH)
		if err != nil {
			unix.Close(fd)
			return chain, err
		}
		if len(chain) > 0 && chain[len(chain)-1].place == here {
			unix.Close(fd)
			return chain, nil
		}
		chain = append(chain, step{fd, here})
		if fd, err = openDir(fd, "..", 0); err != nil {
			return chain, err
		}
	}
}

// locate finds the donated root that a held directory is in: the uppermost
// one, because the source of one mount may lie in that of another. The same
// directory in a mount that is not one of the trees is a stranger: it may be
// writable there.
func (w *walker) locate(link string, chain []step) {
	root := -1
	for i, s := range chain {
		if w.donated[s.place.id] {
			root = i
		}
	}
	if root < 0 || w.mounts != nil && !w.mounts[chain[0].place.mount] {
		target, _ := os.Readlink(link) // for people
		w.strangers = append(w.strangers, fmt.Sprintf("%s (FD link %s)", target, link))
		return
	}
	for i := root + 1; i < len(chain); i++ {
		entries, err := readDir(chain[i].fd)
		if err != nil {
			w.problem("above %s: %v", link, err)
			return
		}
		for _, e := range entries {
			p, err := lookAt(chain[i].fd, e.Name(), unix.AT_SYMLINK_NOFOLLOW|unix.AT_NO_AUTOMOUNT)
			if err == nil && p == chain[i-1].place {
				continue
			}
			if !slices.Contains(w.above, e.Name()) {
				w.above = append(w.above, e.Name())
			}
		}
	}
}

// readDir reads a directory that is open for walking only.
func readDir(dir int) ([]fs.DirEntry, error) {
	const flags = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_CLOEXEC
	fd, err := unix.Openat(dir, ".", flags|unix.O_NOATIME, 0)
	if err == unix.EPERM {
		fd, err = unix.Openat(dir, ".", flags, 0)
	}
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), "directory")
	defer f.Close()
	return f.ReadDir(-1)
}

// down visits the directory and all below it. It leaves out proc and sysfs,
// which have no files of the host's in them.
func (w *walker) down(fd int, here place, path string) {
	if w.seen[here] {
		return
	}
	if len(w.seen) >= w.limit {
		w.problem("more than %d directories can be reached; see --max-directories", w.limit)
		return
	}
	w.seen[here] = true
	w.found(here, path)
	var st unix.Statfs_t
	if err := unix.Fstatfs(fd, &st); err != nil {
		w.problem("%q: %v", path, err)
		return
	}
	if st.Type == unix.PROC_SUPER_MAGIC || st.Type == unix.SYSFS_MAGIC {
		return
	}
	entries, err := readDir(fd)
	if err != nil && !gone(err) {
		w.problem("%q: %v", path, err)
	}
	for _, e := range entries {
		if err := w.entry(fd, e, path+"/"+e.Name()); err != nil && !gone(err) && err != unix.ELOOP && err != unix.ENOTDIR {
			w.problem("%q: %v", path+"/"+e.Name(), err)
		}
	}
}

func (w *walker) entry(dir int, e fs.DirEntry, path string) error {
	if !e.IsDir() && !w.files {
		return nil
	}
	p, err := lookAt(dir, e.Name(), unix.AT_SYMLINK_NOFOLLOW|unix.AT_NO_AUTOMOUNT)
	if err != nil {
		return err
	}
	if !e.IsDir() {
		w.found(p, path)
		return nil
	}
	fd, err := openDir(dir, e.Name(), unix.O_NOFOLLOW)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	// Opening crosses a mount that looking does not.
	if p, err = lookAt(fd, "", unix.AT_EMPTY_PATH); err == nil {
		w.down(fd, p, path)
	}
	return err
}

func (w *walker) found(p place, path string) {
	if w.targets[p.id] && w.reached[p.id] == "" {
		w.reached[p.id] = "/" + path
		if path != "" {
			w.reached[p.id] = path
		}
	}
}

func (w *walker) problem(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(w.problems, text) && len(w.problems) < 4 {
		w.problems = append(w.problems, text)
	}
}
