package volumed

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// stateDir holds what the daemon and its workers keep on disk:
//
//	lock                            locked while a daemon runs
//	counts/                         numbers of workers, see the package metrics
//	volumes/VOLUME/SANDBOX.RANDOM/  one use of a volume by a sandbox
//	    store                       which store it is of
//	    data/                       cached and staged files
//
// It is its owner's only: the files are the containers' data.
type stateDir string

func (d stateDir) counts() string  { return filepath.Join(string(d), "counts") }
func (d stateDir) volumes() string { return filepath.Join(string(d), "volumes") }

// defaultStateDir is the system's for root, and else the user's, as in the XDG
// base directory specification.
func defaultStateDir() string {
	if os.Geteuid() == 0 {
		return "/var/lib/volumed"
	}
	if dir := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "volumed")
	}
	return filepath.Join(os.Getenv("HOME"), ".local", "state", "volumed")
}

// prepare makes the directory and refuses one that others can write.
func (d stateDir) prepare() error {
	if !filepath.IsAbs(string(d)) {
		return fmt.Errorf("state directory %q is not an absolute path", string(d))
	}
	if err := os.MkdirAll(string(d), 0o700); err != nil {
		return err
	}
	info, err := os.Stat(string(d))
	if err != nil {
		return err
	}
	if owner := info.Sys().(*syscall.Stat_t).Uid; int(owner) != os.Geteuid() {
		return fmt.Errorf("state directory %s belongs to user %d; choose another, or run chown %d on it", d, owner, os.Geteuid())
	}
	// It may be a directory that others need, such as /proc: its mode is not this
	// program's to change.
	if info.Mode().Perm() != 0o700 {
		return fmt.Errorf("state directory %s has the mode %04o; choose another, or run chmod 0700 on it", d, info.Mode().Perm())
	}
	return os.MkdirAll(d.volumes(), 0o700)
}

// lock takes the directory for this daemon until the file is closed.
func (d stateDir) lock() (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(string(d), "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("another volumed uses the state directory %s; end it, or choose another with --state-dir", d)
		}
		return nil, err
	}
	return f, nil
}

// begun is the prefix of directories that are not complete. No sandbox's name
// begins with a dot.
const begun = ".new-"

// use makes the directory of one use of a volume. Until release is called, which
// must be after data is locked by the volume that uses it, it is not taken for
// what a crash left.
func (d stateDir) use(volume, sandbox, store string) (data string, release func(), err error) {
	if strings.ContainsAny(sandbox, "/\x00") || strings.HasPrefix(sandbox, ".") || len(sandbox) > 128 {
		return "", nil, fmt.Errorf("sandbox %q cannot be the name of a directory: %w", sandbox, fs.ErrPermission)
	}
	parent := filepath.Join(d.volumes(), volume)
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return "", nil, err
	}
	dir, err := os.MkdirTemp(parent, begun)
	if err != nil {
		return "", nil, err
	}
	lock, err := lockDir(dir)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "store"), []byte(store), 0o600)
	}
	final := filepath.Join(parent, sandbox+"."+strings.TrimPrefix(filepath.Base(dir), begun))
	if err == nil {
		err = os.Rename(dir, final)
	}
	if err != nil {
		if lock != nil {
			lock.Close()
		}
		return "", nil, errors.Join(err, os.RemoveAll(dir))
	}
	return filepath.Join(final, "data"), func() { lock.Close() }, nil
}

// lockDir locks a directory, or returns nil and EWOULDBLOCK.
func lockDir(dir string) (*os.File, error) {
	f, err := os.OpenFile(dir, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// uses returns the directories of all uses of a volume.
func (d stateDir) uses(volume string) ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(d.volumes(), volume))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var all []string
	for _, e := range entries {
		if e.IsDir() && !strings.HasPrefix(e.Name(), begun) {
			all = append(all, filepath.Join(d.volumes(), volume, e.Name()))
		}
	}
	return all, err
}

// removeBegun removes what a crash left before it was complete. No worker may
// run.
func (d stateDir) removeBegun() error {
	dirs, err := filepath.Glob(filepath.Join(d.volumes(), "*", begun+"*"))
	for _, dir := range dirs {
		err = errors.Join(err, os.RemoveAll(dir))
	}
	return err
}
