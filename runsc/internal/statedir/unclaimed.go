package statedir

import (
	"errors"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/directfs/runsc/runsc/internal/engine"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// unclaimedAge is how old a lock of the engine's must be that nobody has. The
// engine makes that file, and locks it a moment later.
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
	f, err := lockUnclaimed(root, files[lock])
	if f == nil {
		return err
	}
	defer f.Close()
	return removeRoot(parent, name, root, files, files[lock], isID)
}

// lockUnclaimed takes a lock of the engine's that nobody has, and has had for a
// while. It returns nil for others.
func lockUnclaimed(root *os.File, name string) (*os.File, error) {
	f, err := openIn(root, name, unix.O_RDWR)
	if err != nil {
		return nil, err
	}
	if taken, err := takeOld(f); !taken {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func takeOld(f *os.File) (taken bool, err error) {
	if err := checkOwner(f); err != nil {
		return false, err
	}
	info, err := f.Stat()
	if err != nil || time.Since(info.ModTime()) < unclaimedAge {
		return false, err
	}
	err = flock(f, unix.LOCK_EX|unix.LOCK_NB)
	return err == nil, ignore(err, unix.EWOULDBLOCK)
}

// SweepUnclaimed removes what commands that draw an id left in the root directory
// if they died before they could note it: the engine's lock and socket, and
// cgroups. isID tells those ids.
func SweepUnclaimed(dir string, isID func(string) bool) {
	root, err := os.Open(dir)
	if err != nil {
		return
	}
	defer root.Close()
	all, err := root.Readdirnames(-1)
	if err != nil {
		return
	}
	known := map[ID]bool{}
	for _, name := range all {
		for _, suffix := range []string{engineSuffix, creatingSuffix} {
			if id, ok := parse(name, suffix); ok {
				known[id] = true
			}
		}
	}
	for _, name := range all {
		if id, ok := parse(name, lockSuffix); ok && isID(id.ContainerID) && !known[id] {
			logged(id, removeDrawn(root, name, id))
		}
	}
}

func removeDrawn(root *os.File, lock string, id ID) error {
	f, err := lockUnclaimed(root, lock)
	if f == nil {
		return err
	}
	defer f.Close()
	if there, err := exists(path(root.Name(), id, engineSuffix)); there || err != nil {
		return err // it has come to be meanwhile
	}
	isID := func(string) bool { return true }
	err = errors.Join(RemoveCgroups(cgroupsOf([]string{lock}, isID)), removeFiles(engine.Files(root.Name(), id.SandboxID, &specs.Spec{}), nil))
	if err != nil {
		return err
	}
	return os.Remove(f.Name())
}
