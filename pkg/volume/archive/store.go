package archive

import (
	"crypto/rand"
	"io"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// store makes files without a name.
type store struct {
	dir int // -1: files are memory, and cannot be opened again for reading only
}

// openStore opens the directory of the options, or a file system of its own in
// memory. That one is mounted nowhere, so that its descriptor leads to nothing
// else.
func openStore(o Options) (*store, error) {
	if o.CacheDir != "" {
		dir, err := unix.Open(o.CacheDir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			return nil, &os.PathError{Op: "open", Path: o.CacheDir, Err: err}
		}
		return &store{dir}, nil
	}
	dir, err := mountMemory(roundUp(o.CacheSize))
	if err != nil {
		dir = -1
	}
	return &store{dir}, nil
}

// mountMemory makes a tmpfs of some size, tmpfs(5).
func mountMemory(size int64) (int, error) {
	fd, err := unix.Fsopen("tmpfs", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return -1, err
	}
	defer unix.Close(fd)
	for key, value := range map[string]string{"size": strconv.FormatInt(size+page, 10), "mode": "0700"} {
		if err := unix.FsconfigSetString(fd, key, value); err != nil {
			return -1, err
		}
	}
	if err := unix.FsconfigCreate(fd); err != nil {
		return -1, err
	}
	return unix.Fsmount(fd, unix.FSMOUNT_CLOEXEC, unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV)
}

func (s *store) donates() bool { return s.dir >= 0 }

// write makes a file of what f writes. Nobody can write to it afterwards.
func (s *store) write(f func(io.Writer) error) (*os.File, error) {
	if s.dir < 0 {
		return writeMemory(f)
	}
	w, r, err := s.create()
	if err != nil {
		return nil, err
	}
	defer w.Close()
	if err := f(w); err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

// create opens a new file twice, and takes its name away.
func (s *store) create() (w, r *os.File, err error) {
	name := "unpacked-" + rand.Text()
	flags := unix.O_CREAT | unix.O_EXCL | unix.O_NOFOLLOW | unix.O_CLOEXEC
	wfd, err := unix.Openat(s.dir, name, flags|unix.O_RDWR, 0o400)
	if err != nil {
		return nil, nil, os.NewSyscallError("openat", err)
	}
	defer unix.Unlinkat(s.dir, name, 0)
	w = os.NewFile(uintptr(wfd), name)
	rfd, err := unix.Openat(s.dir, name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		w.Close()
		return nil, nil, os.NewSyscallError("openat", err)
	}
	return w, os.NewFile(uintptr(rfd), name), nil
}

func writeMemory(f func(io.Writer) error) (*os.File, error) {
	fd, err := unix.MemfdCreate("unpacked", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, os.NewSyscallError("memfd_create", err)
	}
	file := os.NewFile(uintptr(fd), "unpacked")
	if err := f(file); err != nil {
		file.Close()
		return nil, err
	}
	seals := unix.F_SEAL_WRITE | unix.F_SEAL_GROW | unix.F_SEAL_SHRINK | unix.F_SEAL_SEAL
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seals); err != nil {
		file.Close()
		return nil, os.NewSyscallError("fcntl", err)
	}
	return file, nil
}

func (s *store) close() error {
	if s.dir < 0 {
		return nil
	}
	return unix.Close(s.dir)
}
