package statedir

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/log"
	"gvisor.dev/gvisor/runsc/specutils"
)

// claimed is the file that a process has locked in a root directory that is its
// own and goes with it.
const claimed = ".claimed"

// Claim notes that a root directory goes with this process. It holds until the
// file is closed.
func Claim(root string) (*os.File, error) {
	// Who finds the file before it is locked waits for this.
	unlock, err := lockRoot(root)
	if err != nil {
		return nil, err
	}
	defer unlock()
	f, err := os.OpenFile(filepath.Join(root, claimed), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	if err := flock(f, unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// SweepClaimed removes the root directories that processes claimed and left
// when they died, with the containers in them. They are in dir, and have names
// that start with prefix.
func SweepClaimed(dir, prefix string) {
	all, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range all {
		if !e.IsDir() || !strings.HasPrefix(e.Name(), prefix) {
			continue
		}
		root := filepath.Join(dir, e.Name())
		if err := removeClaimed(root); err != nil {
			log.Warningf("Removing %q, which was left by a process that died: %v", root, err)
		}
	}
}

func removeClaimed(root string) error {
	name := filepath.Join(root, claimed)
	f, err := os.OpenFile(name, os.O_RDWR|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return ignore(err, os.ErrNotExist)
	}
	defer f.Close()
	if err := errors.Join(checkOwner(f), checkPrivate(root)); err != nil {
		return err
	}
	if dead, err := isDead(f, name); !dead {
		return err
	}
	Sweep(root)
	all, err := names(root)
	if err != nil {
		return err
	}
	for _, name := range all {
		if id, ok := parse(name, engineSuffix); ok {
			err = errors.Join(err, destroy(root, id))
		}
	}
	if err != nil {
		return err
	}
	specutils.UnmountNullNetNS(root)
	return removeTree(root)
}

// removeTree removes a directory in which nothing is mounted: what is, is not
// this runtime's.
func removeTree(root string) error {
	resolved, err := filepath.EvalSymlinks(root)
	if err != nil {
		return err
	}
	mounts, err := mountinfo.GetMounts(mountinfo.PrefixFilter(resolved))
	if err != nil {
		return fmt.Errorf("looking for mounts: %w", err)
	}
	if len(mounts) > 0 {
		return fmt.Errorf("%q is mounted there", mounts[0].Mountpoint)
	}
	return os.RemoveAll(root)
}

// checkPrivate fails where somebody else could have written what is in the
// directory.
func checkPrivate(dir string) error {
	var st unix.Stat_t
	if err := unix.Lstat(dir, &st); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR || st.Uid != uint32(os.Geteuid()) || st.Mode&0o022 != 0 {
		return fmt.Errorf("it is not a directory that only user %d can write to", os.Geteuid())
	}
	return nil
}
