package statedir

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/runsc/container"
)

// destroy removes what the engine has in the root directory, and a container
// that it has saved, of a client that died.
func destroy(root string, id ID) error {
	c, err := container.Load(root, id, container.LoadOpts{Exact: true, SkipCheck: true})
	if err != nil {
		// There is none, or the client died while the engine wrote it. The
		// engine's own way to remove one that it has not started removes its
		// files.
		c = &container.Container{ID: id.ContainerID, Spec: &specs.Spec{}, Saver: container.StateFile{RootDir: root, ID: id}}
	}
	// What the client started has ended. The engine kills whoever has the PIDs
	// now. That of a sandbox which the container joined is not killed, and asked
	// whether it runs.
	c.GoferPid.Store(0)
	if c.Sandbox != nil && c.Sandbox.IsRootContainer(c.ID) {
		c.Sandbox.Pid.Store(0)
	}
	return c.Destroy()
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

// MissingDirs returns those directories, and of those that they are in, that
// are not there, parents first.
func MissingDirs(dirs []string) []string {
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

// removeFiles removes files that are there, but for those that are also one of
// keep. It leaves those to the next time of which the file system does not
// answer: that may be a volume's, and its server hang or be hostile.
func removeFiles(files, keep []string) error {
	const patience = 2 * time.Second
	done := make(chan error, 1)
	go func() {
		var errs []error
		for _, f := range files {
			if !isAny(f, keep) {
				// A mount's source can be a file, which has nothing in it.
				errs = append(errs, ignore(ignore(os.Remove(f), os.ErrNotExist), unix.ENOTDIR))
			}
		}
		done <- errors.Join(errs...)
	}()
	select {
	case err := <-done:
		return err
	case <-time.After(patience):
		return fmt.Errorf("removing %q: the file system does not answer", files)
	}
}

// isAny reports whether a file is one of others, by another path.
func isAny(file string, others []string) bool {
	mine, err := os.Lstat(file)
	return err == nil && slices.ContainsFunc(others, func(o string) bool {
		other, err := os.Lstat(o)
		return err == nil && os.SameFile(mine, other)
	})
}

// RemoveCgroups removes those of the cgroups, parents first, that are there and
// that nobody uses. The kernel takes a moment to let go of processes that have
// ended.
func RemoveCgroups(dirs []string) error {
	const tries, pause = 100, 10 * time.Millisecond
	for _, d := range slices.Backward(dirs) {
		for i := range tries {
			err := unix.Rmdir(d)
			if err == nil || err == unix.ENOENT || isParent(d, dirs) {
				break // others may have made cgroups in a parent
			}
			if i == tries-1 {
				return fmt.Errorf("removing cgroup %q: %w", d, err)
			}
			time.Sleep(pause)
		}
	}
	return nil
}

func isParent(dir string, all []string) bool {
	return slices.ContainsFunc(all, func(d string) bool { return strings.HasPrefix(d, dir+"/") })
}
