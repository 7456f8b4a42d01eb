package suite

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/directfs/runsc/runsc/internal/clients/lab"
)

func restart(t *testing.T, e *Engine) {
	dir := e.Mkdir("v")
	id := e.Start(t, "-v", dir+":/v", "IMAGE", "sh", "-c", "echo started >>/v/log; exec sleep 1000")
	wait := func(want string) {
		t.Helper()
		lab.Eventually(t, "starts", func() error {
			if text, err := os.ReadFile(dir + "/log"); err != nil || string(text) != want {
				return fmt.Errorf("%q, %v", text, err)
			}
			return nil
		})
	}
	wait("started\n")
	first := Process(t, "runsc-sandbox", id)
	e.Do(t, "restart", "-t", "1", id)
	wait("started\nstarted\n")
	if second := Process(t, "runsc-sandbox", id); second == first {
		t.Errorf("the sandbox process is still %d", first)
	}
	e.Do(t, "stop", "-t", "1", id)
	if pids := Processes(t, "runsc-sandbox", id); pids != nil {
		t.Errorf("after stop: %v", pids)
	}
	e.Do(t, "start", id)
	wait("started\nstarted\nstarted\n")
	is(t, e.Ask("exec", id, "echo", "hello"), 0, "hello\n")
	e.Do(t, "stop", "-t", "1", id)
	e.Do(t, "rm", id)
}

func remove(t *testing.T, e *Engine) {
	id := e.Start(t, "sleep", "1000")
	if r := e.Ask("rm", id); r.Code == 0 {
		t.Error("a running container is removed without force")
	}
	e.Do(t, "rm", "-f", id)
	if r := e.Ask("inspect", id); r.Code == 0 {
		t.Errorf("it is still there: %s", r.Stdout)
	}
}

// Twenty containers are started at once, and removed at once.
func many(t *testing.T, e *Engine) {
	ids := make([]string, 20)
	at := func(do func(i int)) {
		var wg sync.WaitGroup
		for i := range ids {
			wg.Go(func() { do(i) })
		}
		wg.Wait()
	}
	at(func(i int) { ids[i] = e.Start(t, "sh", "-c", fmt.Sprintf("echo %d; exec sleep 1000", i)) })
	if t.Failed() {
		return
	}
	at(func(i int) {
		lab.Eventually(t, "output", func() error {
			if r := e.Ask("logs", ids[i]); r.Stdout != fmt.Sprintln(i) {
				return fmt.Errorf("container %d: %+v", i, r)
			}
			return nil
		})
	})
	at(func(i int) { e.Do(t, append(e.Remove[:len(e.Remove):len(e.Remove)], ids[i])...) })
}

// Whatever process of a container is killed, the engine notices that the
// container has ended, and removes it without force.
func killSandbox(t *testing.T, e *Engine) {
	id := e.Start(t, "sleep", "1000")
	killProcess(t, Process(t, "runsc-sandbox", id))
	e.WaitState(t, id, "exited 137")
	e.Do(t, "rm", id)
}

func killGofer(t *testing.T, e *Engine) {
	dir := e.Mkdir("v")
	id := e.Start(t, "-v", dir+":/v", "IMAGE", "sleep", "1000")
	killProcess(t, Process(t, "runsc-gofer", id))
	e.WaitState(t, id, "exited ")
	e.Do(t, "rm", id)
}

func killProcess(t *testing.T, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}

// The process that the engine keeps for a container is killed: the engine can
// remove the container nevertheless, and nothing is left.
func killKeeper(t *testing.T, e *Engine) {
	id := e.Start(t, "sleep", "1000")
	killProcess(t, Process(t, e.Keeper, id))
	lab.Eventually(t, "remove the container", func() error {
		if r := e.Ask("rm", "-f", id); r.Code != 0 {
			return fmt.Errorf("%+v", r)
		}
		return nil
	})
	if pids := Processes(t, "runsc-sandbox", id); pids != nil {
		t.Errorf("sandbox processes are left: %v", pids)
	}
	if e.Forgets {
		e.Lab.Run(t, "runsc", "--root", e.StateRoot, "delete", id)
	}
}

func verify(t *testing.T, e *Engine) {
	id := e.Start(t, "-v", e.Mkdir("v")+":/v", "IMAGE", "sleep", "1000")
	// Without --root the runtime looks where engines have containers, and the
	// beginning of an id is enough.
	command := []string{"policy", "verify"}
	if e.Elsewhere {
		r := e.Try("runsc", append(command, id)...)
		if r.Code != 3 || !strings.Contains(r.Stderr, "have --root="+e.StateRoot) {
			t.Errorf("with private roots: %+v", r)
		}
		command = append([]string{"--root", e.StateRoot}, command...)
	}
	for _, name := range []string{id, id[:12]} {
		r := e.Try("runsc", append(command, name)...)
		if r.Code != 0 || !strings.Contains(r.Stdout, "verdict: ok") || !strings.Contains(r.Stdout, "ok       /v access: directfs") {
			t.Errorf("verify %s: %+v", name, r)
		}
	}
	r := e.Try("runsc", "policy", "verify", "nothing")
	if r.Code != 3 || !strings.Contains(r.Stderr, `no container "nothing"; looked in `) {
		t.Errorf("an unknown container: %+v", r)
	}
}

// What a container writes to its rootfs is in memory, and gone when it ends,
// unless the runtime has --overlay2=none.
func rootfsOverlay(t *testing.T, e *Engine) {
	id := e.Start(t, "sleep", "1000")
	e.Do(t, "exec", id, "touch", "/tmp-file", "/root/f")
	e.Do(t, "restart", "-t", "1", id)
	is(t, e.Ask("exec", id, "ls", "/root"), 0, "")
	// Nor does the container see what the engine writes to its rootfs.
	e.Ask("cp", e.Write("x", "copied"), id+":/root/copied")
	is(t, e.Ask("exec", id, "ls", "/root"), 0, "")
}

// A container that is refused is not there, and the user reads the whole reason.
func refused(t *testing.T, e *Engine) {
	if !e.Annotations {
		t.Skip("no annotation, and no option of a mount, gets through this engine")
	}
	for _, reason := range []string{
		`create: dev.gvisor.spec.rootfs.directfs="Off" (mount "/"): invalid value; allowed: on, true, off, false, default; write one of the allowed values or remove the key`,
		`create: dev.gvisor.spec.mount.none.directfs="off": hint names no mount source; add dev.gvisor.spec.mount.none.source with the source of the mount that is meant`,
	} {
		key, _, _ := strings.Cut(strings.TrimPrefix(reason, "create: "), "=")
		value := strings.Split(reason, `"`)[1]
		r := e.Run("--annotation", key+"="+value, "IMAGE", "true")
		if r.Code == 0 || !strings.Contains(r.Stderr, reason) {
			t.Errorf("%+v", r)
		}
	}
}
