package hostfs

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// ErrReplaced: a name led to one file, and a moment later to another.
var ErrReplaced = errors.New("the file there is not the one of a moment ago, so it is unknown which mounts a hint is for; is somebody replacing directories or links? Try again")

// file says which file is at a name; the zero value is none.
type file struct{ device, inode uint64 }

// open opens a name. Where it begins with a name that was looked at before, it
// goes on from there, and fails if that leads to another file now: whoever
// exchanges what a name leads to must not make a hint for the name, and a mount
// of it or of what is in it, be about two directories.
func (r *Reader) open(name string) (int, error) {
	if len(name) >= unix.PathMax {
		return -1, unix.ENAMETOOLONG // as the kernel would say, after a long look
	}
	fd, done := unix.AT_FDCWD, ""
	for _, step := range r.steps(spelled(name)) {
		name := step
		if done != "" {
			name = step[len(done)+1:]
		}
		next, now, err := look(fd, name)
		closeFD(fd)
		if before, ok := r.seen[step]; ok && before != now {
			closeFD(next)
			return -1, fmt.Errorf("%q: %w", step, ErrReplaced)
		}
		r.seen[step] = now
		if err != nil {
			return -1, err
		}
		fd, done = next, step
	}
	return fd, nil
}

// steps are the names that were looked at before and that the name begins with,
// and the name itself.
func (r *Reader) steps(name string) []string {
	var all []string
	for i := 1; i < len(name); i++ {
		if name[i] != '/' {
			continue
		}
		if _, ok := r.seen[name[:i]]; ok {
			all = append(all, name[:i])
		}
	}
	return append(all, name)
}

// spelled is an absolute name in one of the spellings that lead the same way
// whatever the links in it.
func spelled(name string) string {
	var b strings.Builder
	for part := range strings.SplitSeq(name, "/") {
		if part != "" && part != "." {
			b.WriteString("/" + part)
		}
	}
	if b.Len() == 0 {
		return "/"
	}
	return b.String()
}

// look opens a name. What cannot be looked at is none.
func look(dir int, name string) (int, file, error) {
	fd, err := openPath(dir, name)
	if err != nil {
		return -1, file{}, err
	}
	var st unix.Statx_t
	if err := unix.Statx(fd, "", unix.AT_EMPTY_PATH|unix.AT_STATX_DONT_SYNC, unix.STATX_INO, &st); err != nil {
		closeFD(fd)
		return -1, file{}, err
	}
	return fd, file{unix.Mkdev(st.Dev_major, st.Dev_minor), st.Ino}, nil
}

// openPath opens a name as O_PATH does, but has it mounted first where that is
// done on demand (autofs(5)), as the gofer has when it copies the mount.
func openPath(dir int, name string) (int, error) {
	fd, err := unix.OpenTree(dir, name, unix.OPEN_TREE_CLOEXEC)
	if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM) { // a filter of system calls
		fd, err = unix.Openat(dir, name, unix.O_PATH|unix.O_CLOEXEC, 0)
	}
	return fd, err
}

func closeFD(fd int) {
	if fd >= 0 {
		unix.Close(fd)
	}
}
