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
// container, if that is known.
func startedBy(c *container.Container) []process {
	return startedFor(c.Saver.RootDir, ID{SandboxID: c.Saver.ID.SandboxID, ContainerID: c.Saver.ID.SandboxID})
}

// startedFor are the processes that were started to create a sandbox, if that is
// known.
func startedFor(root string, id ID) []process {
	data, err := os.ReadFile(path(root, id, planSuffix))
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

// hasEnded reports whether the process with the PID is known not to be the one
// that was started. That of a member's gofer is not among those, but of the same
// boot.
func hasEnded(pid int, started []process) bool {
	self, err := identify(os.Getpid())
	if err != nil || len(started) == 0 {
		return false
	}
	if started[0].Boot != self.Boot {
		return true
	}
	i := slices.IndexFunc(started, func(p process) bool { return p.PID == pid })
	if i < 0 {
		return false
	}
	now, err := identify(pid)
	if err != nil {
		return errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ESRCH)
	}
	return now != started[i]
}
