package statedir

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/log"
)

// Sweep removes what clients that died left in the root directory, and what
// they had started. It costs a look at the directory's names where there is
// nothing to do. What it cannot remove is left to the next one, and logged: no
// command fails for it.
func Sweep(root string) {
	names, err := names(root)
	if err != nil {
		if !errors.Is(err, os.ErrNotExist) {
			log.Warningf("Looking for what was left in %q: %v", root, err)
		}
		return
	}
	for _, name := range names {
		if id, ok := parse(name, creatingSuffix); ok {
			logged(id, undo(root, id))
		}
	}
	for _, name := range names {
		if id, ok := parse(name, savedSuffix); ok {
			logged(id, putBack(root, id))
		}
	}
	for _, name := range names {
		id, ok := parse(name, planSuffix)
		if ok && !slices.Contains(names, filepath.Base(path(root, id, engineSuffix))) {
			logged(id, Forget(root, id))
		}
	}
	if slices.ContainsFunc(names, isTemporary) {
		removeTemporary(root)
	}
}

func isTemporary(name string) bool {
	return strings.HasPrefix(name, ".") && strings.Contains(name, planSuffix+".") && strings.HasSuffix(name, filepath.Ext(temporary))
}

// removeTemporary removes what was never written to its end. As long as the
// root directory is locked nobody writes.
func removeTemporary(root string) {
	unlock, err := lockRoot(root)
	if err != nil {
		return
	}
	defer unlock()
	all, err := names(root)
	if err != nil {
		return
	}
	for _, name := range slices.DeleteFunc(all, func(n string) bool { return !isTemporary(n) }) {
		_ = os.Remove(filepath.Join(root, name))
	}
}

func logged(id ID, err error) {
	if err != nil {
		log.Warningf("Removing what was left of container %q: %v", id.ContainerID, err)
	}
}

func names(root string) ([]string, error) {
	dir, err := os.Open(root)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	return dir.Readdirnames(-1)
}

// undo removes a container whose client died while it created it.
func undo(root string, id ID) error {
	name := path(root, id, creatingSuffix)
	f, err := os.OpenFile(name, os.O_RDWR|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	if err := checkOwner(f); err != nil {
		return err
	}
	if dead, err := isDead(f, name); !dead {
		return err
	}
	// The Plan may be of another version.
	var r struct {
		record
		Plan json.RawMessage `json:"plan"`
	}
	if err := json.NewDecoder(f).Decode(&r); err != nil {
		// The client died before it had started anything, or while it noted a
		// process that ends with it. A container that is there may be another's.
		log.Warningf("%s: %v", name, err)
		if there, err := exists(path(root, id, engineSuffix)); there || err != nil {
			return errors.Join(err, os.Remove(name))
		}
	}
	created, err := CreatedAt(root, id)
	if err == nil && created.Before(r.Started) {
		return os.Remove(name) // of another container
	}
	err = errors.Join(end(r.Processes), destroy(root, id), removeFiles(r.Files), removeCgroups(r.Cgroups))
	if err != nil {
		return err
	}
	return errors.Join(os.Remove(name), Forget(root, id))
}

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

func ignore(err, harmless error) error {
	if errors.Is(err, harmless) {
		return nil
	}
	return err
}

func missing(files []string) []string {
	var out []string
	for _, f := range files {
		if there, err := exists(f); !there && err == nil {
			out = append(out, f)
		}
	}
	return out
}

// missingDirs returns those directories, and of those that they are in, that
// are not there, parents first.
func missingDirs(dirs []string) []string {
	var out []string
	for _, d := range dirs {
		for ; d != "/" && d != "."; d = filepath.Dir(d) {
			if there, err := exists(d); there || err != nil {
				break
			}
			out = append(out, d)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
