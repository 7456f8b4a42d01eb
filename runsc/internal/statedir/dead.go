package statedir

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// checkOwner fails where somebody else wrote the file, who could have this
// process kill, and remove, whatever it may.
func checkOwner(f *os.File) error {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG || st.Uid != uint32(os.Geteuid()) {
		return fmt.Errorf("%s is not a file of user %d", f.Name(), os.Geteuid())
	}
	return nil
}

// isDead reports whether nobody holds the lock of a .creating file that is
// still in its place. Then this process has the lock.
func isDead(f *os.File, name string) (bool, error) {
	// A client makes the file before it locks it.
	unlock, err := lockRoot(filepath.Dir(name))
	if err != nil {
		return false, err
	}
	defer unlock()
	err = flock(f, unix.LOCK_EX|unix.LOCK_NB)
	if err == unix.EWOULDBLOCK && isOrphan(f) {
		err = awaitLock(f)
	}
	if err == unix.EWOULDBLOCK {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	there, err := os.Stat(name)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	mine, err := f.Stat()
	return err == nil && os.SameFile(mine, there), err
}

// isOrphan reports whether the client that a file names as its owner is gone.
func isOrphan(f *os.File) bool {
	var r struct {
		Owner process `json:"owner"`
	}
	if json.NewDecoder(io.NewSectionReader(f, 0, 1<<20)).Decode(&r) != nil || r.Owner.PID == 0 {
		return false
	}
	now, err := identify(r.Owner.PID)
	return err != nil || now != r.Owner
}

// awaitLock locks a file whose owner died. A process that the owner was about
// to start has its lock until it executes (flock(2)).
func awaitLock(f *os.File) (err error) {
	const patience, pause = 2 * time.Second, 5 * time.Millisecond
	for range patience / pause {
		if err = flock(f, unix.LOCK_EX|unix.LOCK_NB); err != unix.EWOULDBLOCK {
			return err
		}
		time.Sleep(pause)
	}
	return err
}
