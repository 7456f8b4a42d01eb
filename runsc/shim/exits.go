package main

import (
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/containerd/containerd/v2/pkg/sys/reaper"
	runc "github.com/containerd/go-runc"
	"gvisor.dev/gvisor/pkg/shim/v1/runsccmd"
)

// reapTime is how long the shim may take to reap a sandbox process that has
// ended.
const reapTime = 10 * time.Second

// childReaper tells how child processes ended.
type childReaper interface {
	runsccmd.ProcessMonitor
	Subscribe() chan runc.Exit
}

// exits is gVisor's monitor of the runtime's commands, which also knows how
// sandboxes ended.
//
// gVisor's shim asks for a container's exit status with "runsc wait", which it
// starts after the container. If the container has ended by then, and its
// sandbox with it, nobody is there to answer, and every status becomes 128. The
// shim is the parent of the sandbox process, which ends with its first
// container's status, and reaps it.
type exits struct {
	childReaper

	mu      sync.Mutex
	running map[int]*sandboxExit    // by PID
	first   map[string]*sandboxExit // by the sandbox's first container
}

type sandboxExit struct {
	ended  chan struct{}
	status int
}

// sandboxExits sets the monitor of the runtime's commands, when gVisor's shim has
// set its own and before it runs any.
var sandboxExits = sync.OnceValue(func() *exits {
	e := watchExits(reaper.Default)
	runsccmd.Monitor = &runsccmd.LogMonitor{Next: e}
	return e
})

// watchExits learns from the reaper how the sandboxes end.
func watchExits(r childReaper) *exits {
	e := &exits{childReaper: r, running: map[int]*sandboxExit{}, first: map[string]*sandboxExit{}}
	go func(reaped <-chan runc.Exit) {
		for exit := range reaped {
			e.reaped(exit)
		}
	}(r.Subscribe())
	return e
}

func (e *exits) reaped(exit runc.Exit) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if s := e.running[exit.Pid]; s != nil {
		delete(e.running, exit.Pid)
		s.status = exit.Status
		close(s.ended)
	}
}

// expect is told of a sandbox's first container before it is created.
func (e *exits) expect(id string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.first[id] = &sandboxExit{ended: make(chan struct{})}
}

// Wait implements runsccmd.ProcessMonitor.
func (e *exits) Wait(cmd *exec.Cmd, ch chan runc.Exit) (int, error) {
	status, err := e.childReaper.Wait(cmd, ch)
	if err != nil {
		return status, err
	}
	id := cmd.Args[len(cmd.Args)-1]
	switch s, command := e.of(id), subcommand(cmd.Args); {
	case s == nil:
	case command == "create" && status == 0:
		e.created(s, cmd.Args)
	case command == "wait" && status != 0:
		return e.answer(cmd, id, s, status)
	case command == "delete" && status == 0:
		e.forget(id)
	}
	return status, nil
}

// subcommand is the first argument that is no flag of the runtime. All of these
// are one argument each.
func subcommand(args []string) string {
	for _, a := range args[1:] {
		if !strings.HasPrefix(a, "-") {
			return a
		}
	}
	return ""
}

func (e *exits) of(id string) *sandboxExit {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.first[id]
}

func (e *exits) forget(id string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.first, id)
}

// created notes the sandbox's PID. If the process is gone already, somebody has
// killed it, and the container cannot be started.
func (e *exits) created(s *sandboxExit, args []string) {
	pid, err := runc.ReadPidFile(args[slices.Index(args, "--pid-file")+1])
	if err != nil {
		return // the shim reads it as well, and says so
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		e.running[pid] = s
	}
}

// answer writes what the command would have written, if the sandbox has ended.
func (e *exits) answer(cmd *exec.Cmd, id string, s *sandboxExit, status int) (int, error) {
	select {
	case <-s.ended:
	case <-time.After(reapTime):
		return status, nil
	}
	_, err := fmt.Fprintf(cmd.Stdout, `{"id":%q,"exitStatus":%d}`, id, s.status)
	return 0, err
}
