package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/directfs/runsc/runsc/harness"
)

// A container can be killed and deleted although its daemon does not answer any
// more, and its pod goes on.
func TestEndsWithoutItsDaemon(t *testing.T) {
	t.Parallel()
	list := []string{harness.GuestPath, "list", "/v/slow"}
	at := []string{"--cwd=/v/slow"}
	for name, c := range map[string]struct {
		pod          bool
		flags, guest []string // of exec
		end          string
	}{
		// The sandbox process waits for a process of the container.
		"delete": {pod: true, guest: list, end: "delete"},
		// It looks for the directory of one, and does nothing else.
		"delete at exec": {pod: true, flags: at, guest: list[:1], end: "delete"},
		"kill at exec":   {pod: true, flags: at, guest: list[:1], end: "kill"},
		"no pod":         {flags: at, guest: list[:1], end: "delete"},
	} {
		t.Run(name, func(t *testing.T) {
			l := daemonLabOf(t, idleLab(t), "4m")
			calls := newLateCalls(t, l, "v")
			options := []harness.Option{l.mount(t, "/v", "late", "v"), harness.Args("serve")}
			var pause *harness.Container
			if c.pod {
				pause = servePod(t, l.Lab, l.Runtime, true, harness.PodSandbox())
				options = append(options, harness.PodMember(pause.ID, "app"))
			}
			b := l.Serve(t, l.Bundle(t, options...))
			readReport(t, b)
			waits := make(chan struct{})
			go func() {
				defer close(waits)
				args := append(append([]string{"exec"}, c.flags...), b.ID)
				_, _ = l.Command(harness.Context(t), append(args, c.guest...)...)
			}()
			calls.await(t)
			began := time.Now()
			if c.end == "kill" {
				// Without its volumes it may end before it is killed.
				r, err := l.Command(harness.Context(t), "kill", b.ID, "KILL")
				if check(t, err); r.Err() != nil && !strings.Contains(r.Err().Error(), "no such process") {
					t.Error(r.Err())
				}
			}
			command(t, l.Runtime, "delete", "--force", b.ID)
			if took := time.Since(began); took > 2*time.Minute {
				t.Errorf("it took %v", took)
			}
			<-waits
			l.CheckGone(t, b.ID)
			if pause != nil {
				checkOpsIn(t, pause, "/tmp")
				stop(t, l.Lab, pause)
			}
		})
	}
}
