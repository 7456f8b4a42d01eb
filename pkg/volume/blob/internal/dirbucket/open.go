package dirbucket

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"syscall"

	"golang.org/x/sys/unix"
)

// What is in the directory and not an object.
var (
	ErrLink    = errors.New("there is a symbolic link, and links in a directory that is a store are not followed")
	ErrSpecial = errors.New("not a regular file")
)

// tree is a directory that is open, under whatever name it has now.
type tree struct {
	root *os.File
	conn syscall.RawConn
}

// openTree opens the directory itself, to which links may lead: its name is the
// operator's.
func openTree(dir string) (*tree, error) {
	f, err := os.OpenFile(dir, unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	t := &tree{root: f}
	if t.conn, err = f.SyscallConn(); err == nil {
		var probe *os.File
		if probe, err = t.open(".", unix.O_PATH|unix.O_DIRECTORY); err == nil {
			return t, probe.Close()
		}
	}
	f.Close()
	return nil, fmt.Errorf("the store needs openat2(2), of Linux 5.6: %w", err)
}

// open opens what has a path, which is a link only with O_PATH. A link on the way is
// ErrLink.
func (t *tree) open(path string, flags int) (*os.File, error) {
	how := unix.OpenHow{
		Flags:   uint64(flags | unix.O_NOFOLLOW | unix.O_CLOEXEC),
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS,
	}
	fd, err := -1, error(nil)
	closed := t.conn.Control(func(root uintptr) {
		for fd, err = unix.Openat2(int(root), path, &how); err == unix.EINTR; {
			fd, err = unix.Openat2(int(root), path, &how)
		}
	})
	if err := errors.Join(closed, err); err != nil {
		return nil, pathError("open", path, err)
	}
	// By this name, the file finds what is in it, whatever becomes of the path.
	return os.NewFile(uintptr(fd), fmt.Sprintf("/proc/self/fd/%d", fd)), nil
}

func pathError(op, path string, err error) error {
	if errors.Is(err, unix.ELOOP) {
		err = ErrLink
	}
	return &fs.PathError{Op: op, Path: path, Err: err}
}

// object finds a regular file, which is not opened for anything yet: opening a FIFO
// or a device may wait, or do something.
func (t *tree) object(path string) (*os.File, fs.FileInfo, error) {
	f, err := t.open(path, unix.O_PATH)
	if errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ENAMETOOLONG) {
		err = pathError("open", path, fs.ErrNotExist)
	}
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err == nil {
		err = regular(path, info.Mode())
	}
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return f, info, nil
}

func regular(path string, mode fs.FileMode) error {
	switch {
	case mode.IsRegular():
		return nil
	case mode.IsDir():
		return pathError("open", path, fs.ErrNotExist)
	case mode.Type() == fs.ModeSymlink:
		return pathError("open", path, ErrLink)
	}
	return pathError("open", path, fmt.Errorf("%w: %v", ErrSpecial, mode))
}

// read opens what object has found.
func read(f *os.File) (*os.File, error) { return os.Open(f.Name()) }

// directory opens a directory, with O_PATH.
func (t *tree) directory(path string) (*os.File, error) {
	return t.open(path+"/", unix.O_PATH|unix.O_DIRECTORY) // with a slash, a link is ELOOP
}

// makeDirectory makes it, and those on the way, where they are missing.
func (t *tree) makeDirectory(at string, mode fs.FileMode) (*os.File, error) {
	d, err := t.directory(at)
	if at == "." || !errors.Is(err, fs.ErrNotExist) {
		return d, err
	}
	parent, err := t.makeDirectory(path.Dir(at), mode)
	if err != nil {
		return nil, err
	}
	defer parent.Close()
	err = unix.Mkdirat(int(parent.Fd()), path.Base(at), uint32(mode.Perm()))
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, pathError("mkdir", at, err)
	}
	return t.directory(at)
}

// create makes a file that was not there, in a directory.
func create(dir *os.File, name string) (*os.File, error) {
	fd, err := unix.Openat(int(dir.Fd()), name, unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_RDWR|unix.O_CLOEXEC, 0o666)
	if err != nil {
		return nil, pathError("create", name, err)
	}
	return os.NewFile(uintptr(fd), name), nil
}

// removeEmpty removes a directory that has nothing but such directories.
func removeEmpty(dir *os.File, name string) error {
	fd, err := unix.Openat(int(dir.Fd()), name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return pathError("open", name, err)
	}
	f := os.NewFile(uintptr(fd), fmt.Sprintf("/proc/self/fd/%d", fd))
	defer f.Close()
	names, err := f.Readdirnames(-1)
	for _, n := range names {
		err = errors.Join(err, removeEmpty(f, n))
	}
	return errors.Join(err, unix.Unlinkat(int(dir.Fd()), name, unix.AT_REMOVEDIR))
}
