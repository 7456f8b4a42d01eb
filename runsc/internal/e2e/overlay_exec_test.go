package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

const execTooEarly = "exec: the container is not started, or its overlays are not mounted yet: try again when start has ended"

// Whatever exec starts beside a container's start has the container's capabilities,
// not those of its first process, and does not see the layers.
func TestOverlayExecBesideStart(t *testing.T) {
	for _, pod := range []bool{false, true} {
		t.Run(fmt.Sprint("pod ", pod), func(t *testing.T) {
			lab := newLab(t)
			opts := []harness.Option{harness.Args("serve"), harness.Edit(func(s *specs.Spec) { s.Process.Capabilities = &specs.LinuxCapabilities{} })}
			if pod {
				pause := lab.Serve(t, lab.Bundle(t, harness.PodSandbox(), harness.Args("serve")))
				opts = append(opts, harness.PodMember(pause.ID, "app"))
			}
			for i := range 3 {
				s := newStack(t, lab, fmt.Sprint("s", i), 30)
				c, err := lab.Create(harness.Context(t), lab.ID(), lab.Bundle(t, slices.Concat(opts, []harness.Option{s.at("/ov", "gvisor.overlay=sentry")})...))
				if err != nil {
					t.Fatal(err)
				}
				lab.Keep(t, c)
				res, err := c.Exec(harness.Context(t), "identity")
				if err != nil || strings.TrimSpace(res.Stderr) != execTooEarly {
					t.Errorf("before start: exit code %d, %v, %s", res.ExitCode, err, res.Stderr)
				}
				checkExecs(t, lab, c)
				stop(t, lab, c)
			}
		})
	}
}

// checkExecs starts the container, and executes programs in it all the while and
// once afterwards.
func checkExecs(t *testing.T, lab *harness.Lab, c *harness.Container) {
	t.Helper()
	started := make(chan struct{})
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() {
			for {
				checkExecuted(t, lab, c)
				select {
				case <-started:
					return
				default:
				}
			}
		})
	}
	err := c.Start(harness.Context(t))
	close(started)
	all.Wait()
	if err != nil {
		t.Fatal(err)
	}
	if !checkExecuted(t, lab, c) {
		t.Error("nothing can be executed when start has ended")
	}
}

// checkExecuted reports whether the program was executed.
func checkExecuted(t *testing.T, lab *harness.Lab, c *harness.Container) bool {
	t.Helper()
	res, err := lab.Runtime.Command(harness.Context(t), "exec", c.ID, harness.GuestPath, "identity")
	if err != nil || res.ExitCode != 0 {
		return false
	}
	id := map[string]string{}
	if err := json.Unmarshal([]byte(res.Stdout), &id); err != nil {
		t.Error(err)
	}
	if caps := strings.Trim(id["status CapPrm"]+id["status CapBnd"], "0"); caps != "" || strings.Contains(id["mounts"], "/ov/l0") {
		t.Errorf("a program has the capabilities %q, and the mounts %s", caps, id["mounts"])
	}
	return true
}

// A container whose process is called as a first process is taken for one that has
// not mounted its overlays.
func TestOverlayExecBesideFirstProcess(t *testing.T) {
	lab := newLab(t)
	const name = "/runsc-first-pro"
	b := lab.Bundle(t, newStack(t, lab, "s", 1).at("/ov", "gvisor.overlay=sentry"), harness.Edit(func(s *specs.Spec) { s.Process.Args = []string{name, "serve"} }))
	guest, err := os.ReadFile(filepath.Join(b.Rootfs(), harness.GuestPath))
	if err == nil {
		err = os.WriteFile(filepath.Join(b.Rootfs(), name), guest, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	c := lab.Serve(t, b)
	res, err := c.Exec(harness.Context(t), "identity")
	if err != nil || strings.TrimSpace(res.Stderr) != execTooEarly {
		t.Errorf("exit code %d, %v, %s", res.ExitCode, err, res.Stderr)
	}
	stop(t, lab, c)
}
