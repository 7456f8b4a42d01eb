package statedir

import (
	"encoding/json"
	"errors"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/runsc/container"
	"gvisor.dev/gvisor/runsc/sandbox"
)

// Disown makes a container that was loaded forget the PIDs of its processes that
// have ended, and reports whether there were any. The engine kills whoever has
// the PIDs: after a restart of the host, or when the kernel has used them again,
// that is somebody else.
func Disown(c *container.Container) bool {
	started := startedBy(c)
	pids := []*sandbox.Pid{&c.GoferPid}
	if c.Sandbox != nil {
		pids = append(pids, &c.Sandbox.Pid)
	}
	any := false
	for _, pid := range pids {
		if n := pid.Load(); n != 0 && hasEnded(n, started) {
			pid.Store(0)
			any = true
		}
	}
	return any
}

// HasEnded reports whether a process of a container is known to have ended,
// though somebody may have its PID.
func HasEnded(c *container.Container, pid int) bool { return hasEnded(pid, startedBy(c)) }

// startedBy are the processes that were started to create the sandbox of a
// container, and its own if it joined that, as far as they are known.
func startedBy(c *container.Container) []process {
	id := c.Saver.ID
	started := startedFor(c.Saver.RootDir, ID{SandboxID: id.SandboxID, ContainerID: id.SandboxID})
	if id.ContainerID != id.SandboxID {
		started = append(started, startedFor(c.Saver.RootDir, id)...)
	}
	return started
}

// startedFor are the processes that were started to create a sandbox, if that is
// known.
func startedFor(root string, id ID) []process {
	data, err := readFile(path(root, id, planSuffix))
	if err != nil {
		return nil
	}
	var f struct {
		CreatedAt time.Time `json:"createdAt"`
		Processes []process `json:"processes"`
	}
	if json.Unmarshal(data, &f) != nil {
		return nil
	}
	if at, err := CreatedAt(root, id); err != nil || !at.Equal(f.CreatedAt) {
		return nil // of an earlier container with this id
	}
	return f.Processes
}

// Note notes the process that was started to start a container, which its
// creation does not know of: the gofer of one that joined a sandbox.
func Note(root string, id ID, pid int) error {
	p, err := identify(pid)
	if err != nil {
		return err
	}
	unlock, err := lockRoot(root)
	if err != nil {
		return err
	}
	defer unlock()
	var f map[string]json.RawMessage
	data, err := readFile(path(root, id, planSuffix))
	if err == nil {
		err = json.Unmarshal(data, &f)
	}
	if err == nil {
		f["processes"], err = json.Marshal([]process{p})
	}
	if err == nil {
		data, err = json.Marshal(f)
	}
	if err != nil {
		return err
	}
	return replace(path(root, id, planSuffix), data)
}

// hasEnded reports whether the process with the PID is known not to be the one
// that was started.
func hasEnded(pid int, started []process) bool {
	self, err := identify(os.Getpid())
	if err != nil || len(started) == 0 {
		return false
	}
	if started[0].Boot != self.Boot {
		return true
	}
	if !slices.ContainsFunc(started, func(p process) bool { return p.PID == pid }) {
		return false
	}
	now, err := identify(pid)
	if err != nil {
		return errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ESRCH)
	}
	return !slices.Contains(started, now)
}
