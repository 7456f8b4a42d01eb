// Package suite has the tests that every engine with docker's commands passes.
package suite

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/directfs/runsc/runsc/internal/clients/lab"
)

// Engine is an engine that runs containers with the runtime under test.
type Engine struct {
	*lab.Lab

	// Client is the client's program and its global arguments, Runtime the
	// arguments of "run" by which the runtime is chosen.
	Client, Runtime []string

	// StateRoot is the directory that the engine gives to the runtime as --root.
	StateRoot string

	// Elsewhere: that is where no engine has it by default.
	Elsewhere bool

	// Keeper is the name of the engine's process for each container.
	Keeper string

	// NoSuchCommand is the exit code for a command that the container does not
	// have. What the runtime says about it reaches users of all engines.
	NoSuchCommand int

	// Annotations: "run" has --annotation.
	Annotations bool

	// Forgets: after the keeper's death the engine removes containers without
	// asking the runtime to. What is left, but no process, is for "delete".
	Forgets bool

	// Remove are the arguments that remove a running container at once.
	Remove []string

	// Own are lines of lab.Snapshot for what the engine makes at any time.
	Own []string
}

// Do runs a command of the engine, fails the test if it fails, and returns what
// it wrote to stdout, without the newline.
func (e *Engine) Do(tb testing.TB, args ...string) string {
	tb.Helper()
	return strings.TrimSuffix(e.Lab.Run(tb, e.Client[0], append(e.Client[1:len(e.Client):len(e.Client)], args...)...), "\n")
}

// Ask runs a command of the engine that may fail.
func (e *Engine) Ask(args ...string) lab.Result {
	return e.Lab.Try(e.Client[0], append(e.Client[1:len(e.Client):len(e.Client)], args...)...)
}

// runArgs are those of "run" for a container without a network. The image's
// place is the first argument that is "IMAGE"; without one the arguments are the
// container's command.
func (e *Engine) runArgs(detach bool, args []string) []string {
	all := append([]string{"run", "--network=none"}, e.Runtime...)
	if detach {
		all = append(all, "-d")
	}
	options, command := []string{}, args
	for i, a := range args {
		if a == "IMAGE" {
			options, command = args[:i], args[i+1:]
			break
		}
	}
	return append(append(append(all, options...), lab.ImageName), command...)
}

// Run runs a container to its end and removes it.
func (e *Engine) Run(args ...string) lab.Result {
	if !strings.Contains(strings.Join(args, " "), "IMAGE") {
		args = append([]string{"IMAGE"}, args...)
	}
	return e.Ask(e.runArgs(false, append([]string{"--rm"}, args...))...)
}

// Start starts a container that stays and returns its id. It is removed at the
// end of the test.
func (e *Engine) Start(tb testing.TB, args ...string) string {
	tb.Helper()
	id := e.Do(tb, e.runArgs(true, args)...)
	if len(id) != 64 {
		tb.Fatalf("the id of a container is %q", id)
	}
	tb.Cleanup(func() { e.Ask(append(e.Remove[:len(e.Remove):len(e.Remove)], id)...) })
	return id
}

// State is the container's state and exit code, such as "exited 3".
func (e *Engine) State(tb testing.TB, id string) string {
	tb.Helper()
	return e.Do(tb, "inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", id)
}

// WaitState waits for the state.
func (e *Engine) WaitState(tb testing.TB, id, want string) {
	tb.Helper()
	lab.Eventually(tb, "state of "+id, func() error {
		if got := e.State(tb, id); got != want && !(strings.HasSuffix(want, " ") && strings.HasPrefix(got, want)) {
			return fmt.Errorf("it is %q, not %q", got, want)
		}
		return nil
	})
}

// Process finds the process of a container, by the first word of its arguments,
// with which the runtime names its own.
func Process(tb testing.TB, name, id string) int {
	tb.Helper()
	pids := Processes(tb, name, id)
	if len(pids) != 1 {
		tb.Fatalf("processes %s of %s: %v", name, id, pids)
	}
	return pids[0]
}

// Processes are all of a container with that name.
func Processes(tb testing.TB, name, id string) []int {
	tb.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		tb.Fatal(err)
	}
	var pids []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		args, err := os.ReadFile(filepath.Join("/proc", e.Name(), "cmdline"))
		if err != nil {
			continue
		}
		words := strings.Split(string(args), "\x00")
		if filepath.Base(words[0]) == name && strings.Contains(string(args), id) {
			pids = append(pids, pid)
		}
	}
	return pids
}
