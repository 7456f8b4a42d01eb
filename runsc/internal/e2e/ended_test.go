package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
	"golang.org/x/sys/unix"
)

// A process that ended between create and start is named in the error, with
// how it ended; here nobody has asked for that before.
func TestStartNamesWhatEnded(t *testing.T) {
	lab := newLab(t)
	for _, victim := range []string{"sandbox", "gofer"} {
		id := lab.ID()
		if said, code := createAttended(t, lab, lab.Bundle(t, harness.Mount("/a"), harness.Args("serve")), id); code != 0 {
			t.Fatal(said)
		}
		pids := processesOf(t, lab, id)
		if err := unix.Kill(pids[victim], unix.SIGKILL); err != nil {
			t.Fatal(err)
		}
		awaitEnd(t, pids[victim])
		res, err := lab.Command(harness.Context(t), "start", id)
		if err != nil {
			t.Fatal(err)
		}
		checkReason(t, "start", res, fmt.Sprintf("; %s process (PID %d) was killed by SIGKILL", victim, pids[victim]))
		for _, pid := range pids {
			_ = unix.Kill(pid, unix.SIGKILL)
			if _, err := unix.Wait4(pid, nil, 0, nil); err != nil {
				t.Error(err)
			}
		}
		checkAfterKill(t, lab, id)
	}
}

// So it is in the error of a container that cannot join a sandbox any more.
func TestCreateNamesSandboxThatEnded(t *testing.T) {
	lab := newLab(t)
	pause := lab.ID()
	if said, code := createAttended(t, lab, lab.Bundle(t, harness.PodSandbox(), harness.Args("serve")), pause); code != 0 {
		t.Fatal(said)
	}
	pids := processesOf(t, lab, pause)
	if err := unix.Kill(pids["sandbox"], unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	awaitEnd(t, pids["sandbox"])
	b := lab.Bundle(t, harness.PodMember(pause, "app"), harness.Args("serve"))
	res, err := lab.Command(harness.Context(t), "create", "--bundle="+b.Dir, lab.ID())
	if err != nil {
		t.Fatal(err)
	}
	checkReason(t, "create", res, fmt.Sprintf("sandbox process (PID %d) was killed by SIGKILL", pids["sandbox"]))
	for _, pid := range pids {
		_ = unix.Kill(pid, unix.SIGKILL)
		if _, err := unix.Wait4(pid, nil, 0, nil); err != nil {
			t.Error(err)
		}
	}
	checkAfterKill(t, lab, pause)
}

// processesOf returns the PIDs of a container's processes.
func processesOf(t *testing.T, lab *harness.Lab, id string) map[string]int {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(lab.Root, id+"_sandbox:"+id+".state"))
	if err != nil {
		t.Fatal(err)
	}
	var state struct {
		GoferPid int
		Sandbox  struct{ Pid int }
	}
	if err := json.Unmarshal(data, &state); err != nil {
		t.Fatal(err)
	}
	return map[string]int{"sandbox": state.Sandbox.Pid, "gofer": state.GoferPid}
}

// awaitEnd waits until a process has ended, and leaves its status.
func awaitEnd(t *testing.T, pid int) {
	t.Helper()
	var info unix.Siginfo
	if err := unix.Waitid(unix.P_PID, pid, &info, unix.WEXITED|unix.WNOWAIT, nil); err != nil {
		t.Fatal(err)
	}
}

// What a sandbox process says when it crashes while it starts its container is
// in the error, although its stderr is /dev/null.
func TestStartSaysWhyItEnded(t *testing.T) {
	for _, command := range []string{"start", "restore"} {
		t.Run(command, func(t *testing.T) {
			lab := newLab(t)
			b := lab.Bundle(t, harness.Args("serve"))
			c, err := lab.Create(harness.Context(t), lab.ID(), b)
			if err != nil {
				t.Fatal(err)
			}
			lab.Keep(t, c)
			abortAt(t, filepath.Join(lab.Root, "runsc-"+c.ID+".sock"), "containerManager."+map[string]string{"start": "StartRoot", "restore": "Restore"}[command], c.SandboxPID)
			args := []string{command, c.ID}
			if command == "restore" {
				args = []string{command, "--image-path=" + emptyImage(t, b.Dir), c.ID}
			}
			res, err := lab.Command(harness.Context(t), args...)
			if err != nil {
				t.Fatal(err)
			}
			checkReason(t, command, res, fmt.Sprintf("sandbox process (PID %d) ", c.SandboxPID), ": SIGABRT: abort")
		})
	}
}

// emptyImage is a checkpoint that can be opened.
func emptyImage(t *testing.T, dir string) string {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "checkpoint.img"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

// abortAt has a process crash when it is called by that method through its
// control socket.
func abortAt(t *testing.T, socket, method string, pid int) {
	t.Helper()
	own := socket + ".own"
	if err := os.Rename(socket, own); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close(); os.Remove(own) })
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("unix", own)
			if err != nil {
				client.Close()
				continue
			}
			go func() { _, _ = io.Copy(client, server); client.Close() }()
			go func() {
				defer server.Close()
				buf := make([]byte, 1<<16)
				for {
					n, err := client.Read(buf)
					if err != nil {
						return
					}
					if bytes.Contains(buf[:n], []byte(`"`+method+`"`)) {
						_ = unix.Kill(pid, unix.SIGABRT)
						continue
					}
					if _, err := server.Write(buf[:n]); err != nil {
						return
					}
				}
			}()
		}
	}()
}

// A process that logs to stderr is not said to have ended with the first line of
// its log.
func TestLogIsNoReason(t *testing.T) {
	lab := newLab(t, "--alsologtostderr")
	c, err := lab.Create(harness.Context(t), lab.ID(), lab.Bundle(t, harness.Args("serve")))
	if err != nil {
		t.Fatal(err)
	}
	lab.Keep(t, c)
	abortAt(t, filepath.Join(lab.Root, "runsc-"+c.ID+".sock"), "containerManager.StartRoot", c.SandboxPID)
	res, err := lab.Command(harness.Context(t), "start", c.ID)
	if err != nil {
		t.Fatal(err)
	}
	checkReason(t, "start", res, fmt.Sprintf("sandbox process (PID %d) ", c.SandboxPID))
	for line := range strings.Lines(res.Stderr) {
		if _, how, ok := strings.Cut(line, fmt.Sprintf("sandbox process (PID %d) ", c.SandboxPID)); ok && strings.Contains(how, ":") {
			t.Errorf("it %s", how)
		}
	}
}
