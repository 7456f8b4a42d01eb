package statedir

import (
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// unclaimedAge is how old the engine's lock in a root directory must be that
// nobody has claimed. The engine makes that file, and locks it a moment later.
const unclaimedAge = time.Minute

// removeUnclaimed removes a root directory whose process died before it could
// claim it. Until then the engine, which has made cgroups and a mount, has the
// container's lock, and no state.
func removeUnclaimed(parent *os.File, name string, root *os.File, isID func(string) bool) error {
	files, err := filesIn(root)
	if err != nil {
		return nil // not ours
	}
	lock := slices.IndexFunc(files, func(f string) bool {
		id, ok := parse(f, lockSuffix)
		return ok && isID(id.ContainerID)
	})
	if lock < 0 || slices.ContainsFunc(files, func(f string) bool { return strings.HasSuffix(f, engineSuffix) }) {
		return nil
	}
	f, err := openIn(root, files[lock], unix.O_RDWR)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := checkOwner(f); err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil || time.Since(info.ModTime()) < unclaimedAge {
		return err
	}
	if err := flock(f, unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return ignore(err, unix.EWOULDBLOCK)
	}
	return removeRoot(parent, name, root, files, files[lock], isID)
}
