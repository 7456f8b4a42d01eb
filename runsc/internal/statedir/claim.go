package statedir

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/directfs/runsc/runsc/internal/engine"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/log"
	"gvisor.dev/gvisor/runsc/config"
	"gvisor.dev/gvisor/runsc/specutils"
)

// claimed is the file that a process has locked in a root directory that is its
// own and goes with it. It holds the boot's ID.
const claimed = ".claimed"

// maxClaimed is more files than there are in such a directory.
const maxClaimed = 64

// Claim notes that a root directory goes with this process. It holds until the
// file is closed.
func Claim(root string) (*os.File, error) {
	self, err := identify(os.Getpid())
	if err != nil {
		return nil, err
	}
	// Who finds the directory meanwhile passes it over.
	unlock, err := lockRoot(root)
	if err != nil {
		return nil, err
	}
	defer unlock()
	f, err := os.OpenFile(filepath.Join(root, claimed), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	if err = flock(f, unix.LOCK_EX|unix.LOCK_NB); err == nil {
		_, err = f.WriteString(self.Boot)
	}
	if err != nil {
		return nil, errors.Join(err, os.Remove(f.Name()), f.Close())
	}
	return f, nil
}

// SweepClaimed removes the root directories that processes claimed and left
// when they died. They are in dir, and have names that start with prefix. isID
// tells the ids of the containers in them, whose cgroups go, too.
//
// Whoever shares dir may have made or changed them: a container that has /tmp,
// and is root. So nothing that is in them is believed, and nothing followed.
func SweepClaimed(dir, prefix string, isID func(string) bool) {
	const patience = 2 * time.Second
	parent, err := os.Open(dir)
	if err != nil {
		return
	}
	defer parent.Close()
	all, err := parent.Readdirnames(-1)
	if err != nil {
		return
	}
	for began := time.Now(); len(all) > 0 && time.Since(began) < patience; all = all[1:] {
		if !strings.HasPrefix(all[0], prefix) {
			continue
		}
		if err := removeClaimed(parent, all[0], isID); err != nil {
			log.Warningf("Removing %q, which was left by a process that died: %v", filepath.Join(dir, all[0]), err)
		}
	}
}

func removeClaimed(parent *os.File, name string, isID func(string) bool) error {
	root, err := openIn(parent, name, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return nil // not ours
	}
	defer root.Close()
	if !isPrivate(root) || flock(root, unix.LOCK_EX|unix.LOCK_NB) != nil {
		return nil // another's, or being claimed or removed
	}
	claim, err := openIn(root, claimed, unix.O_RDWR)
	if errors.Is(err, os.ErrNotExist) {
		return removeUnclaimed(parent, name, root, isID)
	}
	if err != nil {
		return err
	}
	defer claim.Close()
	if err := checkOwner(claim); err != nil {
		return err
	}
	if dead, err := isAbandoned(claim); !dead {
		return err
	}
	files, err := filesIn(root)
	if err != nil {
		return err
	}
	return removeRoot(parent, name, root, files, claimed, isID)
}

// removeRoot removes a root directory with the cgroups and the mount of its
// container. last is the file that says whose it is.
func removeRoot(parent *os.File, name string, root *os.File, files []string, last string, isID func(string) bool) error {
	if err := RemoveCgroups(cgroupsOf(files, isID)); err != nil {
		return err
	}
	unmountNullNetNS(root)
	return removeFlat(parent, name, root, files, last)
}

// openIn opens a file in a directory and never leaves that, neither by a
// symbolic link nor by a mount, behind which may be a server that hangs.
func openIn(dir *os.File, name string, flags uint64) (*os.File, error) {
	fd, err := unix.Openat2(int(dir.Fd()), name, &unix.OpenHow{
		Flags:   flags | unix.O_CLOEXEC | unix.O_NOFOLLOW | unix.O_NONBLOCK,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_XDEV,
	})
	if err != nil {
		return nil, &os.PathError{Op: "openat2", Path: name, Err: err}
	}
	return os.NewFile(uintptr(fd), filepath.Join(dir.Name(), name)), nil
}

// isPrivate reports whether a directory is like one that os.MkdirTemp makes.
func isPrivate(dir *os.File) bool {
	var st unix.Stat_t
	err := unix.Fstat(int(dir.Fd()), &st)
	return err == nil && st.Mode&unix.S_IFMT == unix.S_IFDIR && st.Uid == uint32(os.Geteuid()) && st.Mode&0o077 == 0
}

// isAbandoned reports whether nobody holds a claim of this boot. One of another
// boot may be that of a process on another machine with which the directory is
// shared, and file systems that keep locks to themselves do not show its lock.
func isAbandoned(claim *os.File) (bool, error) {
	err := flock(claim, unix.LOCK_EX|unix.LOCK_NB)
	if err != nil {
		return false, ignore(err, unix.EWOULDBLOCK)
	}
	self, err := identify(os.Getpid())
	if err != nil {
		return false, err
	}
	boot, err := io.ReadAll(io.LimitReader(claim, int64(len(self.Boot))+1))
	return err == nil && string(boot) == self.Boot, err
}

// filesIn lists the files of a claimed root directory. The engine makes no
// directories there, and not many files.
func filesIn(root *os.File) ([]string, error) {
	all, err := root.ReadDir(maxClaimed + 1)
	if err != nil {
		return nil, err
	}
	if len(all) > maxClaimed {
		return nil, fmt.Errorf("it has more than %d files", maxClaimed)
	}
	var files []string
	for _, e := range all {
		if e.IsDir() {
			return nil, fmt.Errorf("it has a directory, %q", e.Name())
		}
		files = append(files, e.Name())
	}
	return files, nil
}

// cgroupsOf lists the cgroups that are there of the containers in a claimed root
// directory. Their records name them as well, but are not believed.
func cgroupsOf(files []string, isID func(string) bool) []string {
	var dirs []string
	for _, name := range files {
		for _, suffix := range []string{engineSuffix, creatingSuffix, lockSuffix} {
			if id, ok := parse(name, suffix); ok && isID(id.ContainerID) {
				dirs = append(dirs, engine.Cgroups(&config.Config{}, id.ContainerID, &specs.Spec{})...)
			}
		}
	}
	return slices.DeleteFunc(dirs, func(d string) bool { there, err := exists(d); return !there && err == nil })
}

// unmountNullNetNS is specutils.UnmountNullNetNS, but follows no symbolic link:
// what that leads to is not this runtime's.
func unmountNullNetNS(root *os.File) {
	name := fmt.Sprintf("/proc/self/fd/%d/%s", root.Fd(), specutils.NullNetNSFilename)
	for unix.Unmount(name, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW) == nil {
	}
}

// removeFlat removes a directory with its files, that one last without which
// nobody would try again. What is mounted there does not go.
func removeFlat(parent *os.File, name string, root *os.File, files []string, last string) error {
	remove := func(dir *os.File, name string, flags int) error {
		if err := unix.Unlinkat(int(dir.Fd()), name, flags); err != nil && err != unix.ENOENT {
			return fmt.Errorf("removing %q: %w", name, err)
		}
		return nil
	}
	var errs []error
	for _, f := range files {
		if f != last {
			errs = append(errs, remove(root, f, 0))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if err := remove(root, last, 0); err != nil {
		return err
	}
	return remove(parent, name, unix.AT_REMOVEDIR)
}
