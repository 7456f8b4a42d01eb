package statedir

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/runsc/internal/engine"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// ErrBeingCreated: another client is creating the container.
var ErrBeingCreated = errors.New("another command is creating a container with this id")

// ErrExists: there is a container with that id.
var ErrExists = errors.New("container already exists")

// Creation is a container that is being created; a nil one is none yet. Its
// file tells others of the Plan until that is stored, and how to clean up if
// this process dies.
type Creation struct {
	root string
	id   ID

	mu     sync.Mutex
	file   *os.File // locked; nil when the creation is over
	record record
}

// record is the content of a .creating file.
type record struct {
	// Owner is the client.
	Owner   process             `json:"owner"`
	Started time.Time           `json:"started"`
	Plan    directfspolicy.Plan `json:"plan"`

	// Processes are those that the client has started.
	Processes []process `json:"processes"`

	// Cgroups are the cgroup directories that were not there before, parents
	// first.
	Cgroups []string `json:"cgroups"`

	// Files are files outside of the root directory, and the sandbox's socket
	// in it, that the engine may make and that were not there before.
	Files []string `json:"files"`
}

// Begin notes that this process creates a container, and has since the given
// time. cgroups are the cgroup directories that the engine may make. Before it
// returns, what an earlier client left of the id is removed. Errors wrap
// ErrExists or ErrBeingCreated.
func Begin(root string, id ID, since time.Time, p directfspolicy.Plan, spec *specs.Spec, cgroups []string) (*Creation, error) {
	if id.ContainerID != filepath.Base(id.ContainerID) || id.SandboxID != filepath.Base(id.SandboxID) {
		// The engine refuses more, but later.
		return nil, fmt.Errorf("invalid container id: %q", id.ContainerID)
	}
	Sweep(root)
	owner, err := identify(os.Getpid())
	if err != nil {
		return nil, err
	}
	var files []string
	if id.ContainerID == id.SandboxID {
		// Those of a container that joins a sandbox are made when it is started.
		// Until then others there may make the same.
		files = engine.Files(root, id.SandboxID, spec)
	}
	// A volume may be on a file system that does not answer, for which nobody
	// else is to wait.
	c := &Creation{root: root, id: id, record: record{
		Owner: owner, Started: since, Plan: p,
		Cgroups: MissingDirs(cgroups), Files: missing(files),
	}}
	unlock, err := lockRoot(root)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if there, err := exists(path(root, id, engineSuffix)); there || err != nil {
		return nil, errors.Join(fmt.Errorf("container %q: %w", id.ContainerID, ErrExists), err)
	}
	name := path(root, id, creatingSuffix)
	c.file, err = os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return nil, fmt.Errorf("container %q: %w", id.ContainerID, ErrBeingCreated)
	}
	if err != nil {
		return nil, err
	}
	if err = flock(c.file, unix.LOCK_EX|unix.LOCK_NB); err == nil {
		err = c.write()
	}
	if err != nil {
		return nil, errors.Join(err, os.Remove(name), c.file.Close())
	}
	return c, nil
}

// write replaces the content of the file. One that is cut short is of a client
// that died while it wrote.
func (c *Creation) write() error {
	data, err := json.Marshal(c.record)
	if err != nil {
		return err
	}
	if _, err := c.file.WriteAt(data, 0); err != nil {
		return err
	}
	return c.file.Truncate(int64(len(data)))
}

// AddMissed notes cgroups and files that Begin was too late to see missing.
func (c *Creation) AddMissed(cgroups, files []string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.record.Cgroups = append(c.record.Cgroups, cgroups...)
	c.record.Files = append(c.record.Files, files...)
	return c.write()
}

// maxProcesses is more than a client starts for a container.
const maxProcesses = 16

// AddProcess notes a process that was started for the container. It is called
// for every hello, so that one process that says many must not make more work
// than one.
func (c *Creation) AddProcess(pid int) error {
	if c == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	p, err := identify(pid)
	if err != nil || c.file == nil || slices.Contains(c.record.Processes, p) {
		return err
	}
	if len(c.record.Processes) == maxProcesses {
		return fmt.Errorf("more than %d processes", maxProcesses)
	}
	c.record.Processes = append(c.record.Processes, p)
	return c.write()
}

// IsBusy reports whether the engine has the container locked: it creates it, and
// runs its hooks after it has saved the state (runsc/container/container.go:310),
// or already starts it.
func (c *Creation) IsBusy() bool {
	if c == nil {
		return false
	}
	f, err := os.OpenFile(path(c.root, c.id, lockSuffix), os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return false
	}
	defer f.Close()
	return flock(f, unix.LOCK_SH|unix.LOCK_NB) == unix.EWOULDBLOCK
}

// Finish stores the Plan with the container once the engine has saved its
// state. created is false where the engine has not, yet. It may be called
// again.
func (c *Creation) Finish() (created bool, err error) {
	if c == nil {
		return false, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.file == nil {
		return true, nil
	}
	at, err := CreatedAt(c.root, c.id)
	var syntax *json.SyntaxError
	switch {
	case errors.Is(err, os.ErrNotExist) || errors.As(err, &syntax):
		return false, nil
	case err != nil:
		return false, err
	}
	// There was none when this began. The times say nothing of it: the clock may
	// have been set back.
	data, err := json.Marshal(planFile{CreatedAt: at, Plan: c.record.Plan, Processes: c.record.Processes})
	if err != nil {
		return false, fmt.Errorf("storing plan: %w", err)
	}
	unlock, err := lockRoot(c.root)
	if err != nil {
		return false, fmt.Errorf("storing plan: %w", err)
	}
	defer unlock()
	if err := replace(path(c.root, c.id, planSuffix), data); err != nil {
		return false, fmt.Errorf("storing plan: %w", err)
	}
	return true, c.end()
}

// Abandon ends a creation that the engine has undone, and removes what the
// engine leaves: of a sandbox that did not come up it keeps the cgroups
// (runsc/container/container.go:1404). It may be called after Finish, and then
// does nothing.
func (c *Creation) Abandon() error {
	if c == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.file == nil {
		return nil
	}
	var err error
	if there, statErr := exists(path(c.root, c.id, engineSuffix)); !there && statErr == nil {
		err = errors.Join(end(c.record.Processes), removeFiles(c.record.Files, nil), RemoveCgroups(c.record.Cgroups))
	}
	return errors.Join(err, c.end())
}

func (c *Creation) end() error {
	err := os.Remove(path(c.root, c.id, creatingSuffix))
	if errors.Is(err, os.ErrNotExist) {
		err = nil // together with the whole root directory
	}
	err = errors.Join(err, c.file.Close())
	c.file = nil
	return err
}
