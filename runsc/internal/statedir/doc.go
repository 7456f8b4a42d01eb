// Package statedir keeps what this runtime knows of a container beside the
// engine's own state, in the directory that --root names:
//
//	CONTAINER_sandbox:SANDBOX.state     the engine's
//	CONTAINER_sandbox:SANDBOX.plan      the container's Plan
//	CONTAINER_sandbox:SANDBOX.creating  while a client creates the container
//
// The engine takes files for containers by the ending ".state" alone
// (runsc/container/state_file.go:144), so it does not see the others.
//
// A plan file belongs to one creation, not to an id: it holds the time at which
// the engine created the container, and a container that was created at
// another time does not have it. A client keeps the .creating file locked
// (flock(2)) until the Plan is stored. One that nobody holds is of a client
// that died; Sweep removes it and everything that the client had made.
package statedir

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/runsc/container"
)

// ID names a container in a root directory.
type ID = container.FullID

const (
	engineSuffix   = ".state"
	lockSuffix     = ".lock" // the engine's
	planSuffix     = ".plan"
	creatingSuffix = ".creating"
)

func path(root string, id ID, suffix string) string {
	return filepath.Join(root, id.ContainerID+"_sandbox:"+id.SandboxID+suffix)
}

// parse is the reverse of path. Ids have neither "_" before "sandbox" nor ":".
func parse(name, suffix string) (ID, bool) {
	base, ok := strings.CutSuffix(name, suffix)
	if !ok {
		return ID{}, false
	}
	c, s, ok := strings.Cut(base, "_sandbox:")
	return ID{SandboxID: s, ContainerID: c}, ok && c != "" && s != ""
}

// rootPatience is longer than processes of this runtime have the root directory
// locked, however many wait.
var rootPatience = 30 * time.Second

// lockRoot keeps other processes of this runtime from adding or removing files
// of ours. The engine's are not affected. Whoever may read the directory can
// lock it as well, and is not waited for.
func lockRoot(root string) (unlock func(), err error) {
	dir, err := os.Open(root)
	if err != nil {
		return nil, err
	}
	locked := make(chan error)
	gone := make(chan struct{})
	go func() {
		err := flock(dir, unix.LOCK_EX)
		select {
		case locked <- err:
		case <-gone:
			dir.Close()
		}
	}()
	select {
	case err = <-locked:
	case <-time.After(rootPatience):
		close(gone)
		return nil, fmt.Errorf("locking %q: another process has it locked for more than %v; look for it in /proc/locks, and let nobody else read the directory", root, rootPatience)
	}
	if err != nil {
		dir.Close()
		return nil, fmt.Errorf("locking %q: %w", root, err)
	}
	return func() { dir.Close() }, nil
}

func flock(f *os.File, how int) error {
	for {
		err := unix.Flock(int(f.Fd()), how)
		if err != unix.EINTR {
			return err
		}
	}
}

// CreatedAt is the time at which the engine created the container. It does not
// wait for the engine's lock, which a client holds for as long as it creates.
// The error wraps os.ErrNotExist where there is no container, and is of
// encoding/json where the engine is just writing it.
func CreatedAt(root string, id ID) (time.Time, error) {
	var c struct {
		CreatedAt time.Time `json:"createdAt"`
	}
	data, err := readFile(path(root, id, engineSuffix))
	if err != nil {
		return time.Time{}, err
	}
	if err := json.Unmarshal(data, &c); err != nil {
		return time.Time{}, err
	}
	return c.CreatedAt, nil
}

func exists(name string) (bool, error) {
	_, err := os.Lstat(name)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// temporary ends the name of a file that is being written.
const temporary = ".*.tmp"

// replace writes a file so that a reader sees all of it or none. The root
// directory must be locked.
func replace(name string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+temporary)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}
