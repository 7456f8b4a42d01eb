package e2e

import (
	"context"
	"net"
	"testing"
	"time"

	api "github.com/directfs/runsc/pkg/volume"
	"github.com/directfs/runsc/pkg/volume/handoff"
	"github.com/directfs/runsc/pkg/volume/memory"
	"github.com/directfs/runsc/runsc/harness"
	"golang.org/x/sys/unix"
)

// silent is a volume in which looking up "silent" says so, and never returns.
type silent struct {
	api.Writable
	asked chan struct{}
}

func (s silent) Lookup(ctx context.Context, dir api.ID, name string) (api.Attr, error) {
	if name != "silent" {
		return s.Writable.Lookup(ctx, dir, name)
	}
	s.asked <- struct{}{}
	<-ctx.Done()
	return api.Attr{}, unix.EIO
}

// silentDaemon is a daemon of silent volumes.
func silentDaemon(t *testing.T, l *harness.Lab) (r *harness.Runtime, asked chan struct{}) {
	t.Helper()
	asked = make(chan struct{}, 100)
	return foreignDaemon(t, l, handoff.Info{}, func(in handoff.Incoming, c *net.UnixConn) {
		v := silent{memory.New(memory.Options{}), asked}
		m, err := api.NewMount(context.Background(), v, api.MountOptions{Limits: api.Limits{CallTimeout: 4 * time.Minute}})
		if err != nil {
			t.Error(err)
			return
		}
		_ = handoff.Reply{}.Send(context.Background(), c, nil)
		_ = m.Serve(in.Socket)
	}), asked
}

// A container can be killed and deleted although its daemon does not answer any
// more, and its pod goes on.
func TestEndsWithoutItsDaemon(t *testing.T) {
	for name, c := range map[string]struct {
		pod       bool
		exec, end []string
	}{
		// The sandbox process waits for a process of the container.
		"delete": {true, []string{"exec", "%", harness.GuestPath, "list", "/v/silent"}, []string{"delete", "--force", "%"}},
		// It looks for the directory of one, and does nothing else.
		"delete at exec": {true, []string{"exec", "--cwd=/v/silent", "%", harness.GuestPath}, []string{"delete", "--force", "%"}},
		"kill at exec":   {true, []string{"exec", "--cwd=/v/silent", "%", harness.GuestPath}, []string{"kill", "%", "KILL"}},
		"no pod":         {false, []string{"exec", "--cwd=/v/silent", "%", harness.GuestPath}, []string{"delete", "--force", "%"}},
	} {
		t.Run(name, func(t *testing.T) {
			l := idleLab(t)
			r, asked := silentDaemon(t, l)
			l.Runtime = r
			options := []harness.Option{(&volumeLab{backend: "daemon"}).mountFrom("/nowhere", "/v", "v"), harness.Args("serve")}
			var pause *harness.Container
			if c.pod {
				pause = servePod(t, l, l.Runtime, true, harness.PodSandbox())
				options = append(options, harness.PodMember(pause.ID, "app"))
			}
			b := l.Serve(t, l.Bundle(t, options...))
			readReport(t, b)
			of := func(args []string) (all []string) {
				for _, a := range args {
					if a == "%" {
						a = b.ID
					}
					all = append(all, a)
				}
				return all
			}
			waits := make(chan struct{})
			go func() {
				defer close(waits)
				_, _ = l.Command(harness.Context(t), of(c.exec)...)
			}()
			<-asked
			began := time.Now()
			command(t, l.Runtime, of(c.end)...)
			if took := time.Since(began); took > 2*time.Minute {
				t.Errorf("it took %v", took)
			}
			<-waits
			if c.end[0] == "kill" {
				command(t, l.Runtime, "delete", "--force", b.ID)
			}
			l.CheckGone(t, b.ID)
			if pause != nil {
				checkOpsIn(t, pause, "/tmp")
				stop(t, l, pause)
			}
		})
	}
}
