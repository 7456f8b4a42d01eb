package overlayfs

import (
	"errors"
	"fmt"
	"strconv"

	"golang.org/x/sys/unix"
)

// Dialect is the beginning of the names of the extended attributes in which an
// overlay keeps what it has done.
type Dialect string

// The dialects.
const (
	Trusted Dialect = "trusted.overlay."
	User    Dialect = "user.overlay." // with userxattr
)

// Unsupported says what the file system of a work directory lacks.
type Unsupported struct {
	// What is missing, and what of an overlay needs it.
	What string
	Err  error
}

// Error implements error.
func (e *Unsupported) Error() string {
	return fmt.Sprintf("the file system lacks %s: %v", e.What, e.Err)
}

// Unwrap returns the cause.
func (e *Unsupported) Unwrap() error { return e.Err }

// Probe tries in an open work directory what an overlay does with its upper layer
// when files are removed and renamed. The kernel mounts without some of it, and
// fails then (fs/overlayfs/super.c, ovl_make_workdir). O_TMPFILE is not tried:
// overlayfs does without. All is done in a directory that is removed again.
// Errors: *Unsupported, and what kept it from trying.
func Probe(work int, d Dialect) error {
	return probe(work, makeFiles, d.mark, exchange, whiteout, makeWhiteout, replace, types)
}

// ProbeUpper is Probe for the upper layer of an overlay that the sentry makes: that
// needs only whiteouts and attributes, of the user's dialect.
func ProbeUpper(upper int) error { return probe(upper, makeFiles, User.mark, makeWhiteout) }

func probe(work int, tries ...func(dir int) error) (err error) {
	// One that was killed may have left its own.
	if err := unix.Mkdirat(work, scratch, 0o700); err != nil && err != unix.EEXIST {
		return &Unsupported{"mkdir(2) in the work directory", err}
	}
	dir, err := unix.Openat(work, scratch, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return errors.Join(fmt.Errorf("probing the work directory: %w", err), unix.Unlinkat(work, scratch, unix.AT_REMOVEDIR))
	}
	empty(dir)
	defer func() {
		empty(dir)
		unix.Close(dir)
		if e := unix.Unlinkat(work, scratch, unix.AT_REMOVEDIR); e != nil {
			err = errors.Join(err, &Unsupported{"rmdir(2) in the work directory", e})
		}
	}()
	for _, try := range tries {
		if err := try(dir); err != nil {
			return err
		}
	}
	return nil
}

// scratch is the directory in the work directory, and the others are in it.
const (
	scratch = "runsc-overlay-probe"
	fileA   = "a"
	dirB    = "b"
	fileC   = "c"
)

func empty(dir int) {
	for _, name := range []string{fileA, dirB, fileC} {
		_ = unix.Unlinkat(dir, name, 0)
		_ = unix.Unlinkat(dir, name, unix.AT_REMOVEDIR)
	}
}

func makeFiles(dir int) error {
	fd, err := unix.Openat(dir, fileA, unix.O_CREAT|unix.O_EXCL|unix.O_WRONLY|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return &Unsupported{"creating files", err}
	}
	unix.Close(fd)
	if err := unix.Mkdirat(dir, dirB, 0o700); err != nil {
		return &Unsupported{"mkdir(2)", err}
	}
	return nil
}

// mark sets what hides a lower directory, which rmdir(2) and rename(2) of
// directories need.
func (d Dialect) mark(dir int) error {
	at, key := "/proc/self/fd/"+strconv.Itoa(dir)+"/"+dirB, string(d)+"opaque"
	if err := unix.Lsetxattr(at, key, []byte("y"), 0); err != nil {
		return &Unsupported{"the extended attribute " + key, err}
	}
	value := make([]byte, 8)
	n, err := unix.Lgetxattr(at, key, value)
	if err == nil && string(value[:n]) != "y" {
		err = fmt.Errorf("set to \"y\", it reads %q", value[:n])
	}
	if err == nil {
		err = unix.Lremovexattr(at, key)
	}
	if err != nil {
		return &Unsupported{"the extended attribute " + key, err}
	}
	return nil
}

// exchange is how a directory that is removed is replaced by a whiteout.
func exchange(dir int) error {
	for range 2 { // there and back
		if err := unix.Renameat2(dir, fileA, dir, dirB, unix.RENAME_EXCHANGE); err != nil {
			return &Unsupported{"RENAME_EXCHANGE (rename(2)), for removing directories", err}
		}
	}
	return nil
}

// whiteout is how a file that is renamed leaves a whiteout.
func whiteout(dir int) error {
	const what = "RENAME_WHITEOUT (rename(2)), for renaming files"
	if err := unix.Renameat2(dir, fileA, dir, fileC, unix.RENAME_WHITEOUT); err != nil {
		return &Unsupported{what, err}
	}
	return isWhiteout(dir, fileA, what)
}

// makeWhiteout is how a file that is removed leaves one.
func makeWhiteout(dir int) error {
	const what = "character devices 0:0 (mknod(2)), for removing files"
	if err := unix.Unlinkat(dir, fileA, 0); err != nil {
		return &Unsupported{what, err}
	}
	if err := unix.Mknodat(dir, fileA, unix.S_IFCHR, 0); err != nil {
		return &Unsupported{what, err}
	}
	return isWhiteout(dir, fileA, what)
}

func isWhiteout(dir int, name, what string) error {
	var st unix.Stat_t
	if err := unix.Fstatat(dir, name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return &Unsupported{what, err}
	}
	if st.Mode&unix.S_IFMT != unix.S_IFCHR || st.Rdev != 0 {
		return &Unsupported{what, fmt.Errorf("a file of mode %#o and device %#x was made", st.Mode, st.Rdev)}
	}
	return nil
}

// replace is how a copy of a lower file is put in its place.
func replace(dir int) error {
	if err := unix.Renameat(dir, fileC, dir, fileA); err != nil {
		return &Unsupported{"rename(2) onto a whiteout", err}
	}
	return nil
}

// types are needed in directories, so that whiteouts are seen in them.
func types(dir int) error {
	f, err := unix.Openat(dir, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(f)
	entries := make([]byte, 4096)
	n, err := unix.Getdents(f, entries)
	if err != nil {
		return err
	}
	const typeAt, lengthAt = 18, 16 // struct linux_dirent64 (getdents64(2))
	for at := 0; at+typeAt < n; {
		if entries[at+typeAt] == unix.DT_UNKNOWN {
			return &Unsupported{"the files' types in directories (readdir(3), d_type)", unix.EOPNOTSUPP}
		}
		length := int(entries[at+lengthAt]) | int(entries[at+lengthAt+1])<<8
		if length == 0 {
			break
		}
		at += length
	}
	return nil
}
