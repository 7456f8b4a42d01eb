package gofer

import (
	"errors"
	"fmt"
	"path"
	"strings"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// layout finds the places of mounts in a container, as a process in it would:
// a symbolic link in a destination is followed in the rootfs, or in the mounts
// that are there already. The copies are walked by FD and are not mounted, so
// a place is nothing but a name for the sentry, which mounts there in its own
// tree. What is served does not depend on it.
type layout struct {
	rootfs int            // FD of the rootfs's copy
	at     map[string]int // place -> FD of the copy that is seen there
}

// errHidden: one mount would hide another that was made before.
var errHidden = errors.New("another mount hides it; list the mount of a directory before those of what is in it")

// arrange sets the path of every connection and makes the mount points that are
// missing. rootfs is the FD of a directory tree, for where no connection serves
// the rootfs.
func arrange(rootfs int, conns []connection) error {
	l := layout{rootfs: rootfs, at: map[string]int{}}
	for i := range conns {
		c := &conns[i]
		if c.mount == nil {
			continue
		}
		place, err := l.find(c.path, c.directory)
		if err != nil {
			return fmt.Errorf("mount %q: %w", c.path, err)
		}
		if err := meet(conns[:i], c, place); err != nil {
			return err
		}
		c.path = place
		l.at[place] = c.tree
	}
	return nil
}

// meet looks at the mounts that were made before c and have something to do
// with its place.
func meet(before []connection, c *connection, place string) error {
	for i := range before {
		o := &before[i]
		switch {
		case o.path == place && !o.agrees(c):
			return fmt.Errorf("mount %q leads to %q, where %s is, and their decisions differ (%v cache=%v and %v cache=%v): give both the same hints, or remove the symbolic link or one of the mounts",
				c.path, place, o.name(), c.decision.Access, c.decision.Cache, o.decision.Access, o.decision.Cache)
		case o.path == place && o.mount != nil:
			// The sentry mounts the two in any order (runsc/boot/vfs.go:989),
			// so what is hidden has to show what hides it.
			first, second, err := copyTwice(c.tree, c.directory)
			if err != nil {
				return fmt.Errorf("copying mount %q: %w", c.path, err)
			}
			closeAll([]int{o.tree, c.tree})
			o.tree, c.tree = first, second
			o.directory, o.readOnly, o.follows = c.directory, c.readOnly, c.follows
		case o.mount != nil && place != "/" && strings.HasPrefix(o.path, place+"/"), o.mount != nil && place == "/":
			return fmt.Errorf("mount %q leads to %q, and %s is below that: %w", c.path, place, o.name(), errHidden)
		}
	}
	return nil
}

// agrees reports whether nobody can tell by the decisions which of two mounts
// at one place is served. The rootfs may have another cache mode than a mount
// that hides all of it: the defaults for the two differ.
func (c *connection) agrees(o *connection) bool {
	return c.decision.Access == o.decision.Access && (c.mount == nil || c.decision.Cache == o.decision.Cache)
}

func (c *connection) name() string {
	if c.mount == nil {
		return "the rootfs"
	}
	return fmt.Sprintf("mount %q", c.decision.Mount)
}

// position is a file on the way to a destination.
type position struct {
	path string
	fd   int
}

// walk is a way through a layout.
type walk struct {
	l    *layout
	way  []position
	todo []string
	left int // symbolic links that may still be followed
}

// maxLinks is the kernel's limit (path_resolution(7)).
const maxLinks = 40

// find returns the place that a destination leads to, and makes what is missing
// there: directories, and a file as the last one unless the mount is of a
// directory. Only links can have dots: the plan knows the clean destination.
func (l *layout) find(destination string, directory bool) (string, error) {
	w := walk{l: l, todo: strings.Split(path.Clean(destination), "/"), left: maxLinks}
	defer w.restart()
	w.restart()
	if err := w.start(); err != nil {
		return "", err
	}
	for len(w.todo) > 0 {
		name := w.todo[0]
		w.todo = w.todo[1:]
		switch name {
		case "", ".":
		case "..":
			w.up()
		default:
			if err := w.enter(name, directory || !w.last()); err != nil {
				return "", err
			}
		}
	}
	here := w.way[len(w.way)-1]
	if !utf8.ValidString(here.path) {
		// The sandbox is told in JSON, which would change the name.
		return "", fmt.Errorf("it leads to %q, which is not UTF-8: remove or change the symbolic link in the image", here.path)
	}
	var st unix.Stat_t
	if err := unix.Fstat(here.fd, &st); err != nil {
		return "", err
	}
	if got := st.Mode&unix.S_IFMT == unix.S_IFDIR; got != directory {
		return "", fmt.Errorf("%q is %s and the mount's source is %s", here.path, kind(got), kind(directory))
	}
	return here.path, nil
}

func kind(directory bool) string {
	if directory {
		return "a directory"
	}
	return "a file"
}

// last reports whether nothing but dots is left to do.
func (w *walk) last() bool {
	for _, name := range w.todo {
		if name != "" && name != "." {
			return false
		}
	}
	return true
}

func (w *walk) restart() {
	for _, p := range w.way {
		unix.Close(p.fd)
	}
	w.way = nil
}

func (w *walk) start() error {
	tree, ok := w.l.at["/"]
	if !ok {
		tree = w.l.rootfs
	}
	return w.push("/", tree)
}

// push goes on to a file that stays open elsewhere.
func (w *walk) push(place string, fd int) error {
	own, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("keeping %q open: %w", place, err)
	}
	w.way = append(w.way, position{place, own})
	return nil
}

func (w *walk) up() {
	if n := len(w.way); n > 1 {
		unix.Close(w.way[n-1].fd)
		w.way = w.way[:n-1]
	}
}

// enter goes on to a name in the directory that was reached.
func (w *walk) enter(name string, directory bool) error {
	here := w.way[len(w.way)-1]
	place := path.Join(here.path, name)
	if tree, ok := w.l.at[place]; ok {
		return w.push(place, tree)
	}
	fd, err := openOrMake(here.fd, name, directory)
	if err != nil {
		return fmt.Errorf("mount point %q: %w", place, err)
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		unix.Close(fd)
		return fmt.Errorf("mount point %q: %w", place, err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFLNK {
		w.way = append(w.way, position{place, fd})
		return nil
	}
	defer unix.Close(fd)
	return w.follow(fd, place)
}

// follow puts the text of a link in front of what is left to do.
func (w *walk) follow(link int, place string) error {
	if w.left--; w.left < 0 {
		return fmt.Errorf("mount point %q: %w", place, unix.ELOOP)
	}
	text := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(link, "", text)
	if err != nil {
		return fmt.Errorf("reading link %q: %w", place, err)
	}
	to := string(text[:n])
	w.todo = append(strings.Split(to, "/"), w.todo...)
	if strings.HasPrefix(to, "/") {
		w.restart()
		return w.start()
	}
	return nil
}

// openOrMake opens a name in a directory without following it. One that is not
// there is made; whoever shares the directory may make or remove it too.
func openOrMake(dir int, name string, directory bool) (int, error) {
	const tries = 8
	for range tries {
		fd, err := unix.Openat(dir, name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		if !errors.Is(err, unix.ENOENT) {
			return fd, err
		}
		if directory {
			err = unix.Mkdirat(dir, name, 0o777)
		} else if fd, err = unix.Openat(dir, name, unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o777); err == nil {
			unix.Close(fd)
		}
		if err != nil && !errors.Is(err, unix.EEXIST) {
			return -1, err
		}
	}
	return -1, errors.New("it keeps appearing and disappearing; is a running container changing the directory?")
}
