package layout

import (
	"errors"
	"fmt"
	"path"
	"strings"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// position is a file on the way to a destination. It has no FD where there is no
// file and none is made.
type position struct {
	path string
	fd   int
}

const missing = -1

// walk is a way through a layout.
type walk struct {
	l    *Layout
	way  []position
	todo []string
	left int // symbolic links that may still be followed
}

// maxLinks is the kernel's limit (path_resolution(7)).
const maxLinks = 40

// find returns the place that a destination leads to, and makes what is missing
// there: directories, and a file as the last one unless the mount is of a
// directory. Only links can have dots: the plan knows the clean destination.
func (l *Layout) find(destination string, directory bool) (string, error) {
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
	if here.fd == missing {
		return here.path, nil
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
	for len(w.way) > 0 {
		w.pop()
	}
}

func (w *walk) start() error {
	root, over := w.l.at["/"]
	if !over {
		root = w.l.rootfs
	}
	return w.push("/", root)
}

// push goes on to a file that stays open elsewhere, or cannot be walked.
func (w *walk) push(place string, fd int) error {
	if fd == missing {
		w.way = append(w.way, position{place, missing})
		return nil
	}
	own, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("keeping %q open: %w", place, err)
	}
	w.way = append(w.way, position{place, own})
	return nil
}

func (w *walk) up() {
	if len(w.way) > 1 {
		w.pop()
	}
}

func (w *walk) pop() {
	last := len(w.way) - 1
	if fd := w.way[last].fd; fd != missing {
		unix.Close(fd)
	}
	w.way = w.way[:last]
}

// enter goes on to a name in the directory that was reached.
func (w *walk) enter(name string, directory bool) error {
	here := w.way[len(w.way)-1]
	place := path.Join(here.path, name)
	if tree, ok := w.l.at[place]; ok {
		return w.push(place, tree)
	}
	fd, err := missing, error(nil)
	if here.fd != missing {
		fd, err = w.l.open(here.fd, name, directory)
	}
	if err != nil {
		return fmt.Errorf("mount point %q: %w", place, err)
	}
	if fd == missing {
		w.way = append(w.way, position{place, missing})
		return nil
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

// open opens a name in a directory without following it. One that is not there
// is made, or missing; whoever shares the directory may make or remove it too.
func (l *Layout) open(dir int, name string, directory bool) (int, error) {
	const tries = 8
	for range tries {
		fd, err := unix.Openat(dir, name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		if !errors.Is(err, unix.ENOENT) {
			return fd, err
		}
		if !l.makes {
			return missing, nil
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
