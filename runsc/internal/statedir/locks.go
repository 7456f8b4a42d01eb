package statedir

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/log"
)

// SweepLocks removes the engine's locks of containers that are no more. A command
// that looks for a container while another one deletes it makes the lock again,
// and finds no container (runsc/container/state_file.go:355). Whoever creates a
// container has a .creating file before that; but commands that draw an id have
// none, and what they leave is found by the lock: see SweepUnclaimed.
func SweepLocks(root string, drawn func(id string) bool) {
	all, err := names(root)
	if err != nil {
		return // there are none, or no command works
	}
	for _, name := range all {
		if id, ok := parse(name, lockSuffix); ok && !drawn(id.ContainerID) {
			if err := removeLock(root, id); err != nil {
				log.Warningf("Removing the lock of container %q, which is no more: %v", id.ContainerID, err)
			}
		}
	}
}

func removeLock(root string, id ID) error {
	if used, err := isUsed(root, id); used || err != nil {
		return err
	}
	name := path(root, id, lockSuffix)
	f, err := os.OpenFile(name, os.O_RDWR|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return ignore(err, os.ErrNotExist)
	}
	defer f.Close()
	if err := checkOwner(f); err != nil {
		return err
	}
	if err := flock(f, unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return ignore(err, unix.EWOULDBLOCK)
	}
	// A container may have come to be before this process had the lock.
	if used, err := isUsed(root, id); used || err != nil {
		return err
	}
	return ignore(os.Remove(name), os.ErrNotExist)
}

// isUsed reports whether a container is there, or is being created.
func isUsed(root string, id ID) (bool, error) {
	state, err := exists(path(root, id, engineSuffix))
	creating, err2 := exists(path(root, id, creatingSuffix))
	return state || creating, errors.Join(err, err2)
}
