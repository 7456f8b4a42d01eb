package e2e

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/directfs/runsc/runsc/harness"
)

// killsEnv is the number of kills of each of the tests below; seedEnv is what
// their moments are drawn from.
const (
	killsEnv = "E2E_KILLS"
	seedEnv  = "E2E_KILLS_SEED"
)

// kills returns how often to kill, and a source of moments.
func kills(t *testing.T) (int, *rand.Rand) {
	t.Helper()
	n, seed := 30, uint64(1)
	if v, err := strconv.Atoi(os.Getenv(killsEnv)); err == nil {
		n = v
	}
	if v, err := strconv.ParseUint(os.Getenv(seedEnv), 10, 64); err == nil {
		seed = v
	}
	return n, rand.New(rand.NewPCG(seed, 0))
}

// Whoever dies, what it started ends, and the next command removes what is
// left.
func TestKilledClient(t *testing.T) {
	lab := newLab(t)
	killClients(t, lab, harness.Mount("/a"), func() {})
}

// killClients kills creates and runs of containers with a mount at any moment,
// and checks what is left after each.
func killClients(t *testing.T, lab *harness.Lab, mount harness.Option, check func()) {
	t.Helper()
	n, random := kills(t)
	window := int64(2 * timeOfCreate(t, lab))
	var created, gone int
	for i := range n {
		command := []string{"create", "run"}[i%2]
		b := lab.Bundle(t, mount, harness.Args("serve"))
		id := lab.ID()
		cmd := clientOf(lab, append([]string{command, "--bundle=" + b.Dir}, detach(command, id)...)...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		killAfter(t, cmd, time.Duration(random.Int64N(window)))
		if checkAfterKill(t, lab, id) {
			created++
		} else {
			gone++
		}
		check()
	}
	t.Logf("%d containers were there after the kill, %d were not", created, gone)
	if n >= 20 && (created == 0 || gone == 0) {
		t.Error("the kills did not come at different moments")
	}
}

// timeOfCreate is how long it takes to create a container on this machine now.
func timeOfCreate(t *testing.T, lab *harness.Lab) time.Duration {
	t.Helper()
	began := time.Now()
	c, err := lab.Create(harness.Context(t), lab.ID(), lab.Bundle(t, harness.Mount("/a"), harness.Args("serve")))
	if err != nil {
		t.Fatal(err)
	}
	took := time.Since(began)
	lab.Keep(t, c)
	return took
}

func detach(command, id string) []string {
	if command == "run" {
		return []string{"--detach", id}
	}
	return []string{id}
}

// clientOf is a command of the lab's runtime that a test may kill.
func clientOf(lab *harness.Lab, args ...string) *exec.Cmd {
	cmd := exec.Command(lab.Binary, append(append([]string{"--root=" + lab.Root}, lab.Flags...), args...)...)
	cmd.WaitDelay = time.Minute
	return cmd
}

func killAfter(t *testing.T, cmd *exec.Cmd, d time.Duration) {
	t.Helper()
	kill := time.AfterFunc(d, func() { _ = cmd.Process.Kill() })
	defer kill.Stop()
	var exit *exec.ExitError
	if err := cmd.Wait(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
}

// checkAfterKill runs the next command. Either the container is there, and can
// be deleted, or nothing of it is. It reports which.
func checkAfterKill(t *testing.T, lab *harness.Lab, id string) bool {
	t.Helper()
	listed, err := lab.Command(harness.Context(t), "list", "--quiet")
	if err != nil || listed.ExitCode != 0 {
		t.Fatalf("list: %+v, %v", listed, err)
	}
	there := strings.Contains(listed.Stdout, id)
	if there {
		if res, err := lab.Command(harness.Context(t), "delete", "--force", id); err != nil || res.ExitCode != 0 {
			t.Errorf("delete: %+v, %v", res, err)
		}
	}
	left, err := filepath.Glob(filepath.Join(lab.Root, "*"+id+"*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left of %s: %q, %v", id, left, err)
	}
	lab.CheckGone(t, id)
	return there
}

// A client whose gofer or sandbox process is killed says that it failed and which
// of them ended, and leaves nothing.
func TestKilledChildren(t *testing.T) {
	lab := newLab(t)
	n, random := kills(t)
	var created, gone int
	for i := range n {
		b := lab.Bundle(t, harness.Mount("/a"), harness.Args("serve"))
		id, victim := lab.ID(), []string{"runsc-gofer", "runsc-sandbox"}[i%2]
		ctx, cancel := context.WithCancel(harness.Context(t))
		pause := time.Duration(random.Int64N(int64(40 * time.Millisecond)))
		killed := make(chan bool, 1)
		go func() { killed <- killChild(ctx, victim, id, pause) }()
		said, code := createAttended(t, lab, b, id)
		cancel()
		<-killed
		// Who is killed once the container is created is no failure to create.
		if code != 0 && (!strings.Contains(said, "creating container") || !namesVictim(said, victim)) {
			t.Errorf("create says %q of the end of %s", said, victim)
		}
		if code == 0 {
			created++
		} else {
			gone++
		}
		checkAfterKill(t, lab, id)
	}
	t.Logf("%d containers were created, %d were not", created, gone)
}

// namesVictim reports whether an error says which process ended. The gofer may be
// named by the sandbox process alone.
func namesVictim(said, victim string) bool {
	if victim == "runsc-gofer" {
		return strings.Contains(said, "gofer process") || strings.Contains(said, "the gofer ended")
	}
	return strings.Contains(said, "\nsandbox process")
}

// createAttended creates a container and returns what the command said, and its
// exit code. The container's processes have the command's output.
func createAttended(t *testing.T, lab *harness.Lab, b *harness.Bundle, id string) (said string, code int) {
	t.Helper()
	return attended(t, lab, b.Dir, "create", "--bundle="+b.Dir, id)
}

// attended runs a command whose processes have its output, which is a file in
// the directory: they keep nobody waiting.
func attended(t *testing.T, lab *harness.Lab, dir string, args ...string) (said string, code int) {
	t.Helper()
	out, err := os.Create(filepath.Join(dir, "said"))
	if err != nil {
		t.Error(err)
		return "", -1
	}
	defer out.Close()
	cmd := clientOf(lab, args...)
	cmd.Stderr = out
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		t.Error(err)
		return "", -1
	}
	text, err := os.ReadFile(out.Name())
	if err != nil {
		t.Error(err)
	}
	return string(text), cmd.ProcessState.ExitCode()
}

// killChild waits for the process with these arguments, and then for a while.
func killChild(ctx context.Context, name, id string, pause time.Duration) bool {
	for ctx.Err() == nil {
		files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
		for _, f := range files {
			args, err := os.ReadFile(f)
			if err != nil || !bytes.HasPrefix(args, []byte(name+"\x00")) || !bytes.HasSuffix(args, []byte("\x00"+id+"\x00")) {
				continue
			}
			time.Sleep(pause)
			pid, err := strconv.Atoi(filepath.Base(filepath.Dir(f)))
			return err == nil && syscall.Kill(pid, syscall.SIGKILL) == nil
		}
	}
	return false
}

// A container that state calls stopped can be deleted, however little of it is
// left.
func TestDeleteOfStopped(t *testing.T) {
	lab := newLab(t)
	for range 40 {
		c := lab.Serve(t, lab.Bundle(t, harness.Args("serve")))
		readReport(t, c)
		if err := c.Kill(harness.Context(t), "KILL"); err != nil {
			t.Fatal(err)
		}
		for {
			s, err := c.State(harness.Context(t))
			if err != nil {
				t.Fatal(err)
			}
			if s.Status == "stopped" {
				break
			}
		}
		if res, err := lab.Command(harness.Context(t), "delete", c.ID); err != nil || res.ExitCode != 0 {
			t.Errorf("delete: %+v, %v", res, err)
		}
	}
}
