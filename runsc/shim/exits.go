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
	"gvisor.dev/gvisor/pkg/shim/v1/proc"
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

	// tell is told of containers that end and that nobody waits for.
	tell func(proc.Exit)

	mu      sync.Mutex
	running map[int]*sandboxExit    // by PID
	first   map[string]*sandboxExit // by the sandbox's first container
}

type sandboxExit struct {
	id     string
	ended  chan struct{}
	status int

	// awaited: the container is being started, or was, and is waited for.
	awaited bool
}

// sandboxExits sets the monitor of the runtime's commands, when gVisor's shim has
// set its own and before it runs any.
var sandboxExits = sync.OnceValue(func() *exits {
	e := watchExits(reaper.Default, func(exit proc.Exit) { proc.ExitCh <- exit })
	runsccmd.Monitor = &runsccmd.LogMonitor{Next: e}
	return e
})

// watchExits learns from the reaper how the sandboxes end.
func watchExits(r childReaper, tell func(proc.Exit)) *exits {
	e := &exits{childReaper: r, tell: tell, running: map[int]*sandboxExit{}, first: map[string]*sandboxExit{}}
	go func(reaped <-chan runc.Exit) {
		for exit := range reaped {
			e.reaped(exit)
		}
	}(r.Subscribe())
	return e
}

func (e *exits) reaped(exit runc.Exit) {
	e.mu.Lock()
	s := e.running[exit.Pid]
	if s == nil {
		e.mu.Unlock()
		return
	}
	delete(e.running, exit.Pid)
	s.status = exit.Status
	close(s.ended)
	awaited := s.awaited
	e.mu.Unlock()
	if !awaited {
		e.tell(proc.Exit{Timestamp: exit.Timestamp, ID: s.id, Status: exit.Status})
	}
}

// expect is told of a sandbox's first container before it is created.
func (e *exits) expect(id string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.first[id] = &sandboxExit{id: id, ended: make(chan struct{})}
}

// Start implements runsccmd.ProcessMonitor.
func (e *exits) Start(cmd *exec.Cmd) (chan runc.Exit, error) {
	if s := e.of(cmd); s != nil && subcommand(cmd) == "start" {
		e.await(s, true)
	}
	return e.childReaper.Start(cmd)
}

// await says whether the container is waited for. If the sandbox has ended in the
// meantime, and it is not, that is told now.
func (e *exits) await(s *sandboxExit, awaited bool) {
	e.mu.Lock()
	s.awaited = awaited
	e.mu.Unlock()
	select {
	case <-s.ended:
		if !awaited {
			e.tell(proc.Exit{Timestamp: time.Now(), ID: s.id, Status: s.status})
		}
	default:
	}
}

// Wait implements runsccmd.ProcessMonitor.
func (e *exits) Wait(cmd *exec.Cmd, ch chan runc.Exit) (int, error) {
	status, err := e.childReaper.Wait(cmd, ch)
	if err != nil {
		return status, err
	}
	switch s, command := e.of(cmd), subcommand(cmd); {
	case s == nil:
	case command == "create" && status == 0:
		e.created(s, cmd.Args)
	case command == "start" && status != 0:
		e.await(s, false)
	case command == "wait" && status != 0:
		return e.answer(cmd, s, status)
	case command == "delete" && status == 0:
		e.forget(s)
	}
	return status, nil
}

// subcommand is the first argument that is no flag of the runtime. All of these
// are one argument each.
func subcommand(cmd *exec.Cmd) string {
	for _, a := range cmd.Args[1:] {
		if !strings.HasPrefix(a, "-") {
			return a
		}
	}
	return ""
}

// of finds the first container that the command is for: its id is the last
// argument.
func (e *exits) of(cmd *exec.Cmd) *sandboxExit {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.first[cmd.Args[len(cmd.Args)-1]]
}

func (e *exits) forget(s *sandboxExit) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.first, s.id)
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
func (e *exits) answer(cmd *exec.Cmd, s *sandboxExit, status int) (int, error) {
	select {
	case <-s.ended:
	case <-time.After(reapTime):
		return status, nil
	}
	_, err := fmt.Fprintf(cmd.Stdout, `{"id":%q,"exitStatus":%d}`, s.id, s.status)
	return 0, err
}
